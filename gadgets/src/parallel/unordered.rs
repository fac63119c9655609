//! The lanes' messages as they come, of whatever type.
//!
//! Answers to Gadgetron's `UnorderedMerge` (core/parallel).

use engine::{BoxError, Input, Lanes, Merge, Message, Output, Unordered};

use super::NoProperties;
use crate::{Context, registry::Configured};

/// Passes on every message of every lane; the order is kept within each lane.
#[derive(Debug)]
pub struct UnorderedMerge;

impl Configured for UnorderedMerge {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Merge for UnorderedMerge {
    type In = Message;
    type Out = Message;

    async fn run(self, lanes: Lanes<Input<Message>>, output: Output<Message>) -> Result<(), BoxError> {
        Unordered::new().run(lanes, output).await
    }
}
