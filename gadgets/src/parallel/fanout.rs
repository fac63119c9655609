//! Copies of every message for every lane. `T` → `T` in each lane.
//!
//! Answers to Gadgetron's `AcquisitionFanout`, `WaveformFanout` and `ImageFanout` (core/parallel/Fanout).

use engine::{BoxError, Branch, Input, Lanes, Output, fanout};

use super::NoProperties;
use crate::{Context, registry::Configured};

/// Sends a copy of every `T` to every lane; everything else flows past the lanes.
#[derive(Debug)]
pub struct FanoutOf<T>(std::marker::PhantomData<fn(T)>);

impl<T> Configured for FanoutOf<T> {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self(std::marker::PhantomData))
    }
}

impl<T: Clone + Send + 'static> Branch for FanoutOf<T> {
    type In = T;
    type Out = T;

    async fn run(self, input: Input<T>, lanes: Lanes<Output<T>>) -> Result<(), BoxError> {
        fanout().run(input, lanes).await
    }
}
