//! See `protocol::fuzzing::targets::readers_raw`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::readers_raw(bytes));
