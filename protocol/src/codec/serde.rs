//! Users' own types through `serde` and bincode: one line makes any of them a message.
//!
//! Layout of the body: 64 bits of length (little endian), then so many bytes of bincode's legacy encoding, which is
//! that of bincode 1: numbers of fixed size, little endian; lengths of sequences, strings and maps 64 bits; enum
//! variants 32 bits; `Option` one byte; structs and tuples their fields in order, nothing between them.

use std::{any::Any, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use super::{Codec, Decoder, put_count};
use crate::error::{EncodeError, Failure};

/// The largest value, in bytes of its encoding: bincode wants it at compile time.
pub const SERDE_BYTES: usize = 64 << 20;

/// The codec of a type that `serde` knows.
///
/// The type must not contain sequences of values without size (`Vec<()>`): eight bytes could ask for 2^64 of them.
pub struct SerdeCodec<T>(PhantomData<fn() -> T>);

impl<T> SerdeCodec<T> {
    /// The codec of `T`.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for SerdeCodec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for SerdeCodec<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SerdeCodec<{}>", std::any::type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + Any + Send> Codec for SerdeCodec<T> {
    type Value = T;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<T, Failure> {
        let length = decoder.number::<u64>()?;
        decoder.check("the encoded value", length, SERDE_BYTES as u64, "SERDE_BYTES")?;
        let bytes = decoder.bytes(length)?;
        let configuration = bincode::config::legacy().with_limit::<SERDE_BYTES>();
        let (value, taken) = bincode::serde::decode_from_slice(bytes, configuration)
            .map_err(|error| decoder.malformed("the encoded value", error))?;
        if taken != bytes.len() {
            let left = bytes.len() - taken;
            return Err(decoder.malformed("the encoded value", format_args!("{left} bytes are left over")));
        }
        Ok(value)
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        put_count(out, 0);
        let configuration = bincode::config::legacy().with_limit::<SERDE_BYTES>();
        let length = bincode::serde::encode_into_std_write(value, out, configuration)
            .map_err(|error| EncodeError::does_not_fit(std::any::type_name::<T>(), error))?;
        if length > SERDE_BYTES {
            let reason = format_args!("{length} bytes exceed the limit of {SERDE_BYTES} (`SERDE_BYTES`)").to_string();
            return Err(EncodeError::does_not_fit(std::any::type_name::<T>(), reason));
        }
        out[start..start + 8].copy_from_slice(&(length as u64).to_le_bytes());
        Ok(())
    }
}
