//! Message 1022, an image: header of 198 bytes, the attributes' XML with its length, then the pixels, x fastest.

use std::any::Any;

use bytes::Bytes;
use ndarray::Array4;

use super::{Decoder, ErasedCodec, Payload, put_count, put_samples, size16, take_samples, text::meta};
use crate::{
    Complex32, Complex64, Image, ImageHeader, Meta, Pixel, PixelType,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Images of all eight pixel types: decodes into the `Image<T>` that the header names, encodes any of them.
///
/// Pixel type, matrix size, channels and the length of the attributes are taken from the image when writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageCodec;

/// Calls a generic function for the pixel type with this number.
macro_rules! for_pixel_type {
    ($pixel_type:expr, $function:ident($($argument:expr),*)) => {
        match $pixel_type {
            PixelType::U16 => $function::<u16>($($argument),*),
            PixelType::I16 => $function::<i16>($($argument),*),
            PixelType::U32 => $function::<u32>($($argument),*),
            PixelType::I32 => $function::<i32>($($argument),*),
            PixelType::F32 => $function::<f32>($($argument),*),
            PixelType::F64 => $function::<f64>($($argument),*),
            PixelType::C32 => $function::<Complex32>($($argument),*),
            PixelType::C64 => $function::<Complex64>($($argument),*),
        }
    };
}

impl ErasedCodec for ImageCodec {
    fn type_name(&self) -> &'static str {
        "protocol::image::Image<T>"
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Payload, Failure> {
        let header: ImageHeader = decoder.record()?;
        let Some(pixel_type) = PixelType::from_number(header.data_type) else {
            return Err(decoder.malformed(
                "the pixel type",
                format_args!("{} is not one of 1 to 8", header.data_type),
            ));
        };
        for_pixel_type!(pixel_type, decode(header, decoder))
    }

    fn scan(&self, _: &mut Decoder<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn accepts(&self, value: &dyn Any) -> bool {
        pixel_type(value).is_some()
    }

    fn encode(&self, value: &dyn Any, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match pixel_type(value) {
            Some(pixel_type) => for_pixel_type!(pixel_type, encode(value, out)),
            None => Err(another_type()),
        }
    }

    fn encode_taking(&self, value: &mut dyn Any, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        match pixel_type(value) {
            Some(pixel_type) => for_pixel_type!(pixel_type, encode_taking(value, out)),
            None => Err(another_type()),
        }
    }
}

fn another_type() -> EncodeError {
    EncodeError::does_not_fit("an image", "a value of another type")
}

fn pixel_type(value: &dyn Any) -> Option<PixelType> {
    fn is<T: Pixel>(value: &dyn Any) -> bool {
        value.is::<Image<T>>()
    }
    PixelType::ALL
        .into_iter()
        .find(|&kind| for_pixel_type!(kind, is(value)))
}

fn decode<T: Pixel>(header: ImageHeader, decoder: &mut Decoder<'_>) -> Result<Payload, Failure> {
    let meta_bytes = decoder.number::<u64>()?;
    decoder.check("the attributes", meta_bytes, decoder.limits().text_bytes, "text_bytes")?;
    let [x, y, z] = header.matrix_size;
    // Four numbers of 16 bits: the product fits 64 bits, the number of bytes may not.
    let pixels = u64::from(x) * u64::from(y) * u64::from(z) * u64::from(header.channels);
    decoder.require(pixels.saturating_mul(size_of::<T>() as u64).saturating_add(meta_bytes))?;

    let meta = meta(decoder, meta_bytes)?;
    let shape = [header.channels, z, y, x].map(usize::from);
    let data = Array4::from_shape_vec(shape, decoder.samples(pixels)?)
        .map_err(|error| decoder.malformed("the pixels", error))?;
    let image = Image::<T> { header, data, meta };
    let weight = image.weight();
    Ok(Payload::new(image, weight))
}

fn encode<T: Pixel>(value: &dyn Any, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let image = value.downcast_ref::<Image<T>>().ok_or_else(another_type)?;
    put_head(image, out)?;
    put_samples(out, &image.data);
    Ok(())
}

fn encode_taking<T: Pixel>(value: &mut dyn Any, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
    let image = value.downcast_mut::<Image<T>>().ok_or_else(another_type)?;
    put_head(image, out)?;
    Ok(take_samples(out, &mut image.data))
}

/// All that comes before the pixels.
fn put_head<T: Pixel>(image: &Image<T>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (channels, z, y, x) = image.data.dim();
    let mut xml = image.meta.as_ref().map(Meta::to_xml).unwrap_or_default();
    if image.meta.is_some() {
        // The original counts the terminating NUL.
        xml.push('\0');
    }
    let attribute_string_len = u32::try_from(xml.len())
        .map_err(|_| EncodeError::does_not_fit("the attributes of an image", "longer than 32 bits can count"))?;
    let header = ImageHeader {
        data_type: T::TYPE as u16,
        matrix_size: [
            size16("the width of an image", x)?,
            size16("the height of an image", y)?,
            size16("the depth of an image", z)?,
        ],
        channels: size16("the channels of an image", channels)?,
        attribute_string_len,
        ..image.header
    };
    header.write(out);
    put_count(out, xml.len());
    out.extend_from_slice(xml.as_bytes());
    Ok(())
}
