//! Real images to whole-number ones.
//!
//! [`Image<f32>`] to [`Image<u16>`] and the like, by the kind of image: magnitudes are rounded and clamped; real and
//! imaginary parts get the offset first (the window centre among the meta attributes follows); phases are mapped so that
//! `-pi..pi` becomes `0..2 * offset`. Any other kind is an error. Answers to Gadgetron's `FloatToUShortGadget`,
//! `FloatToShortGadget`, `FloatToIntGadget` and `FloatToUIntGadget`. Two differences, both for phases: they are angles, so
//! those above pi (`ExtractGadget` gives `0..2 pi`) are taken modulo 2 pi where the original clamps them, and with an offset
//! of 0 they fill the range from the smallest to the largest intensity where the original gives zeros. Pixels that are no
//! finite numbers are told of.

use std::f32::consts::{PI, TAU};

use engine::{BoxError, Gadget, Input, Output};
use protocol::{Image, ImageType, Pixel};

use crate::{Context, context::Notices, properties::Properties, registry::Configured};

/// Name of the meta attribute that follows the offset.
const WINDOW_CENTER: &str = "GADGETRON_WindowCenter";

/// Intensities of the target: smallest, largest, and what zero becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    min: f32,
    max: f32,
    offset: f32,
    /// The offset as a whole number, for meta attributes.
    whole_offset: i64,
}

/// A pixel type that real images can be turned into.
pub trait FixedPoint: Pixel {
    /// The properties of its gadget.
    type Properties: Properties + Into<Range>;
    /// The nearest value of the type.
    fn from_rounded(value: f32) -> Self;
}

macro_rules! fixed_point {
    ($pixel:ty, $number:ty, $properties:ident, $class:literal, $min:expr, $max:expr, $offset:expr) => {
        crate::properties! {
            #[doc = concat!("Properties of `", $class, "`.")]
            pub struct $properties {
                /// Largest intensity.
                "max_intensity" => pub max: $number = $max,
                /// Smallest intensity.
                "min_intensity" => pub min: $number = $min,
                /// What zero becomes in real and imaginary parts, and in phases.
                "intensity_offset" => pub offset: $number = $offset,
            }
        }

        impl From<$properties> for Range {
            fn from(properties: $properties) -> Self {
                Self {
                    min: properties.min as f32,
                    max: properties.max as f32,
                    offset: properties.offset as f32,
                    whole_offset: properties.offset.into(),
                }
            }
        }

        impl FixedPoint for $pixel {
            type Properties = $properties;

            fn from_rounded(value: f32) -> Self {
                // Half away from zero; `as` gives the nearest value that the type has, and 0 for an undefined one.
                value.round() as $pixel
            }
        }
    };
}
fixed_point!(u16, i16, UShortProperties, "FloatToUShortGadget", 0, 4095, 2048);
fixed_point!(i16, i16, ShortProperties, "FloatToShortGadget", i16::MIN, i16::MAX, 0);
fixed_point!(u32, i32, UIntProperties, "FloatToUIntGadget", 0, 4095, 2048);
fixed_point!(i32, i32, IntProperties, "FloatToIntGadget", 0, 4095, 2048);

/// Turns real images into whole-number ones.
#[derive(Debug)]
pub struct FloatToFixed<T> {
    range: Range,
    notices: Notices,
    pixel: std::marker::PhantomData<fn() -> T>,
}

impl<T: FixedPoint> Configured for FloatToFixed<T> {
    type Properties = T::Properties;

    fn new(properties: T::Properties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            range: properties.into(),
            notices: context.notices.clone(),
            pixel: std::marker::PhantomData,
        })
    }
}

impl<T: FixedPoint> Gadget for FloatToFixed<T> {
    type In = Image<f32>;
    type Out = Image<T>;

    async fn run(self, mut input: Input<Image<f32>>, mut output: Output<Image<T>>) -> Result<(), BoxError> {
        while let Some(image) = input.next().await? {
            let undefined = image.data.iter().filter(|value| !value.is_finite()).count();
            if undefined > 0 {
                let header = &image.header;
                self.notices.add(format!(
                    "{undefined} pixels of the image of slice {}, repetition {} are no finite numbers, and become the \
                     smallest or largest there are: is a sample of its data not finite?",
                    header.slice, header.repetition
                ));
            }
            output.send(self.range.convert(image)?).await?;
        }
        Ok(())
    }
}

/// An image of a kind that has no fixed-point form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("image type {0} cannot become whole numbers: it is no magnitude, phase, real or imaginary part")]
struct NoSuchKind(u16);

impl Range {
    fn convert<T: FixedPoint>(self, mut image: Image<f32>) -> Result<Image<T>, NoSuchKind> {
        let kind = image.header.image_type;
        image.header.data_type = T::TYPE as u16;
        // Not `f32::clamp`: configurations may have the limits the wrong way round.
        let fixed = move |value: f32| T::from_rounded(value.max(self.min).min(self.max));
        Ok(match ImageType::from_number(kind) {
            Some(ImageType::Magnitude) => image.map(|value| fixed(value.abs())),
            Some(ImageType::Real | ImageType::Imaginary) => {
                if let Some(meta) = &mut image.meta
                    && let Some(center) = meta.integer(WINDOW_CENTER)
                {
                    meta.set(WINDOW_CENTER, center.saturating_add(self.whole_offset));
                }
                image.map(|value| fixed(value + self.offset))
            }
            Some(ImageType::Phase) => image.map(|value| fixed(self.phase(value))),
            Some(ImageType::Complex) | None => return Err(NoSuchKind(kind)),
        })
    }

