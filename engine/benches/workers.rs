//! What more workers bring: `par_map` on jobs of 5 ms, and `distribute` on links with latency (on a clock that jumps).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use engine::{
    Compose, MemoryWorker, distribute,
    link::AnyWorker,
    par_map, pure_fn,
    testing::{Harness, delayed},
};
use futures::stream;

/// Works for 5 ms of processor time.
fn work(n: u64) -> u64 {
    let start = Instant::now();
    let mut value = n;
    while start.elapsed() < Duration::from_millis(5) {
        value = value.wrapping_mul(6364136223846793005).wrapping_add(1);
    }
    value
}

fn on_cores(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("40 jobs of 5 ms");
    group.sample_size(10);
    for workers in [1, 2] {
        group.bench_with_input(BenchmarkId::new("par_map", workers), &workers, |bencher, workers| {
            bencher.to_async(&runtime).iter(|| async {
                let mut results = Vec::new();
                let run = par_map(*workers, pure_fn(work)).run_over(stream::iter(0..40), &mut results);
                run.await.expect("a run without faults");
                results.len()
            });
        });
    }
    group.finish();
}

fn over_links(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduling, 50 jobs a link");
    group.sample_size(10);
    for links in [64_u64, 1000] {
        group.bench_with_input(BenchmarkId::new("links", links), &links, |bencher, links| {
            bencher.iter(|| {
                let make = || {
                    let there = delayed(vec![Duration::from_millis(1)], pure_fn(|n: u64| n));
                    there.then(delayed(vec![Duration::from_millis(20)], pure_fn(|n: u64| n)))
                };
                let worker = |n: u64| -> AnyWorker<u64, u64> { Arc::new(MemoryWorker::new(n.to_string(), make)) };
                let jobs = distribute((0..*links).map(worker).collect::<Vec<_>>()).pure();
                let (results, _) = Harness::paused().run(jobs, 0..links * 50);
                results.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, on_cores, over_links);
criterion_main!(benches);
