//! Work spread over links to workers, which may come, go, refuse, hang, die or lie while the run goes on.
//!
//! ```text
//!                           ┌──▶ link ──▶ worker ──┐
//!   in ─▶ selector / window ┼──▶ link ──▶ worker ──┼ merge ─▶ out
//!                           └──▶ link ──▶ worker ──┘
//! ```
//!
//! One idea, two uses:
//! - [`Distribute::pure`]: every message is a job, any link will do, a job yields one result; results come in input
//!   order, or as they arrive.
//! - [`Distribute::keyed`]: a [`Selector`] gives each message a key, every key has a link of its own; what lies on the
//!   far side may hold state. Results come as they arrive, in order within a key.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use std::sync::Arc;
//! use engine::{Compose, MemoryWorker, distribute, link::AnyWorker, map};
//!
//! let worker = |name: &str| -> AnyWorker<u64, u64> { Arc::new(MemoryWorker::new(name, || map(|n: u64| n * n))) };
//! let squares = distribute(vec![worker("a"), worker("b")]).pure();
//! let mut results = Vec::new();
//! squares.run_over(futures::stream::iter(1..=4), &mut results).await.unwrap();
//! assert_eq!(results, [1, 4, 9, 16]);
//! # });
//! ```

mod erased;
mod keyed;
mod pure;
mod replay;
mod roster;
mod selector;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

pub use keyed::Keyed;
pub use pure::Pure;
pub use selector::{ByKey, Chosen, Selector, SelectorNode, by_key};

use crate::{BoxError, Declined, Worker, Workers, link::AnyWorker};

/// Bounds and habits of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistributeLimits {
    /// Pure: jobs sent over a link and not answered, at the beginning. Default 2.
    pub first_window: usize,
    /// Pure: the most jobs sent over a link and not answered. Default 64.
    pub most_jobs: usize,
    /// Pure: the most bytes sent over a link and not answered; one job alone may have more. Default 256 MiB.
    pub most_bytes: usize,
    /// Pure: results that wait for an earlier one before no new job is taken. Default 1024.
    pub reorder: usize,
    /// Pure: bytes of such results. Default 256 MiB.
    pub reorder_bytes: usize,
    /// Pure: a link that is not open after so long is not counted on: another one is opened for the job that waits.
    /// Default 1 s.
    pub opens_within: Duration,
    /// Failures of one job or key that end the node; a worker that [declines](crate::Declined) is none. Default 3.
    pub failures: usize,
    /// Pure: a worker that holds the head of line for longer than this many median job times is a straggler. Default 4.
    pub straggler: u32,
    /// The list of workers is asked for again when it is older. Default 10 s; at least a millisecond.
    pub refresh: Duration,
    /// Keyed: bytes kept for a replay, over all keys. Default 512 MiB.
    pub replay_bytes: usize,
    /// Keyed: messages that wait for the link of their key. Default 8.
    pub key_queue: usize,
    /// How long workers may take to close after their last result. Default 1 s.
    pub farewell: Duration,
}

impl Default for DistributeLimits {
    fn default() -> Self {
        Self {
            first_window: 2,
            most_jobs: 64,
            most_bytes: 256 << 20,
            reorder: 1024,
            reorder_bytes: 256 << 20,
            opens_within: Duration::from_secs(1),
            failures: 3,
            straggler: 4,
            refresh: Duration::from_secs(10),
            replay_bytes: 512 << 20,
            key_queue: 8,
            farewell: Duration::from_secs(1),
        }
    }
}

