//! Live figures of the nodes of a run: what they took, what they gave, how long they worked, what waits before them.
//!
//! Counting costs a few uncontended atomic additions a message and two looks at the clock each time a node is woken.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::NodePath;

/// What one node did so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFigures {
    /// Which node.
    pub path: NodePath,
    /// Messages it took, those that flowed past it included.
    pub messages_in: u64,
    /// Messages it gave, those that flowed past it included.
    pub messages_out: u64,
    /// Bytes it took.
    pub bytes_in: u64,
    /// Bytes it gave.
    pub bytes_out: u64,
    /// How long it worked, on async threads and on the numeric pool.
    pub busy: Duration,
    /// Messages that waited before it when it last took one.
    pub queued: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    busy_nanoseconds: AtomicU64,
    queued: AtomicU64,
}

impl Counters {
    pub(crate) fn message_in(&self, bytes: usize, queued: usize) {
        self.messages_in.fetch_add(1, Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
        self.queued.store(queued as u64, Relaxed);
    }

    pub(crate) fn message_out(&self, bytes: usize) {
        self.messages_out.fetch_add(1, Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn worked(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.busy_nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

/// The figures of all nodes of one run. Cloning shares them; they outlive the run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    nodes: Arc<Mutex<Nodes>>,
}

type Nodes = Vec<(NodePath, Arc<Counters>)>;

impl Figures {
    pub(crate) fn register(&self, path: &NodePath) -> Arc<Counters> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        // A stream that is opened once per key or per retry counts as one node.
        if let Some((_, counters)) = nodes.iter().find(|(known, _)| known == path) {
            return counters.clone();
        }
        let counters = Arc::new(Counters::default());
        nodes.push((path.clone(), counters.clone()));
        counters
    }

    /// The figures now, in the order in which the nodes started. Of nodes within nodes, the innermost.
    pub fn snapshot(&self) -> Vec<NodeFigures> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let outer = |path: &NodePath| nodes.iter().any(|(other, _)| other.is_within(path));
        let innermost = nodes.iter().filter(|(path, _)| !outer(path));
        let figures = innermost.map(|(path, counters)| NodeFigures {
            path: path.clone(),
            messages_in: counters.messages_in.load(Relaxed),
            messages_out: counters.messages_out.load(Relaxed),
            bytes_in: counters.bytes_in.load(Relaxed),
            bytes_out: counters.bytes_out.load(Relaxed),
            busy: Duration::from_nanos(counters.busy_nanoseconds.load(Relaxed)),
            queued: counters.queued.load(Relaxed),
        });
        figures.collect()
    }
}

/// Adds the time in which `future` is polled to `counters`.
#[pin_project::pin_project]
pub(crate) struct Timed<F> {
    #[pin]
    pub(crate) future: F,
    pub(crate) counters: Arc<Counters>,
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let start = Instant::now();
        let polled = this.future.poll(context);
        this.counters.worked(start.elapsed());
        polled
    }
}
