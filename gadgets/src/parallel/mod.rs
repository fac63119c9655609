//! What stands before and behind the lanes of a `parallel` node: branches and merges.

mod fanout;
mod image_inverter;
mod image_layerer;
mod unordered;

pub use fanout::{FanoutOf, ReadoutOrSlice};
pub use image_inverter::ImageInverter;
pub use image_layerer::ImageLayerer;
pub use unordered::UnorderedMerge;

use protocol::{AnyImage, Waveform};

use crate::registry::Entry;

crate::properties! {
    /// Properties of classes that have none.
    pub struct NoProperties {}
}

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::branch::<FanoutOf<ReadoutOrSlice>>(
        "AcquisitionFanout",
        "Copies every readout, or slice of readouts, to every lane.",
    ),
    Entry::branch::<FanoutOf<Waveform>>("WaveformFanout", "Copies every waveform to every lane."),
    Entry::branch::<FanoutOf<AnyImage>>("ImageFanout", "Copies every image to every lane."),
    Entry::pure::<ImageInverter>("ImageInverter", "Turns each pixel into the largest pixel minus it."),
    Entry::merge::<ImageLayerer>(
        "ImageLayerer",
        "Joins the images of the lanes \"unchanged\" and \"inverted\" in pairs.",
    ),
    Entry::merge::<UnorderedMerge>("UnorderedMerge", "Passes on what the lanes give, as it comes."),
];
