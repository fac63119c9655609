//! Images to their Fourier transforms.
//!
//! [`Image<Complex32>`] to itself: the centred transform of every plane (x, y), scaled to keep the energy. Answers to
//! Gadgetron's `ImageFFTGadget`. That one takes images with meta attributes only; this takes all.

use engine::{BoxError, PureGadget};
use protocol::{Complex32, Image};

use crate::{
    Context,
    numerics::fft::{self, Direction},
    properties::NoProperties,
    registry::Configured,
};

/// Transforms images.
#[derive(Debug)]
pub struct ImageFft;

impl Configured for ImageFft {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl PureGadget for ImageFft {
    type In = Image<Complex32>;
    type Out = Image<Complex32>;

    fn process(&self, mut image: Image<Complex32>) -> Result<Image<Complex32>, BoxError> {
        fft::centred_array(&mut image.data, 2, Direction::Forward);
        image
            .meta
            .get_or_insert_default()
            .append("GADGETRON_ImageProcessingHistory", "FFT");
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{ImageHeader, IsmrmrdHeader};

    use super::*;

    #[test]
    fn a_point_in_the_middle_of_a_slice_becomes_a_plane_of_one_value() {
        let mut data = Array4::zeros((1, 2, 4, 6));
        data[[0, 1, 2, 3]] = Complex32::new(0.0, 1.0);
        let image = Image {
            header: ImageHeader::default(),
            data,
            meta: None,
        };
        let gadget = ImageFft::new(NoProperties {}, &Context::new(IsmrmrdHeader::default())).unwrap();
        let image = gadget.process(image).unwrap();
        for ((_, slice, _, _), value) in image.data.indexed_iter() {
            let expected = if slice == 1 {
                Complex32::new(0.0, 24.0_f32.sqrt().recip())
            } else {
                Complex32::ZERO
            };
            assert!((value - expected).norm() < 1e-6, "{value}");
        }
        let history = image.meta.unwrap().values("GADGETRON_ImageProcessingHistory").to_vec();
        assert_eq!(history, ["FFT"]);
    }
}
