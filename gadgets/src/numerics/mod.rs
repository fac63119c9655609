//! Mathematics on arrays, with no channel in sight.

pub mod fft;
