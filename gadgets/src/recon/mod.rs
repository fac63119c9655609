//! From sorted k-space to images, the simple way.

pub mod bucket_to_buffer;
mod buffer;
pub mod combine;
pub mod fft;
pub(crate) mod image_header;
mod sampling;
pub mod simple_recon;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::gadget::<bucket_to_buffer::BucketToBuffer>("BucketToBufferGadget", "Sorts readouts into k-space."),
    Entry::gadget::<simple_recon::SimpleRecon>(
        "SimpleReconGadget",
        "Fully sampled k-space to magnitude images: Fourier transform, root of the sum of squares.",
    ),
    Entry::gadget::<fft::Fft>("FFTGadget", "Fully sampled k-space to images of every coil."),
    Entry::pure::<combine::Combine>("CombineGadget", "Coil images to one image."),
];
