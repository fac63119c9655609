mod declined;
mod unreachable;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::stream;
use tokio::time::Instant;

use super::*;
use crate::{
    Capacity, Compose, Gadget, Input, Output, gadget_fn,
    link::MemoryWorker,
    map, pure_fn,
    testing::{Fault, FaultyWorker, delayed},
};

type Log = Arc<Mutex<Vec<Event>>>;

fn worker(name: &str, delay: u64, faults: &[Fault]) -> AnyWorker<u64, u64> {
    let delay = Duration::from_millis(delay);
    let make = move || delayed(vec![delay], pure_fn(|n: u64| n * 2));
    Arc::new(FaultyWorker::new(name, faults.to_vec(), make))
}

fn local() -> MemoryWorker<u64, u64> {
    MemoryWorker::new("here", || map(|n: u64| n * 2))
}

fn logged(workers: Vec<AnyWorker<u64, u64>>) -> (Distribute<u64, u64>, Log) {
    let log = Log::default();
    let events = log.clone();
    (
        distribute(workers).observe(move |event| events.lock().unwrap().push(event.clone())),
        log,
    )
}

async fn collect<G: Gadget<In = u64, Out = u64>>(
    gadget: G,
    values: std::ops::Range<u64>,
) -> (Vec<u64>, Result<(), crate::Error>) {
    let mut out = Vec::new();
    let result = gadget.run_over(stream::iter(values), &mut out).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    (out, result)
}

fn doubled(values: std::ops::Range<u64>) -> Vec<u64> {
    values.map(|n| n * 2).collect()
}

