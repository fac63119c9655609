//! Meta attributes that viewers want: the directions of rows and columns.
//!
//! [`Image<Complex32>`] to itself. Answers to Gadgetron's `AugmentImageMetadataGadget`; directions that are there with
//! other than three values are replaced (the original adds three more).

use engine::{BoxError, PureGadget};
use protocol::{Complex32, Image};

use crate::{Context, properties::NoProperties, registry::Configured};

/// Adds the directions of rows and columns to the meta attributes.
#[derive(Debug)]
pub struct AugmentMeta;

impl Configured for AugmentMeta {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl PureGadget for AugmentMeta {
    type In = Image<Complex32>;
    type Out = Image<Complex32>;

    fn process(&self, mut image: Image<Complex32>) -> Result<Image<Complex32>, BoxError> {
        let meta = image.meta.get_or_insert_default();
        let directions = [
            ("ImageRowDir", image.header.read_dir),
            ("ImageColumnDir", image.header.phase_dir),
        ];
        for (name, [x, y, z]) in directions {
            if meta.values(name).len() != 3 {
                meta.set(name, f64::from(x));
                meta.append(name, f64::from(y));
                meta.append(name, f64::from(z));
            }
        }
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{ImageHeader, IsmrmrdHeader, Meta};

    use super::*;

    #[test]
    fn missing_directions_are_added_and_given_ones_are_kept() {
        let mut meta = Meta::new();
        for value in ["7", "8", "9"] {
            meta.append("ImageRowDir", value);
        }
        meta.set("ImageColumnDir", "1");
        let image = Image {
            header: ImageHeader {
                phase_dir: [0.0, 0.5, -1.0],
                ..ImageHeader::default()
            },
            data: Array4::zeros((1, 1, 1, 1)),
            meta: Some(meta),
        };
        let gadget = AugmentMeta::new(NoProperties {}, &Context::new(IsmrmrdHeader::default())).unwrap();
        let meta = gadget.process(image.clone()).unwrap().meta.unwrap();
        assert_eq!(meta.values("ImageRowDir"), ["7", "8", "9"]);
        assert_eq!(meta.values("ImageColumnDir"), ["0", "0.5", "-1"]);
        let without = Image { meta: None, ..image };
        assert_eq!(
            gadget
                .process(without)
                .unwrap()
                .meta
                .unwrap()
                .values("ImageRowDir")
                .len(),
            3
        );
    }
}
