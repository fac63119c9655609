//! Images are numbered from 1 in each series, as they come.
//!
//! [`AnyImage`] to [`AnyImage`]. Answers to Gadgetron's `ImageIndexGadget`.

use std::collections::BTreeMap;

use engine::{BoxError, Gadget, Input, Output};
use protocol::AnyImage;

use crate::{Context, properties::NoProperties, registry::Configured};

/// Numbers the images of each series.
#[derive(Debug)]
pub struct ImageIndex;

impl Configured for ImageIndex {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for ImageIndex {
    type In = AnyImage;
    type Out = AnyImage;

    async fn run(self, mut input: Input<AnyImage>, mut output: Output<AnyImage>) -> Result<(), BoxError> {
        // At most 65536 series.
        let mut last = BTreeMap::<u16, u16>::new();
        while let Some(mut image) = input.next().await? {
            let header = image.header_mut();
            let index = last.entry(header.image_series_index).or_default();
            *index = index.wrapping_add(1);
            header.image_index = *index;
            output.send(image).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use protocol::{Image, ImageHeader, IsmrmrdHeader};

    use super::*;
    use crate::testing::{build, outputs};

    #[test]
    fn every_series_counts_from_one() {
        let image = |image_series_index| {
            AnyImage::F32(Image {
                header: ImageHeader {
                    image_series_index,
                    image_index: 99,
                    ..ImageHeader::default()
                },
                data: Array4::zeros((1, 1, 1, 1)),
                meta: None,
            })
        };
        let gadget: ImageIndex = build(&[], &Context::new(IsmrmrdHeader::default())).unwrap();
        let images = outputs(gadget, [0, 3000, 0, 0, 3000].map(image).into());
        let indices: Vec<_> = images.iter().map(|image| image.header().image_index).collect();
        assert_eq!(indices, [1, 1, 2, 3, 2]);
    }
}
