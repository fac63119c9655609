//! Sorted k-space, ready for reconstruction: message 1023.

use ndarray::{ArcArray, ArrayD, IxDyn};
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
    ///
    /// Shared, because data that calibrate themselves would otherwise be in memory twice; a change to one of two that
    /// share makes a copy first.
    pub data: ArcArray<Complex32, IxDyn>,
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

impl ReconBit {
    /// Whether the samples of the calibration data are those of the data: one array in memory.
    pub fn calibrates_itself(&self) -> bool {
        let data = &self.data.data;
        self.reference.as_ref().is_some_and(|reference| {
            let samples = &reference.data;
            !data.is_empty()
                && samples.as_ptr() == data.as_ptr()
                && samples.shape() == data.shape()
                && samples.strides() == data.strides()
        })
    }

    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        let shared = if self.calibrates_itself() {
            self.data.data.len() * 8
        } else {
            0
        };
        self.data.weight() + self.reference.as_ref().map_or(0, BufferedData::weight) - shared
    }
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
        size_of::<Self>() + self.bits.iter().map(ReconBit::weight).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_calibrate_themselves_weigh_once() {
        let buffer = BufferedData {
            data: ArcArray::zeros(IxDyn(&[1, 1, 1, 2, 1, 3, 4])),
            trajectory: None,
            density: None,
            headers: ArrayD::from_elem(IxDyn(&[0; 5]), AcquisitionHeader::default()),
            sampling: SamplingDescription::default(),
        };
        let mut bit = ReconBit {
            reference: Some(buffer.clone()),
            data: buffer,
        };
        assert!(bit.calibrates_itself());
        assert_eq!(bit.weight(), 24 * 8);
        bit.data.data[[0; 7]] = Complex32::ONE;
        assert!(!bit.calibrates_itself());
        assert_eq!(bit.weight(), 48 * 8);
        assert_eq!(bit.reference.unwrap().data[[0; 7]], Complex32::ZERO);
    }
}
