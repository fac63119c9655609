//! See `distributed::fuzzing::discovery`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| distributed::fuzzing::discovery(bytes));
