//! Magnitude images are scaled so that their 99th percentile comes near a given value.
//!
//! [`AnyImage`] to [`AnyImage`]; only real magnitude images are touched. The percentile is read off a histogram of the
//! values between 0 and the largest. Answers to Gadgetron's `AutoScaleGadget`, with two differences: an image of nothing but
//! zeros stays zero (the original makes it undefined), and whole-number images are scaled in floating point (the original
//! divides whole numbers).

use engine::{BoxError, PureGadget};
use ndarray::Array4;
use protocol::{AnyImage, ImageType};

use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`AutoScale`].
    pub struct AutoScaleProperties {
        /// What the 99th percentile is scaled to.
        "max_value" => pub max_value: f32 = 2048.0,
        /// Bins of the histogram.
        "histogram_bins" => pub bins: u16 = 100,
    }
}

/// Part of the pixels that lie below the value that is scaled to `max_value`.
const PERCENTILE: f64 = 0.99;

/// Scales magnitude images by their histogram.
#[derive(Debug)]
pub struct AutoScale {
    properties: AutoScaleProperties,
}

impl Configured for AutoScale {
    type Properties = AutoScaleProperties;

    fn new(properties: AutoScaleProperties, _: &Context) -> Result<Self, BoxError> {
        if properties.bins == 0 {
            return Err("histogram_bins: at least 1, found 0".into());
        }
        Ok(Self { properties })
    }
}

impl PureGadget for AutoScale {
    type In = AnyImage;
    type Out = AnyImage;

    fn process(&self, mut image: AnyImage) -> Result<AnyImage, BoxError> {
        if image.header().image_type != ImageType::Magnitude as u16 {
            return Ok(image);
        }
        match &mut image {
            AnyImage::F32(image) => self.scale_single(&mut image.data),
            AnyImage::F64(image) => self.scale(&mut image.data, |x| x, |x| x),
            // `as` rounds to what the type can hold.
            AnyImage::U16(image) => self.scale(&mut image.data, f64::from, |x| x.round() as u16),
            AnyImage::I16(image) => self.scale(&mut image.data, f64::from, |x| x.round() as i16),
            AnyImage::U32(image) => self.scale(&mut image.data, f64::from, |x| x.round() as u32),
            AnyImage::I32(image) => self.scale(&mut image.data, f64::from, |x| x.round() as i32),
            AnyImage::C32(_) | AnyImage::C64(_) => {}
        }
        Ok(image)
    }
}

impl AutoScale {
    /// Single precision throughout, as in the original: pixels at the edge of a bin fall on the same side.
    fn scale_single(&self, data: &mut Array4<f32>) {
        let largest = data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let bins = f32::from(self.properties.bins);
        let place = |value: f32| (value / largest * bins).floor();
        if let Some(bin) = self.percentile_bin(data.iter().map(|value| f64::from(place(*value))), largest.into()) {
            let scale = f64::from(self.properties.max_value / ((bin + 1) as f32 * (largest / bins)));
            data.mapv_inplace(|value| (f64::from(value) * scale) as f32);
        }
    }

    fn scale<T: Copy>(&self, data: &mut Array4<T>, read: fn(T) -> f64, write: fn(f64) -> T) {
        let largest = data.iter().map(|value| read(*value)).fold(f64::NEG_INFINITY, f64::max);
        let bins = f64::from(self.properties.bins);
        let places = data.iter().map(|value| (read(*value) / largest * bins).floor());
        if let Some(bin) = self.percentile_bin(places, largest) {
            let scale = f64::from(self.properties.max_value) / ((bin + 1) as f64 * (largest / bins));
            data.mapv_inplace(|value| write(read(value) * scale));
        }
    }

