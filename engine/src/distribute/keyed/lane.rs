//! The life of one key: a link, and another one when that is lost, with everything sent again and nothing passed on
//! twice.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::sync::mpsc;

use super::{
    Finished, Shared,
    attempt::{Attempt, Carried},
};
use crate::{
    BoxError, Declined, Link, Output,
    distribute::{DistributeError, Event, Failure},
    place::panic_words,
};

pub(super) struct Lane<I, O: Send + 'static> {
    shared: Arc<Shared<I, O>>,
    number: u64,
    key: String,
    feed: Feed<I>,
    output: Output<O>,
    /// The fingerprints of the results that were passed on, as long as the key can be repeated.
    passed: Vec<u64>,
}

/// The messages of one key as they come.
pub(super) struct Feed<I> {
    queue: mpsc::Receiver<I>,
    /// All messages so far.
    pub(super) fresh: usize,
    /// No more come.
    pub(super) ended: bool,
}

impl<I> Feed<I> {
    pub(super) async fn next(&mut self) -> Option<I> {
        if self.ended {
            return None;
        }
        let message = self.queue.recv().await;
        self.ended = message.is_none();
        message
    }
}

/// How a link ended.
pub(super) enum Ended {
    /// The worker is done, with so many results.
    Well(usize),
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
        let (mut failures, mut refused): (Vec<Failure>, Vec<Failure>) = Default::default();
        loop {
            let (worker, local) = self.shared.choose(&failures, &refused).await?;
            let address = worker.address().to_owned();
            let failure = |error: &BoxError| Failure {
                address: address.clone(),
                reason: error.to_string(),
            };
            let link = match worker.connect().await {
                Ok(link) => link,
                Err(error) if local => return Err(error),
                Err(error) => {
                    let failure = failure(&error);
                    let Failure { address, reason } = failure.clone();
                    refused.push(failure);
                    let event = Event::Refused { address, reason };
                    self.shared.lose(worker.address(), 0, &event).await;
                    continue;
                }
            };
            let carried = Carried::default();
            let attempt = AssertUnwindSafe(self.attempt(&address, link, local, &carried)).catch_unwind();
            let ended = attempt
                .await
                .unwrap_or_else(|panic| Ended::Fault(panic_words(&*panic).into()));
            let error = match ended {
                Ended::Well(results) => {
                    self.shared.roster().released(&address, carried.bytes(), false);
                    self.shared.replay.close(self.number);
                    self.shared.finished(Finished {
                        key: self.key,
                        address: (!local).then_some(address),
                        messages: carried.messages(),
                        results,
                    });
                    return Ok(());
                }
                Ended::Fatal(error) => return Err(error),
                Ended::Fault(error) if local => return Err(error),
                Ended::Fault(error) => error,
            };
            match error.is::<Declined>() {
                true => refused.push(failure(&error)),
                false => failures.push(failure(&error)),
            }
            let event = Event::over(failure(&error), &error);
            self.shared.lose(&address, carried.bytes(), &event).await;
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

    async fn attempt(&mut self, address: &str, link: Link<I, O>, local: bool, carried: &Carried) -> Ended {
        let attempt = Attempt {
            shared: &self.shared,
            number: self.number,
            key: &self.key,
            address,
            local,
            carried,
        };
        attempt
            .run(link, &mut self.feed, &mut self.output, &mut self.passed)
            .await
    }
}
