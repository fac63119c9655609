//! See `protocol::fuzzing::targets::ismrmrd_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::ismrmrd_header(bytes));
