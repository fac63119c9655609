//! Gadgets on images.

pub mod array_split;
pub mod augment_meta;
pub mod auto_scale;
pub mod complex_to_float;
pub mod extract;
pub mod fft;
pub mod finish;
pub mod float_to_fixed;
pub mod index;
pub mod scale;
pub mod sort;

use protocol::Complex32;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::gadget::<array_split::ImageArraySplit>("ImageArraySplitGadget", "Arrays of images to single images."),
    Entry::gadget::<extract::Extract>(
        "ExtractGadget",
        "Complex images to magnitude, phase, real or imaginary parts.",
    ),
    Entry::pure::<complex_to_float::ComplexToFloat>(
        "ComplexToFloatGadget",
        "Complex images to real ones, of the kind the header names.",
    ),
    Entry::pure::<fft::ImageFft>("ImageFFTGadget", "Images to their Fourier transforms."),
    Entry::pure::<auto_scale::AutoScale>("AutoScaleGadget", "Scales magnitude images by their histogram."),
    Entry::pure::<scale::Scale>("ScaleGadget", "Scales images by a percentile."),
    Entry::gadget::<float_to_fixed::FloatToFixed<u16>>("FloatToUShortGadget", "Real images to unsigned 16 bits."),
    Entry::gadget::<float_to_fixed::FloatToFixed<i16>>("FloatToShortGadget", "Real images to 16 bits."),
    Entry::gadget::<float_to_fixed::FloatToFixed<i32>>("FloatToIntGadget", "Real images to 32 bits."),
    Entry::gadget::<float_to_fixed::FloatToFixed<u32>>("FloatToUIntGadget", "Real images to unsigned 32 bits."),
    Entry::gadget::<sort::ImageSort>("ImageSortGadget", "Sorts images by a counter."),
    Entry::gadget::<index::ImageIndex>("ImageIndexGadget", "Numbers the images of each series."),
    Entry::gadget::<finish::ImageFinish>("ImageFinishGadget", "Everything passes; texts are logged and end here."),
    Entry::pure::<augment_meta::AugmentMeta>(
        "AugmentImageMetadataGadget",
        "Adds the directions of rows and columns to the meta attributes.",
    ),
];

/// Magnitude of a pixel; squared in double precision, so that it neither overflows nor vanishes.
fn magnitude(value: &Complex32) -> f32 {
    let (re, im) = (f64::from(value.re), f64::from(value.im));
    (re * re + im * im).sqrt() as f32
}
