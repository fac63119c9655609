//! Two images as channels of one. `AnyImage` of the lanes "unchanged" and "inverted" → `AnyImage`.
//!
//! Answers to Gadgetron's `ImageLayerer` (gadgetron_examples).

use engine::{BoxError, Input, Lanes, Merge, Output};
use ndarray::{Axis, concatenate};
use protocol::{AnyImage, Image};

use super::NoProperties;
use crate::{Context, registry::Configured};

/// Joins the k-th image of both lanes along the channels: header of the unchanged one with twice the channels, no meta
/// attributes (as in the original).
#[derive(Debug)]
pub struct ImageLayerer;

impl Configured for ImageLayerer {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Merge for ImageLayerer {
    type In = AnyImage;
    type Out = AnyImage;

    /// Waits for the lanes in turn: they give one image for each image they get, so neither can starve the other.
    async fn run(self, mut lanes: Lanes<Input<AnyImage>>, mut output: Output<AnyImage>) -> Result<(), BoxError> {
        let mut unchanged = lanes.take("unchanged")?;
        let mut inverted = lanes.take("inverted")?;
        while let Some(first) = unchanged.next().await? {
            let Some(second) = inverted.next().await? else {
                return Err("the lane \"inverted\" gave fewer images than the lane \"unchanged\"".into());
            };
            output.send(layer(first, second)?).await?;
        }
        Ok(())
    }
}

fn layer(first: AnyImage, second: AnyImage) -> Result<AnyImage, BoxError> {
    Ok(match (first, second) {
        (AnyImage::U16(a), AnyImage::U16(b)) => AnyImage::U16(join(a, b)?),
        (AnyImage::I16(a), AnyImage::I16(b)) => AnyImage::I16(join(a, b)?),
        (AnyImage::U32(a), AnyImage::U32(b)) => AnyImage::U32(join(a, b)?),
        (AnyImage::I32(a), AnyImage::I32(b)) => AnyImage::I32(join(a, b)?),
        (AnyImage::F32(a), AnyImage::F32(b)) => AnyImage::F32(join(a, b)?),
        (AnyImage::F64(a), AnyImage::F64(b)) => AnyImage::F64(join(a, b)?),
        (AnyImage::C32(a), AnyImage::C32(b)) => AnyImage::C32(join(a, b)?),
        (AnyImage::C64(a), AnyImage::C64(b)) => AnyImage::C64(join(a, b)?),
        _ => return Err("the two images have different pixel types".into()),
    })
}

fn join<T: Clone>(first: Image<T>, second: Image<T>) -> Result<Image<T>, BoxError> {
    if first.data.shape() != second.data.shape() {
        let (a, b) = (first.data.shape(), second.data.shape());
        return Err(format!("the two images have different sizes: {a:?} and {b:?}").into());
    }
    let mut header = first.header;
    header.channels = header
        .channels
        .checked_mul(2)
        .ok_or("too many channels to double them")?;
    Ok(Image {
        header,
        data: concatenate(Axis(0), &[first.data.view(), second.data.view()])?,
        meta: None,
    })
}

#[cfg(test)]
mod tests {
    use engine::{Capacity, MergeNode, Message, Node, PureNode, channel::message_channel};
    use ndarray::Array4;
    use protocol::ImageHeader;

    use super::*;
    use crate::{
        Flow,
        registry::{Built, find},
    };

    fn image(pixels: [f32; 2], channels: u16) -> Image<f32> {
        let header = ImageHeader {
            channels,
            ..ImageHeader::default()
        };
        let each = usize::from(channels);
        let data = pixels.iter().copied().cycle().take(2 * each).collect();
        let data = Array4::from_shape_vec((each, 1, 1, 2), data).unwrap();
        Image {
            header,
            data,
            meta: None,
        }
    }

    #[test]
    fn unequal_images_are_refused() {
        let (small, large) = (image([1.0, 2.0], 1), image([1.0, 2.0], 2));
        let error = layer(AnyImage::F32(small.clone()), AnyImage::F32(large)).unwrap_err();
        assert!(error.to_string().contains("different sizes"));
        let other = AnyImage::U16(small.clone().map(|pixel| pixel as u16));
        let error = layer(AnyImage::F32(small), other).unwrap_err();
        assert!(error.to_string().contains("different pixel types"));
    }

    fn built(class: &str) -> Built {
        (find(class).unwrap().build)(&protocol::configuration::Component::new(class, &[])).unwrap()
    }

    #[tokio::test]
    async fn the_bypass_example_layers_every_image_with_its_negative() {
        let context = Context::new(protocol::IsmrmrdHeader::default());
        let Built::Branch(branch) = built("ImageFanout") else {
            panic!()
        };
        let Built::Pure(inverter) = built("ImageInverter") else {
            panic!()
        };
        let Built::Merge(merge) = built("ImageLayerer") else {
            panic!()
        };
        let inverter: PureNode = inverter(&context).unwrap();
        let merge: MergeNode = merge(&context).unwrap();
        let lanes = vec![
            ("unchanged".to_owned(), vec![]),
            ("inverted".to_owned(), vec![Node::from(inverter)]),
        ];
        let capacity = Capacity::messages(1);
        let node = Node::parallel("parallel", branch(&context).unwrap(), lanes, merge, capacity);
        let (mut output, input) = message_channel(capacity);
        let (sender, mut receiver) = message_channel(Capacity::messages(100));
        let running = node.spawn(input, sender);
        for pixel in 0..50 {
            output.send(image([pixel as f32, 60.0], 1).emit()).await.unwrap();
        }
        output.send(Message::new("flows past")).await.unwrap();
        drop(output);
        running.join().await.unwrap();
        let mut images = 0;
        while let Some(message) = receiver.next().await.unwrap() {
            let Ok(joined) = Image::<f32>::accept(message) else {
                continue;
            };
            let pixels: Vec<_> = joined.data.iter().copied().collect();
            let first = images as f32;
            assert_eq!(pixels, [first, 60.0, 60.0 - first, 0.0]);
            assert_eq!(joined.header.channels, 2);
            images += 1;
        }
        assert_eq!(images, 50);
    }
}
