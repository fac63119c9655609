//! A gadget of your own: it holds state, it sends at the end, and it never flushes half a stream as if it were whole.
//!
//!     cargo run --example custom_gadget

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use engine::{BoxError, Capacity, Compose, Gadget, Input, Output};

/// The mean of every `size` values; what is left at the end has a mean of its own.
struct MeanOf {
    size: usize,
}

impl Gadget for MeanOf {
    type In = f64;
    type Out = f64;

    async fn run(self, mut input: Input<f64>, mut output: Output<f64>) -> Result<(), BoxError> {
        let mut values = Vec::with_capacity(self.size);
        // `?` leaves here when the stream broke off: the values so far are not a group.
        while let Some(value) = input.next().await? {
            values.push(value);
            if values.len() == self.size {
                output.send(mean(&values)).await?;
                values.clear();
            }
        }
        if !values.is_empty() {
            output.send(mean(&values)).await?;
        }
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut means = Vec::new();
    let inputs = futures::stream::iter([1.0, 3.0, 5.0, 7.0, 100.0]);
    MeanOf { size: 2 }.run_over(inputs, &mut means).await?;
    assert_eq!(means, [2.0, 6.0, 100.0]);

    // Spawned, with a handle. This time the stream breaks off: the 100 is not passed off as a group.
    let (mut input, mut output, running) = MeanOf { size: 2 }.spawn(Capacity::messages(4));
    for value in [1.0, 3.0, 100.0] {
        input.send(value).await?;
    }
    input.interrupt("the power went out");
    assert_eq!(output.next().await, Ok(Some(2.0)));
    assert_eq!(
        output.next().await.unwrap_err().to_string(),
        "the stream broke off: the power went out"
    );
    let figures = running.figures();
    assert!(running.join().await.is_err());
    let node = &figures.snapshot()[0];
    println!("{}: {} in, {} out", node.path, node.messages_in, node.messages_out);
    assert_eq!((node.messages_in, node.messages_out), (3, 1));
    Ok(())
}
