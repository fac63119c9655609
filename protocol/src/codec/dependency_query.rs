//! Message 1019, the answer to a query for a dependency: 64 bits of length, then the attributes' XML without NUL.

use super::{Codec, Decoder, put_text, text::meta};
use crate::{
    DependencyQuery,
    error::{EncodeError, Failure},
};

/// Answers to queries for dependencies, as `DependencyQueryWriter` sends them.
#[derive(Clone, Copy, Debug, Default)]
pub struct DependencyQueryCodec;

impl Codec for DependencyQueryCodec {
    type Value = DependencyQuery;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<DependencyQuery, Failure> {
        let length = decoder.number()?;
        let meta = meta(decoder, length)?.unwrap_or_default();
        Ok(DependencyQuery { meta })
    }

    fn encode(&self, value: &DependencyQuery, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_text(out, &value.meta.to_xml());
        Ok(())
    }
}
