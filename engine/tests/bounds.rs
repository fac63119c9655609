//! Nothing is held beyond the documented number, and memory does not grow with the input.

use std::{sync::Arc, time::Duration};

use engine::{
    BoxError, Capacity, Compose, DistributeLimits, Gadget, Input, Lanes, MemoryWorker, Merge, Numbered, Output,
    Sequenced, Unordered, by_key, channel, distribute, fanout, gadget_fn,
    link::AnyWorker,
    map, par_map, parallel, pure_fn, route,
    testing::{Harness, delayed, holds_at_most},
};

/// What `gadget` holds: asserted to be this number, reached and not exceeded.
fn holds_exactly<G: Gadget>(gadget: G, inputs: impl IntoIterator<Item = G::In>) -> usize {
    Harness::paused().held(gadget, inputs)
}

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
fn every_lane_counts() {
    let capacity = Capacity::messages(2);
    let mut turn = 0..;
    let lanes = parallel(route(move |_: &u32| turn.next().unwrap_or(0) % 2))
        .capacity(capacity)
        .lane("a", map(|n: u32| n))
        .lane("b", map(|n: u32| n));
    // One in the hand of the branch, in each lane its channels and one in its gadget, one in the hand of the merge.
    assert_eq!(
        holds_exactly(lanes.merge(Unordered::new()), 0..100),
        1 + 2 * (2 + 1 + 2) + 1
    );
}

/// One message of the copies of all lanes.
struct Join;

impl Merge for Join {
    type In = u32;
    type Out = u32;

    async fn run(self, mut lanes: Lanes<Input<u32>>, mut output: Output<u32>) -> Result<(), BoxError> {
        let (mut first, mut second) = (lanes.take("a")?, lanes.take("b")?);
        while let (Some(n), Some(_)) = (first.next().await?, second.next().await?) {
            output.send(n).await?;
        }
        Ok(())
    }
}

#[test]
fn a_fanout_holds_what_its_longest_lane_does() {
    let lanes = parallel(fanout())
        .capacity(Capacity::messages(2))
        .empty_lane("a")
        .lane("b", map(|n: u32| n));
    // The shorter lane is full first: the hand of the branch, its channel, the hand of the merge.
    assert_eq!(holds_exactly(lanes.merge(Join), 0..100), 1 + 2 + 1);
}

#[test]
fn par_map_holds_twice_its_workers() {
    for workers in [1, 2, 3] {
        let gadget = par_map(workers, pure_fn(|n: u32| n));
        assert_eq!(gadget.holds(), 2 * workers);
        assert_eq!(holds_exactly(gadget, 0..100), 2 * workers);
    }
}

#[test]
fn sequenced_holds_its_window_or_one_for_each_lane() {
    // After the first, every ten numbers come the other way round: the one that can go on is the last of them.
    let backwards = || (0..100_u64).map(|n| n / 10 * 10 + 10 - n % 10);
    let numbers = move || {
        std::iter::once(0)
            .chain(backwards())
            .map(|number| Numbered { number, value: () })
    };
    let capacity = Capacity::messages(1);
    let lanes = |window| {
        let lanes = parallel(fanout()).capacity(capacity).empty_lane("a");
        lanes.merge(Sequenced::window(window))
    };
    // The branch's hand, the lane's channel, the window.
    assert_eq!(holds_exactly(lanes(10), numbers()), 1 + 1 + 10);
    let (_, result) = Harness::paused().run(lanes(9), numbers());
    let words = "Sequenced: message 1 did not come back from the lanes";
    assert_eq!(result.unwrap_err().to_string(), words);

    // Lanes that keep the order need one place each, whatever the window.
    let lanes = || {
        let mut build = parallel(route(|n: &Numbered<()>| (n.number % 10) as usize)).capacity(capacity);
        for lane in 0..10 {
            build = build.empty_lane(lane.to_string());
        }
        build.merge(Sequenced::window(1))
    };
    let (outputs, result) = Harness::paused().run(lanes(), numbers());
    result.unwrap();
    assert_eq!(outputs.len(), 101);
    // The branch's hand, one in the channel of each lane, one of each lane in the merge.
    assert_eq!(holds_exactly(lanes(), numbers()), 1 + 10 + 10);
}

#[test]
fn a_lane_that_ended_keeps_no_place() {
    // Two numbers of lane "a" come before 0. With the place of lane "b" they would not fit into the window.
    let numbers = [(0, 2), (0, 1), (0, 0)].map(|(lane, number)| (lane, Numbered { number, value: () }));
    let lanes = parallel(route(|(lane, _): &(usize, Numbered<()>)| *lane))
        .lane("a", map(|(_, numbered): (usize, Numbered<()>)| numbered))
        .lane("b", gadget_fn(async |_, _| Ok(())))
        .merge(Sequenced::window(3));
    let (outputs, result) = Harness::paused().run(lanes, numbers);
    result.unwrap();
    assert_eq!(outputs.len(), 3);
}

/// A worker that takes a millisecond for each message.
fn slow() -> AnyWorker<u32, u32> {
    let make = || delayed(vec![Duration::from_millis(1)], pure_fn(|n: u32| n));
    Arc::new(MemoryWorker::new("a", make).capacity(Capacity::messages(2)))
}

#[test]
fn jobs_hold_the_windows_the_reorder_window_and_one_more() {
    for (window, reorder) in [(2, 4), (1, 1), (3, 2)] {
        let limits = DistributeLimits {
            first_window: window,
            most_jobs: window,
            reorder,
            ..DistributeLimits::default()
        };
        let jobs = || distribute(vec![slow()]).limits(limits);
        assert_eq!(holds_exactly(jobs().pure(), 0..1000), window + reorder + 1);
        assert_eq!(holds_exactly(jobs().pure_unordered(), 0..1000), window + reorder + 1);
    }
}

#[test]
fn keys_hold_their_queue_their_link_and_one_in_each_hand() {
    let limits = DistributeLimits {
        key_queue: 3,
        ..DistributeLimits::default()
    };
    // Two channels of two, and one in the gadget.
    let link = 2 + 1 + 2;
    for keys in [1, 2, 3] {
        let keyed = distribute(vec![slow()])
            .limits(limits)
            .keyed(by_key(move |n: &u32| n % keys));
        // One in the selector's hand; before each link and behind it, one in a hand.
        let of_key = limits.key_queue + 1 + link + 1;
        assert_eq!(holds_exactly(keyed, 0..1000), 1 + keys as usize * of_key, "{keys} keys");
    }
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
