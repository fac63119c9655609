//! Workers that are there, and take no work: no failure of what they were given.

use futures::future::BoxFuture;

use super::*;
use crate::{Capacity, Declined, Link, Worker, channel::channel};

/// It is connected to, lets everybody wait, and then says that it is full.
struct Full(&'static str);

const WAIT: Duration = Duration::from_secs(20);

impl Worker<u64, u64> for Full {
    fn address(&self) -> &str {
        self.0
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<u64, u64>, BoxError>> {
        let (input, unread) = channel(Capacity::messages(2));
        let (unwritten, output) = channel::<u64>(Capacity::messages(2));
        let outcome = async move {
            tokio::time::sleep(WAIT).await;
            drop(unread);
            unwritten.interrupt("full");
            Err(Declined("full".into()).into())
        };
        Box::pin(std::future::ready(Ok(Link {
            input,
            output,
            outcome: Box::pin(outcome),
        })))
    }
}

fn full(count: usize) -> Vec<AnyWorker<u64, u64>> {
    let names = ["a", "b", "c", "d", "e"];
    let full = |name: &'static str| Arc::new(Full(name)) as AnyWorker<u64, u64>;
    names.into_iter().take(count).map(full).collect()
}

#[tokio::test(start_paused = true)]
async fn work_that_every_worker_declines_is_done_here() {
    for workers in [1, 3, 5] {
        for (keyed, jobs) in [(false, 1), (false, 20), (true, 1), (true, 20)] {
            let (settings, log) = logged(full(workers));
            let start = Instant::now();
            let settings = settings.local(local());
            let (mut out, result) = match keyed {
                false => collect(settings.pure(), 0..jobs).await,
                true => collect(settings.keyed(by_key(|n: &u64| n % 3)), 0..jobs).await,
            };
            result.unwrap();
            out.sort_unstable();
            assert_eq!(out, doubled(0..jobs), "{workers} workers, keyed: {keyed}");
            // One after the other at worst.
            let most = WAIT * (u32::try_from(workers).unwrap() + 1);
            assert!(start.elapsed() <= most, "{:?}, {workers}, {keyed}", start.elapsed());
            let lost = |event: &Event| matches!(event, Event::Lost { .. });
            assert!(!log.lock().unwrap().iter().any(lost), "{log:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_worker_does_what_one_declines() {
    for keyed in [false, true] {
        let mut workers = full(4);
        workers.push(worker("good", 10, &[]));
        let (out, result) = match keyed {
            false => collect(distribute(workers).pure(), 0..50).await,
            true => collect(distribute(workers).keyed(by_key(|_: &u64| 0)), 0..50).await,
        };
        result.unwrap();
        assert_eq!(out, doubled(0..50), "keyed: {keyed}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_takes_the_work_it_fails_in_the_end() {
    for keyed in [false, true] {
        let (_, result) = match keyed {
            false => collect(distribute(full(3)).pure(), 0..2).await,
            true => collect(distribute(full(3)).keyed(by_key(|n: &u64| n % 2)), 0..2).await,
        };
        let words = result.unwrap_err().to_string();
        assert!(words.contains("full"), "{words}");
    }
}
