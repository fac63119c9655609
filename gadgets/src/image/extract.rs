//! Complex images to real ones: magnitude, phase, real part, imaginary part.
//!
//! [`Image<Complex32>`] to [`Image<f32>`], one for each kind that is asked for, in the order magnitude, phase, real,
//! imaginary. Each kind has its series: that of the input plus 0 (magnitude), 1000 (real), 2000 (imaginary), 3000 (phase).
//! The phase runs from 0 to 2 pi. Answers to Gadgetron's `ExtractGadget`.

use engine::{BoxError, Gadget, Input, Output};
use protocol::{Complex32, Image, ImageType, PixelType};

use super::magnitude;
use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`Extract`].
    pub struct ExtractProperties {
        /// Deprecated: sum of 1 (magnitude), 2 (real), 4 (imaginary), 8 (phase), in addition to the others.
        "extract_mask" => pub mask: u16 = 0,
        /// Magnitude.
        "extract_magnitude" => pub magnitude: bool = true,
        /// Real part.
        "extract_real" => pub real: bool = false,
        /// Imaginary part.
        "extract_imag" => pub imaginary: bool = false,
        /// Phase.
        "extract_phase" => pub phase: bool = false,
        /// Added to real and imaginary parts.
        "real_imag_offset" => pub real_imag_offset: f32 = 0.0,
    }
}

/// Extracts real images from complex ones.
#[derive(Debug)]
pub struct Extract {
    kinds: Vec<ImageType>,
    offset: f32,
}

impl Configured for Extract {
    type Properties = ExtractProperties;

    fn new(properties: ExtractProperties, _: &Context) -> Result<Self, BoxError> {
        let mask = properties.mask;
        let wanted = [
            (ImageType::Magnitude, properties.magnitude || mask & 1 != 0),
            (ImageType::Phase, properties.phase || mask & 8 != 0),
            (ImageType::Real, properties.real || mask & 2 != 0),
            (ImageType::Imaginary, properties.imaginary || mask & 4 != 0),
        ];
        let kinds: Vec<_> = wanted
            .into_iter()
            .filter(|(_, wanted)| *wanted)
            .map(|(kind, _)| kind)
            .collect();
        if kinds.is_empty() {
            return Err(
                "nothing to extract: set extract_magnitude, extract_phase, extract_real or extract_imag".into(),
            );
        }
        Ok(Self {
            kinds,
            offset: properties.real_imag_offset,
        })
    }
}

impl Gadget for Extract {
    type In = Image<Complex32>;
    type Out = Image<f32>;

    async fn run(self, mut input: Input<Image<Complex32>>, mut output: Output<Image<f32>>) -> Result<(), BoxError> {
        while let Some(image) = input.next().await? {
            for kind in &self.kinds {
                output.send(self.extract(&image, *kind)).await?;
            }
        }
        Ok(())
    }
}

impl Extract {
    fn extract(&self, image: &Image<Complex32>, kind: ImageType) -> Image<f32> {
        let (series, data) = match kind {
            ImageType::Real => (1000, image.data.map(|z| z.re + self.offset)),
            ImageType::Imaginary => (2000, image.data.map(|z| z.im + self.offset)),
            ImageType::Phase => (3000, image.data.map(|z| z.arg() + std::f32::consts::PI)),
            ImageType::Magnitude | ImageType::Complex => (0, image.data.map(magnitude)),
        };
        let mut header = image.header;
        header.data_type = PixelType::F32 as u16;
        header.image_type = kind as u16;
        header.image_series_index = header.image_series_index.wrapping_add(series);
        Image {
            header,
            data,
            meta: image.meta.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;

    use ndarray::Array4;
    use protocol::{ImageHeader, IsmrmrdHeader, Meta};

    use super::*;
    use crate::testing::{build, outputs};

    fn extracted(properties: &[(&str, &str)]) -> Vec<Image<f32>> {
        let gadget: Extract = build(properties, &Context::new(IsmrmrdHeader::default())).unwrap();
        let mut meta = Meta::new();
        meta.set("name", "value");
        let image = Image {
            header: ImageHeader {
                image_series_index: 5,
                ..ImageHeader::default()
            },
            data: Array4::from_elem((1, 1, 1, 1), Complex32::new(3.0, -4.0)),
            meta: Some(meta),
        };
        outputs(gadget, vec![image])
    }

    #[test]
    fn kinds_come_in_the_order_of_their_numbers_each_in_its_series() {
        let images = extracted(&[
            ("extract_real", "true"),
            ("extract_imag", "true"),
            ("extract_phase", "true"),
            ("real_imag_offset", "10"),
        ]);
        let found: Vec<_> = images
            .iter()
            .map(|i| (i.header.image_type, i.header.image_series_index, i.data[[0, 0, 0, 0]]))
            .collect();
        let phase = (-4.0_f32).atan2(3.0) + PI;
        assert_eq!(found, [(1, 5, 5.0), (2, 3005, phase), (3, 1005, 13.0), (4, 2005, 6.0)]);
        assert!(
            images
                .iter()
                .all(|i| i.header.data_type == 5 && i.meta.as_ref().unwrap().first("name") == Some("value"))
        );
    }

    #[test]
    fn magnitude_is_the_default_and_the_mask_adds_to_it() {
        assert_eq!(extracted(&[]).len(), 1);
        let kinds: Vec<_> = extracted(&[("extract_mask", "10")])
            .iter()
            .map(|i| i.header.image_type)
            .collect();
        assert_eq!(kinds, [1, 2, 3]);
    }

    #[test]
    fn extracting_nothing_is_an_error() {
        let context = Context::new(IsmrmrdHeader::default());
        assert!(build::<Extract>(&[("extract_magnitude", "false")], &context).is_err());
    }
}