#[tokio::test(start_paused = true)]
async fn jobs_come_back_in_order_from_unequal_workers() {
    let workers = vec![worker("a", 7, &[]), worker("b", 1, &[]), worker("c", 0, &[])];
    let (out, result) = collect(distribute(workers).pure(), 0..500).await;
    result.unwrap();
    assert_eq!(out, doubled(0..500));
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_survived_as_long_as_one_worker_is_left() {
    let second = Duration::from_secs(1);
    for fault in [
        Fault::Refuse,
        Fault::Slow(second),
        Fault::DieAfter(0),
        Fault::DieAfter(7),
        Fault::HangAfter(0, 30 * second),
        Fault::HangAfter(5, 30 * second),
        Fault::Twice(3),
        Fault::GarbageAfter(4),
        Fault::PanicAfter(2),
        Fault::CloseAfter(0),
        Fault::CloseAfter(6),
    ] {
        let workers = || vec![worker("bad", 1, &[fault]), worker("good", 1, &[])];
        let settings = distribute(workers()).matching(|job, result| *result == job * 2);
        let (out, result) = collect(settings.pure(), 0..60).await;
        result.unwrap();
        assert_eq!(out, doubled(0..60), "pure, {fault:?}");
        let settings = distribute(workers())
            .one_each()
            .matching(|job, result| *result == job * 2);
        let (mut out, result) = collect(settings.keyed(by_key(|n: &u64| n % 3)), 0..60).await;
        result.unwrap();
        for key in 0..3 {
            let of_key: Vec<_> = out.iter().copied().filter(|n| n / 2 % 3 == key).collect();
            assert!(of_key.is_sorted(), "keyed, {fault:?}");
        }
        out.sort_unstable();
        assert_eq!(out, doubled(0..60), "keyed, {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_workers_the_work_is_done_here() {
    for workers in [
        vec![],
        vec![worker("a", 0, &[Fault::Refuse]), worker("b", 1, &[Fault::DieAfter(2)])],
    ] {
        let (settings, log) = logged(workers);
        let (out, result) = collect(settings.clone().local(local()).pure(), 0..20).await;
        result.unwrap();
        assert_eq!(out, doubled(0..20));
        assert_eq!(log.lock().unwrap().last(), Some(&Event::Local));
        let (mut out, result) = collect(settings.local(local()).keyed(by_key(|n: &u64| n % 2)), 0..20).await;
        result.unwrap();
        out.sort_unstable();
        assert_eq!(out, doubled(0..20));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_key_that_is_done_here_are_kept_for_nobody() {
    let limits = DistributeLimits {
        replay_bytes: 1,
        ..DistributeLimits::default()
    };
    let holders = || map(|message: Arc<u64>| Arc::strong_count(&message));
    let log = Log::default();
    let events = log.clone();
    let settings = distribute::<Arc<u64>, usize>(Vec::<AnyWorker<_, _>>::new())
        .local(MemoryWorker::new("here", holders))
        .limits(limits)
        .observe(move |event| events.lock().unwrap().push(event.clone()));
    let mut out = Vec::new();
    let keyed = settings.keyed(by_key(|_: &Arc<u64>| 0));
    let messages = stream::iter((0..20).map(Arc::new));
    keyed.run_over(messages, &mut out).await.unwrap();
    assert_eq!(out, [1; 20]);
    assert_eq!(*log.lock().unwrap(), [Event::Local]);
}

#[tokio::test(start_paused = true)]
async fn without_workers_and_nobody_here_it_is_an_error() {
    let (_, result) = collect(distribute(vec![]).pure(), 0..20).await;
    assert_eq!(result.unwrap_err().to_string(), "distribute: no worker is left");
    let dies = || vec![worker("a", 0, &[Fault::DieAfter(0)])];
    let (_, result) = collect(distribute(dies()).pure(), 0..20).await;
    let words = "distribute: no worker is left; the last one: worker a: connection reset by peer";
    assert_eq!(result.unwrap_err().to_string(), words);
    let (_, result) = collect(distribute(dies()).keyed(by_key(|n: &u64| *n)), 0..1).await;
    assert_eq!(result.unwrap_err().to_string(), words);
}

#[tokio::test(start_paused = true)]
async fn a_poison_job_ends_the_run_with_its_number_and_three_reasons() {
    let poison = |name: &str| -> AnyWorker<u64, u64> {
        Arc::new(MemoryWorker::new(name, || {
            gadget_fn(|mut input: Input<u64>, mut output: Output<u64>| async move {
                while let Some(n) = input.next().await? {
                    if n == 13 {
                        return Err("out of memory".into());
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    output.send(n * 2).await?;
                }
                Ok(())
            })
        }))
    };
    let workers = vec![poison("a"), poison("b"), poison("c"), poison("d"), poison("e")];
    let (out, result) = collect(distribute(workers.clone()).pure(), 0..50).await;
    let words = result.unwrap_err().to_string();
    assert!(
        words.starts_with("distribute: job 13 failed on 3 workers: worker "),
        "{words}"
    );
    assert_eq!(words.matches("out of memory").count(), 3);
    assert_eq!(out, doubled(0..13));
    let (_, result) = collect(distribute(workers).keyed(by_key(|n: &u64| n % 2)), 0..50).await;
    let words = result.unwrap_err().to_string();
    assert!(
        words.starts_with("distribute: key 1 failed on 3 workers: worker "),
        "{words}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_straggler_is_helped_and_its_answer_thrown_away() {
    let hour = Duration::from_secs(3600);
    let (settings, log) = logged(vec![
        worker("slow", 10, &[Fault::HangAfter(3, hour)]),
        worker("fast", 10, &[]),
    ]);
    let start = Instant::now();
    let (out, result) = collect(settings.pure(), 0..40).await;
    result.unwrap();
    assert_eq!(out, doubled(0..40));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let helped = |event: &Event| matches!(event, Event::Straggler { address, .. } if address == "fast");
    assert!(log.lock().unwrap().iter().any(helped));
}

#[tokio::test(start_paused = true)]
async fn a_slow_worker_among_fast_ones_costs_at_most_a_fifth() {
    let fast = || vec![worker("a", 10, &[]), worker("b", 10, &[]), worker("c", 10, &[])];
    let start = Instant::now();
    collect(distribute(fast()).pure(), 0..300).await.1.unwrap();
    let alone = start.elapsed();
    let mut workers = fast();
    workers.insert(0, worker("slow", 500, &[]));
    let start = Instant::now();
    collect(distribute(workers).pure(), 0..300).await.1.unwrap();
    assert!(
        start.elapsed() <= alone * 6 / 5,
        "{:?} against {alone:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn many_links_with_latency_are_kept_busy() {
    let busy = Duration::from_millis(20);
    for (number, least) in [(64_u64, 0.95), (1000, 0.9)] {
        let make = move || {
            let there = delayed(vec![Duration::from_millis(1)], pure_fn(|n: u64| n));
            there.then(delayed(vec![busy], pure_fn(|n: u64| n * 2)))
        };
        let workers: Vec<AnyWorker<u64, u64>> = (0..number)
            .map(|n| Arc::new(MemoryWorker::new(n.to_string(), make)) as AnyWorker<u64, u64>)
            .collect();
        let jobs = number * 50;
        let start = Instant::now();
        let (out, result) = collect(distribute(workers).pure(), 0..jobs).await;
        result.unwrap();
        assert_eq!(out, doubled(0..jobs));
        let efficiency = (busy * 50).as_secs_f64() / start.elapsed().as_secs_f64();
        eprintln!("{number} links: {:.1} % busy", efficiency * 100.0);
        assert!(efficiency >= least, "{number} links were busy {efficiency} of the time");
    }
}

/// Workers that come and go while the run goes on.
struct Changing(Instant);

impl Workers<u64, u64> for Changing {
    fn list(&self) -> futures::future::BoxFuture<'static, Vec<AnyWorker<u64, u64>>> {
        let names: &[&str] = match self.0.elapsed().as_secs() {
            0..5 => &["a"],
            5..15 => &["a", "b", "b"],
            _ => &["b", "c"],
        };
        let workers = names
            .iter()
            .map(|name| worker(name, 100, &[Fault::Slow(Duration::ZERO)]))
            .collect();
        Box::pin(std::future::ready(workers))
    }
}

#[tokio::test(start_paused = true)]
async fn workers_that_join_get_work_in_the_run_that_is_on() {
    let start = Instant::now();
    let (out, result) = collect(distribute(Changing(start)).pure(), 0..600).await;
    result.unwrap();
    assert_eq!(out, doubled(0..600));
    // 100 jobs in 10 s by one, 200 in the next 10 s by two, then three.
    assert!(start.elapsed() < Duration::from_secs(34), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_differs_is_an_error() {
    let odd: AnyWorker<u64, u64> = Arc::new(MemoryWorker::new("odd", || map(|n: u64| n * 3)));
    let workers = vec![worker("a", 0, &[Fault::DieAfter(2)]), odd];
    let settings = distribute(workers).fingerprint(|n| *n);
    let (_, result) = collect(settings.keyed(by_key(|_: &u64| 'k')), 0..5).await;
    let words = "distribute: key 'k': worker odd gave another result 1 than the worker before it";
    assert_eq!(result.unwrap_err().to_string(), words);
}

/// Answers every message but the last one, and closes in good order.
fn short(name: &str) -> AnyWorker<u64, u64> {
    Arc::new(MemoryWorker::new(name, || {
        gadget_fn(|mut input: Input<u64>, mut output: Output<u64>| async move {
            let mut before = None;
            while let Some(n) = input.next().await? {
                if let Some(before) = before.replace(n) {
                    output.send(before * 2).await?;
                }
            }
            Ok(())
        })
    }))
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_closes_short_has_failed_where_every_message_has_one_result() {
    let (settings, log) = logged(vec![short("short"), worker("whole", 0, &[])]);
    let (out, result) = collect(settings.one_each().keyed(by_key(|_: &u64| 0)), 0..5).await;
    result.unwrap();
    assert_eq!(out, doubled(0..5));
    let lost = Event::Lost {
        address: "short".into(),
        reason: "closed the stream and owed 1 results".into(),
    };
    assert_eq!(*log.lock().unwrap(), [lost]);
    let alone = distribute(vec![]).local(local()).one_each();
    let (out, result) = collect(alone.keyed(by_key(|_: &u64| 0)), 0..5).await;
    result.unwrap();
    assert_eq!(out, doubled(0..5));
}

#[tokio::test(start_paused = true)]
async fn where_a_worker_may_give_any_number_of_results_few_are_told_of() {
    // Two keys of 3 messages, one of 1.
    let keys = || by_key(|n: &u64| [0, 0, 0, 1, 1, 1, 2][*n as usize]);
    let (settings, log) = logged(vec![short("short"), worker("whole", 0, &[])]);
    collect(settings.keyed(keys()), 0..7).await.1.unwrap();
    let few = |key: &str, messages, results, most| Event::Few {
        key: key.into(),
        address: "short".into(),
        messages,
        results,
        most,
    };
    let mut events = log.lock().unwrap().clone();
    events.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(events, [few("0", 3, 2, 3), few("2", 1, 0, 0)]);

    let (settings, log) = logged(vec![worker("a", 0, &[]), worker("b", 0, &[])]);
    collect(settings.keyed(keys()), 0..7).await.1.unwrap();
    assert_eq!(*log.lock().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_kept_no_longer_cannot_be_repeated() {
    let limits = DistributeLimits {
        replay_bytes: 24,
        ..DistributeLimits::default()
    };
    let (settings, log) = logged(vec![worker("a", 1, &[Fault::DieAfter(5)]), worker("b", 1, &[])]);
    let (_, result) = collect(settings.limits(limits).keyed(by_key(|_: &u64| 0)), 0..50).await;
    let words = result.unwrap_err().to_string();
    assert!(words.contains("key 0 cannot be repeated"), "{words}");
    assert!(log.lock().unwrap().contains(&Event::Unrepeatable { limit: 24 }));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_keys_work_in_one_run() {
    let workers = vec![worker("a", 0, &[]), worker("b", 0, &[])];
    let (mut out, result) = collect(distribute(workers).keyed(by_key(|n: &u64| n % 10_000)), 0..20_000).await;
    result.unwrap();
    out.sort_unstable();
    assert_eq!(out, doubled(0..20_000));
}

#[tokio::test(start_paused = true)]
async fn a_broken_input_reaches_keyed_workers_as_broken() {
    let flushed = Arc::new(Mutex::new(false));
    let seen = flushed.clone();
    let sums: AnyWorker<u64, u64> = Arc::new(MemoryWorker::new("sum", move || {
        let seen = seen.clone();
        gadget_fn(move |mut input: Input<u64>, mut output: Output<u64>| async move {
            let mut sum = 0;
            while let Some(n) = input.next().await? {
                sum += n;
            }
            *seen.lock().unwrap() = true;
            output.send(sum).await?;
            Ok(())
        })
    }));
    let (mut output, mut results, running) = distribute(vec![sums])
        .keyed(by_key(|_: &u64| 0))
        .spawn(Capacity::messages(1));
    for n in 0..20 {
        output.send(n).await.unwrap();
    }
    output.interrupt("the scanner stopped");
    assert_eq!(&*results.next().await.unwrap_err().reason, "the scanner stopped");
    running.join().await.unwrap_err();
    assert!(!*flushed.lock().unwrap());
}
