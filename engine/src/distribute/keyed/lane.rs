//! The life of one key: a link, and another one when that is lost, with everything sent again and nothing passed on
//! twice.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use futures::FutureExt;
use tokio::sync::mpsc;

use super::Shared;
use crate::{
    BoxError, Closed, Input, Interrupted, Link, Output,
    distribute::{DistributeError, Event, Failure, replay::Next},
    link::AnyWorker,
    place::panic_words,
};

pub(super) struct Lane<I, O: Send + 'static> {
    shared: Arc<Shared<I, O>>,
    number: u64,
    key: String,
    feed: Feed<I>,
    output: Output<O>,
    /// The fingerprints of the results that were passed on.
    passed: Vec<u64>,
}

struct Feed<I> {
    queue: mpsc::Receiver<I>,
    /// All messages so far.
    fresh: usize,
    /// No more come.
    ended: bool,
}

/// How a link ended.
enum Ended {
    /// The worker is done.
    Well,
    /// Another worker may do better.
    Fault(BoxError),
    /// No other worker would.
    Fatal(BoxError),
}

impl<I, O> Lane<I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    pub(super) fn new(
        shared: Arc<Shared<I, O>>,
        number: u64,
        key: String,
        queue: mpsc::Receiver<I>,
        output: Output<O>,
    ) -> Self {
        Self {
            shared,
            number,
            key,
            feed: Feed {
                queue,
                fresh: 0,
                ended: false,
            },
            output,
            passed: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), BoxError> {
        let mut failures: Vec<Failure> = Vec::new();
        loop {
            let (worker, local) = self.shared.choose(&failures).await?;
            let address = worker.address().to_owned();
            let failure = |error: &BoxError| Failure {
                address: address.clone(),
                reason: error.to_string(),
            };
            let link = match worker.connect().await {
                Ok(link) => link,
                Err(error) if local => return Err(error),
                Err(error) => {
                    let Failure { address, reason } = failure(&error);
                    let event = Event::Refused { address, reason };
                    self.shared.lose(worker.address(), 0, &event).await;
                    continue;
                }
            };
            let bytes = AtomicUsize::new(0);
            let attempt = AssertUnwindSafe(self.attempt(&worker, link, local, &bytes)).catch_unwind();
            let ended = attempt
                .await
                .unwrap_or_else(|panic| Ended::Fault(panic_words(&*panic).into()));
            let error = match ended {
                Ended::Well => {
                    self.shared.roster().released(&address, bytes.into_inner(), false);
                    self.shared.replay.close(self.number);
                    return Ok(());
                }
                Ended::Fatal(error) => return Err(error),
                Ended::Fault(error) if local => return Err(error),
                Ended::Fault(error) => error,
            };
            failures.push(failure(&error));
            let Failure { address: lost, reason } = failure(&error);
            let event = Event::Lost { address: lost, reason };
            self.shared.lose(&address, bytes.into_inner(), &event).await;
            let key = self.key.clone();
            if failures.len() >= self.shared.settings.limits.failures.max(1) {
                return Err(DistributeError::Key { key, failures }.into());
            }
            if !self.shared.replay.is_complete(self.number) {
                let failure = failure(&error);
                return Err(DistributeError::Unrepeatable { key, failure }.into());
            }
        }
    }

    async fn attempt(&mut self, worker: &AnyWorker<I, O>, link: Link<I, O>, local: bool, bytes: &AtomicUsize) -> Ended {
        let Link { input, output, outcome } = link;
        let written = AtomicBool::new(false);
        let Self {
            shared,
            number,
            key,
            feed,
            output: results,
            passed,
        } = self;
        let write = write(shared, *number, worker.address(), feed, input, bytes, &written);
        let read = read(shared, key, worker.address(), output, results, passed);
        let over = futures::future::join(outcome, read);
        let (outcome, read) = tokio::select! {
            ended = write => return ended,
            over = over => over,
        };
        match (read, outcome) {
            (Err(ReadError::Fatal(error)), _) => Ended::Fatal(error),
            (_, Err(error)) => Ended::Fault(error),
            (Err(ReadError::BrokenOff(interrupted)), Ok(())) => Ended::Fault(interrupted.into()),
            (Ok(()), Ok(())) if written.load(Relaxed) || local => Ended::Well,
            (Ok(()), Ok(())) => Ended::Fault("closed the stream before it had everything".into()),
        }
    }
}

/// Writes what is kept, then what comes. Ends only when the key cannot be done at all.
async fn write<I: Clone + Send + Sync + 'static, O: 'static>(
    shared: &Shared<I, O>,
    number: u64,
    address: &str,
    feed: &mut Feed<I>,
    mut link: Output<I>,
    bytes: &AtomicUsize,
    written: &AtomicBool,
) -> Ended {
    let mut sent = 0;
    loop {
        let message = match shared.replay.next(number, sent, feed.fresh) {
            Next::Kept(message) => message,
            Next::Gone => return Ended::Fault("its messages are no longer kept".into()),
            Next::Fresh => match feed.next().await {
                Some(message) => {
                    shared
                        .replay
                        .keep(number, message.clone(), (shared.settings.weigh)(&message));
                    feed.fresh += 1;
                    message
                }
                None => break,
            },
        };
        sent += 1;
        let weight = (shared.settings.weigh)(&message);
        bytes.fetch_add(weight, Relaxed);
        shared.roster().sent(address, weight);
        if link.send(message).await.is_err() {
            break;
        }
    }
    if feed.ended {
        if let Some(interrupted) = shared.interrupted.get() {
            link.interrupt(&interrupted.reason);
            return Ended::Fatal(interrupted.clone().into());
        }
        written.store(true, Relaxed);
    }
    drop(link);
    // How the link ended is for the reader to say.
    std::future::pending().await
}

impl<I> Feed<I> {
    async fn next(&mut self) -> Option<I> {
        if self.ended {
            return None;
        }
        let message = self.queue.recv().await;
        self.ended = message.is_none();
        message
    }
}

enum ReadError {
    BrokenOff(Interrupted),
    Fatal(BoxError),
}

/// Passes on what comes, except for what was passed on before.
async fn read<I: 'static, O: Send + 'static>(
    shared: &Shared<I, O>,
    key: &str,
    address: &str,
    mut link: Input<O>,
    results: &mut Output<O>,
    passed: &mut Vec<u64>,
) -> Result<(), ReadError> {
    let mut number = 0;
    while let Some(result) = link.next().await.map_err(ReadError::BrokenOff)? {
        let fingerprint = (shared.settings.fingerprint)(&result);
        match passed.get(number) {
            Some(known) if *known == fingerprint => (),
            Some(_) => {
                let error = DistributeError::Different {
                    key: key.to_owned(),
                    address: address.to_owned(),
                    number,
                };
                return Err(ReadError::Fatal(error.into()));
            }
            None => {
                passed.push(fingerprint);
                results
                    .send(result)
                    .await
                    .map_err(|Closed| ReadError::Fatal(Closed.into()))?;
            }
        }
        number += 1;
    }
    if number < passed.len() {
        let reason = format!("gave {number} results where the worker before it gave {}", passed.len());
        let interrupted = Interrupted { reason: reason.into() };
        return Err(ReadError::BrokenOff(interrupted));
    }
    Ok(())
}
