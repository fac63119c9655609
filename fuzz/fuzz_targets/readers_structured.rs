//! See `protocol::fuzzing::targets::readers_structured`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::readers_structured(bytes));