    fn phase(self, value: f32) -> f32 {
        let angle = if (-PI..=PI).contains(&value) {
            value
        } else {
            value - TAU * (value / TAU).round()
        };
        if self.offset == 0.0 {
            angle * (self.max - self.min) / TAU + (self.max + self.min) / 2.0
        } else {
            angle * self.offset / PI + self.offset
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{ImageHeader, IsmrmrdHeader, Meta};

    use super::*;
    use crate::testing::{build, outputs, run};

    fn image(kind: u16, values: Vec<f32>) -> Image<f32> {
        let header = ImageHeader {
            image_type: kind,
            ..ImageHeader::default()
        };
        let data = Array4::from_shape_vec((1, 1, 1, values.len()), values).unwrap();
        Image {
            header,
            data,
            meta: None,
        }
    }

    fn fixed<T: FixedPoint>(kind: ImageType, values: &[f32], properties: &[(&str, &str)]) -> Vec<T> {
        let gadget: FloatToFixed<T> = build(properties, &Context::new(IsmrmrdHeader::default())).unwrap();
        let image = outputs(gadget, vec![image(kind as u16, values.into())]).remove(0);
        assert_eq!(image.header.data_type, T::TYPE as u16);
        image.data.into_iter().collect()
    }

    #[test]
    fn magnitudes_are_rounded_half_away_from_zero_and_clamped() {
        let values = [0.4, 0.5, 2.5, -3.5, 5000.0, f32::NAN];
        assert_eq!(fixed::<u16>(ImageType::Magnitude, &values, &[]), [0, 1, 3, 4, 4095, 0]);
        assert_eq!(fixed::<i16>(ImageType::Magnitude, &[40_000.0], &[]), [32767]);
        assert_eq!(
            fixed::<i32>(ImageType::Magnitude, &[70_000.0], &[("max_intensity", "100000")]),
            [70_000]
        );
        assert_eq!(
            fixed::<u32>(ImageType::Magnitude, &[9.0], &[("min_intensity", "20")]),
            [20]
        );
    }

    #[test]
    fn undefined_pixels_are_told_of() {
        let context = Context::new(IsmrmrdHeader::default());
        let gadget: FloatToFixed<u16> = build(&[], &context).unwrap();
        let images = vec![image(1, vec![1.0, f32::NAN, f32::INFINITY]), image(1, vec![2.0])];
        assert_eq!(outputs(gadget, images).len(), 2);
        let notices = context.notices.take();
        assert_eq!(notices.len(), 1, "{notices:?}");
        let start = "2 pixels of the image of slice 0, repetition 0 are no finite numbers";
        assert!(notices[0].starts_with(start), "{notices:?}");
    }

    #[test]
    fn real_and_imaginary_parts_get_the_offset() {
        let values = [-3000.0, -2048.0, -0.5, 0.0, 2047.0, 3000.0];
        for kind in [ImageType::Real, ImageType::Imaginary] {
            assert_eq!(fixed::<u16>(kind, &values, &[]), [0, 0, 2048, 2048, 4095, 4095]);
        }
        assert_eq!(fixed::<i16>(ImageType::Real, &[-0.5, -7.0], &[]), [-1, -7]);
    }

    #[test]
    fn phases_are_angles_around_the_offset() {
        assert_eq!(
            fixed::<u16>(ImageType::Phase, &[-PI, 0.0, PI / 2.0, PI], &[]),
            [0, 2048, 3072, 4095]
        );
        assert_eq!(
            fixed::<u16>(ImageType::Phase, &[1.5 * PI, -1.5 * PI], &[]),
            [1024, 3072]
        );
        let whole_range = [("intensity_offset", "0"), ("max_intensity", "1000")];
        assert_eq!(
            fixed::<u16>(ImageType::Phase, &[-PI, 0.0, PI], &whole_range),
            [0, 500, 1000]
        );
    }

    #[test]
    fn the_window_centre_follows_the_offset() {
        let gadget: FloatToFixed<u16> = build(&[], &Context::new(IsmrmrdHeader::default())).unwrap();
        let mut real = image(3, vec![0.0]);
        let mut meta = Meta::new();
        meta.set(WINDOW_CENTER, 100_i64);
        real.meta = Some(meta);
        let mut magnitude = real.clone();
        magnitude.header.image_type = 1;
        let centers: Vec<_> = outputs(gadget, vec![real, magnitude])
            .into_iter()
            .map(|image| image.meta.unwrap().integer(WINDOW_CENTER))
            .collect();
        assert_eq!(centers, [Some(2148), Some(100)]);
    }

    #[test]
    fn an_image_of_no_kind_is_an_error() {
        for kind in [0, 5, 77] {
            let gadget: FloatToFixed<u16> = build(&[], &Context::new(IsmrmrdHeader::default())).unwrap();
            let words = run(gadget, vec![image(kind, vec![1.0])]).1.unwrap_err().to_string();
            assert!(words.starts_with(&format!("image type {kind} cannot")), "{words}");
        }
    }
}
