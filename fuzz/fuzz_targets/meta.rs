//! See `protocol::fuzzing::targets::meta`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::meta(bytes));
