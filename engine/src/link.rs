//! Links: what a worker looks like from here. An input end, an output end, and an outcome.
//!
//! The engine ships the link in memory; links over a network are built outside of it, on the same type.

use std::{fmt, sync::Arc};

use futures::{FutureExt, future::BoxFuture};

use crate::{
    BoxError, Capacity, Error, Gadget, Input, Output,
    channel::channel,
    place::{Place, run_gadget},
};

/// An open link to a worker, on which one nested stream runs.
///
/// # Contract
/// - What is sent into `input` reaches the worker in order; dropping it tells the worker that no more comes.
/// - `output` gives the worker's results in order, and ends when the worker closed the stream. It breaks off when the
///   link does.
/// - `outcome` drives the link: it is polled until it completes, beside both ends. It completes when the link is over:
///   `Ok` after a clean close, otherwise with the reason, complete in itself (what happened, where in the bytes).
/// - A link ends by itself when the far side is silent: whoever made it knows how to tell silence from work.
/// - Dropping all three closes the link at once.
pub struct Link<I, O> {
    /// What the worker reads.
    pub input: Output<I>,
    /// What the worker writes.
    pub output: Input<O>,
    /// Drives the link, and says how it ended.
    pub outcome: BoxFuture<'static, Result<(), BoxError>>,
}

impl<I, O> fmt::Debug for Link<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Link")
    }
}

/// A link that is over for a reason of the worker's own: it is full, say, or is being stopped. As an outcome, or as the error of
/// [`Worker::connect`], it is no failure of what was sent: that goes to other workers, and in the end to the local one.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Declined(pub BoxError);

/// Something that links can be opened to, as often as wanted.
pub trait Worker<I, O>: Send + Sync + 'static {
    /// Its address: the same for the same worker, shown in errors.
    fn address(&self) -> &str;

    /// Opens a link.
    fn connect(&self) -> BoxFuture<'static, Result<Link<I, O>, BoxError>>;
}

/// A shared worker.
pub type AnyWorker<I, O> = Arc<dyn Worker<I, O>>;

/// Where workers come from.
pub trait Workers<I, O>: Send + Sync + 'static {
    /// The workers that are there now. Asked again while the run goes on: workers may come and go. Whoever cannot find
    /// any says so itself (in a log, say) and gives none.
    fn list(&self) -> BoxFuture<'static, Vec<AnyWorker<I, O>>>;
}

impl<I: 'static, O: 'static> Workers<I, O> for Vec<AnyWorker<I, O>> {
    fn list(&self) -> BoxFuture<'static, Vec<AnyWorker<I, O>>> {
        std::future::ready(self.clone()).boxed()
    }
}

type Run<I, O> = dyn Fn(Input<I>, Output<O>) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A worker in this process: every link runs a nested stream of its own here, with no socket in between. Also what
/// does the work when there is no other worker.
pub struct MemoryWorker<I, O> {
    address: String,
    capacity: Capacity,
    run: Arc<Run<I, O>>,
}

impl<I, O> fmt::Debug for MemoryWorker<I, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MemoryWorker({})", self.address)
    }
}

impl<I: Send + 'static, O: Send + 'static> MemoryWorker<I, O> {
    /// A worker whose links each run a gadget that `make` makes.
    pub fn new<G, F>(address: impl Into<String>, make: F) -> Self
    where
        G: Gadget<In = I, Out = O>,
        F: Fn() -> G + Send + Sync + 'static,
    {
        Self::from_fn(address, move |input, output| {
            let gadget = make();
            async move { run_gadget(gadget, input, output).await.map_err(Into::into) }
        })
    }

    /// A worker whose links each run what `run` gives. An [`Error`] keeps its path.
    pub fn from_fn<F, R>(address: impl Into<String>, run: F) -> Self
    where
        F: Fn(Input<I>, Output<O>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            address: address.into(),
            capacity: Capacity::messages(2),
            run: Arc::new(move |input, output| run(input, output).boxed()),
        }
    }

    /// Sets the capacity of both channels of each link; by default 2 messages.
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Opens a link.
    pub fn open(&self) -> Link<I, O> {
        let (input, worker_input) = channel(self.capacity);
        let (worker_output, output) = channel(self.capacity);
        let guard = crate::place::Guard::new(&worker_output);
        let running = (self.run)(worker_input, worker_output);
        let place = Place::current();
        let outcome = place.scope(async move {
            let result = running.await.map_err(|cause| Place::current().error(cause));
            guard.finish(&result);
            match result {
                Err(error) if error.is_closed() => Ok(()),
                result => result.map_err(|error: Error| error.into()),
            }
        });
        Link {
            input,
            output,
            outcome: outcome.boxed(),
        }
    }
}

impl<I: Send + 'static, O: Send + 'static> Worker<I, O> for MemoryWorker<I, O> {
    fn address(&self) -> &str {
        &self.address
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<I, O>, BoxError>> {
        std::future::ready(Ok(self.open())).boxed()
    }
}
