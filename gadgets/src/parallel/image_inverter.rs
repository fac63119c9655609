//! The negative of an image. `AnyImage` → `AnyImage`, real pixels only.
//!
//! Answers to Gadgetron's `ImageInverter` (gadgetron_examples).

use engine::{BoxError, PureGadget};
use protocol::{AnyImage, Image};

use super::NoProperties;
use crate::{Context, registry::Configured};

/// Turns each pixel into the largest pixel of the image minus it. Header and meta attributes stay.
#[derive(Clone, Copy, Debug)]
pub struct ImageInverter;

impl Configured for ImageInverter {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl PureGadget for ImageInverter {
    type In = AnyImage;
    type Out = AnyImage;

    fn process(&self, image: AnyImage) -> Result<AnyImage, BoxError> {
        Ok(match image {
            AnyImage::U16(image) => AnyImage::U16(invert(image, u16::wrapping_sub)),
            AnyImage::I16(image) => AnyImage::I16(invert(image, i16::wrapping_sub)),
            AnyImage::U32(image) => AnyImage::U32(invert(image, u32::wrapping_sub)),
            AnyImage::I32(image) => AnyImage::I32(invert(image, i32::wrapping_sub)),
            AnyImage::F32(image) => AnyImage::F32(invert(image, |most, pixel| most - pixel)),
            AnyImage::F64(image) => AnyImage::F64(invert(image, |most, pixel| most - pixel)),
            AnyImage::C32(_) | AnyImage::C64(_) => return Err("the negative of a complex image is not defined".into()),
        })
    }
}

fn invert<T: Copy + PartialOrd>(image: Image<T>, subtract: fn(T, T) -> T) -> Image<T> {
    let larger = |most: T, pixel: T| if pixel > most { pixel } else { most };
    match image.data.iter().copied().reduce(larger) {
        Some(most) => image.map(|pixel| subtract(most, pixel)),
        None => image,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{Complex32, ImageHeader};

    use super::*;

    fn image<T>(pixels: Vec<T>) -> Image<T> {
        Image {
            header: ImageHeader {
                image_index: 7,
                ..ImageHeader::default()
            },
            data: Array4::from_shape_vec((1, 1, 1, pixels.len()), pixels).unwrap(),
            meta: None,
        }
    }

    #[test]
    fn each_pixel_becomes_the_largest_minus_it() {
        let inverted = ImageInverter
            .process(AnyImage::F32(image(vec![1.0, 5.0, -2.0])))
            .unwrap();
        assert_eq!(inverted, AnyImage::F32(image(vec![4.0, 0.0, 7.0])));
        let inverted = ImageInverter.process(AnyImage::U16(image(vec![1, 5, 3]))).unwrap();
        assert_eq!(inverted, AnyImage::U16(image(vec![4, 0, 2])));
    }

    #[test]
    fn complex_images_are_refused_and_empty_ones_stay() {
        let complex = AnyImage::C32(image(vec![Complex32::new(1.0, 2.0)]));
        assert!(
            ImageInverter
                .process(complex)
                .unwrap_err()
                .to_string()
                .contains("not defined")
        );
        let empty = AnyImage::I16(image(vec![]));
        assert_eq!(ImageInverter.process(empty.clone()).unwrap(), empty);
    }
}
