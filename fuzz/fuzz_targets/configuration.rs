//! See `protocol::fuzzing::targets::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::configuration(bytes));
