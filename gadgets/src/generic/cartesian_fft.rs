//! Fourier transform and coil combination of Cartesian data, in two dimensions or three.
//!
//! [`ReconData`](protocol::ReconData) to [`ImageArray`]; class `GenericReconCartesianFFTGadget`. The coil maps come from
//! the calibration data where there are some, otherwise from the data. The original fails with more than one N or S, makes
//! empty images of a single coil, and does not pass waveforms on; this does it right.

use engine::{BoxError, Gadget, Input, Output};
use num_complex::Complex32;
use protocol::ImageArray;
use rayon::prelude::*;

use super::{coil_reference, coil_reference::Reference, places::Places, reconstruction::Setting, roles::Role, work};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::{
        coil_map,
        frames::{Dims, Frames},
    },
    registry::Configured,
};

crate::properties! {
    /// Properties of [`CartesianFft`].
    pub struct CartesianFftProperties {
        /// Number of the series before the first.
        "image_series" => pub image_series: i32 = 0,
        /// How coil maps are made: Inati or Inati_Iter.
        "coil_map_algorithm" => pub algorithm: String = "Inati".into(),
        /// Pixels of a coil map's neighbourhood along readout and E1.
        "coil_map_kernel_size_readout" => pub in_plane: usize = 7, in 0..=63,
        /// Pixels of a coil map's neighbourhood along E2.
        "coil_map_kernel_size_phase" => pub through: usize = 5, in 0..=63,
        /// Iterations of Inati_Iter at most.
        "coil_map_num_iter" => pub iterations: usize = 10, in 0..=10_000,
        /// Relative change at which Inati_Iter stops.
        "coil_map_thres_iter" => pub tolerance: f32 = 1e-4, in 0.0..=1e6,
    }
}

/// Class `GenericReconCartesianFFTGadget`.
#[derive(Debug)]
pub struct CartesianFft {
    setting: Setting,
}

impl Configured for CartesianFft {
    type Properties = CartesianFftProperties;
    fn new(p: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let method = coil_reference::method(&p.algorithm, p.in_plane, p.through, p.iterations, p.tolerance)?;
        Ok(Self {
            setting: Setting::new(&context.header, p.image_series, method),
        })
    }
}

impl Gadget for CartesianFft {
    type In = ReconDataWithWaveforms;
    type Out = ImageArray;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, message| gadget.reconstruct(message)).await
    }
}

impl CartesianFft {
    fn reconstruct(&self, message: ReconDataWithWaveforms) -> Result<Vec<ImageArray>, BoxError> {
        let mut arrays = Vec::new();
        let method = self.setting.method;
        for space in self.setting.spaces(message.data) {
            let mut space = space?;
            let (dims, mode) = (space.dims, space.facts.mode);
            // The calibration data go before the data are transformed, which then need no copy.
            let calibrated = match space.reference.take() {
                Some(reference) => {
                    let maps = Reference::of(&reference, dims)?.maps(dims.cha, mode, dims.extent, method)?;
                    let of_data = Places::of(&space.buffer.headers);
                    let serving = Places::of(&reference.headers).serving(maps.dims, &of_data, dims);
                    Some((maps, serving))
                }
                None => None,
            };
            let mut data = space.samples()?;
            let (maps, serving) = match calibrated {
                Some(calibrated) => calibrated,
                None => (coil_reference::of_kspace(data.clone(), method)?, Places::own(dims)),
            };
            dims.extent.to_image(&mut data.data);
            let images = combine(&data, &maps, &serving);
            let array = self.setting.described(images, &space, &message.waveforms);
            arrays.push(self.setting.announced(array, &space, [1, 1], Role::Image));
        }
        Ok(arrays)
    }
}

/// Coil images combined with the maps of the frame that serves theirs.
pub(super) fn combine(images: &Frames, maps: &Frames, serving: &[usize]) -> Frames {
    let dims = Dims { cha: 1, ..images.dims };
    let mut data = vec![Complex32::ZERO; dims.len()];
    data.par_chunks_mut(dims.frame().max(1))
        .enumerate()
        .for_each(|(frame, result)| {
            coil_map::combine(images.frame(frame), maps.frame(serving[frame]), result);
        });
    Frames { dims, data }
}
