//! A merge of your own: how the lanes become one stream again.
//!
//!     cargo run --example custom_merge

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use engine::{BoxError, Compose, Input, Lanes, Merge, Output, fanout, map, parallel};

/// The difference of what the lanes "signal" and "noise" give, message by message.
struct Difference;

impl Merge for Difference {
    type In = i64;
    type Out = i64;

    // Both lanes give one message for each they get, so to wait for them in turn cannot block the branch for ever.
    async fn run(self, mut lanes: Lanes<Input<i64>>, mut output: Output<i64>) -> Result<(), BoxError> {
        let mut signal = lanes.take("signal")?;
        let mut noise = lanes.take("noise")?;
        while let (Some(signal), Some(noise)) = (signal.next().await?, noise.next().await?) {
            output.send(signal - noise).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), engine::Error> {
    let pipeline = parallel(fanout())
        .lane("signal", map(|n: i64| n * n))
        .lane("noise", map(|n: i64| n % 3))
        .merge(Difference);

    let mut differences = Vec::new();
    pipeline
        .run_over(futures::stream::iter(1..=4), &mut differences)
        .await?;

    assert_eq!(differences, [0, 2, 9, 15]);
    println!("{differences:?}");
    Ok(())
}
