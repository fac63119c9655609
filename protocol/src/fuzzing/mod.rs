//! A harness for codecs, yours included: properties that a fuzzer, or a property test, checks with bytes of its own.
//!
//! A function here takes any bytes, and panics when a property does not hold. That is all a fuzz target needs:
//!
//! ```
//! use protocol::{codec::SerdeCodec, fuzzing};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Shim { currents: Vec<f32> }
//!
//! // In a target: fuzz_target!(|bytes: &[u8]| { fuzzing::check_bytes(&SerdeCodec::<Shim>::new(), bytes); });
//! fuzzing::check_bytes(&SerdeCodec::<Shim>::new(), &[4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
//! ```
//!
//! `docs/fuzzing.md` says how to run targets.

mod bytes;
mod session;
pub mod targets;
pub mod values;

use std::sync::LazyLock;

pub use self::{
    bytes::{MEMORY_BASE, MEMORY_FACTOR, check_bytes, check_value},
    session::{Transcript, transcript},
    values::Source,
};
use crate::codec::{Readers, Writers};

// The tables are built once: a target runs thousands of times a second.
static READERS: LazyLock<Readers> = LazyLock::new(Readers::standard);
static WRITERS: LazyLock<Writers> = LazyLock::new(Writers::standard);
