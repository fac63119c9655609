//! Standard deviation of SNR maps over repetitions: 1 where noise and scaling are as they should be.
//!
//! [`ImageArray`] to the same, SNR maps with their standard deviation behind them (series times ten). Class
//! `GenericReconNoiseStdMapComputingGadget`. The map's headers are one for each S and slice, as its pixels are; the original
//! keeps those of all N.

use engine::{BoxError, Gadget, Input, Output};
use num_complex::Complex32;
use protocol::ImageArray;

use super::{
    describe,
    roles::{DATA_ROLE, IMAGE_COMMENT, Role, SEQUENCE_DESCRIPTION},
    work,
};
use crate::{
    Context,
    numerics::frames::{Dims, Frames},
    registry::Configured,
};

crate::properties! {
    /// Properties of [`NoiseStdMap`].
    pub struct NoiseStdMapProperties {
        /// The first N that counts; with fewer there is no map.
        "start_N_for_std_map" => pub first: usize = 5,
    }
}

/// Class `GenericReconNoiseStdMapComputingGadget`.
#[derive(Debug)]
pub struct NoiseStdMap {
    first: usize,
}

impl Configured for NoiseStdMap {
    type Properties = NoiseStdMapProperties;
    fn new(properties: Self::Properties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            first: properties.first,
        })
    }
}

impl Gadget for NoiseStdMap {
    type In = ImageArray;
    type Out = ImageArray;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, array| {
            let map = match Role::of(&array) {
                Some(Role::SnrMap) => gadget.map(&array)?,
                _ => None,
            };
            Ok(std::iter::once(array).chain(map).collect())
        })
        .await
    }
}

impl NoiseStdMap {
    fn map(&self, array: &ImageArray) -> Result<Option<ImageArray>, BoxError> {
        let dims = Dims::of(array.data.shape())?;
        if dims.n <= self.first {
            return Ok(None);
        }
        let snr = Frames::from_array(array.data.clone())?;
        let mut map = describe::with_pixels(array, deviation(&snr, self.first));
        for meta in &mut map.meta {
            meta.set(DATA_ROLE, Role::StdMap.name());
            meta.set(IMAGE_COMMENT, "GT");
            meta.append(IMAGE_COMMENT, "SNR");
            meta.append(IMAGE_COMMENT, Role::StdMap.name());
            meta.set(SEQUENCE_DESCRIPTION, "_STD_MAP");
            meta.set("Use_dedicated_scaling_factor", 1_i64);
        }
        for header in &mut map.headers {
            header.image_series_index = header.image_series_index.wrapping_mul(10);
        }
        Ok(Some(map))
    }
}

/// Standard deviation of the magnitude over N from `first` on.
fn deviation(images: &Frames, first: usize) -> Frames {
    let dims = Dims { n: 1, ..images.dims };
    let mut result = Frames::zeros(dims);
    let count = (images.dims.n - first) as f64;
    for frame in 0..dims.frames() {
        let [_, s, loc] = dims.position(frame);
        let mut moments = vec![(0.0_f64, 0.0_f64); dims.frame()];
        // The first value as a shift keeps the difference of the moments exact.
        let shift: Vec<f64> = magnitudes(images, first, s, loc).collect();
        for n in first..images.dims.n {
            for ((moments, value), shift) in moments.iter_mut().zip(magnitudes(images, n, s, loc)).zip(&shift) {
                let value = value - shift;
                moments.0 += value;
                moments.1 += value * value;
            }
        }
        for (pixel, (sum, squares)) in result.frame_mut(frame).iter_mut().zip(moments) {
            let variance = squares / count - (sum / count).powi(2);
            *pixel = Complex32::from(variance.max(0.0).sqrt() as f32);
        }
    }
    result
}

fn magnitudes(images: &Frames, n: usize, s: usize, loc: usize) -> impl Iterator<Item = f64> {
    images
        .frame(images.dims.frame_at(n, s, loc))
        .iter()
        .map(|pixel| f64::from(pixel.norm()))
}
