//! Numeric work off the async threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Instant,
};

use crate::place::Place;

/// Runs `work` on the process-wide pool of numeric threads (one per core) and waits for it without blocking the
/// async thread: a server with two cores still answers while it reconstructs.
///
/// Use it for work above about a millisecond; a hop costs some 10 microseconds. The work must not wait for a channel:
/// the pool has no spare threads. A panic in `work` continues in the caller. When the future is dropped, work that
/// did not begin yet never will; work that began goes on to its end and is thrown away.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = engine::compute(|| (1..=1000_u64).sum::<u64>()).await;
/// assert_eq!(sum, 500_500);
/// # });
/// ```
pub async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let counters = Place::counters();
    rayon::spawn(move || {
        // The run was cancelled: nobody wants the result.
        if sender.is_closed() {
            return;
        }
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(work));
        if let Some(counters) = counters {
            counters.worked(start.elapsed());
        }
        let _ = sender.send(result);
    });
    match receiver.await {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => unreachable!("the pool answers every piece of work that is waited for"),
    }
}
