//! What the header says about each encoding space: acceleration, calibration, offsets, counts.

use engine::BoxError;
use protocol::{
    IsmrmrdHeader,
    header::{self, Encoding, Limit, Trajectory},
};

/// How the calibration data were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalibrationMode {
    /// No acceleration: the data themselves calibrate.
    None,
    /// The frames together are fully sampled.
    Interleaved,
    /// Extra lines in the middle of the data.
    Embedded,
    /// Taken before or after, or in another way.
    Separate,
}

impl CalibrationMode {
    /// Whether calibration data lie in k-space as the data do, so that their centre is where the data's is.
    pub fn keeps_centre(self) -> bool {
        matches!(self, Self::None | Self::Interleaved)
    }
}

/// One encoding space, as the header describes it.
///
/// The original takes acceleration and calibration of the first encoding for all; here each encoding has its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncodingFacts {
    /// Calibration.
    pub mode: CalibrationMode,
    /// Acceleration along E1 and E2.
    pub acceleration: [usize; 2],
    /// What to add to the counters of lines and partitions for their place in the encoded matrix.
    pub offset: [i64; 2],
    /// Matrix to reconstruct.
    pub recon_matrix: [usize; 3],
    /// Number of sets, repetitions, phases, contrasts and slices.
    pub counts: Counts,
}

/// Sizes of the dimensions that number images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the counters")]
pub struct Counts {
    pub set: usize,
    pub repetition: usize,
    pub phase: usize,
    pub contrast: usize,
    pub slice: usize,
}

/// The header has fewer encodings than the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data belong to encoding space {0}, which the header does not have")]
pub struct UnknownEncoding(pub usize);

/// All encoding spaces of `header`.
pub fn all(header: &IsmrmrdHeader) -> Vec<EncodingFacts> {
    header.encoding.iter().map(EncodingFacts::of).collect()
}

/// The encoding space with this number.
pub fn get(encodings: &[EncodingFacts], number: usize) -> Result<&EncodingFacts, BoxError> {
    encodings.get(number).ok_or_else(|| UnknownEncoding(number).into())
}

impl EncodingFacts {
    fn of(encoding: &Encoding) -> Self {
        let acceleration = encoding.parallel_imaging.as_ref().map_or([1, 1], |imaging| {
            imaging.acceleration_factor.map(|r| usize::from(r.max(1)))
        });
        let mode = encoding
            .parallel_imaging
            .as_ref()
            .and_then(|imaging| imaging.calibration_mode);
        let limits = &encoding.encoding_limits;
        let offset = |size: u16, limit: Option<Limit>| {
            let cartesian = matches!(encoding.trajectory, Trajectory::Cartesian | Trajectory::Epi);
            match limit {
                Some(limit) if cartesian => i64::from(size / 2) - i64::from(limit.center),
                _ => 0,
            }
        };
        let [_, y, z] = encoding.encoded_space.matrix_size;
        let count = |limit: Option<Limit>| limit.map_or(1, |limit| usize::from(limit.maximum) + 1);
        Self {
            mode: match mode {
                _ if acceleration == [1, 1] => CalibrationMode::None,
                Some(header::CalibrationMode::Interleaved) => CalibrationMode::Interleaved,
                Some(header::CalibrationMode::Embedded) => CalibrationMode::Embedded,
                _ => CalibrationMode::Separate,
            },
            acceleration,
            offset: [
                offset(y, limits.kspace_encoding_step_1),
                if z > 1 {
                    offset(z, limits.kspace_encoding_step_2)
                } else {
                    0
                },
            ],
            recon_matrix: encoding.recon_space.matrix_size.map(usize::from),
            counts: Counts {
                set: count(limits.set),
                repetition: count(limits.repetition),
                phase: count(limits.phase),
                contrast: count(limits.contrast),
                slice: count(limits.slice),
            },
        }
    }

    /// The total acceleration.
    pub fn total_acceleration(&self) -> usize {
        self.acceleration[0] * self.acceleration[1]
    }
}
