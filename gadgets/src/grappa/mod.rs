//! Real-time GRAPPA: images as slices arrive, with weights from the calibration lines so far.
//!
//! ```text
//! readouts > SliceAccumulator > AcquisitionFanout +> ImageAccumulator ------+> Unmixing > images
//!                                                 +> cpuWeightsCalculator --+
//! ```
//!
//! Every slice goes down both lanes with a running number, and the weights lane answers each of them. So an image always
//! gets the weights that the data up to and including its own slice give; the original takes whatever its thread had ready.

pub mod channel_reorderer;
mod geometry;
pub mod image_accumulator;
pub mod messages;
pub mod slice_accumulator;
pub mod unmixing;
pub mod weights;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::gadget::<slice_accumulator::SliceAccumulator>("SliceAccumulator", "Gathers the readouts of a slice."),
    Entry::gadget::<image_accumulator::ImageAccumulator>("ImageAccumulator", "Aliased coil images of each slice."),
    Entry::gadget::<weights::WeightsCalculator>(
        "cpuWeightsCalculator",
        "GRAPPA weights from the calibration lines of each slice so far.",
    ),
    Entry::merge::<unmixing::Unmixing>("Unmixing", "Unaliases each image with the weights its data justify."),
    Entry::pure::<channel_reorderer::ChannelReorderer>(
        "ChannelReorderer",
        "Moves the channels that are not to be combined to the end.",
    ),
];
