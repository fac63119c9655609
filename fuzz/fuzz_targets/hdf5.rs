//! See `gadgetron::files::fuzzing::hdf5`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gadgetron::files::fuzzing::hdf5(bytes));