/// What happened to the workers, for whoever keeps a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker could not be reached, or declined; it is left out until the list is refreshed.
    Refused {
        /// Its address.
        address: String,
        /// Why.
        reason: String,
    },
    /// A link was lost; what it owed goes to other workers.
    Lost {
        /// The worker's address.
        address: String,
        /// Why.
        reason: String,
    },
    /// There is no worker (left): the work is done here.
    Local,
    /// A job goes to a second worker because the first one holds up all others.
    Straggler {
        /// The job's number, from 0.
        job: u64,
        /// The second worker's address.
        address: String,
    },
    /// Keyed: a worker closed in good order, but gave a key no result at all, or fewer than others gave to as many
    /// messages. Told at the end of a run, and no failure: only where it was said that every message has
    /// [`one_each`](Distribute::one_each) is it known what a worker owes.
    Few {
        /// The key.
        key: String,
        /// The worker's address.
        address: String,
        /// What it got.
        messages: usize,
        /// What it gave.
        results: usize,
        /// The most that any key with as many messages was given.
        most: usize,
    },
    /// The bytes kept for replays are too many: the oldest key could not be repeated now. Said once.
    Unrepeatable {
        /// The limit in bytes.
        limit: usize,
    },
}

impl Event {
    /// An open link is over, with what it owed.
    fn over(failure: Failure, error: &BoxError) -> Self {
        let Failure { address, reason } = failure;
        match error.is::<Declined>() {
            true => Self::Refused { address, reason },
            false => Self::Lost { address, reason },
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { address, reason } => write!(formatter, "worker {address} is left out: {reason}"),
            Self::Lost { address, reason } => {
                write!(formatter, "worker {address} is lost, its work goes elsewhere: {reason}")
            }
            Self::Local => formatter.write_str("no worker is there: this machine does the work"),
            Self::Straggler { job, address } => {
                write!(
                    formatter,
                    "job {job}, which holds up all others, goes to worker {address} too"
                )
            }
            Self::Few {
                key,
                address,
                messages,
                results,
                most,
            } => write!(
                formatter,
                "worker {address} gave key {key} {results} results for {messages} messages and closed in good order; the \
                 most for as many messages: {most}"
            ),
            Self::Unrepeatable { limit } => write!(
                formatter,
                "more than {limit} bytes wait to be answered (--replay-mebibytes): were the worker of the oldest key lost \
                 now, the reconstruction would fail"
            ),
        }
    }
}

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Where work goes, before it is said how. Made by [`distribute`].
#[derive(Clone)]
pub struct Distribute<I, O> {
    workers: Arc<dyn Workers<I, O>>,
    local: Option<AnyWorker<I, O>>,
    limits: DistributeLimits,
    observer: Observer,
    weigh: fn(&I) -> usize,
    weigh_result: fn(&O) -> usize,
    fingerprint: fn(&O) -> u64,
    matching: fn(&I, &O) -> bool,
    one_each: bool,
}

/// Begins a distribution over `workers`.
///
/// A message is sent again when its link is lost, so it must be [`Clone`]: cheap ones, such as shared bytes, are best.
pub fn distribute<I, O>(workers: impl Workers<I, O>) -> Distribute<I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    Distribute {
        workers: Arc::new(workers),
        local: None,
        limits: DistributeLimits::default(),
        observer: Arc::new(|_| ()),
        weigh: |_| size_of::<I>(),
        weigh_result: |_| size_of::<O>(),
        fingerprint: |_| 0,
        matching: |_, _| true,
        one_each: false,
    }
}

