//! A selector of your own: which key a message belongs to, and so which worker holds its state.
//!
//!     cargo run --example custom_selector

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::Arc;

use engine::{
    BoxError, Compose, Input, MemoryWorker, Output, Selector, distribute, distribute::Chosen, gadget_fn,
    link::AnyWorker,
};

/// A reading of one of many sensors.
#[derive(Clone, Debug)]
struct Reading {
    sensor: u16,
    value: i64,
}

/// Every sensor has a worker of its own; a broadcast (sensor 0) goes to all that were seen.
#[derive(Default)]
struct BySensor {
    seen: Vec<u16>,
}

impl Selector for BySensor {
    type In = Reading;
    type Key = u16;

    fn select(&mut self, reading: Reading) -> Result<Chosen<u16, Reading>, BoxError> {
        if reading.sensor == 0 {
            return Ok(self.seen.iter().map(|sensor| (*sensor, reading.clone())).collect());
        }
        if !self.seen.contains(&reading.sensor) {
            self.seen.push(reading.sensor);
        }
        Ok(vec![(reading.sensor, reading)])
    }
}

fn worker(name: &str) -> AnyWorker<Reading, i64> {
    // What runs at the far end of a link holds state: the sum of one sensor.
    let sum = || {
        gadget_fn(|mut input: Input<Reading>, mut output: Output<i64>| async move {
            let mut sum = 0;
            while let Some(reading) = input.next().await? {
                sum += reading.value;
            }
            output.send(sum).await?;
            Ok(())
        })
    };
    Arc::new(MemoryWorker::new(name, sum))
}

#[tokio::main]
async fn main() -> Result<(), engine::Error> {
    let readings = [(1, 10), (2, 20), (1, 30), (0, 100), (3, 7)].map(|(sensor, value)| Reading { sensor, value });
    let sums = distribute(vec![worker("a"), worker("b")]).keyed(BySensor::default());

    let mut results = Vec::new();
    sums.run_over(futures::stream::iter(readings), &mut results).await?;

    results.sort();
    assert_eq!(results, [7, 120, 140]);
    println!("sums of the sensors: {results:?}");
    Ok(())
}
