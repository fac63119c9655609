//! Takes noise off images by what they repeat: non-local means, or non-local Bayes.
//!
//! Images and image arrays to the same; class `DenoiseGadget`. Meta attributes stay (the original drops them). Images of
//! other pixel types than single precision pass as they are.

use engine::{BoxError, PureGadget};
use num_complex::Complex32;
use protocol::AnyImage;

use crate::{
    Context,
    flow::ImageOrArray,
    numerics::denoise::{self, Filter},
    registry::Configured,
};

crate::properties! {
    /// Properties of [`Denoise`].
    pub struct DenoiseProperties {
        /// Standard deviation of the noise in the image.
        "image_std" => pub deviation: f32 = 1.0,
        /// How far to search for what is alike, in pixels.
        "search_radius" => pub radius: i32 = 25, in 0..=100,
        /// non_local_bayes or non_local_means.
        "denoiser" => pub denoiser: String = "non_local_bayes".into(),
    }
}

/// There is no such filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown denoiser \"{0}\"; there are non_local_bayes and non_local_means")]
pub struct UnknownDenoiser(pub String);

/// Class `DenoiseGadget`.
#[derive(Debug)]
pub struct Denoise {
    filter: Filter,
    deviation: f32,
    radius: usize,
}

impl Configured for Denoise {
    type Properties = DenoiseProperties;
    fn new(p: Self::Properties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            filter: match p.denoiser.as_str() {
                "non_local_bayes" => Filter::Bayes,
                "non_local_means" => Filter::Means,
                _ => return Err(UnknownDenoiser(p.denoiser).into()),
            },
            deviation: p.deviation,
            radius: usize::try_from(p.radius)?,
        })
    }
}

impl PureGadget for Denoise {
    type In = ImageOrArray;
    type Out = ImageOrArray;
    fn process(&self, mut message: ImageOrArray) -> Result<ImageOrArray, BoxError> {
        match &mut message {
            ImageOrArray::Image(AnyImage::C32(image)) => {
                let (.., rows, columns) = image.data.dim();
                if let Some(pixels) = image.data.as_slice_mut() {
                    self.denoise(pixels, rows, columns);
                }
            }
            ImageOrArray::Image(AnyImage::F32(image)) => {
                let (.., rows, columns) = image.data.dim();
                let mut pixels: Vec<Complex32> = image.data.iter().map(|value| Complex32::from(*value)).collect();
                self.denoise(&mut pixels, rows, columns);
                image
                    .data
                    .iter_mut()
                    .zip(pixels)
                    .for_each(|(value, pixel)| *value = pixel.re);
            }
            ImageOrArray::Array(array) => {
                if let [.., rows, columns] = *array.data.shape()
                    && let Some(pixels) = array.data.as_slice_mut()
                {
                    self.denoise(pixels, rows, columns);
                }
            }
            ImageOrArray::Image(_) => {}
        }
        Ok(message)
    }
}

impl Denoise {
    fn denoise(&self, pixels: &mut [Complex32], rows: usize, columns: usize) {
        denoise::denoise(pixels, [rows, columns], self.filter, self.deviation, self.radius);
    }
}
