//! Fully sampled k-space to images of every coil: inverse Fourier transform, nothing else.
//!
//! [`ReconDataWithWaveforms`] to [`Image`]; calibration data and waveforms are ignored. Answers to Gadgetron's `FFTGadget`,
//! which forgets the measurement's number in the image's header; here it is there.

use engine::{BoxError, Gadget, Input, Output};
use ndarray::{Array4, ArrayD, Dimension};
use protocol::{BufferedData, Complex32, Image};

use super::{
    image_header::{ImageCounter, image_header},
    simple_recon::shape_of,
};
use crate::{
    Context,
    arrays::into_vec,
    flow::ReconDataWithWaveforms,
    numerics::fft::{Direction, centred_parallel},
    properties::NoProperties,
    registry::Configured,
};

/// Transforms k-space into images of every coil.
#[derive(Debug)]
pub struct Fft;

impl Configured for Fft {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for Fft {
    type In = ReconDataWithWaveforms;
    type Out = Image<Complex32>;

    async fn run(
        self,
        mut input: Input<ReconDataWithWaveforms>,
        mut output: Output<Image<Complex32>>,
    ) -> Result<(), BoxError> {
        let mut counter = ImageCounter::default();
        while let Some(ReconDataWithWaveforms { data, .. }) = input.next().await? {
            for bit in data.bits {
                if bit.data.data.is_empty() {
                    continue;
                }
                let [loc, s, n, ..] = shape_of(&bit.data)?;
                let buffer = engine::compute(move || transform(bit.data)).await;
                for place in places(loc, s, n) {
                    output.send(image(&buffer, place, counter.next())).await?;
                }
            }
        }
        Ok(())
    }
}

/// All places of a buffer, N fastest.
fn places(loc: usize, s: usize, n: usize) -> impl Iterator<Item = [usize; 3]> {
    (0..loc * s * n).map(move |index| [index / (s * n), index / n % s, index % n])
}

fn transform(mut buffer: BufferedData) -> BufferedData {
    let shape = buffer.data.raw_dim();
    let mut data = into_vec(buffer.data.into_owned());
    centred_parallel(&mut data, &shape.slice()[4..], Direction::Inverse);
    buffer.data = ArrayD::from_shape_vec(shape, data)
        .expect("as many elements as before")
        .into_shared();
    buffer
}

fn image(buffer: &BufferedData, place: [usize; 3], image_index: u16) -> Image<Complex32> {
    let mut block = buffer.data.view();
    for index in place {
        block = block.index_axis_move(ndarray::Axis(0), index);
    }
    let shape = block.shape();
    let shape = (shape[0], shape[1], shape[2], shape[3]);
    let channels = u16::try_from(shape.0).unwrap_or(u16::MAX);
    Image {
        header: image_header(buffer, place, channels, image_index),
        data: Array4::from_shape_vec(shape, block.iter().copied().collect()).expect("all elements of the block"),
        meta: None,
    }
}
