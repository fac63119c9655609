//! A pure gadget on several numeric threads at once, the order kept.
//!
//! ```text
//!            ┌─▶ worker ─┐
//!   in ──▶ ──┼─▶ worker ─┼──▶ in input order ──▶ out
//!            └─▶ worker ─┘
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::Arc,
};

use futures::{SinkExt, StreamExt, stream::FuturesUnordered};

use crate::{BoxError, Gadget, Input, Interrupted, Output, PureGadget, compute};

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
    /// The number of messages it holds at most: in work, waiting for a worker, done and waiting for an earlier one, or in
    /// the hand of the output.
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
        let mut waiting = VecDeque::new();
        let mut working = FuturesUnordered::new();
        let mut done = BTreeMap::new();
        let (mut next_number, mut due) = (0_u64, 0_u64);
        // Set while a result is in the hand of the output: the workers go on meanwhile.
        let mut sending = false;
        let mut open = true;
        let mut broke_off = None;
        loop {
            while working.len() < self.workers
                && let Some((number, value)) = waiting.pop_front()
            {
                let gadget = self.gadget.clone();
                let work = compute(move || gadget.process(value));
                working.push(async move { (number, work.await) });
            }
            if !sending && let Some(result) = done.remove(&due) {
                output.start_send_unpin(result?)?;
                due += 1;
                sending = true;
            }
            let held = waiting.len() + working.len() + done.len() + usize::from(sending);
            if !open && held == 0 {
                return broke_off.map_or(Ok(()), |interrupted: Interrupted| Err(interrupted.into()));
            }
            tokio::select! {
                biased;
                sent = poll_fn(|context| output.poll_flush_unpin(context)), if sending => {
                    sent?;
                    sending = false;
                }
                Some((number, result)) = working.next(), if !working.is_empty() => {
                    done.insert(number, result);
                }
                next = input.next(), if open && held < holds => match next {
                    Ok(Some(value)) => {
                        waiting.push_back((next_number, value));
                        next_number += 1;
                    }
                    Ok(None) => open = false,
                    // What is in work came before the break: it is delivered first.
                    Err(interrupted) => {
                        open = false;
                        broke_off = Some(interrupted);
                    }
                },
            }
        }
    }
}
