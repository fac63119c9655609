//! Every key has a link of its own.

mod attempt;
mod lane;

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::mpsc;

use super::{Distribute, DistributeError, Event, Failure, Selector, replay::Replay, roster::Roster};
use crate::{BoxError, Error, Gadget, Input, Interrupted, Output, crew::Crew, link::AnyWorker, place::Place};

/// Every key has a link of its own. Made by [`Distribute::keyed`](super::Distribute::keyed).
#[derive(Debug)]
pub struct Keyed<S: Selector, O> {
    settings: Distribute<S::In, O>,
    selector: S,
}

impl<S: Selector, O> Keyed<S, O> {
    pub(super) fn new(settings: Distribute<S::In, O>, selector: S) -> Self {
        Self { settings, selector }
    }
}

impl<S, O> Gadget for Keyed<S, O>
where
    S: Selector,
    S::In: Clone + Sync,
    O: Send + 'static,
{
    type In = S::In;
    type Out = O;

    fn name(&self) -> Option<String> {
        Some("distribute".to_owned())
    }

    async fn run(self, mut input: Input<S::In>, output: Output<O>) -> Result<(), BoxError> {
        let Self { settings, mut selector } = self;
        let mut lanes = KeyLanes::new(settings, output);
        loop {
            let message = tokio::select! {
                biased;
                error = lanes.crew.failure() => return Err(error.into()),
                message = input.next() => message,
            };
            match message {
                Ok(Some(message)) => {
                    for (key, message) in selector.select(message)? {
                        lanes.send(key, message).await?;
                    }
                }
                Ok(None) => return lanes.finish().await,
                Err(interrupted) => {
                    lanes.break_off(&interrupted);
                    lanes.finish().await?;
                    return Err(interrupted.into());
                }
            }
        }
    }
}

/// What the lanes of all keys share.
struct Shared<I, O> {
    settings: Distribute<I, O>,
    roster: Mutex<Roster<I, O>>,
    /// Held while the list is asked for; set when a worker was lost since.
    lost: tokio::sync::Mutex<bool>,
    replay: Replay<I>,
    /// Set before the queues end, when the stream broke off.
    interrupted: OnceLock<Interrupted>,
    /// The keys that are done.
    finished: Mutex<Vec<Finished>>,
}

/// A key whose worker closed in good order.
struct Finished {
    key: String,
    /// `None`: it was done here.
    address: Option<String>,
    messages: usize,
    results: usize,
}

impl<I: 'static, O: 'static> Shared<I, O> {
    fn roster(&self) -> MutexGuard<'_, Roster<I, O>> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for a key that already failed on some, and was refused by others; the second value says whether it is
    /// the local one. Nobody who refused is asked again, or a list that is refreshed meanwhile would bring him back for ever.
    async fn choose(
        &self,
        failures: &[Failure],
        refused: &[Failure],
    ) -> Result<(AnyWorker<I, O>, bool), DistributeError> {
        {
            let mut lost = self.lost.lock().await;
            let listed = self.roster().listed();
            let in_turn = listed.is_none_or(|listed| listed.elapsed() >= self.settings.limits.refresh);
            if in_turn || *lost {
                let workers = self.settings.workers.list().await;
                self.roster().update(workers, in_turn, self.settings.limits.refresh);
                *lost = false;
            }
        }
        let among = |failures: &[Failure], worker: &AnyWorker<I, O>| {
            let mut addresses = failures.iter().map(|failure| &failure.address);
            addresses.any(|address| address == worker.address())
        };
        let tried = |worker: &AnyWorker<I, O>, _| among(failures, worker) || among(refused, worker);
        if let Some(worker) = self.roster().choose(tried) {
            return Ok((worker, false));
        }
        if let Some(worker) = self.settings.local.clone() {
            (self.settings.observer)(&Event::Local);
            return Ok((worker, true));
        }
        let other = self.roster().choose(|worker, _| among(refused, worker));
        other
            .map(|worker| (worker, false))
            .ok_or_else(|| DistributeError::NoWorker {
                failure: failures.last().or(refused.last()).cloned(),
            })
    }

