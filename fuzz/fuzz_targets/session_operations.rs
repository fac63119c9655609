//! See `protocol::fuzzing::targets::session_operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| protocol::fuzzing::targets::session_operations(bytes));
