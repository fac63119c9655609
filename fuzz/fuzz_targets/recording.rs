//! See `protocol::fuzzing::targets::recording`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::recording(bytes));
