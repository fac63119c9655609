//! Messages that are only passed on: the header is read, the rest stays as it came.

use std::any::Any;

use bytes::Bytes;

use super::{AcquisitionCodec, Decoder, ErasedCodec, Payload, acquisition};
use crate::{
    Acquisition, AcquisitionHeader, Limits,
    acquisition::flag,
    error::{EncodeError, Failure},
};

/// A message of which only the header was read, and which goes out with the bytes it came with.
///
/// A server that only chooses where a readout goes need not copy its samples from one buffer to another:
/// [`Readers::unopened`](super::Readers::unopened) gives readouts so, and the writers of readouts take them.
#[derive(Clone, Debug, PartialEq)]
pub struct Unopened<H> {
    /// What the body begins with.
    pub header: H,
    body: Bytes,
}

impl<H> Unopened<H> {
    /// The whole body, the header included.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Message 1008 unopened. Compressed readouts are opened: not every worker reads them.
pub(super) struct UnopenedAcquisitionCodec;

type Value = Unopened<AcquisitionHeader>;

impl ErasedCodec for UnopenedAcquisitionCodec {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Acquisition>()
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Payload, Failure> {
        let header: AcquisitionHeader = decoder.record()?;
        if header.is_flag_set(flag::COMPRESSION1) || header.is_flag_set(flag::COMPRESSION2) {
            let acquisition = acquisition::data(header, decoder)?;
            let weight = acquisition.weight();
            return Ok(Payload::new(acquisition, weight));
        }
        let bytes = decoder.bytes(acquisition::data_bytes(&header))?.len();
        let weight = size_of::<Acquisition>() + bytes;
        let value = Value {
            header,
            body: Bytes::new(),
        };
        Ok(Payload {
            value: Box::new(value),
            type_name: self.type_name(),
            weight,
        })
    }

    fn scan(&self, _: &mut Decoder<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn keeps_body(&self) -> bool {
        true
    }

    fn keep_body(&self, value: &mut dyn Any, body: Bytes) {
        if let Some(unopened) = value.downcast_mut::<Value>() {
            unopened.body = body;
        }
    }

    /// The body lay within the limits when it came.
    fn open(&self, value: &dyn Any) -> Option<Result<Payload, Failure>> {
        let unopened = value.downcast_ref::<Value>()?;
        let codec = AcquisitionCodec::default();
        Some(ErasedCodec::decode(
            &codec,
            &mut Decoder::new(&unopened.body, &Limits::NONE),
        ))
    }

    fn accepts(&self, value: &dyn Any) -> bool {
        value.is::<Value>()
    }

    fn encode(&self, value: &dyn Any, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&unopened(value)?.body);
        Ok(())
    }

    fn encode_taking(&self, value: &mut dyn Any, _: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        Ok(unopened(value)?.body.clone())
    }
}

fn unopened(value: &dyn Any) -> Result<&Value, EncodeError> {
    let value = value.downcast_ref();
    value.ok_or_else(|| EncodeError::does_not_fit("a readout", "a value of another type"))
}
