//! The engine alone: a pipeline is a value, built with method calls, run over any stream into any sink.
//!
//!     cargo run --example hello_stream

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use engine::{Compose, pure_fn};
use futures::stream;

#[tokio::main]
async fn main() -> Result<(), engine::Error> {
    let pipeline = engine::map(|word: &str| word.len() as u64)
        .par_map(2, pure_fn(|length: u64| length * length))
        .map(|area| format!("{area} letters"));

    let mut lines = Vec::new();
    pipeline
        .run_over(stream::iter(["to", "image", "is", "to", "measure"]), &mut lines)
        .await?;

    assert_eq!(
        lines,
        ["4 letters", "25 letters", "4 letters", "4 letters", "49 letters"]
    );
    println!("{}", lines.join("\n"));
    Ok(())
}
