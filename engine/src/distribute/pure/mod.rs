//! Every message is a job, any link will do.

mod driver;
mod load;
mod scheduler;

use std::pin::Pin;

use futures::{Sink, future::BoxFuture};
use tokio::time::sleep_until;

use self::scheduler::Scheduler;
use super::Distribute;
use crate::{BoxError, Gadget, Input, Output, link::AnyWorker};

/// Every message is a job for any link. Made by [`Distribute::pure`](super::Distribute::pure).
#[derive(Debug)]
pub struct Pure<I, O> {
    settings: Distribute<I, O>,
    in_order: bool,
}

impl<I, O> Pure<I, O> {
    pub(super) fn new(settings: Distribute<I, O>, in_order: bool) -> Self {
        Self { settings, in_order }
    }
}

impl<I, O> Gadget for Pure<I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn name(&self) -> Option<String> {
        Some("distribute".to_owned())
    }

    async fn run(self, mut input: Input<I>, mut output: Output<O>) -> Result<(), BoxError> {
        let mut scheduler = Scheduler::new(self.settings, self.in_order);
        let mut listing: Option<BoxFuture<'static, Vec<AnyWorker<I, O>>>> = None;
        // Set while a result is in the hand of the output.
        let mut sending = false;
        let mut open = true;
        let mut broke_off = None;
        loop {
            if !sending && let Some(result) = scheduler.take_result() {
                Pin::new(&mut output).start_send(result)?;
                sending = true;
            }
            scheduler.assign(listing.is_some())?;
            if listing.is_none() && scheduler.wants_list() {
                listing = Some(scheduler.list());
            }
            if !open && !sending && scheduler.is_done() {
                break;
            }
            let deadline = scheduler.deadline(listing.is_some());
            tokio::select! {
                biased;
                sent = std::future::poll_fn(|context| Pin::new(&mut output).poll_flush(context)), if sending => {
                    sent?;
                    sending = false;
                }
                (id, news) = scheduler.news() => scheduler.handle(id, news)?,
                workers = async { listing.as_mut().expect("is some").await }, if listing.is_some() => {
                    listing = None;
                    scheduler.listed(workers);
                }
                next = input.next(), if open && scheduler.wants_job() => match next {
                    Ok(Some(job)) => scheduler.add(job),
                    Ok(None) => open = false,
                    // What was complete before the break is still delivered.
                    Err(interrupted) => {
                        open = false;
                        broke_off = Some(interrupted);
                    }
                },
                () = async { sleep_until(deadline.expect("is some")).await }, if deadline.is_some() => (),
            }
        }
        scheduler.farewell().await;
        broke_off.map_or(Ok(()), |interrupted| Err(interrupted.into()))
    }
}
