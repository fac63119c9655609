//! Codecs: one message type each, bytes to value and back.
//!
//! A type of your own becomes a message in one of two ways: anything `serde` knows through
//! [`Codecs::register_serde`], a layout written by hand by implementing [`Codec`] and [`Codecs::register`].

mod acquisition;
mod bucket;
mod decoder;
mod dependency_query;
mod dicom;
mod encoder;
mod endpoints;
mod image;
mod image_array;
mod nhlbi;
mod recon_data;
mod sample;
mod serde;
mod table;
mod text;
mod waveform;

use std::any::{Any, type_name};

use bytes::Bytes;

pub use self::{
    acquisition::AcquisitionCodec,
    bucket::AcquisitionBucketCodec,
    decoder::{Decoder, Progress},
    dependency_query::DependencyQueryCodec,
    dicom::DicomCodec,
    encoder::{put_array, put_count, put_number, put_samples, put_sizes, put_text, size16, take_samples},
    endpoints::{EndpointError, EndpointErrorKind, Readers, Writers},
    image::ImageCodec,
    image_array::ImageArrayCodec,
    nhlbi::Precision,
    recon_data::ReconDataCodec,
    sample::Sample,
    serde::{SERDE_BYTES, SerdeCodec},
    table::{Codecs, RegistrationError},
    text::TextCodec,
    waveform::WaveformCodec,
};
pub use crate::error::{EncodeError, Failure, Fault};

/// A decoded value, its type erased.
pub struct Payload {
    /// The value.
    pub value: Box<dyn Any + Send>,
    /// The name of its type, as [`std::any::type_name`] gives it.
    pub type_name: &'static str,
    /// The bytes of memory it stands for.
    pub weight: usize,
}

impl Payload {
    /// Erases `value`, which stands for `weight` bytes of memory.
    pub fn new<T: Any + Send>(value: T, weight: usize) -> Self {
        Self {
            value: Box::new(value),
            type_name: type_name::<T>(),
            weight,
        }
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Payload({}, {} bytes)", self.type_name, self.weight)
    }
}

/// The layout of one message type.
///
/// `decode` must take exactly the bytes that `encode` wrote; the message's number is not part of the body. It may be
/// called again for the same message when more bytes have arrived, so it allocates only after
/// [`Decoder::require`] or one of the methods that call it. Bytes can be anything; no bytes may make it panic.
pub trait Codec: Send + Sync + 'static {
    /// The type.
    type Value: Any + Send;

    /// Takes a value off the front of a body.
    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Self::Value, Failure>;

    /// Moves past a body without building the value. Worth writing for types of many parts whose lengths become known
    /// one after the other: decoding begins only once a scan succeeds. The default succeeds at once.
    fn scan(&self, _: &mut Decoder<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Appends the body.
    fn encode(&self, value: &Self::Value, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Appends the body of a value that nobody needs any more. A codec whose body ends with a large array can take that
    /// out of the value and give it as it lies in memory, to follow what was appended (see [`take_samples`]). Where it
    /// fails, the value is as it was. The default appends all of it.
    fn encode_taking(&self, value: &mut Self::Value, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        self.encode(value, out)?;
        Ok(Bytes::new())
    }

    /// The bytes of memory a value stands for.
    fn weight(&self, value: &Self::Value) -> usize {
        size_of_val(value)
    }
}

/// A codec with its type erased. Implement [`Codec`] instead, unless one message carries several types.
pub trait ErasedCodec: Send + Sync {
    /// The name of the type, for messages to people.
    fn type_name(&self) -> &'static str;
    /// Takes a value off the front of a body.
    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Payload, Failure>;
    /// Moves past a body without building the value, or succeeds at once.
    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure>;
    /// Whether this codec encodes values of this type.
    fn accepts(&self, value: &dyn Any) -> bool;
    /// Appends the body of a value it accepts.
    fn encode(&self, value: &dyn Any, out: &mut Vec<u8>) -> Result<(), EncodeError>;
    /// Appends the body of a value it accepts and nobody needs any more; what is given follows what was appended.
    fn encode_taking(&self, value: &mut dyn Any, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        self.encode(value, out)?;
        Ok(Bytes::new())
    }
}

impl<C: Codec> ErasedCodec for C {
    fn type_name(&self) -> &'static str {
        type_name::<C::Value>()
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Payload, Failure> {
        let value = Codec::decode(self, decoder)?;
        let weight = self.weight(&value);
        Ok(Payload::new(value, weight))
    }

    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure> {
        Codec::scan(self, decoder)
    }

    fn accepts(&self, value: &dyn Any) -> bool {
        value.is::<C::Value>()
    }

    fn encode(&self, value: &dyn Any, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match value.downcast_ref() {
            Some(value) => Codec::encode(self, value, out),
            None => Err(another_type::<C::Value>()),
        }
    }

    fn encode_taking(&self, value: &mut dyn Any, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        match value.downcast_mut() {
            Some(value) => Codec::encode_taking(self, value, out),
            None => Err(another_type::<C::Value>()),
        }
    }
}

fn another_type<T>() -> EncodeError {
    EncodeError::does_not_fit(type_name::<T>(), "a value of another type")
}
