//! Tapers k-space where partial Fourier sampling cut it.
//!
//! [`ImageArray`] to the same; class `GenericReconPartialFourierHandlingFilterGadget`. Where the original filters volumes
//! cut along one dimension not at all, and keeps the filters of the first array for all later ones of the size, this
//! filters every array as its own sampling limits ask.

use engine::{BoxError, PureGadget};
use protocol::ImageArray;

use super::{
    encodings::{self, EncodingFacts},
    limits,
};
use crate::{
    Context,
    numerics::{
        filter,
        frames::{Extent, Frames},
    },
    registry::Configured,
};

crate::properties! {
    /// Properties of [`PartialFourierFilter`].
    pub struct PartialFourierFilterProperties {
        /// Arrays with this meta attribute pass as they are.
        "skip_processing_meta_field" => pub skip: String = super::roles::SKIP_PROCESSING.into(),
        /// Width of the taper along the readout, as a part of its length.
        "partial_fourier_filter_RO_width" => pub width_ro: f64 = 0.15,
        /// Width of the taper along E1.
        "partial_fourier_filter_E1_width" => pub width_e1: f64 = 0.15,
        /// Width of the taper along E2.
        "partial_fourier_filter_E2_width" => pub width_e2: f64 = 0.15,
        /// Whether samples without a measured mirror image count twice.
        "partial_fourier_filter_densityComp" => pub density: bool = false,
    }
}

/// Class `GenericReconPartialFourierHandlingFilterGadget`.
#[derive(Debug)]
pub struct PartialFourierFilter {
    properties: PartialFourierFilterProperties,
    encodings: Vec<EncodingFacts>,
}

impl Configured for PartialFourierFilter {
    type Properties = PartialFourierFilterProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            properties,
            encodings: encodings::all(&context.header),
        })
    }
}

impl PureGadget for PartialFourierFilter {
    type In = ImageArray;
    type Out = ImageArray;
    fn process(&self, array: ImageArray) -> Result<ImageArray, BoxError> {
        let p = &self.properties;
        handle(array, &p.skip, &self.encodings, |kspace, extent, measured| {
            let widths = [p.width_ro, p.width_e1, p.width_e2];
            let sizes = extent.sizes();
            let filters: [Vec<f32>; 3] = std::array::from_fn(|d| match measured[d] {
                [0, last] if last + 1 == sizes[d] => Vec::new(),
                [first, last] => filter::partial_fourier(sizes[d], first, last, widths[d], p.density),
            });
            filter::apply(kspace, extent, filters.each_ref().map(Vec::as_slice));
        })
    }
}

/// Takes the array to k-space, lets `change` work on it with what was measured along readout, E1 and E2, and comes back;
/// when k-space is not cut, or the array has the attribute `skip`, it stays as it is.
///
/// E1 and E2 count as cut when their two halves differ by more lines than the acceleration leaves out.
pub(super) fn handle(
    mut array: ImageArray,
    skip: &str,
    encodings: &[EncodingFacts],
    change: impl FnOnce(&mut [num_complex::Complex32], Extent, [[usize; 2]; 3]),
) -> Result<ImageArray, BoxError> {
    let Some(meta) = limits::of_array(&array) else {
        return Ok(array);
    };
    if !meta.values(skip).is_empty() || array.data.is_empty() {
        return Ok(array);
    }
    let facts = encodings::get(encodings, limits::encoding(meta))?;
    let extent = crate::numerics::frames::Dims::of(array.data.shape())?.extent;
    let sizes = extent.sizes();
    let mut measured = limits::sampled(meta, extent);
    for d in [1, 2] {
        let centre = sizes[d] as i64 / 2;
        let [first, last] = measured[d].map(|index| index as i64);
        if ((last - centre) - (centre - first)).unsigned_abs() as usize <= facts.acceleration[d - 1] {
            measured[d] = [0, sizes[d] - 1];
        }
    }
    if std::iter::zip(measured, sizes).all(|([first, last], size)| first == 0 && last + 1 == size) {
        return Ok(array);
    }
    let mut frames = Frames::from_array(std::mem::take(&mut array.data))?;
    extent.to_kspace(&mut frames.data);
    change(&mut frames.data, extent, measured);
    extent.to_image(&mut frames.data);
    array.data = frames.into_array();
    Ok(array)
}
