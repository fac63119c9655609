//! Mathematics on arrays, with no channel in sight.

mod calibration;
pub mod coil_map;
pub mod denoise;
pub(crate) mod eigen;
pub mod fft;
pub mod filter;
pub mod frames;
pub mod grappa;
pub mod kernel;
pub mod klt;
pub mod linear;
pub mod pocs;
pub mod resize;
pub mod spirit;
mod vectors;

pub use calibration::CalibrationError;
