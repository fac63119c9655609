//! A pure gadget on several numeric threads at once, the order kept.
//!
//! ```text
//!            ┌─▶ worker ─┐
//!   in ──▶ ──┼─▶ worker ─┼──▶ in input order ──▶ out
//!            └─▶ worker ─┘
//! ```

use std::sync::Arc;

use futures::{StreamExt, stream::FuturesOrdered};
use tokio::sync::Semaphore;

use crate::{BoxError, Gadget, Input, Output, PureGadget, compute};

/// Applies `gadget` to `workers` messages at once on the numeric pool; the results come in input order. 0 workers: one
/// per core.
///
/// Holds at most [`ParMap::holds`] messages: twice the workers, so that a slow message does not at once stop the
/// workers behind it.
pub fn par_map<P: PureGadget>(workers: usize, gadget: P) -> ParMap<P> {
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers.min(MOST_WORKERS),
    };
    ParMap {
        gadget: Arc::new(gadget),
        workers,
    }
}

/// No pool has more threads; a larger number in a configuration is cut to it.
const MOST_WORKERS: usize = 4096;

/// Made by [`par_map`].
#[derive(Debug)]
pub struct ParMap<P> {
    gadget: Arc<P>,
    workers: usize,
}

impl<P> ParMap<P> {
    /// The number of messages it holds at most: in work, waiting for a worker, or done and waiting for an earlier one.
    pub fn holds(&self) -> usize {
        2 * self.workers
    }
}

impl<P: PureGadget> Gadget for ParMap<P> {
    type In = P::In;
    type Out = P::Out;

    fn name(&self) -> Option<String> {
        Some("par_map".to_owned())
    }

    async fn run(self, mut input: Input<P::In>, mut output: Output<P::Out>) -> Result<(), BoxError> {
        let holds = self.holds();
        let workers = Arc::new(Semaphore::new(self.workers));
        let mut held = FuturesOrdered::new();
        let mut open = true;
        while open || !held.is_empty() {
            tokio::select! {
                biased;
                Some(result) = held.next(), if !held.is_empty() => output.send(result?).await?,
                next = input.next(), if open && held.len() < holds => match next {
                    Ok(Some(value)) => {
                        let gadget = self.gadget.clone();
                        let workers = workers.clone();
                        held.push_back(async move {
                            // The semaphore is never closed, and serves in order.
                            let _worker = workers.acquire_owned().await?;
                            compute(move || gadget.process(value)).await
                        });
                    }
                    Ok(None) => open = false,
                    // What is in work came before the break: it is delivered first.
                    Err(interrupted) => {
                        while let Some(result) = held.next().await {
                            output.send(result?).await?;
                        }
                        return Err(interrupted.into());
                    }
                },
            }
        }
        Ok(())
    }
}
