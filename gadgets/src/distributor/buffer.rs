//! Sorted k-space by its encoding space.

use engine::{BoxError, Selector, distribute::Chosen};
use protocol::ReconData;

use crate::{Context, properties::NoProperties, registry::Configured};

/// Sorted k-space is taken apart: each encoding space travels over a link of its own.
///
/// Answers to the original's `BufferDistributor`.
#[derive(Clone, Copy, Debug)]
pub struct BufferDistributor;

impl Configured for BufferDistributor {
    type Properties = NoProperties;

    fn new(NoProperties {}: NoProperties, _context: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Selector for BufferDistributor {
    type In = ReconData;
    type Key = u64;

    fn select(&mut self, data: ReconData) -> Result<Chosen<u64, ReconData>, BoxError> {
        let alone = |bit| ReconData { bits: vec![bit] };
        Ok((0..).zip(data.bits.into_iter().map(alone)).collect())
    }
}
