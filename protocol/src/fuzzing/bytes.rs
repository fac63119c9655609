//! Properties of one codec.

use std::{any::Any, fmt::Debug};

use crate::{
    Limits,
    codec::{Decoder, ErasedCodec, Payload, Progress},
    error::{Failure, Fault},
};

/// A decoded value may stand for so many bytes of memory for each byte that was given: compressed samples of one bit
/// become numbers of 32.
pub const MEMORY_FACTOR: usize = 32;
/// And for so many more, whatever was given.
pub const MEMORY_BASE: usize = 4096;

/// What decoding the front of some bytes comes to.
enum Outcome {
    Value(Payload, usize),
    Incomplete(usize),
    Fault(Fault, usize),
}

fn decode(codec: &dyn ErasedCodec, bytes: &[u8], progress: &mut Progress) -> Outcome {
    let limits = Limits::default();
    let mut decoder = Decoder::new(bytes, &limits);
    let decoded = codec
        .scan(&mut Decoder::resuming(bytes, &limits, progress))
        .and_then(|()| codec.decode(&mut decoder));
    match decoded {
        Ok(payload) => Outcome::Value(payload, decoder.position()),
        Err(Failure::Incomplete { needed }) => Outcome::Incomplete(needed),
        Err(Failure::Fault { fault, position }) => Outcome::Fault(fault, position),
    }
}

fn encode(codec: &dyn ErasedCodec, value: &dyn Any) -> Vec<u8> {
    let mut out = Vec::new();
    if let Err(error) = codec.encode(value, &mut out) {
        panic!("what was decoded does not encode: {error}");
    }
    out
}

/// A value that is given away comes to the same bytes.
fn encodes_taking(codec: &dyn ErasedCodec, mut value: Box<dyn Any + Send>, canonical: &[u8]) {
    let mut out = Vec::new();
    match codec.encode_taking(&mut *value, &mut out) {
        Ok(part) => out.extend_from_slice(&part),
        Err(error) => panic!("what encodes does not encode when it is given away: {error}"),
    }
    assert!(out == canonical, "other bytes of a value that is given away");
}

/// Decodes the front of any bytes. Holds when
/// - what decodes stands for no more memory than [`MEMORY_FACTOR`] times the bytes it came from;
/// - what decodes also encodes, and decoding and encoding that again changes nothing, given away or not;
/// - bytes that arrive bit by bit, as many as the codec asks for each time, come to the same;
/// - a codec that asks for more bytes asks for more than it had, and cannot do with fewer.
///
/// Gives the bytes that the value took, if there was one.
pub fn check_bytes(codec: &dyn ErasedCodec, bytes: &[u8]) -> Option<usize> {
    match decode(codec, bytes, &mut Progress::default()) {
        Outcome::Value(payload, taken) => {
            let bound = taken * MEMORY_FACTOR + MEMORY_BASE;
            assert!(
                payload.weight <= bound,
                "{} bytes of memory for {taken} bytes",
                payload.weight
            );
            let canonical = encode(codec, &*payload.value);
            let Outcome::Value(again, length) = decode(codec, &canonical, &mut Progress::default()) else {
                panic!("what was encoded does not decode");
            };
            assert_eq!(length, canonical.len(), "decoding takes all that encoding wrote");
            assert!(encode(codec, &*again.value) == canonical, "encoding is not stable");
            encodes_taking(codec, again.value, &canonical);
            in_steps(codec, &bytes[..taken], &canonical);
            Some(taken)
        }
        Outcome::Incomplete(needed) => {
            assert!(
                needed > bytes.len(),
                "{needed} bytes asked for where {} are",
                bytes.len()
            );
            None
        }
        Outcome::Fault(_, position) => {
            assert!(position <= bytes.len(), "a fault beyond the bytes, at {position}");
            None
        }
    }
}

/// Decodes with ever more of the bytes, as many as are asked for.
fn in_steps(codec: &dyn ErasedCodec, bytes: &[u8], canonical: &[u8]) {
    let mut progress = Progress::default();
    let mut length = 0;
    loop {
        match decode(codec, &bytes[..length], &mut progress) {
            Outcome::Value(payload, taken) => {
                assert_eq!(taken, bytes.len(), "the same bytes are taken in steps");
                assert!(encode(codec, &*payload.value) == canonical, "another value in steps");
                return;
            }
            Outcome::Incomplete(needed) => {
                assert!(needed > length, "{needed} bytes asked for where {length} are");
                assert!(
                    needed <= bytes.len(),
                    "{needed} bytes asked for, {} suffice",
                    bytes.len()
                );
                if needed - 1 > length {
                    let fewer = decode(codec, &bytes[..needed - 1], &mut Progress::default());
                    assert!(
                        matches!(fewer, Outcome::Incomplete(_)),
                        "fewer bytes than asked for suffice"
                    );
                }
                length = needed;
            }
            Outcome::Fault(fault, position) => panic!("{fault} at {position} in steps only"),
        }
    }
}

/// Encodes a value and decodes it again. Holds when it comes back the same, from exactly the bytes that were written,
/// and no shorter piece of them decodes.
pub fn check_value<T: Any + PartialEq + Debug>(codec: &dyn ErasedCodec, value: &T) {
    let bytes = encode(codec, value);
    match decode(codec, &bytes, &mut Progress::default()) {
        Outcome::Value(payload, taken) => {
            assert_eq!(taken, bytes.len(), "decoding takes all that encoding wrote");
            assert_eq!(payload.value.downcast_ref(), Some(value), "another value came back");
            encodes_taking(codec, payload.value, &bytes);
        }
        Outcome::Incomplete(needed) => panic!("{needed} bytes asked for, {} were written", bytes.len()),
        Outcome::Fault(fault, position) => panic!("{fault} at {position}"),
    }
    in_steps(codec, &bytes, &bytes);
}
