//! Several images of one reconstruction in one array: message 1024.

use ndarray::{Array3, ArrayD};
use num_complex::Complex32;

use crate::{AcquisitionHeader, ImageHeader, Meta, Waveform};

/// Reconstructed images, with what is needed to describe them.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageArray {
    /// Pixels, shape `[LOC, S, N, CHA, Z, Y, X]`.
    pub data: ArrayD<Complex32>,
    /// Headers, shape `[LOC, S, N]`.
    pub headers: Array3<ImageHeader>,
    /// Meta attributes: none, or one for each header, index `n + s * N + loc * N * S`.
    pub meta: Vec<Meta>,
    /// Waveforms that came with the data.
    pub waveforms: Option<Vec<Waveform>>,
    /// Headers of the readouts, shape `[LOC, S, N, Z, Y]`.
    pub acquisition_headers: Option<ArrayD<AcquisitionHeader>>,
}

impl ImageArray {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self.data.len() * 8
            + self.headers.len() * size_of::<ImageHeader>()
            + self.waveforms.iter().flatten().map(Waveform::weight).sum::<usize>()
            + self
                .acquisition_headers
                .as_ref()
                .map_or(0, |h| h.len() * size_of::<AcquisitionHeader>())
    }
}
