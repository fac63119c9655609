//! Fully sampled k-space to magnitude images: inverse Fourier transform, root of the sum of squares over the coils.
//!
//! [`ReconDataWithWaveforms`] to [`ImageArray`], one for each encoding space that has data; calibration data are ignored.
//! Answers to Gadgetron's `SimpleReconGadget`. Two differences: waveforms stay with the images (the original drops them),
//! and where the central line was not measured the header speaks of the measured line nearest to it (the original's is
//! empty).

use engine::{BoxError, Gadget, Input, Output};
use ndarray::{Array3, ArrayD, IxDyn};
use protocol::{BufferedData, Complex32, ImageArray};
use rayon::prelude::*;

use super::image_header::{ImageCounter, image_header};
use crate::{
    Context,
    arrays::into_vec,
    flow::ReconDataWithWaveforms,
    numerics::fft::{Direction, centred_parallel},
    properties::NoProperties,
    registry::Configured,
};

/// Pixels that one numeric thread combines at a time.
const COMBINED_TOGETHER: usize = 16 * 1024;

/// Reconstructs fully sampled Cartesian data.
#[derive(Debug)]
pub struct SimpleRecon;

impl Configured for SimpleRecon {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for SimpleRecon {
    type In = ReconDataWithWaveforms;
    type Out = ImageArray;

    async fn run(
        self,
        mut input: Input<ReconDataWithWaveforms>,
        mut output: Output<ImageArray>,
    ) -> Result<(), BoxError> {
        let mut counter = ImageCounter::default();
        while let Some(ReconDataWithWaveforms { data, mut waveforms }) = input.next().await? {
            for bit in data.bits {
                if bit.data.data.is_empty() {
                    continue;
                }
                let headers = headers(&bit.data, &mut counter)?;
                let data = engine::compute(move || reconstruct(bit.data)).await;
                let waveforms = std::mem::take(&mut waveforms);
                let images = ImageArray {
                    data,
                    headers,
                    meta: Vec::new(),
                    waveforms: Some(waveforms).filter(|waveforms| !waveforms.is_empty()),
                    acquisition_headers: None,
                };
                output.send(images).await?;
            }
        }
        Ok(())
    }
}

/// A buffer whose arrays do not have the dimensions they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("k-space of shape {data:?} with readout headers of shape {headers:?}")]
pub(super) struct WrongShape {
    data: Vec<usize>,
    headers: Vec<usize>,
}

/// The shape `[LOC, S, N, CHA, E2, E1, E0]` of a buffer, checked.
pub(super) fn shape_of(buffer: &BufferedData) -> Result<[usize; 7], WrongShape> {
    let wrong = || WrongShape {
        data: buffer.data.shape().into(),
        headers: buffer.headers.shape().into(),
    };
    let shape: [usize; 7] = buffer.data.shape().try_into().map_err(|_| wrong())?;
    let headers = buffer.headers.shape();
    if headers.len() == 5 && headers[..3] == shape[..3] {
        Ok(shape)
    } else {
        Err(wrong())
    }
}

fn headers(buffer: &BufferedData, counter: &mut ImageCounter) -> Result<Array3<protocol::ImageHeader>, WrongShape> {
    let [loc, s, n, ..] = shape_of(buffer)?;
    // Row after row: N is the fastest, which is the order of the images.
    Ok(Array3::from_shape_fn((loc, s, n), |(loc, s, n)| {
        image_header(buffer, [loc, s, n], 1, counter.next())
    }))
}

/// Magnitude images, shape `[LOC, S, N, 1, E2, E1, E0]`, of a buffer that is not empty.
pub fn reconstruct(buffer: BufferedData) -> ArrayD<Complex32> {
    let mut shape = buffer.data.shape().to_vec();
    let mut data = into_vec(buffer.data.into_owned());
    let channels = shape[3];
    shape[3] = 1;
    centred_parallel(&mut data, &shape[4..], Direction::Inverse);
    let pixels: usize = shape[4..].iter().product();
    let mut images = vec![Complex32::ZERO; data.len() / channels];
    for (coils, image) in data
        .chunks_exact(channels * pixels)
        .zip(images.chunks_exact_mut(pixels))
    {
        image
            .par_chunks_mut(COMBINED_TOGETHER)
            .enumerate()
            .for_each(|(part, image)| combine(coils, pixels, part * COMBINED_TOGETHER, image));
    }
    ArrayD::from_shape_vec(IxDyn(&shape), images).expect("one image for all coils")
}

/// Root of the sum of squares of the coils' images, from pixel `first` on.
fn combine(coils: &[Complex32], pixels: usize, first: usize, image: &mut [Complex32]) {
    for coil in coils.chunks_exact(pixels) {
        for (sum, value) in image.iter_mut().zip(&coil[first..]) {
            sum.re += value.norm_sqr();
        }
    }
    for sum in image {
        sum.re = sum.re.sqrt();
    }
}

#[cfg(test)]
mod tests;
