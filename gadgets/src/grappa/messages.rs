//! What flows between the gadgets of real-time GRAPPA.

use std::sync::Arc;

use engine::Message;
use ndarray::Array3;
use protocol::{Acquisition, AcquisitionHeader, Complex32};

use crate::Flow;

/// A readout, and how many of its channels (the last ones) are not to be combined.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnotatedAcquisition {
    /// The readout.
    pub acquisition: Acquisition,
    /// Channels that stay by themselves.
    pub uncombined: usize,
}

impl Flow for AnnotatedAcquisition {
    /// A plain readout is one whose channels are all combined.
    fn accept(message: Message) -> Result<Self, Message> {
        message.downcast().or_else(|message| {
            Acquisition::accept(message).map(|acquisition| Self {
                acquisition,
                uncombined: 0,
            })
        })
    }
    fn emit(self) -> Message {
        let weight = self.acquisition.weight();
        Message::with_weight(self, weight)
    }
}

/// The readouts of a slice; copies share them.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Running number, from 0.
    pub number: u64,
    /// At least one readout.
    pub readouts: Arc<[AnnotatedAcquisition]>,
}

impl Slice {
    /// The last readout's header.
    pub fn last(&self) -> Option<&AcquisitionHeader> {
        self.readouts.last().map(|readout| &readout.acquisition.header)
    }
}

/// Aliased coil images of a slice.
#[derive(Clone, Debug)]
pub struct AliasedImage {
    /// Number of the [`Slice`].
    pub number: u64,
    /// Time stamp of the first readout.
    pub time_stamp: u32,
    /// Header of the last readout: slice and geometry.
    pub header: AcquisitionHeader,
    /// Pixels, shape `[channels, y, x]`; `None` when the slice held nothing but calibration lines.
    pub data: Option<Array3<Complex32>>,
}

/// What combines the channels of a slice.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Channels that stay by themselves.
    pub uncombined: usize,
    /// Factors: of the combined image, then of each channel that stays by itself; each `[channels, y, x]`.
    pub sets: Vec<Array3<Complex32>>,
}

/// What a slice did to the weights.
#[derive(Clone, Debug)]
pub struct WeightsUpdate {
    /// Number of the [`Slice`].
    pub number: u64,
    /// The slice counter of its readouts.
    pub slice: u16,
    /// New weights; `None` when its data give none.
    pub weights: Option<Arc<Weights>>,
}

macro_rules! flow {
    ($($type:ty: $weight:expr;)*) => {$(
        impl Flow for $type {
            fn accept(message: Message) -> Result<Self, Message> {
                message.downcast()
            }
            fn emit(self) -> Message {
                let weight: fn(&Self) -> usize = $weight;
                let weight = size_of::<Self>() + weight(&self);
                Message::with_weight(self, weight)
            }
        }
    )*};
}
flow! {
    Slice: |slice| slice.readouts.iter().map(|readout| readout.acquisition.weight()).sum();
    AliasedImage: |image| image.data.as_ref().map_or(0, |data| data.len() * size_of::<Complex32>());
    WeightsUpdate: |update| {
        let sets = update.weights.iter().flat_map(|weights| &weights.sets);
        sets.map(|set| set.len() * size_of::<Complex32>()).sum()
    };
}

/// What comes out of the lanes.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one for each slice; its pixels are elsewhere in memory"
)]
pub enum LaneOutput {
    /// Of the images lane.
    Image(AliasedImage),
    /// Of the weights lane.
    Weights(WeightsUpdate),
}

impl Flow for LaneOutput {
    fn accept(message: Message) -> Result<Self, Message> {
        AliasedImage::accept(message)
            .map(Self::Image)
            .or_else(|message| WeightsUpdate::accept(message).map(Self::Weights))
    }
    fn emit(self) -> Message {
        match self {
            Self::Image(image) => image.emit(),
            Self::Weights(update) => update.emit(),
        }
    }
}
