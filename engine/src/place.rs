//! Where in a graph the running code is, and how every node is run: counted, guarded, its panics caught.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio_util::task::TaskTracker;

use crate::{
    BoxError, Error, Figures, Gadget, Input, Interrupted, NodePath, Output,
    figures::{Counters, Timed},
};

/// What all nodes of one run share, and which of them this is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) path: NodePath,
    pub(crate) figures: Figures,
    /// Every task of the run.
    pub(crate) tasks: TaskTracker,
    counters: Option<Arc<Counters>>,
}

tokio::task_local! {
    static HERE: Place;
}

impl Place {
    /// The place of the running code; a new run when it is in none.
    pub(crate) fn current() -> Self {
        HERE.try_with(Clone::clone).unwrap_or_default()
    }

    pub(crate) fn at(mut self, path: NodePath) -> Self {
        self.path = path;
        self
    }

    pub(crate) fn child(self, name: &str) -> Self {
        let path = self.path.child(name);
        self.at(path)
    }

    /// `future`, which finds itself at this place.
    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        HERE.scope(self, future)
    }

    /// The counters of the node that runs here.
    pub(crate) fn counters() -> Option<Arc<Counters>> {
        HERE.try_with(|place| place.counters.clone()).ok().flatten()
    }

    /// An error of the node that runs here. One that knows its place keeps it.
    pub(crate) fn error(&self, cause: impl Into<BoxError>) -> Error {
        match cause.into().downcast::<Error>() {
            Ok(error) => *error,
            Err(cause) => Error::new(self.path.clone(), cause),
        }
    }
}

/// Breaks the stream off unless it was told that all went well: a node that fails, panics or is dropped must not look
/// like the end of its stream.
pub(crate) struct Guard<T: Send + 'static> {
    output: Option<Output<T>>,
}

impl<T: Send + 'static> Guard<T> {
    pub(crate) fn new(output: &Output<T>) -> Self {
        Self {
            output: Some(output.another()),
        }
    }

    /// Lets the stream end, or breaks it off with the reason.
    pub(crate) fn finish(mut self, result: &Result<(), Error>) {
        let Some(output) = self.output.take() else { return };
        if let Err(error) = result {
            match error.cause().downcast_ref::<Interrupted>() {
                // It broke off before this node: the reason stays the same.
                Some(interrupted) => output.interrupt(&interrupted.reason),
                None => output.interrupt(&error.to_string()),
            }
        }
    }
}

impl<T: Send + 'static> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(output) = self.output.take() {
            output.interrupt("cancelled");
        }
    }
}

/// Runs `start` at `place` between `input` and `output`: figures, panics as errors, its output broken off unless it
/// ended well.
pub(crate) fn run_at<I, O, F, R, E>(
    place: Place,
    input: Input<I>,
    output: Output<O>,
    start: F,
) -> impl Future<Output = Result<(), Error>>
where
    I: Send + 'static,
    O: Send + 'static,
    F: FnOnce(Input<I>, Output<O>) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    run_guarded(place, vec![Guard::new(&output)], |counters| {
        start(input.counted(counters.clone()), output.counted(counters.clone()))
    })
}

/// As [`run_at`], for a node with any number of ends; `start` has its ends counted by the counters it gets.
pub(crate) async fn run_guarded<O, F, R, E>(place: Place, guards: Vec<Guard<O>>, start: F) -> Result<(), Error>
where
    O: Send + 'static,
    F: FnOnce(&Arc<Counters>) -> R,
    R: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    let counters = place.figures.register(&place.path);
    let place = Place {
        counters: Some(counters.clone()),
        ..place
    };
    // Inside the future, so that a panic of `start` itself is caught too.
    let counted = counters.clone();
    let future = async move { start(&counted).await.map_err(Into::into) };
    let result = caught(place, Timed { future, counters }).await;
    for guard in guards {
        guard.finish(&result);
    }
    result
}

/// Runs a typed gadget as a node under its name. A combinator without a name runs its parts in its place.
pub(crate) fn run_gadget<G: Gadget>(
    gadget: G,
    input: Input<G::In>,
    output: Output<G::Out>,
) -> impl Future<Output = Result<(), Error>> + Send {
    // Before the first poll: a run that is cancelled before it began must not look like an empty one that ended.
    let guard = Guard::new(&output);
    async move {
        let place = Place::current();
        let result = match gadget.name() {
            Some(name) => {
                let run = |input, output| gadget.run(input, output);
                run_at(place.child(&name), input, output, run).await
            }
            None => caught(place, async move { gadget.run(input, output).await }).await,
        };
        guard.finish(&result);
        result
    }
}

async fn caught(place: Place, future: impl Future<Output = Result<(), BoxError>>) -> Result<(), Error> {
    let caught = AssertUnwindSafe(place.clone().scope(future)).catch_unwind().await;
    caught
        .unwrap_or_else(|panic| Err(panic_words(&*panic).into()))
        .map_err(|cause| place.error(cause))
}

pub(crate) fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", words.unwrap_or("no message"))
}
