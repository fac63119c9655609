//! Complex images to real ones, of the kind that the image's header names.
//!
//! [`Image<Complex32>`] to [`Image<f32>`]: magnitude, phase (from -pi to pi), real or imaginary part; an image of no kind,
//! or a complex one, becomes a magnitude. Answers to Gadgetron's `ComplexToFloatGadget`.

use engine::{BoxError, PureGadget};
use protocol::{Complex32, Image, ImageType, PixelType};

use super::magnitude;
use crate::{Context, properties::NoProperties, registry::Configured};

/// Makes complex images real.
#[derive(Debug)]
pub struct ComplexToFloat;

impl Configured for ComplexToFloat {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl PureGadget for ComplexToFloat {
    type In = Image<Complex32>;
    type Out = Image<f32>;

    fn process(&self, mut image: Image<Complex32>) -> Result<Image<f32>, BoxError> {
        let pixel: fn(Complex32) -> f32 = match ImageType::from_number(image.header.image_type) {
            Some(ImageType::Phase) => |z| z.arg(),
            Some(ImageType::Real) => |z| z.re,
            Some(ImageType::Imaginary) => |z| z.im,
            Some(ImageType::Magnitude | ImageType::Complex) | None => {
                image.header.image_type = ImageType::Magnitude as u16;
                |z| magnitude(&z)
            }
        };
        image.header.data_type = PixelType::F32 as u16;
        Ok(image.map(pixel))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{ImageHeader, IsmrmrdHeader};

    use super::*;

    #[test]
    fn the_header_says_which_part_and_magnitude_is_the_rest() {
        let z = Complex32::new(3.0, -4.0);
        for (kind, value, becomes) in [
            (0, 5.0, 1),
            (1, 5.0, 1),
            (2, z.arg(), 2),
            (3, 3.0, 3),
            (4, -4.0, 4),
            (5, 5.0, 1),
            (99, 5.0, 1),
        ] {
            let image = Image {
                header: ImageHeader {
                    image_type: kind,
                    data_type: PixelType::C32 as u16,
                    ..ImageHeader::default()
                },
                data: Array4::from_elem((1, 1, 1, 1), z),
                meta: None,
            };
            let gadget = ComplexToFloat::new(NoProperties {}, &Context::new(IsmrmrdHeader::default())).unwrap();
            let image = gadget.process(image).unwrap();
            assert_eq!(image.data[[0, 0, 0, 0]], value, "kind {kind}");
            assert_eq!((image.header.image_type, image.header.data_type), (becomes, 5));
        }
    }
}
