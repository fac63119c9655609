//! Coil images to one image: root of the sum of squares, with a phase that is the coils' phases weighted by their power.
//!
//! [`AnyImage`] to [`AnyImage`]: complex images are combined, real ones pass unchanged. Answers to Gadgetron's
//! `CombineGadget`, which gives a pixel without signal an undefined phase; here the pixel is 0.

use engine::{BoxError, PureGadget};
use ndarray::{Array4, Axis};
use protocol::{AnyImage, Image};

use crate::{Context, properties::NoProperties, registry::Configured};

macro_rules! combine {
    ($image:expr, $real:ty) => {{
        let Image { mut header, data, meta } = $image;
        let (_, z, y, x) = data.dim();
        let mut power = vec![<$real>::from(0_u8); z * y * x];
        let mut phase = power.clone();
        for coil in data.axis_iter(Axis(0)) {
            for ((power, phase), value) in power.iter_mut().zip(&mut phase).zip(coil) {
                let weight = value.norm_sqr();
                *power += weight;
                *phase += weight * value.arg();
            }
        }
        let pixel = |(power, phase): ($real, $real)| {
            let phase = if power > 0.0 { phase / power } else { 0.0 };
            num_complex::Complex::from_polar(power.sqrt(), phase)
        };
        let combined = power.into_iter().zip(phase).map(pixel).collect();
        header.channels = 1;
        Image {
            header,
            data: Array4::from_shape_vec((1, z, y, x), combined).expect("one pixel for all coils"),
            meta,
        }
    }};
}

/// Combines the coils of complex images.
#[derive(Debug)]
pub struct Combine;

impl Configured for Combine {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl PureGadget for Combine {
    type In = AnyImage;
    type Out = AnyImage;

    fn process(&self, image: AnyImage) -> Result<AnyImage, BoxError> {
        Ok(match image {
            AnyImage::C32(image) => AnyImage::C32(combine!(image, f32)),
            AnyImage::C64(image) => AnyImage::C64(combine!(image, f64)),
            real => real,
        })
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Complex32, Complex64, ImageHeader, IsmrmrdHeader};

    use super::*;

    fn combined<T: protocol::Pixel>(data: Array4<T>) -> AnyImage {
        let header = ImageHeader {
            channels: data.dim().0 as u16,
            ..ImageHeader::default()
        };
        let gadget = Combine::new(NoProperties {}, &Context::new(IsmrmrdHeader::default())).unwrap();
        gadget
            .process(T::any(Image {
                header,
                data,
                meta: None,
            }))
            .unwrap()
    }

    #[test]
    fn power_adds_up_and_phases_are_weighted_by_it() {
        let coils = [
            Complex32::from_polar(3.0, 0.4),
            Complex32::from_polar(4.0, -1.0),
            Complex32::ZERO,
            Complex32::ZERO,
        ];
        let data = Array4::from_shape_vec((2, 1, 1, 2), vec![coils[0], coils[2], coils[1], coils[3]]).unwrap();
        let AnyImage::C32(image) = combined(data) else {
            panic!("still complex")
        };
        assert_eq!((image.header.channels, image.data.dim()), (1, (1, 1, 1, 2)));
        let expected = Complex32::from_polar(5.0, (9.0 * 0.4 - 16.0) / 25.0);
        assert!((image.data[[0, 0, 0, 0]] - expected).norm() < 1e-5);
        assert_eq!(image.data[[0, 0, 0, 1]], Complex32::ZERO);
    }

    #[test]
    fn double_precision_is_kept_and_real_images_pass() {
        let complex = Array4::from_elem((2, 1, 1, 1), Complex64::I);
        let AnyImage::C64(image) = combined(complex) else {
            panic!("still complex")
        };
        assert!((image.data[[0, 0, 0, 0]] - Complex64::I * 2_f64.sqrt()).norm() < 1e-12);
        let real = Array4::from_elem((2, 1, 1, 1), 7_u16);
        assert_eq!(combined(real.clone()).header().channels, 2);
    }
}
