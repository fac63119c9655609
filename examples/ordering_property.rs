//! Property-test the ordering of a pipeline of your own: in a test file this is a `proptest!` block and one line.
//!
//!     cargo run --example ordering_property

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::Arc;

use engine::{
    Compose, MemoryWorker, distribute,
    link::AnyWorker,
    map, pure_fn,
    testing::{FaultyWorker, Harness, delayed, strategies},
};
use proptest::{collection::vec, prelude::any, test_runner::TestRunner};

fn main() {
    let mut runner = TestRunner::default();

    // A local pipeline keeps the order, whatever goes in.
    runner
        .run(&vec(any::<u32>(), 0..50), |inputs| {
            let pipeline = || map(|n: u32| u64::from(n)).par_map(3, pure_fn(|n: u64| n + 1));
            engine::testing::preserves_order(pipeline, inputs, |n| u64::from(*n) + 1, |n| *n);
            Ok(())
        })
        .unwrap();

    // A distributed one keeps it, whatever the delays, and although one worker refuses, hangs, dies or lies.
    let faults = vec(strategies::fault(5), 0..3);
    runner
        .run(
            &(0..50_u32, strategies::delays(20), faults),
            |(number, delays, faults)| {
                let slow = move || delayed(delays.clone(), pure_fn(|n: u32| n + 1));
                let workers: Vec<AnyWorker<u32, u32>> = vec![
                    Arc::new(FaultyWorker::new("bad", faults, slow.clone())),
                    Arc::new(MemoryWorker::new("good", slow)),
                ];
                // A second local worker takes what both refuse.
                let here = MemoryWorker::new("here", || map(|n: u32| n + 1));
                let pipeline = distribute(workers)
                    .matching(|job, result| job + 1 == *result)
                    .local(here)
                    .pure();
                let (outputs, result) = Harness::paused().run(pipeline, 0..number);
                assert!(result.is_ok());
                assert_eq!(outputs, (1..=number).collect::<Vec<_>>());
                Ok(())
            },
        )
        .unwrap();
    println!("512 pipelines kept their order");
}
