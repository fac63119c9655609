//! Copies of every message for every lane. `T` → `T` in each lane.
//!
//! Answers to Gadgetron's `AcquisitionFanout`, `WaveformFanout` and `ImageFanout` (core/parallel/Fanout).

use engine::{BoxError, Branch, Input, Lanes, Message, Output, fanout};
use protocol::Acquisition;

use super::NoProperties;
use crate::{Context, Flow, grappa::messages::Slice, registry::Configured};

/// What `AcquisitionFanout` copies: the original has two classes of that name, one for readouts and one for the slices
/// of real-time GRAPPA, told apart by their library.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one hop; a box would cost an allocation for each readout"
)]
pub enum ReadoutOrSlice {
    /// A readout.
    Readout(Acquisition),
    /// The readouts of a slice.
    Slice(Slice),
}

impl Flow for ReadoutOrSlice {
    fn accept(message: Message) -> Result<Self, Message> {
        Slice::accept(message)
            .map(Self::Slice)
            .or_else(|message| Acquisition::accept(message).map(Self::Readout))
    }
    fn emit(self) -> Message {
        match self {
            Self::Readout(readout) => readout.emit(),
            Self::Slice(slice) => slice.emit(),
        }
    }
}

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
