//! Sorted k-space, ready for reconstruction: message 1023.

use ndarray::ArrayD;
use num_complex::Complex32;

use crate::AcquisitionHeader;

/// First, last and central index of what was sampled along one dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingLimit {
    /// First.
    pub min: u16,
    /// Centre.
    pub center: u16,
    /// Last, included.
    pub max: u16,
}

/// How a buffer was sampled: order readout, E1, E2; lengths in millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplingDescription {
    /// Encoded field of view.
    pub encoded_fov: [f32; 3],
    /// Field of view to reconstruct.
    pub recon_fov: [f32; 3],
    /// Encoded matrix.
    pub encoded_matrix: [u16; 3],
    /// Matrix to reconstruct.
    pub recon_matrix: [u16; 3],
    /// What was sampled.
    pub sampling_limits: [SamplingLimit; 3],
}

/// A block of k-space with the headers of its readouts.
#[derive(Clone, Debug, PartialEq)]
pub struct BufferedData {
    /// Samples, shape `[LOC, S, N, CHA, E2, E1, E0]` (E0 is the readout, fastest in memory).
    pub data: ArrayD<Complex32>,
    /// Trajectory, shape `[LOC, S, N, E2, E1, E0, dimensions]`.
    pub trajectory: Option<ArrayD<f32>>,
    /// Density compensation, shape `[LOC, S, N, E2, E1, E0]`.
    pub density: Option<ArrayD<f32>>,
    /// Headers of the readouts, shape `[LOC, S, N, E2, E1]`; default where nothing was sampled.
    pub headers: ArrayD<AcquisitionHeader>,
    /// How it was sampled.
    pub sampling: SamplingDescription,
}

/// The data of one encoding space, with its reference (calibration) data where there is some.
#[derive(Clone, Debug, PartialEq)]
pub struct ReconBit {
    /// The data to reconstruct.
    pub data: BufferedData,
    /// Calibration data.
    pub reference: Option<BufferedData>,
}

/// Sorted k-space: one entry for each encoding space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReconData {
    /// Index = encoding space.
    pub bits: Vec<ReconBit>,
}

impl BufferedData {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        self.data.len() * 8
            + self.headers.len() * size_of::<AcquisitionHeader>()
            + self.trajectory.as_ref().map_or(0, |a| a.len() * 4)
            + self.density.as_ref().map_or(0, |a| a.len() * 4)
    }
}

impl ReconData {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self
                .bits
                .iter()
                .map(|b| b.data.weight() + b.reference.as_ref().map_or(0, BufferedData::weight))
                .sum::<usize>()
    }
}