impl<I, O> Distribute<I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    /// The worker that does the work when there is no other (left), usually a [`MemoryWorker`](crate::MemoryWorker).
    /// Its failure is the failure of the node.
    pub fn local(mut self, worker: impl Worker<I, O>) -> Self {
        self.local = Some(Arc::new(worker));
        self
    }

    /// Sets the bounds.
    pub fn limits(mut self, limits: DistributeLimits) -> Self {
        self.limits = limits;
        // A list that is old at once would be asked for again and again, and never used.
        self.limits.refresh = limits.refresh.max(Duration::from_millis(1));
        self
    }

    /// Calls `observer` at every event. It must not block.
    pub fn observe(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// How many bytes a message and a result stand for; by default the size of their types.
    pub fn weigh(mut self, message: fn(&I) -> usize, result: fn(&O) -> usize) -> Self {
        self.weigh = message;
        self.weigh_result = result;
        self
    }

    /// Keyed: what must be equal when a result is computed again, such as a hash of its header. By default nothing is
    /// compared but the number of results.
    pub fn fingerprint(mut self, fingerprint: fn(&O) -> u64) -> Self {
        self.fingerprint = fingerprint;
        self
    }

    /// Keyed: every message has exactly one result, in order, as where pure gadgets run on the far side. A worker that
    /// closes in good order with fewer, or gives more, has failed then; otherwise nobody can know what it owes.
    pub fn one_each(mut self) -> Self {
        self.one_each = true;
        self
    }

    /// Whether a result can be that of a message (by their headers, say), where each message has one result. Links
    /// carry no numbers: without it, a worker that answers one message twice is found out only when it has answered
    /// more than it was asked.
    pub fn matching(mut self, matching: fn(&I, &O) -> bool) -> Self {
        self.matching = matching;
        self
    }

    /// Every message is a job for any link; the results come in input order.
    ///
    /// Holds at most: the windows of all links, [`DistributeLimits::reorder`] results (the one in the hand of the output
    /// included), and one job more than links are being opened.
    pub fn pure(self) -> Pure<I, O> {
        Pure::new(self, true)
    }

    /// Every message is a job for any link; the results come as they arrive. Holds as much as [`Distribute::pure`].
    pub fn pure_unordered(self) -> Pure<I, O> {
        Pure::new(self, false)
    }

    /// Every key has a link of its own; the results come as they arrive, in order within a key. There is no order over
    /// all keys to restore: a key may give any number of results, at any time.
    ///
    /// Holds at most one message in the hand of the selector, and for each key: [`DistributeLimits::key_queue`] messages,
    /// one in the hand on either side of the link, and what the link holds; beside them the copies for a replay,
    /// [`DistributeLimits::replay_bytes`] in all, and a number for each result of a key that can be repeated.
    pub fn keyed<S: Selector<In = I>>(self, selector: S) -> Keyed<S, O> {
        Keyed::new(self, selector)
    }
}

impl<I, O> fmt::Debug for Distribute<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Distribute")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// One failure of a job or a key: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("worker {address}: {reason}")]
pub struct Failure {
    /// The worker's address.
    pub address: String,
    /// Why.
    pub reason: String,
}

/// Why a distribution failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistributeError {
    /// A job failed on too many workers.
    #[error("job {job} failed on {} workers: {}", failures.len(), list(failures))]
    Job {
        /// Its number, from 0.
        job: u64,
        /// Where and why.
        failures: Vec<Failure>,
    },
    /// A key failed on too many workers.
    #[error("key {key} failed on {} workers: {}", failures.len(), list(failures))]
    Key {
        /// The key.
        key: String,
        /// Where and why.
        failures: Vec<Failure>,
    },
    /// A key's worker was lost after its messages were no longer kept.
    #[error("key {key} cannot be repeated, its messages are no longer kept: {failure}")]
    Unrepeatable {
        /// The key.
        key: String,
        /// Where and why.
        failure: Failure,
    },
    /// A worker gave other results than the one before it.
    #[error("key {key}: worker {address} gave another result {number} than the worker before it")]
    Different {
        /// The key.
        key: String,
        /// The worker's address.
        address: String,
        /// Which result, from 0.
        number: usize,
    },
    /// No worker is left, and there is none here.
    #[error("no worker is left{}", last(failure))]
    NoWorker {
        /// What became of the last one.
        failure: Option<Failure>,
    },
}

fn list(failures: &[Failure]) -> String {
    let words: Vec<_> = failures.iter().map(Failure::to_string).collect();
    words.join("; ")
}

fn last(failure: &Option<Failure>) -> String {
    failure
        .as_ref()
        .map_or(String::new(), |failure| format!("; the last one: {failure}"))
}

/// The reason of a fault in words.
fn reason(error: &BoxError) -> String {
    error.to_string()
}
