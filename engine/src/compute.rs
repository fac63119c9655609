//! Numeric work off the async threads.

use std::{panic::AssertUnwindSafe, panic::catch_unwind, panic::resume_unwind};

/// Runs `work` on the process-wide pool of numeric threads (one per core) and waits for it without blocking the
/// async thread: a server with two cores still answers while it reconstructs.
///
/// Use it for work above about a millisecond; a hop costs some 10 microseconds. The work must not wait for a channel:
/// the pool has no spare threads. A panic in `work` continues in the caller.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = engine::compute(|| (1..=1000_u64).sum::<u64>()).await;
/// assert_eq!(sum, 500_500);
/// # });
/// ```
pub async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        // A receiver that is gone means that the run was cancelled: nobody wants the result.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    });
    match receiver.await {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => unreachable!("the pool answers every piece of work"),
    }
}
