//! Strategies for proptest: delays, capacities, fault schedules.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use super::Fault;
use crate::Capacity;

/// One to eight delays of up to `most` milliseconds, half of them none at all; for [`delayed`](super::delayed).
pub fn delays(most: u64) -> impl Strategy<Value = Vec<Duration>> + Clone {
    let delay = prop_oneof![Just(0), 1..=most.max(1)];
    vec(delay.prop_map(Duration::from_millis), 1..=8)
}

/// A capacity of 1 to `most` messages.
pub fn capacity(most: usize) -> impl Strategy<Value = Capacity> + Clone {
    (1..=most.max(1)).prop_map(Capacity::messages)
}

/// A fault, within the first `results` results where it has a place.
pub fn fault(results: usize) -> impl Strategy<Value = Fault> + Clone {
    prop_oneof![
        Just(Fault::None),
        Just(Fault::None),
        Just(Fault::Refuse),
        (1..=200_u64).prop_map(|delay| Fault::Slow(Duration::from_millis(delay))),
        (0..=results).prop_map(Fault::DieAfter),
        (0..=results, 1..=30_000_u64).prop_map(|(after, ms)| Fault::HangAfter(after, Duration::from_millis(ms))),
        (0..=results).prop_map(Fault::GarbageAfter),
        (0..=results).prop_map(Fault::PanicAfter),
        (0..=results).prop_map(Fault::CloseAfter),
        (0..=results).prop_map(Fault::Twice),
    ]
}

/// The faults of the first links of each of 1 to `workers` workers.
pub fn fault_schedules(workers: usize, results: usize) -> impl Strategy<Value = Vec<Vec<Fault>>> + Clone {
    vec(vec(fault(results), 0..=3), 1..=workers.max(1))
}
