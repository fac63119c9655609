//! Scales image arrays: maps by the factor of their role, images by a constant or by what their brightest pixel asks.
//!
//! [`ImageArray`] to the same; class `GenericReconImageArrayScalingGadget`.

use engine::{BoxError, Gadget, Input, Output};
use protocol::ImageArray;

use super::{
    encodings::UnknownEncoding,
    limits,
    roles::{IMAGE_COMMENT, Role},
    work,
};
use crate::{Context, numerics::frames::Dims, registry::Configured};

crate::properties! {
    /// Properties of [`ImageArrayScaling`].
    pub struct ImageArrayScalingProperties {
        /// Whether images are scaled by `scalingFactor`, otherwise by their brightest pixel.
        "use_constant_scalingFactor" => pub constant: bool = true,
        /// Factor for images; when not positive, their brightest pixel decides.
        "scalingFactor" => pub factor: f32 = 4.0,
        /// Brightest pixels from here on count as being in units of the noise.
        "min_intensity_value" => pub least: i32 = 64,
        /// Brightest pixels up to here do; and what they are scaled to at most.
        "max_intensity_value" => pub most: i32 = 4095,
        /// Whether the first array's factor serves all.
        "auto_scaling_only_once" => pub once: bool = true,
        /// Arrays with this meta attribute get `scalingFactor_dedicated`.
        "use_dedicated_scalingFactor_meta_field" => pub dedicated_field: String = "Use_dedicated_scaling_factor".into(),
        /// Factor for those.
        "scalingFactor_dedicated" => pub dedicated: f32 = 100.0,
        /// Factor for maps of the g-factor.
        "scalingFactor_gfactor_map" => pub gfactor: f32 = 100.0,
        /// Factor for SNR maps.
        "scalingFactor_snr_map" => pub snr: f32 = 10.0,
        /// Factor for maps of the standard deviation.
        "scalingFactor_snr_std_map" => pub deviation: f32 = 1000.0,
    }
}

/// What the brightest pixel is scaled to when the image is not in units of the noise.
const DEFAULT_BRIGHTEST: f32 = 2048.0;
/// Factor for images in units of the noise.
const DEFAULT_FACTOR: f32 = 4.0;
/// The middle images look for the brightest pixel, where there are more.
const IMAGES_CONSIDERED: usize = 24;

/// Class `GenericReconImageArrayScalingGadget`.
#[derive(Debug)]
pub struct ImageArrayScaling {
    properties: ImageArrayScalingProperties,
    /// The factor of each encoding space, once it is found.
    found: Vec<Option<f32>>,
}

impl Configured for ImageArrayScaling {
    type Properties = ImageArrayScalingProperties;
    fn new(mut properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        properties.constant &= properties.factor > 0.0;
        Ok(Self {
            properties,
            found: vec![None; context.header.encoding.len()],
        })
    }
}

impl Gadget for ImageArrayScaling {
    type In = ImageArray;
    type Out = ImageArray;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, mut array| {
            gadget.scale(&mut array)?;
            Ok(vec![array])
        })
        .await
    }
}

impl ImageArrayScaling {
    fn scale(&mut self, array: &mut ImageArray) -> Result<(), BoxError> {
        let factor = self.factor(array)?;
        array.data.iter_mut().for_each(|pixel| *pixel *= factor);
        for meta in &mut array.meta {
            meta.append(IMAGE_COMMENT, format!("x{}", four_digits(factor)));
            meta.set("GADGETRON_ScaleRatio", f64::from(factor));
        }
        Ok(())
    }

    fn factor(&mut self, array: &ImageArray) -> Result<f32, BoxError> {
        let p = &self.properties;
        match Role::of(array) {
            Some(Role::SnrMap) => return Ok(p.snr),
            Some(Role::Gfactor) => return Ok(p.gfactor),
            Some(Role::StdMap) => return Ok(p.deviation),
            _ => {}
        }
        let meta = limits::of_array(array);
        if meta.is_some_and(|meta| !meta.values(&p.dedicated_field).is_empty()) {
            return Ok(p.dedicated);
        }
        if p.constant {
            return Ok(p.factor);
        }
        let encoding = meta.map_or(0, limits::encoding);
        let known = self.found.get_mut(encoding).ok_or(UnknownEncoding(encoding))?;
        match known {
            Some(factor) if p.once => Ok(*factor),
            _ => Ok(*known.insert(automatic(brightest(array)?, p))),
        }
    }
}

fn brightest(array: &ImageArray) -> Result<f32, BoxError> {
    let dims = Dims::of(array.data.shape())?;
    let (volume, images) = (dims.extent.volume(), dims.cha * dims.frames());
    let considered = match images > IMAGES_CONSIDERED {
        true => images / 2 - IMAGES_CONSIDERED / 2,
        false => 0,
    };
    let energies = array
        .data
        .iter()
        .skip(considered * volume)
        .take(IMAGES_CONSIDERED * volume);
    Ok(energies.fold(0.0_f32, |most, pixel| most.max(pixel.norm_sqr())).sqrt())
}

fn automatic(brightest: f32, p: &ImageArrayScalingProperties) -> f32 {
    let brightest = if brightest < f32::EPSILON { 1.0 } else { brightest };
    let (least, most) = (p.least as f32, p.most as f32);
    if !(least..=most).contains(&brightest) {
        return DEFAULT_BRIGHTEST / brightest;
    }
    let mut factor = DEFAULT_FACTOR;
    while brightest * factor > most && factor >= 2.0 {
        factor /= 2.0;
    }
    if brightest * factor > most {
        most / brightest
    } else {
        factor
    }
}

/// The number with four significant digits, as people read it.
fn four_digits(value: f32) -> f32 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_automatic_factor_fills_the_range_and_keeps_noise_units_where_it_can() {
        let p = ImageArrayScalingProperties::default();
        let cases = [
            (0.5, 4096.0),
            (8192.0, 0.25),
            (100.0, 4.0),
            (1500.0, 2.0),
            (3000.0, 1.0),
            (4095.0, 1.0),
            (0.0, 2048.0),
        ];
        for (brightest, factor) in cases {
            assert!((automatic(brightest, &p) - factor).abs() < 1e-3, "{brightest}");
        }
    }

    #[test]
    fn comments_have_four_digits() {
        assert_eq!(four_digits(10.0).to_string(), "10");
        assert_eq!(four_digits(0.123_456).to_string(), "0.1235");
    }
}
