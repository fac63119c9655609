//! Message 5, text: 32 bits of length, then UTF-8.

use super::{Codec, Decoder, put_number};
use crate::{
    Meta,
    error::{EncodeError, Failure},
    xml,
};

/// Text, as `TextReader` and `TextWriter` exchange it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextCodec;

impl Codec for TextCodec {
    type Value = String;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<String, Failure> {
        let length = decoder.number::<u32>()?;
        Ok(decoder.text("the text", length.into())?.to_owned())
    }

    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = u32::try_from(value.len())
            .map_err(|_| EncodeError::does_not_fit("the text", "longer than 32 bits can count"))?;
        put_number(out, length);
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn weight(&self, value: &String) -> usize {
        size_of::<String>() + value.len()
    }
}

/// Attributes of so many bytes: nothing, or XML that may end with a NUL.
pub(super) fn meta(decoder: &mut Decoder<'_>, length: u64) -> Result<Option<Meta>, Failure> {
    let text = xml::decode_leniently(decoder.text_bytes("the attributes", length)?);
    match text.trim_end_matches('\0') {
        "" => Ok(None),
        xml => match Meta::parse(xml) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) => Err(decoder.malformed("the attributes", error)),
        },
    }
}
