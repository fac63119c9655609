//! Pipelines as values: gadgets put together with method calls, checked by the compiler, run over any stream into any
//! sink, or spawned with a handle.
//!
//! ```text
//!   a.then(b)      in ──▶ a ──▶ [channel] ──▶ b ──▶ out
//! ```

use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt, TryStreamExt, pin_mut};

use crate::{
    BoxError, Capacity, Error, Gadget, Input, NodePath, Output, PureGadget, Running, channel,
    crew::Crew,
    functions::{Map, map},
    par_map::{ParMap, par_map},
    place::run_gadget,
};

/// What every gadget can do beside running: be put together with others, and be started.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use engine::{Compose, map};
/// use futures::stream;
///
/// let pipeline = map(|n: u32| n + 1).map(|n| n * 10).map(|n| n.to_string());
/// let mut words = Vec::new();
/// pipeline.run_over(stream::iter([1, 2, 3]), &mut words).await.unwrap();
/// assert_eq!(words, ["20", "30", "40"]);
/// # });
/// ```
pub trait Compose: Gadget + Sized {
    /// This gadget, and `next` behind it. Between them lies a channel of the default [`Capacity`].
    fn then<G: Gadget<In = Self::Out>>(self, next: G) -> Then<Self, G> {
        self.then_with(Capacity::default(), next)
    }

    /// As [`Compose::then`], with the capacity of the channel between them.
    fn then_with<G: Gadget<In = Self::Out>>(self, capacity: Capacity, next: G) -> Then<Self, G> {
        Then {
            first: self,
            second: next,
            capacity,
        }
    }

    /// This gadget, and `function` on each of its messages.
    fn map<T: Send + 'static, F>(self, function: F) -> Then<Self, Map<F, Self::Out, T>>
    where
        F: FnMut(Self::Out) -> T + Send + 'static,
    {
        self.then(map(function))
    }

    /// This gadget, and `gadget` on `workers` numeric threads at once; the order stays. 0 workers: one per core.
    fn par_map<P: PureGadget<In = Self::Out>>(self, workers: usize, gadget: P) -> Then<Self, ParMap<P>> {
        self.then(par_map(workers, gadget))
    }

    /// This gadget under a name of its own, which errors and figures use.
    fn named(self, name: impl Into<String>) -> Named<Self> {
        Named {
            gadget: self,
            name: name.into(),
        }
    }

    /// Runs here over all of `stream` into `sink`, which is closed at the end.
    ///
    /// # Errors
    /// The first cause if a gadget or the sink failed. What came before it was passed to the sink.
    fn run_over<S, K>(self, stream: S, sink: K) -> impl Future<Output = Result<(), Error>> + Send
    where
        S: Stream<Item = Self::In> + Send,
        K: Sink<Self::Out, Error: Into<BoxError>> + Send,
    {
        self.try_run_over(stream.map(Ok::<_, std::convert::Infallible>), sink)
    }

    /// As [`Compose::run_over`], over a stream that may break off: nothing incomplete is flushed as if it were whole.
    fn try_run_over<S, E, K>(self, stream: S, sink: K) -> impl Future<Output = Result<(), Error>> + Send
    where
        S: Stream<Item = Result<Self::In, E>> + Send,
        E: Into<BoxError> + Send,
        K: Sink<Self::Out, Error: Into<BoxError>> + Send,
    {
        async move {
            let (output, input) = channel(Capacity::default());
            let (sender, receiver) = channel(Capacity::default());
            let mut crew = Crew::default();
            crew.spawn(0, run_gadget(self, input, sender));
            let (fed, drained, ran) = futures::join!(feed(stream, output), drain(receiver, sink), crew.join());
            let first = |known: &Error| known.is_secondary();
            let mut outcome = Ok(());
            for result in [ran, fed, drained] {
                if let Err(error) = result
                    && outcome.as_ref().err().is_none_or(first)
                {
                    outcome = Err(error);
                }
            }
            match outcome {
                Err(error) if error.is_closed() => Ok(()),
                outcome => outcome,
            }
        }
    }

    /// Spawns it as a run of its own between two channels of this capacity: the end to write to, the end to read from,
    /// and the handle.
    fn spawn(self, capacity: Capacity) -> (Output<Self::In>, Input<Self::Out>, Running) {
        let (output, input) = channel(capacity);
        let (sender, receiver) = channel(capacity);
        (output, receiver, self.spawn_between(input, sender))
    }

    /// Spawns it as a run of its own between two ends that exist already.
    fn spawn_between(self, input: Input<Self::In>, output: Output<Self::Out>) -> Running {
        Running::spawn(run_gadget(self, input, output))
    }
}

impl<G: Gadget> Compose for G {}

async fn feed<S, T, E>(stream: S, mut output: Output<T>) -> Result<(), Error>
where
    S: Stream<Item = Result<T, E>>,
    T: Send + 'static,
    E: Into<BoxError>,
{
    pin_mut!(stream);
    loop {
        let next = {
            let closed = output.closed();
            pin_mut!(closed);
            // A silent stream must not keep a run alive that wants no more of it.
            futures::select_biased! {
                () = closed.fuse() => return Ok(()),
                next = stream.try_next().fuse() => next,
            }
        };
        match next {
            Ok(None) => return Ok(()),
            Ok(Some(value)) => {
                if Output::send(&mut output, value).await.is_err() {
                    return Ok(());
                }
            }
            Err(error) => {
                let error = Error::new(NodePath::root(), error);
                output.interrupt(&error.to_string());
                return Err(error);
            }
        }
    }
}

async fn drain<K, T>(mut input: Input<T>, sink: K) -> Result<(), Error>
where
    K: Sink<T, Error: Into<BoxError>>,
    T: Send + 'static,
{
    pin_mut!(sink);
    let failed = |cause: K::Error| Error::new(NodePath::root(), cause);
    loop {
        match input.next().await {
            Ok(Some(value)) => sink.send(value).await.map_err(failed)?,
            Ok(None) => return sink.close().await.map_err(failed),
            Err(interrupted) => {
                sink.flush().await.map_err(failed)?;
                return Err(Error::new(NodePath::root(), interrupted));
            }
        }
    }
}

/// Two gadgets, one behind the other. Made by [`Compose::then`].
///
/// Holds what its channel holds, and what the two gadgets hold.
#[derive(Clone, Debug)]
pub struct Then<A, B> {
    first: A,
    second: B,
    capacity: Capacity,
}

impl<A: Gadget, B: Gadget<In = A::Out>> Gadget for Then<A, B> {
    type In = A::In;
    type Out = B::Out;

    fn name(&self) -> Option<String> {
        None
    }

    async fn run(self, input: Input<A::In>, output: Output<B::Out>) -> Result<(), BoxError> {
        let (sender, receiver) = channel(self.capacity);
        let mut crew = Crew::default();
        crew.spawn(1, run_gadget(self.second, receiver, output));
        crew.spawn(0, run_gadget(self.first, input, sender));
        Ok(crew.join().await?)
    }
}

/// A gadget under a name of its own. Made by [`Compose::named`].
#[derive(Clone, Debug)]
pub struct Named<G> {
    gadget: G,
    name: String,
}

impl<G: Gadget> Gadget for Named<G> {
    type In = G::In;
    type Out = G::Out;

    fn name(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn run(self, input: Input<G::In>, output: Output<G::Out>) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.gadget.run(input, output)
    }
}
