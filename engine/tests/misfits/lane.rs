//! One lane gives another type than the others.
//~ E0271
//~ expected `u32`, found `String`
//~ required by a bound in `ParallelLanes::<B, Y>::lane`
use engine::{Unordered, fanout, map, parallel};

pub fn pipeline() {
    let _ = parallel(fanout())
        .lane("number", map(|n: u32| n))
        .lane("text", map(|n: u32| n.to_string()))
        .merge(Unordered::new());
}
