//! Ready-made tests for gadgets of your own: assertions that hold over random inputs, capacities, delays and faults.
//!
//! Behind the feature `testing`; meant for `[dev-dependencies]`.
//!
//! ```
//! use engine::{map, testing};
//!
//! // One line each, inside any test or `proptest!` block:
//! testing::preserves_order(|| map(|n: u32| n), 0..100, |n| *n, |n| *n);
//! testing::leaves_no_task(|| map(|n: u32| n), 0..100);
//! assert_eq!(testing::holds_at_most(1, || map(|n: u32| n), 0..100), 1);
//! ```

mod assertions;
mod faulty;
mod harness;
pub mod strategies;

pub use assertions::{holds_at_most, leaves_no_task, preserves_multiset, preserves_order, preserves_order_per_key};
pub use faulty::{Fault, FaultyWorker};
pub use harness::{Delayed, GRACE, Harness, delayed};
