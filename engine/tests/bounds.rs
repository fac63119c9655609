//! Nothing is held beyond the documented number, and memory does not grow with the input.

use std::sync::Arc;

use engine::{
    Capacity, Compose, DistributeLimits, MemoryWorker, Numbered, Sequenced, Unordered, channel, distribute, fanout,
    link::AnyWorker, map, par_map, parallel, pure_fn, testing::holds_at_most,
};

#[test]
fn a_gadget_holds_one_and_a_channel_its_capacity() {
    assert_eq!(holds_at_most(1, || map(|n: u32| n), 0..100), 1);
    let two = || map(|n: u32| n).then_with(Capacity::messages(5), map(|n| n));
    assert_eq!(holds_at_most(7, two, 0..100), 7);
}

#[test]
fn lanes_hold_twice_their_capacity_an_empty_lane_once() {
    let capacity = Capacity::messages(3);
    let empty = move || {
        parallel(fanout())
            .capacity(capacity)
            .empty_lane("a")
            .merge(Unordered::<u32>::new())
    };
    assert_eq!(holds_at_most(1 + 3 + 1, empty, 0..100), 5);
    let lane = move || {
        parallel(fanout())
            .capacity(capacity)
            .lane("a", map(|n: u32| n))
            .merge(Unordered::new())
    };
    assert_eq!(holds_at_most(1 + 3 + 1 + 3 + 1, lane, 0..100), 9);
}

#[test]
fn par_map_holds_twice_its_workers() {
    for workers in [1, 3] {
        let holds = par_map(workers, pure_fn(|n: u32| n)).holds();
        assert_eq!(holds, 2 * workers);
        holds_at_most(holds, || par_map(workers, pure_fn(|n: u32| n)), 0..100);
    }
}

#[test]
fn sequenced_holds_its_window() {
    // Number 0 never comes: the merge fills its window, then says so.
    let numbers = (1..=100).map(|number| Numbered { number, value: () });
    let lanes = || parallel(fanout()).empty_lane("a").merge(Sequenced::window(10));
    let (outputs, result) = engine::testing::Harness::default().run(lanes(), numbers);
    assert!(outputs.is_empty());
    assert_eq!(
        result.unwrap_err().to_string(),
        "Sequenced: message 0 did not come back from the lanes"
    );
}

#[test]
fn jobs_hold_the_windows_and_the_reorder_window() {
    let limits = DistributeLimits {
        first_window: 2,
        most_jobs: 2,
        reorder: 4,
        ..DistributeLimits::default()
    };
    let jobs = || {
        let workers: Vec<AnyWorker<u32, u32>> = vec![Arc::new(MemoryWorker::new("a", || map(|n: u32| n)))];
        distribute(workers).limits(limits).pure()
    };
    // One in the hand of the output, one waiting for room in the window.
    let held = holds_at_most(4 + 2 + 2, jobs, 0..1000);
    assert!(held >= 5, "{held}");
}

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

#[test]
fn a_million_messages_take_no_more_memory_than_a_thousand() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let workers: Vec<AnyWorker<Vec<u8>, usize>> =
            vec![Arc::new(MemoryWorker::new("a", || map(|bytes: Vec<u8>| bytes.len())))];
        let lanes = parallel(fanout())
            .empty_lane("a")
            .lane("b", map(|bytes: Vec<u8>| bytes))
            .merge(Unordered::new());
        let pipeline = map(|n: u64| vec![n as u8; 64])
            .then(lanes)
            .then(distribute(workers).pure());
        let (mut output, input) = channel(Capacity::default());
        let (sender, mut results) = channel(Capacity::default());
        let running = pipeline.spawn_between(input, sender);
        let feed = async move {
            for n in 0..1_000_000_u64 {
                output.send(n).await.unwrap();
            }
        };
        let read = async {
            let (mut count, mut early) = (0_usize, 0);
            while let Some(length) = results.next().await.unwrap() {
                assert_eq!(length, 64);
                count += 1;
                if count == 2000 {
                    early = resident();
                }
            }
            (count, early)
        };
        let ((), (count, early)) = futures::join!(feed, read);
        running.join().await.unwrap();
        assert_eq!(count, 2_000_000);
        let grown = resident().saturating_sub(early);
        assert!(grown < 16 << 20, "grew by {grown} bytes");
    });
}
