//! The tasks of one combinator: they end together, and the first cause of a failure is what comes out.

use tokio::task::{AbortHandle, JoinSet};

use crate::{Error, place::Place};

/// Tasks in stages, in the direction of the stream. Dropping it cancels all of them.
///
/// When a task fails, those of earlier stages are cancelled: nobody would read what they send, and they might wait for
/// input for ever. Those of the same and of later stages go on to the end, so that nothing that was sent is lost.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    tasks: JoinSet<(usize, Result<(), Error>)>,
    handles: Vec<(usize, AbortHandle)>,
}

impl Crew {
    /// Adds a task that runs at the place of the caller.
    pub(crate) fn spawn(&mut self, stage: usize, future: impl Future<Output = Result<(), Error>> + Send + 'static) {
        let place = Place::current();
        let tracked = place.tasks.clone();
        let task = tracked.track_future(place.scope(async move { (stage, future.await) }));
        let handle = self.tasks.spawn(task);
        self.handles.push((stage, handle));
    }

    /// Waits for a failure while tasks may still be added. The task that failed is gone, the others go on.
    pub(crate) async fn failure(&mut self) -> Error {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending().await,
                Some(Ok((_, Ok(())))) => (),
                Some(Ok((_, Err(error)))) => return error,
                Some(Err(error)) => return Place::current().error(error),
            }
        }
    }

    /// Waits for all; the first real cause if any failed.
    pub(crate) async fn join(mut self) -> Result<(), Error> {
        let mut outcome: Result<(), Error> = Ok(());
        while let Some(joined) = self.tasks.join_next().await {
            let (stage, result) = match joined {
                Ok(ended) => ended,
                // Cancelled by this crew; nodes catch their panics themselves.
                Err(error) if error.is_cancelled() => continue,
                Err(error) => (0, Err(Place::current().error(error))),
            };
            let Err(error) = result else { continue };
            if !error.is_secondary() {
                for (earlier, handle) in &self.handles {
                    if *earlier < stage {
                        handle.abort();
                    }
                }
            }
            let better = match &outcome {
                Ok(()) => true,
                Err(known) => known.is_secondary() && !error.is_secondary(),
            };
            if better {
                outcome = Err(error);
            }
        }
        outcome
    }
}
