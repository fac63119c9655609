//! Images in the order of a counter.
//!
//! [`AnyImage`] to [`AnyImage`]: all images are held until the end, then leave by the counter, equal ones in the order they
//! came. When the stream breaks off, the images that came are complete and leave too. Answers to Gadgetron's
//! `ImageSortGadget`, whose order of equal images is undefined.

use engine::{BoxError, Gadget, Input, Output};
use protocol::{AnyImage, ImageHeader};

use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`ImageSort`].
    pub struct ImageSortProperties {
        /// average, slice, contrast, phase, repetition or set; anything else keeps the order.
        "sorting_dimension" => pub dimension: String = "slice".to_owned(),
    }
}

/// Sorts images by a counter.
#[derive(Debug)]
pub struct ImageSort {
    key: fn(&ImageHeader) -> u16,
}

impl Configured for ImageSort {
    type Properties = ImageSortProperties;

    fn new(properties: ImageSortProperties, _: &Context) -> Result<Self, BoxError> {
        let key: fn(&ImageHeader) -> u16 = match properties.dimension.as_str() {
            "average" => |header| header.average,
            "slice" => |header| header.slice,
            "contrast" => |header| header.contrast,
            "phase" => |header| header.phase,
            "repetition" => |header| header.repetition,
            "set" => |header| header.set,
            _ => |_| 0,
        };
        Ok(Self { key })
    }
}

impl Gadget for ImageSort {
    type In = AnyImage;
    type Out = AnyImage;

    async fn run(self, mut input: Input<AnyImage>, mut output: Output<AnyImage>) -> Result<(), BoxError> {
        let mut images = Vec::new();
        let end = loop {
            match input.next().await {
                Ok(Some(image)) => images.push(image),
                Ok(None) => break Ok(()),
                Err(interrupted) => break Err(interrupted.into()),
            }
        };
        images.sort_by_key(|image| (self.key)(image.header()));
        for image in images {
            output.send(image).await?;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;
    use proptest::prelude::*;
    use protocol::{Image, IsmrmrdHeader};

    use super::*;
    use crate::testing::{build, outputs, run_broken_off};

    fn gadget(dimension: &str) -> ImageSort {
        build(
            &[("sorting_dimension", dimension)],
            &Context::new(IsmrmrdHeader::default()),
        )
        .unwrap()
    }

    fn image(slice: u16, repetition: u16, number: u16) -> AnyImage {
        AnyImage::U16(Image {
            header: ImageHeader {
                slice,
                repetition,
                image_index: number,
                ..ImageHeader::default()
            },
            data: Array4::zeros((1, 1, 1, 1)),
            meta: None,
        })
    }

    fn numbers(images: &[AnyImage]) -> Vec<u16> {
        images.iter().map(|image| image.header().image_index).collect()
    }

    #[test]
    fn the_counter_decides_and_anything_else_keeps_the_order() {
        let images = || vec![image(2, 0, 1), image(0, 1, 2), image(1, 0, 3)];
        assert_eq!(numbers(&outputs(gadget("slice"), images())), [2, 3, 1]);
        assert_eq!(numbers(&outputs(gadget("repetition"), images())), [1, 3, 2]);
        assert_eq!(numbers(&outputs(gadget(""), images())), [1, 2, 3]);
    }

    #[test]
    fn images_that_came_before_a_break_are_delivered() {
        let (images, result) = run_broken_off(gadget("slice"), vec![image(1, 0, 1), image(0, 0, 2)]);
        assert_eq!(numbers(&images), [2, 1]);
        assert!(result.is_err());
    }

    proptest! {
        #[test]
        fn the_order_of_equal_images_is_kept(slices in proptest::collection::vec(0_u16..3, 0..40)) {
            let images = slices.iter().enumerate().map(|(number, slice)| image(*slice, 0, number as u16)).collect();
            let sorted = outputs(gadget("slice"), images);
            let keys: Vec<_> = sorted.iter().map(|image| (image.header().slice, image.header().image_index)).collect();
            prop_assert_eq!(keys.len(), slices.len());
            prop_assert!(keys.is_sorted());
        }
    }
}
