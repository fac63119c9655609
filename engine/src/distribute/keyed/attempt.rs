//! One link of one key: what is sent over it, and what its results are held against.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use futures::FutureExt;

use super::{
    Shared,
    lane::{Ended, Feed},
};
use crate::{
    BoxError, Closed, Input, Interrupted, Link, Output,
    distribute::{DistributeError, replay::Next},
    place::panic_words,
};

/// What was sent over one link.
#[derive(Debug, Default)]
pub(super) struct Carried {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    /// All messages of the key, and the end.
    everything: AtomicBool,
}

impl Carried {
    pub(super) fn messages(&self) -> usize {
        self.messages.load(Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}

pub(super) struct Attempt<'a, I, O> {
    pub(super) shared: &'a Shared<I, O>,
    /// Of the key, among all keys.
    pub(super) number: u64,
    pub(super) key: &'a str,
    pub(super) address: &'a str,
    /// Whether the worker is the one here.
    pub(super) local: bool,
    pub(super) carried: &'a Carried,
}

enum ReadError {
    /// The link says why.
    BrokenOff(Interrupted),
    /// The results themselves are at fault.
    Wrong(BoxError),
    Fatal(BoxError),
}

impl<I, O> Attempt<'_, I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    /// Runs the whole link. `passed` are the fingerprints of the results that were passed on before.
    pub(super) async fn run(
        &self,
        link: Link<I, O>,
        feed: &mut Feed<I>,
        results: &mut Output<O>,
        passed: &mut Vec<u64>,
    ) -> Ended {
        let Link { input, output, outcome } = link;
        // A link that panics is over; what it gave before is still passed on.
        let mut outcome = AssertUnwindSafe(outcome)
            .catch_unwind()
            .map(|caught| caught.unwrap_or_else(|panic| Err(panic_words(&*panic).into())));
        let over = async {
            let read = self.read(output, results, passed);
            tokio::pin!(read);
            tokio::select! {
                biased;
                read = &mut read => match read {
                    // Whatever becomes of the link, its results are not wanted.
                    Err(ReadError::Wrong(_) | ReadError::Fatal(_)) => (read, Ok(())),
                    read => (read, outcome.await),
                },
                outcome = &mut outcome => (read.await, outcome),
            }
        };
        let (read, outcome) = tokio::select! {
            ended = self.write(feed, input) => return ended,
            over = over => over,
        };
        let owed = |given: usize| match self.shared.settings.one_each {
            true => self.carried.messages().saturating_sub(given),
            false => 0,
        };
        match (read, outcome) {
            (Err(ReadError::Fatal(error)), _) => Ended::Fatal(error),
            (Err(ReadError::Wrong(error)), _) | (_, Err(error)) => Ended::Fault(error),
            (Err(ReadError::BrokenOff(interrupted)), Ok(())) => Ended::Fault(interrupted.into()),
            (Ok(_), Ok(())) if !self.local && !self.carried.everything.load(Relaxed) => {
                Ended::Fault("closed the stream before it had everything".into())
            }
            (Ok(given), Ok(())) => match owed(given) {
                0 => Ended::Well(given),
                owed => Ended::Fault(format!("closed the stream and owed {owed} results").into()),
            },
        }
    }

    /// Writes what is kept, then what comes. Ends only when the key cannot be done at all.
    async fn write(&self, feed: &mut Feed<I>, mut link: Output<I>) -> Ended {
        let weigh = self.shared.settings.weigh;
        loop {
            let message = match self
                .shared
                .replay
                .next(self.number, self.carried.messages(), feed.fresh)
            {
                Next::Kept(message) => message,
                Next::Gone => return Ended::Fault("its messages are no longer kept".into()),
                Next::Fresh => match feed.next().await {
                    Some(message) => {
                        // Where the worker here fails, nobody else is asked.
                        if !self.local {
                            self.shared.replay.keep(self.number, message.clone(), weigh(&message));
                        }
                        feed.fresh += 1;
                        message
                    }
                    None => break,
                },
            };
            let weight = weigh(&message);
            self.carried.messages.fetch_add(1, Relaxed);
            self.carried.bytes.fetch_add(weight, Relaxed);
            self.shared.roster().sent(self.address, weight);
            if link.send(message).await.is_err() {
                break;
            }
        }
        if feed.ended {
            if let Some(interrupted) = self.shared.interrupted.get() {
                link.interrupt(&interrupted.reason);
                return Ended::Fatal(interrupted.clone().into());
            }
            self.carried.everything.store(true, Relaxed);
        }
        drop(link);
        // How the link ended is for the reader to say.
        std::future::pending().await
    }

    /// Passes on what comes, except for what was passed on before; the number of results.
    async fn read(
        &self,
        mut link: Input<O>,
        results: &mut Output<O>,
        passed: &mut Vec<u64>,
    ) -> Result<usize, ReadError> {
        let mut number = 0;
        while let Some(result) = link.next().await.map_err(ReadError::BrokenOff)? {
            self.check(number, &result)?;
            let fingerprint = (self.shared.settings.fingerprint)(&result);
            match passed.get(number) {
                Some(known) if *known == fingerprint => (),
                Some(_) => {
                    let error = DistributeError::Different {
                        key: self.key.to_owned(),
                        address: self.address.to_owned(),
                        number,
                    };
                    return Err(ReadError::Fatal(error.into()));
                }
                None => {
                    results
                        .send(result)
                        .await
                        .map_err(|Closed| ReadError::Fatal(Closed.into()))?;
                    match self.shared.replay.is_complete(self.number) {
                        true => passed.push(fingerprint),
                        // There will be no other worker to compare with.
                        false => *passed = Vec::new(),
                    }
                }
            }
            number += 1;
        }
        if number < passed.len() {
            let reason = format!("gave {number} results where the worker before it gave {}", passed.len());
            return Err(ReadError::Wrong(reason.into()));
        }
        Ok(number)
    }

    /// Where every message has one result: whether this one was asked for.
    fn check(&self, number: usize, result: &O) -> Result<(), ReadError> {
        let settings = &self.shared.settings;
        if !settings.one_each {
            return Ok(());
        }
        if number >= self.carried.messages() {
            return Err(ReadError::Wrong("sent a result that nobody asked for".into()));
        }
        let belongs = |message: &I| (settings.matching)(message, result);
        match self.shared.replay.look(self.number, number, belongs) {
            Some(false) => Err(ReadError::Wrong(
                "sent a result that does not belong to its message".into(),
            )),
            Some(true) | None => Ok(()),
        }
    }
}
