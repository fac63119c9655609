//! See `protocol::fuzzing::targets::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::frame(bytes));