    /// The number of bins that hold the percentile; `None` when there is nothing to scale.
    fn percentile_bin(&self, places: impl ExactSizeIterator<Item = f64>, largest: f64) -> Option<usize> {
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let last = usize::from(self.properties.bins) - 1;
        let wanted = PERCENTILE * places.len() as f64;
        let mut histogram = vec![0_usize; last + 1];
        for place in places {
            // Negative and undefined values count as large ones.
            let bin = if place >= 0.0 { (place as usize).min(last) } else { last };
            histogram[bin] += 1;
        }
        let mut below = 0;
        let mut bin = 0;
        while (below as f64) < wanted && bin <= last {
            below += histogram[bin];
            bin += 1;
        }
        Some(bin)
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Complex32, Image, ImageHeader, IsmrmrdHeader, Pixel};

    use super::*;
    use crate::testing::build;

    fn scaled<T: Pixel>(kind: ImageType, values: Vec<T>, properties: &[(&str, &str)]) -> AnyImage {
        let gadget: AutoScale = build(properties, &Context::new(IsmrmrdHeader::default())).unwrap();
        let header = ImageHeader {
            image_type: kind as u16,
            ..ImageHeader::default()
        };
        let data = Array4::from_shape_vec((1, 1, 1, values.len()), values).unwrap();
        gadget
            .process(T::any(Image {
                header,
                data,
                meta: None,
            }))
            .unwrap()
    }

    #[test]
    fn the_bin_of_the_percentile_comes_to_the_value() {
        // 0 to 199: 99 percent, 198 of them, lie in the first 99 of 100 bins (two values each, the largest in the last);
        // the scale is 2048 / (100 * 1.99).
        let AnyImage::F32(image) = scaled(ImageType::Magnitude, (0..200_u8).map(f32::from).collect(), &[]) else {
            panic!("still f32")
        };
        let bin = (0..200).filter(|v| (*v as f32 / 199.0 * 100.0).floor() < 99.0).count();
        assert_eq!(bin, 198);
        let scale = 2048.0 / (100.0 * 1.99);
        assert!((image.data[[0, 0, 0, 100]] - 100.0 * scale).abs() < 1e-2);
    }

    #[test]
    fn bright_outliers_go_beyond_the_value() {
        let mut values = vec![1.0_f32; 999];
        values.push(10.0);
        let AnyImage::F32(image) = scaled(
            ImageType::Magnitude,
            values,
            &[("max_value", "110"), ("histogram_bins", "10")],
        ) else {
            panic!("still f32")
        };
        // All ones lie in the second of ten bins: 3 * 1.0 is scaled to 110.
        assert!((image.data[[0, 0, 0, 0]] - 110.0 / 3.0).abs() < 1e-4);
        assert!((image.data[[0, 0, 0, 999]] - 1100.0 / 3.0).abs() < 1e-3);
    }

    #[test]
    fn nothing_but_zeros_stays_zero_and_other_kinds_pass() {
        let zeros = vec![0.0_f32; 4];
        let AnyImage::F32(image) = scaled(ImageType::Magnitude, zeros, &[]) else {
            panic!("still f32")
        };
        assert!(image.data.iter().all(|v| *v == 0.0));
        let AnyImage::F32(image) = scaled(ImageType::Phase, vec![1.0_f32, 2.0], &[]) else {
            panic!("still f32")
        };
        assert_eq!(image.data[[0, 0, 0, 1]], 2.0);
        let AnyImage::C32(image) = scaled(ImageType::Magnitude, vec![Complex32::I], &[]) else {
            panic!("complex")
        };
        assert_eq!(image.data[[0, 0, 0, 0]], Complex32::I);
    }

    #[test]
    fn whole_numbers_are_scaled_in_floating_point() {
        let AnyImage::U16(image) = scaled(ImageType::Magnitude, vec![0_u16, 50, 100], &[("max_value", "1010")]) else {
            panic!("still u16")
        };
        assert_eq!(image.data.iter().copied().collect::<Vec<_>>(), [0, 500, 1000]);
    }

    #[test]
    fn a_histogram_without_bins_is_an_error() {
        let context = Context::new(IsmrmrdHeader::default());
        assert!(build::<AutoScale>(&[("histogram_bins", "0")], &context).is_err());
    }
}
