//! Completes k-space that partial Fourier sampling cut, by projection onto convex sets.
//!
//! [`ImageArray`] to the same; class `GenericReconPartialFourierHandlingPOCSGadget`.

use engine::{BoxError, PureGadget};
use protocol::ImageArray;

use super::{
    encodings::{self, EncodingFacts},
    partial_fourier_filter::handle,
};
use crate::{Context, numerics::pocs::Pocs, registry::Configured};

crate::properties! {
    /// Properties of [`PartialFourierPocs`].
    pub struct PartialFourierPocsProperties {
        /// Arrays with this meta attribute pass as they are.
        "skip_processing_meta_field" => pub skip: String = super::roles::SKIP_PROCESSING.into(),
        /// Iterations at most.
        "partial_fourier_POCS_iters" => pub iterations: usize = 6, in 0..=10_000,
        /// Relative change of the images at which to stop.
        "partial_fourier_POCS_thres" => pub tolerance: f64 = 0.01, in 0.0..=1e6,
        /// Samples over which measured k-space fades into the estimate, along readout and E1.
        "partial_fourier_POCS_transitBand" => pub transition: usize = 24,
        /// The same along E2.
        "partial_fourier_POCS_transitBand_E2" => pub transition_e2: usize = 16,
    }
}

/// Class `GenericReconPartialFourierHandlingPOCSGadget`.
#[derive(Debug)]
pub struct PartialFourierPocs {
    skip: String,
    pocs: Pocs,
    encodings: Vec<EncodingFacts>,
}

impl Configured for PartialFourierPocs {
    type Properties = PartialFourierPocsProperties;
    fn new(p: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            skip: p.skip,
            pocs: Pocs {
                iterations: p.iterations,
                tolerance: p.tolerance,
                transition: [p.transition, p.transition, p.transition_e2],
            },
            encodings: encodings::all(&context.header),
        })
    }
}

impl PureGadget for PartialFourierPocs {
    type In = ImageArray;
    type Out = ImageArray;
    fn process(&self, array: ImageArray) -> Result<ImageArray, BoxError> {
        handle(array, &self.skip, &self.encodings, |kspace, extent, measured| {
            self.pocs.complete(kspace, extent, measured);
        })
    }
}
