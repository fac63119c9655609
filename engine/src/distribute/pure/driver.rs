//! The task of one link: writes jobs, reads answers, and tells the scheduler everything in order.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::mpsc;

use crate::{BoxError, Link, link::AnyWorker, place::panic_words};

/// What a link has to tell.
pub(super) enum News<O> {
    /// It is open.
    Connected,
    /// The next result.
    Answer(O),
    /// It is over.
    Over(Result<(), BoxError>),
}

pub(super) async fn drive<I: Send + 'static, O: Send + 'static>(
    id: u64,
    worker: AnyWorker<I, O>,
    jobs: mpsc::Receiver<I>,
    news: mpsc::Sender<(u64, News<O>)>,
) {
    let working = AssertUnwindSafe(work(id, worker, jobs, &news)).catch_unwind();
    let over = working.await.unwrap_or_else(|panic| Err(panic_words(&*panic).into()));
    // Nobody listens when the run is over.
    let _ = news.send((id, News::Over(over))).await;
}

async fn work<I: Send + 'static, O: Send + 'static>(
    id: u64,
    worker: AnyWorker<I, O>,
    mut jobs: mpsc::Receiver<I>,
    news: &mpsc::Sender<(u64, News<O>)>,
) -> Result<(), BoxError> {
    let Link {
        mut input,
        mut output,
        outcome,
    } = worker.connect().await?;
    if news.send((id, News::Connected)).await.is_err() {
        return Ok(());
    }
    let write = async move {
        while let Some(job) = jobs.recv().await {
            if input.send(job).await.is_err() {
                break;
            }
        }
        drop(input);
        // How the link ended is for the other two to say.
        std::future::pending::<()>().await;
    };
    let read = async move {
        loop {
            match output.next().await {
                Ok(Some(answer)) => {
                    if news.send((id, News::Answer(answer))).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(interrupted) => return Err(interrupted),
            }
        }
    };
    tokio::select! {
        () = write => Ok(()),
        (outcome, read) = futures::future::join(outcome, read) => {
            outcome?;
            Ok(read?)
        }
    }
}
