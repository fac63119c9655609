//! Filters k-space of images along readout, E1 and E2.
//!
//! [`ImageArray`] to the same; class `GenericReconKSpaceFilteringGadget`. Where the original loses the last filter when
//! one of them is None, takes E1's size for E2's, and keeps the filters of the first array for all later ones of the size,
//! this filters every array as its own sampling limits ask.

use engine::{BoxError, PureGadget};
use protocol::ImageArray;

use super::limits;
use crate::{
    Context,
    numerics::{
        filter::{self, Window},
        frames::Frames,
    },
    registry::Configured,
};

crate::properties! {
    /// Properties of [`KSpaceFiltering`].
    pub struct KSpaceFilteringProperties {
        /// Arrays with this meta attribute pass as they are.
        "skip_processing_meta_field" => pub skip: String = super::roles::SKIP_PROCESSING.into(),
        /// Filter along the readout: Gaussian, Hanning, TaperedHanning or None.
        "filterRO" => pub filter_ro: String = "Gaussian".into(),
        /// Strength of a Gaussian along the readout.
        "filterRO_sigma" => pub sigma_ro: f64 = 1.0,
        /// Width of the tapers along the readout, as a part of its length.
        "filterRO_width" => pub width_ro: f64 = 0.15,
        /// Filter along E1.
        "filterE1" => pub filter_e1: String = "Gaussian".into(),
        /// Strength of a Gaussian along E1.
        "filterE1_sigma" => pub sigma_e1: f64 = 1.0,
        /// Width of the tapers along E1.
        "filterE1_width" => pub width_e1: f64 = 0.15,
        /// Filter along E2.
        "filterE2" => pub filter_e2: String = "Gaussian".into(),
        /// Strength of a Gaussian along E2.
        "filterE2_sigma" => pub sigma_e2: f64 = 1.0,
        /// Width of the tapers along E2.
        "filterE2_width" => pub width_e2: f64 = 0.15,
    }
}

/// A filter has a name that is none of the four.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown filter \"{0}\"; there are Gaussian, Hanning, TaperedHanning and None")]
pub struct UnknownFilter(pub String);

/// Class `GenericReconKSpaceFilteringGadget`.
#[derive(Debug)]
pub struct KSpaceFiltering {
    skip: String,
    /// Form, strength and width along readout, E1 and E2.
    filters: [(Window, f64, f64); 3],
}

impl Configured for KSpaceFiltering {
    type Properties = KSpaceFilteringProperties;
    fn new(p: Self::Properties, _: &Context) -> Result<Self, BoxError> {
        let window = |name: String| Window::from_name(&name).ok_or(UnknownFilter(name));
        Ok(Self {
            skip: p.skip,
            filters: [
                (window(p.filter_ro)?, p.sigma_ro, p.width_ro),
                (window(p.filter_e1)?, p.sigma_e1, p.width_e1),
                (window(p.filter_e2)?, p.sigma_e2, p.width_e2),
            ],
        })
    }
}

impl PureGadget for KSpaceFiltering {
    type In = ImageArray;
    type Out = ImageArray;
    fn process(&self, mut array: ImageArray) -> Result<ImageArray, BoxError> {
        let Some(meta) = limits::of_array(&array) else {
            return Ok(array);
        };
        if !meta.values(&self.skip).is_empty() || array.data.is_empty() {
            return Ok(array);
        }
        let extent = crate::numerics::frames::Dims::of(array.data.shape())?.extent;
        let sampled = limits::sampled(meta, extent);
        let sizes = extent.sizes();
        let filters: [Vec<f32>; 3] = std::array::from_fn(|d| match self.filters[d] {
            (Window::None, ..) => Vec::new(),
            _ if sizes[d] <= 1 => Vec::new(),
            (window, sigma, width) => {
                let [min, max] = sampled[d];
                filter::sampled(sizes[d], min, max, window, sigma, width)
            }
        });
        if filters.iter().all(Vec::is_empty) {
            return Ok(array);
        }
        let mut frames = Frames::from_array(std::mem::take(&mut array.data))?;
        extent.to_kspace(&mut frames.data);
        filter::apply(&mut frames.data, extent, filters.each_ref().map(Vec::as_slice));
        extent.to_image(&mut frames.data);
        array.data = frames.into_array();
        Ok(array)
    }
}
