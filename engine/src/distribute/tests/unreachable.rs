//! Workers that take long to refuse, and those that nobody would ask.

use futures::future::BoxFuture;

use super::*;
use crate::{Link, Worker};

/// A machine that is off: it is not reached, and that takes longer than the list stays fresh.
struct Off;

const TRIES: Duration = Duration::from_secs(15);

impl Worker<u64, u64> for Off {
    fn address(&self) -> &str {
        "off"
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<u64, u64>, BoxError>> {
        Box::pin(async {
            tokio::time::sleep(TRIES).await;
            Err("no connection".into())
        })
    }
}

fn refusals(log: &Log) -> usize {
    let log = log.lock().unwrap();
    let refused = log.iter().filter(|event| matches!(event, Event::Refused { .. }));
    refused.count()
}

#[tokio::test(start_paused = true)]
async fn a_key_asks_a_machine_that_is_off_only_once() {
    let lists: [Vec<AnyWorker<u64, u64>>; 3] = [
        vec![Arc::new(Off)],
        vec![Arc::new(Off), worker("good", 0, &[])],
        vec![worker("good", 0, &[]), Arc::new(Off)],
    ];
    for workers in lists {
        let (settings, log) = logged(workers);
        let start = Instant::now();
        let (mut out, result) = collect(settings.local(local()).keyed(by_key(|n: &u64| n % 2)), 0..20).await;
        result.unwrap();
        out.sort_unstable();
        assert_eq!(out, doubled(0..20));
        assert!(refusals(&log) <= 2, "{log:?}");
        assert!(start.elapsed() <= TRIES * 2, "{:?}", start.elapsed());
    }
    let workers: Vec<AnyWorker<u64, u64>> = vec![Arc::new(Off)];
    let (_, result) = collect(distribute(workers).keyed(by_key(|_: &u64| 0)), 0..2).await;
    let words = "distribute: no worker is left; the last one: worker off: no connection";
    assert_eq!(result.unwrap_err().to_string(), words);
}

#[tokio::test(start_paused = true)]
async fn a_job_does_not_wait_for_a_machine_that_is_off_while_another_has_time() {
    let workers: Vec<AnyWorker<u64, u64>> = vec![Arc::new(Off), worker("good", 0, &[])];
    let start = Instant::now();
    let (out, result) = collect(distribute(workers).pure(), 0..1).await;
    result.unwrap();
    assert_eq!(out, [0]);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn jobs_that_come_one_by_one_are_shared_with_a_worker_that_would_be_idle() {
    let workers = vec![worker("a", 1000, &[]), worker("b", 1000, &[])];
    let start = Instant::now();
    let jobs = stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        (n < 10_u64).then_some((n, n + 1))
    });
    let mut out = Vec::new();
    distribute(workers).pure().run_over(jobs, &mut out).await.unwrap();
    assert_eq!(out, doubled(0..10));
    // One worker alone needs 10.6 s.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_never_fresh_is_used_all_the_same() {
    let limits = DistributeLimits {
        refresh: Duration::ZERO,
        ..DistributeLimits::default()
    };
    for keyed in [false, true] {
        let nobody: Vec<AnyWorker<u64, u64>> = Vec::new();
        let settings = distribute(nobody).local(local()).limits(limits);
        let (out, result) = match keyed {
            false => collect(settings.pure(), 0..5).await,
            true => collect(settings.keyed(by_key(|_: &u64| 0)), 0..5).await,
        };
        result.unwrap();
        assert_eq!(out, doubled(0..5));
    }
}