    fn finished(&self, key: Finished) {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.push(key);
    }

    /// Tells of the keys that got fewer results than others with as many messages, or none at all.
    fn compare(&self) {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let mut most: HashMap<usize, usize> = HashMap::new();
        for key in finished.iter() {
            let most = most.entry(key.messages).or_default();
            *most = key.results.max(*most);
        }
        for key in finished.iter() {
            let most = most.get(&key.messages).copied().unwrap_or_default();
            let few = key.results < most || (key.results == 0 && key.messages > 0);
            if let Some(address) = key.address.clone().filter(|_| few) {
                (self.settings.observer)(&Event::Few {
                    key: key.key.clone(),
                    address,
                    messages: key.messages,
                    results: key.results,
                    most,
                });
            }
        }
    }

    async fn lose(&self, address: &str, bytes: usize, event: &Event) {
        self.roster().released(address, bytes, true);
        *self.lost.lock().await = true;
        (self.settings.observer)(event);
    }
}

/// The lanes of all keys. Dropping it cancels all of them.
pub(super) struct KeyLanes<K, I, O: Send + 'static> {
    shared: Arc<Shared<I, O>>,
    queues: HashMap<K, mpsc::Sender<I>>,
    output: Output<O>,
    pub(super) crew: Crew,
}

impl<K, I, O> KeyLanes<K, I, O>
where
    K: Clone + Eq + Hash + fmt::Debug + Send + 'static,
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    pub(super) fn new(settings: Distribute<I, O>, output: Output<O>) -> Self {
        let replay = Replay::new(settings.limits.replay_bytes, settings.observer.clone());
        let shared = Shared {
            settings,
            roster: Mutex::new(Roster::new()),
            lost: tokio::sync::Mutex::new(false),
            replay,
            interrupted: OnceLock::new(),
            finished: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            queues: HashMap::new(),
            output,
            crew: Crew::default(),
        }
    }

    /// Sends `message` to the link of `key`; waits while that has no room.
    pub(super) async fn send(&mut self, key: K, message: I) -> Result<(), BoxError> {
        let queue = match self.queues.get(&key) {
            Some(queue) => queue,
            None => {
                let queue = self.open(&key);
                self.queues.entry(key).or_insert(queue)
            }
        };
        let sent = queue.send(message);
        tokio::select! {
            biased;
            error = self.crew.failure() => Err(error.into()),
            // A lane that is over early is either a failure, which comes out above, or wants no more.
            _ = sent => Ok(()),
        }
    }

    fn open(&mut self, key: &K) -> mpsc::Sender<I> {
        let limits = &self.shared.settings.limits;
        let (sender, receiver) = mpsc::channel(limits.key_queue.clamp(1, 1 << 20));
        let number = self.queues.len() as u64;
        self.shared.replay.open(number);
        let lane = lane::Lane::new(
            self.shared.clone(),
            number,
            format!("{key:?}"),
            receiver,
            self.output.another(),
        );
        self.crew.spawn(0, async move {
            let result: Result<(), BoxError> = lane.run().await;
            result.map_err(|cause| -> Error { Place::current().error(cause) })
        });
        sender
    }

    /// The stream broke off: nothing incomplete is worked on as if it were whole. Call it before the end.
    pub(super) fn break_off(&self, interrupted: &Interrupted) {
        let _ = self.shared.interrupted.set(interrupted.clone());
    }

    /// Waits until all links are done.
    pub(super) async fn finish(self) -> Result<(), BoxError> {
        let Self {
            queues,
            output,
            crew,
            shared,
        } = self;
        drop((queues, output));
        crew.join().await?;
        shared.compare();
        Ok(())
    }
}
