//! Images are scaled so that a percentile of their magnitude comes to a given value.
//!
//! Single images ([`Image<f32>`], magnitudes only) and arrays of images (all of an array by one factor), as they come.
//! Answers to Gadgetron's `ScaleGadget`. Where the percentile is 0 the image stays as it is (the original makes it
//! undefined).

use engine::{BoxError, Message, PureGadget};
use protocol::{Image, ImageArray, ImageType};

use super::magnitude;
use crate::{Context, Flow, registry::Configured};

crate::properties! {
    /// Properties of [`Scale`].
    pub struct ScaleProperties {
        /// What the percentile is scaled to.
        "max_value" => pub max_value: f32 = 2048.0,
        /// The percentile, from 0 to 100.
        "percentile" => pub percentile: f32 = 98.5,
    }
}

/// A real image, or an array of complex images.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalable {
    /// One image.
    Image(Image<f32>),
    /// An array of images.
    Array(ImageArray),
}

impl Flow for Scalable {
    fn accept(message: Message) -> Result<Self, Message> {
        message
            .downcast()
            .map(Self::Image)
            .or_else(|message| message.downcast().map(Self::Array))
    }

    fn emit(self) -> Message {
        match self {
            Self::Image(image) => image.emit(),
            Self::Array(array) => array.emit(),
        }
    }
}

/// Scales images by a percentile.
#[derive(Debug)]
pub struct Scale {
    properties: ScaleProperties,
}

impl Configured for Scale {
    type Properties = ScaleProperties;

    fn new(properties: ScaleProperties, _: &Context) -> Result<Self, BoxError> {
        if (0.0..=100.0).contains(&properties.percentile) {
            Ok(Self { properties })
        } else {
            Err(format!("percentile: from 0 to 100, found {}", properties.percentile).into())
        }
    }
}

impl PureGadget for Scale {
    type In = Scalable;
    type Out = Scalable;

    fn process(&self, mut images: Scalable) -> Result<Scalable, BoxError> {
        match &mut images {
            Scalable::Image(image) if image.header.image_type == ImageType::Magnitude as u16 => {
                let scale = self.factor(image.data.iter().copied().collect());
                image.data.mapv_inplace(|value| value * scale);
            }
            Scalable::Image(_) => {}
            Scalable::Array(array) => {
                let scale = self.factor(array.data.iter().map(magnitude).collect());
                array.data.mapv_inplace(|value| value * scale);
            }
        }
        Ok(images)
    }
}

impl Scale {
    fn factor(&self, values: Vec<f32>) -> f32 {
        match percentile(values, self.properties.percentile / 100.0) {
            Some(value) if value != 0.0 && value.is_finite() => self.properties.max_value / value,
            _ => 1.0,
        }
    }
}

/// The value below which `fraction` of the values lie, interpolated between neighbours; `None` without values.
fn percentile(mut values: Vec<f32>, fraction: f32) -> Option<f32> {
    let count = values.len();
    let place = f64::from(fraction) * (count + 1) as f64;
    // The first value has place 1, the last place `count`.
    let lower = (place.floor().max(1.0) as usize).min(count).checked_sub(1)?;
    let (_, value, above) = values.select_nth_unstable_by(lower, f32::total_cmp);
    let value = *value;
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(value);
    let part = if place < 1.0 { 0.0 } else { place - (lower + 1) as f64 };
    Some(value + (f64::from(next - value) * part) as f32)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4, ArrayD, IxDyn};
    use protocol::{Complex32, ImageHeader, IsmrmrdHeader};

    use super::*;
    use crate::testing::build;

    fn scaled(images: Scalable) -> Scalable {
        let properties = [("max_value", "100"), ("percentile", "50")];
        let gadget: Scale = build(&properties, &Context::new(IsmrmrdHeader::default())).unwrap();
        gadget.process(images).unwrap()
    }

    fn image(kind: ImageType, values: Vec<f32>) -> Scalable {
        let header = ImageHeader {
            image_type: kind as u16,
            ..ImageHeader::default()
        };
        let data = Array4::from_shape_vec((1, 1, 1, values.len()), values).unwrap();
        Scalable::Image(Image {
            header,
            data,
            meta: None,
        })
    }

    #[test]
    fn percentiles_are_interpolated_between_neighbours() {
        let values = vec![4.0, 1.0, 3.0, 2.0];
        for (fraction, expected) in [(0.0, 1.0), (0.5, 2.5), (0.4, 2.0), (0.7, 3.5), (0.9, 4.0), (1.0, 4.0)] {
            let found = percentile(values.clone(), fraction).unwrap();
            assert!((found - expected).abs() < 1e-6, "{fraction}: {found}");
        }
        assert_eq!(percentile(vec![], 0.5), None);
        assert_eq!(percentile(vec![7.0], 0.5), Some(7.0));
    }

    #[test]
    fn magnitudes_and_arrays_are_scaled_to_the_value() {
        assert_eq!(
            scaled(image(ImageType::Magnitude, vec![2.0, 5.0, 9.0])),
            image(ImageType::Magnitude, vec![40.0, 100.0, 180.0])
        );
        let phase = image(ImageType::Phase, vec![2.0, 5.0, 9.0]);
        assert_eq!(scaled(phase.clone()), phase);
        let zeros = image(ImageType::Magnitude, vec![0.0; 3]);
        assert_eq!(scaled(zeros.clone()), zeros);
        let array = ImageArray {
            data: ArrayD::from_elem(IxDyn(&[1, 1, 2, 1, 1, 1, 1]), Complex32::new(0.0, -4.0)),
            headers: Array3::default((1, 1, 2)),
            meta: Vec::new(),
            waveforms: None,
            acquisition_headers: None,
        };
        let Scalable::Array(array) = scaled(Scalable::Array(array)) else {
            panic!("an array")
        };
        assert!(array.data.iter().all(|z| *z == Complex32::new(0.0, -100.0)));
    }

    #[test]
    fn a_percentile_beyond_100_is_an_error() {
        let context = Context::new(IsmrmrdHeader::default());
        assert!(build::<Scale>(&[("percentile", "101")], &context).is_err());
    }
}
