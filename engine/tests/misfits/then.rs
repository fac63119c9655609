//! The second gadget does not take what the first one gives.
//~ E0271
//~ expected `u32`, found `String`
//~ required by a bound in `then`
use engine::{Compose, map};

pub fn pipeline() {
    let _ = map(|n: u64| n as u32).then(map(|text: String| text.len()));
}
