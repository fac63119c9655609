//! Fourier transform and coil combination of Cartesian data, in two dimensions or three.
//!
//! [`ReconData`](protocol::ReconData) to [`ImageArray`]; class `GenericReconCartesianFFTGadget`. The coil maps come from
//! the calibration data where there are some, otherwise from the data. The original fails with more than one N or S, makes
//! empty images of a single coil, and does not pass waveforms on; this does it right.

use engine::{BoxError, Gadget, Input, Output};
use num_complex::Complex32;
use protocol::ImageArray;
use rayon::prelude::*;

use super::{
    coil_reference,
    describe::{self, Study},
    encodings::{self, EncodingFacts},
    roles::{self, Role},
    work,
};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::{
        coil_map::{self, Method},
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
        "coil_map_kernel_size_readout" => pub in_plane: usize = 7,
        /// Pixels of a coil map's neighbourhood along E2.
        "coil_map_kernel_size_phase" => pub through: usize = 5,
        /// Iterations of Inati_Iter at most.
        "coil_map_num_iter" => pub iterations: usize = 10,
        /// Relative change at which Inati_Iter stops.
        "coil_map_thres_iter" => pub tolerance: f32 = 1e-4,
    }
}

/// Class `GenericReconCartesianFFTGadget`.
#[derive(Debug)]
pub struct CartesianFft {
    image_series: i32,
    method: Method,
    encodings: Vec<EncodingFacts>,
    study: Study,
}

impl Configured for CartesianFft {
    type Properties = CartesianFftProperties;
    fn new(p: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            image_series: p.image_series,
            method: coil_reference::method(&p.algorithm, p.in_plane, p.through, p.iterations, p.tolerance),
            encodings: encodings::all(&context.header),
            study: Study::of(&context.header),
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
        for (number, mut bit) in message.data.bits.into_iter().enumerate() {
            if bit.data.data.is_empty() {
                continue;
            }
            let facts = encodings::get(&self.encodings, number)?;
            let mut data = Frames::from_array(std::mem::take(&mut bit.data.data))?;
            let extent = data.dims.extent;
            let maps = match bit.reference {
                Some(reference) => {
                    let calibration = Frames::from_array(reference.data)?;
                    if calibration.dims.cha != data.dims.cha || calibration.dims.is_empty() {
                        return Err(unlike(calibration.dims, data.dims).into());
                    }
                    coil_reference::maps(
                        &calibration,
                        &reference.sampling,
                        facts.mode,
                        data.dims.cha,
                        extent,
                        self.method,
                    )
                }
                None => coil_reference::of_kspace(data.clone(), self.method),
            };
            extent.to_image(&mut data.data);
            let images = combine(&data, &maps);
            let mut array = describe::image_array(images, &bit.data, number, facts, &self.study, &message.waveforms);
            let series = roles::series(self.image_series, 1, number, 1);
            roles::announce(&mut array, facts, extent.e2, series, Role::Image);
            arrays.push(array);
        }
        Ok(arrays)
    }
}

/// Says how calibration data do not fit the data.
pub(super) fn unlike(calibration: Dims, data: Dims) -> String {
    format!(
        "calibration data of shape {:?} do not fit data of shape {:?}",
        calibration.shape(),
        data.shape()
    )
}

/// Coil images combined with the maps of their frame.
pub(super) fn combine(images: &Frames, maps: &Frames) -> Frames {
    let dims = Dims { cha: 1, ..images.dims };
    let mut data = vec![Complex32::ZERO; dims.len()];
    data.par_chunks_mut(dims.frame().max(1))
        .enumerate()
        .for_each(|(frame, result)| {
            coil_map::combine(
                images.frame(frame),
                maps.frame(maps.dims.serving(images.dims, frame)),
                result,
            );
        });
    Frames { dims, data }
}
