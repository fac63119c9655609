//! Arrays of images to single images.
//!
//! [`ImageOrArray`] to [`AnyImage`]: an array gives its images with N fastest, then S, then LOC, each with its header and
//! meta attributes; single images pass. Answers to Gadgetron's `ImageArraySplitGadget`. Waveforms and readout headers of
//! the array end here, as there.

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array4;
use protocol::{AnyImage, Complex32, Image, ImageArray, ImageHeader, Meta};

use crate::{Context, arrays::into_vec, flow::ImageOrArray, properties::NoProperties, registry::Configured};

/// Takes arrays of images apart.
#[derive(Debug)]
pub struct ImageArraySplit;

impl Configured for ImageArraySplit {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for ImageArraySplit {
    type In = ImageOrArray;
    type Out = AnyImage;

    async fn run(self, mut input: Input<ImageOrArray>, mut output: Output<AnyImage>) -> Result<(), BoxError> {
        while let Some(message) = input.next().await? {
            match message {
                ImageOrArray::Image(image) => output.send(image).await?,
                ImageOrArray::Array(array) => {
                    for image in split(array)? {
                        output.send(AnyImage::C32(image)).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// An array whose parts do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an image array of shape {data:?} with headers of shape {headers:?} and {meta} meta attributes")]
pub(crate) struct WrongShape {
    data: Vec<usize>,
    headers: Vec<usize>,
    meta: usize,
}

/// The images of an array, N fastest, slices slowest.
pub(crate) fn split(array: ImageArray) -> Result<impl Iterator<Item = Image<Complex32>>, WrongShape> {
    let count = array.headers.len();
    let wrong = || WrongShape {
        data: array.data.shape().into(),
        headers: array.headers.shape().into(),
        meta: array.meta.len(),
    };
    let [loc, s, n, channels, z, y, x] = array.data.shape().try_into().map_err(|_| wrong())?;
    if array.headers.dim() != (loc, s, n) || !(array.meta.is_empty() || array.meta.len() == count) {
        return Err(wrong());
    }
    let headers: Vec<ImageHeader> = array.headers.iter().copied().collect();
    let meta: Vec<Option<Meta>> = if array.meta.is_empty() {
        vec![None; count]
    } else {
        array.meta.into_iter().map(Some).collect()
    };
    let shape = (channels, z, y, x);
    let pixels = channels * z * y * x;
    let blocks = blocks(into_vec(array.data), count, pixels);
    Ok(headers
        .into_iter()
        .zip(meta)
        .zip(blocks)
        .map(move |((header, meta), block)| Image {
            header,
            data: Array4::from_shape_vec(shape, block).expect("each block has this many pixels"),
            meta,
        }))
}

/// The pixels of each image; those of a single one are moved, not copied.
fn blocks(mut data: Vec<Complex32>, count: usize, pixels: usize) -> impl Iterator<Item = Vec<Complex32>> + Send {
    (0..count).map(move |index| match count {
        1 => std::mem::take(&mut data),
        _ => data[index * pixels..(index + 1) * pixels].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, ArrayD, IxDyn};
    use protocol::IsmrmrdHeader;

    use super::*;
    use crate::testing::{build, outputs, run};

    fn array(shape: [usize; 7]) -> ImageArray {
        let mut index = 0.0;
        ImageArray {
            data: ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
                index += 1.0;
                Complex32::from(index)
            }),
            headers: Array3::from_shape_fn((shape[0], shape[1], shape[2]), |(loc, s, n)| ImageHeader {
                image_index: (100 * loc + 10 * s + n) as u16,
                ..ImageHeader::default()
            }),
            meta: Vec::new(),
            waveforms: None,
            acquisition_headers: None,
        }
    }

    fn gadget() -> ImageArraySplit {
        build(&[], &Context::new(IsmrmrdHeader::default())).unwrap()
    }

    #[test]
    fn images_come_with_n_fastest_each_with_its_header_and_meta() {
        let mut source = array([2, 2, 3, 1, 1, 2, 2]);
        source.meta = (0..12)
            .map(|i| {
                let mut meta = Meta::new();
                meta.set("number", i64::from(i));
                meta
            })
            .collect();
        let images = outputs(gadget(), vec![ImageOrArray::Array(source)]);
        let numbers: Vec<_> = images.iter().map(|image| image.header().image_index).collect();
        assert_eq!(numbers, [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]);
        for (i, image) in images.iter().enumerate() {
            assert_eq!(image.meta().unwrap().integer("number"), Some(i as i64));
            let AnyImage::C32(image) = image else {
                panic!("complex images")
            };
            assert_eq!(image.data.dim(), (1, 1, 2, 2));
            assert_eq!(image.data[[0, 0, 1, 1]], Complex32::from(4.0 * i as f32 + 4.0));
        }
    }

    #[test]
    fn single_images_pass_and_one_image_is_an_array_too() {
        let AnyImage::C32(image) = outputs(gadget(), vec![ImageOrArray::Array(array([1, 1, 1, 2, 1, 1, 3]))]).remove(0)
        else {
            panic!("complex image")
        };
        assert_eq!(
            image.data.iter().map(|z| z.re).collect::<Vec<_>>(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
        let image = AnyImage::C32(image);
        assert_eq!(outputs(gadget(), vec![ImageOrArray::Image(image.clone())]), [image]);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_an_error() {
        let mut wrong = array([1, 1, 2, 1, 1, 1, 3]);
        wrong.headers = Array3::default((1, 1, 1));
        assert!(run(gadget(), vec![ImageOrArray::Array(wrong)]).1.is_err());
        let mut wrong = array([1, 1, 2, 1, 1, 1, 3]);
        wrong.meta = vec![Meta::new()];
        assert!(run(gadget(), vec![ImageOrArray::Array(wrong)]).1.is_err());
    }
}
