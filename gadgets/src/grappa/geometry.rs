//! Where the lines of a slice lie, and how large its images are.

use engine::BoxError;
use num_complex::Complex32;
use protocol::{Acquisition, AcquisitionHeader, IsmrmrdHeader, acquisition::flag, header::Encoding};

use crate::{
    numerics::frames::Extent,
    room::{self, NoRoom},
};

/// Why data are not for real-time GRAPPA.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum GeometryError {
    /// One encoding space only.
    #[error("real-time GRAPPA works with one encoding space; the header has {0}")]
    Encodings(usize),
    /// Two dimensions only.
    #[error("real-time GRAPPA works with slices; the header or the data are three-dimensional")]
    ThreeDimensional,
    /// Fields of view that make no image.
    #[error("the header's fields of view along y, {encoded} mm encoded and {recon} mm to reconstruct, leave no rows")]
    NoRows {
        /// Encoded, in millimetres.
        encoded: f32,
        /// To reconstruct, in millimetres.
        recon: f32,
    },
    /// A matrix without pixels.
    #[error("the header's matrix to reconstruct is {0} x {1}")]
    NoPixels(u16, u16),
    /// Lines need a centre.
    #[error("the header does not say where the centre of the phase encoding is")]
    NoLimits,
    /// A line outside of k-space.
    #[error("line {line} of slice {slice} lies outside of k-space with {lines} lines")]
    Outside {
        /// Counter of the line.
        line: u16,
        /// Slice.
        slice: u16,
        /// Lines of k-space.
        lines: usize,
    },
    /// A readout of another length.
    #[error(
        "a readout has {found} samples and {channels} channels, the others have {expected} and {expected_channels}"
    )]
    Samples {
        /// Its samples.
        found: usize,
        /// The samples expected.
        expected: usize,
        /// Its channels.
        channels: usize,
        /// The channels expected.
        expected_channels: usize,
    },
}

/// The sizes and counters of the header's encoding space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Size of k-space.
    pub(super) extent: Extent,
    /// Rows of the encoded field of view that are as high as those of the images: as many as k-space has lines, unless the
    /// header asks for pixels of another size.
    pub(super) rows: usize,
    /// Matrix of the images, x, y, z.
    pub(super) matrix: [u16; 3],
    /// Their field of view.
    pub(super) field_of_view: [f32; 3],
    /// Counter of the central line.
    pub(super) centre: u16,
    /// Acceleration the header promises.
    pub(super) acceleration: Option<usize>,
}

impl Geometry {
    pub(super) fn of(header: &IsmrmrdHeader) -> Result<Self, GeometryError> {
        let [encoding] = header.encoding.as_slice() else {
            return Err(GeometryError::Encodings(header.encoding.len()));
        };
        let matrix = encoding.recon_space.matrix_size;
        if matrix[2] > 1 {
            return Err(GeometryError::ThreeDimensional);
        }
        if matrix[..2].contains(&0) {
            return Err(GeometryError::NoPixels(matrix[0], matrix[1]));
        }
        let limits = encoding
            .encoding_limits
            .kspace_encoding_step_1
            .ok_or(GeometryError::NoLimits)?;
        let lines = encoding.encoded_space.matrix_size[1].max(matrix[1]);
        Ok(Self {
            extent: Extent {
                ro: matrix[0].into(),
                e1: lines.into(),
                e2: 1,
            },
            rows: rows(encoding, lines.into())?,
            matrix,
            field_of_view: encoding.recon_space.field_of_view_mm,
            centre: limits.center,
            acceleration: encoding
                .parallel_imaging
                .as_ref()
                .map(|imaging| usize::from(imaging.acceleration_factor[0].max(1))),
        })
    }

    /// Where the line of a readout lies.
    pub(super) fn line(&self, header: &AcquisitionHeader) -> Result<usize, GeometryError> {
        if header.idx.kspace_encode_step_2 != 0 {
            return Err(GeometryError::ThreeDimensional);
        }
        let line = usize::from(header.idx.kspace_encode_step_1) + self.extent.e1 / 2;
        line.checked_sub(self.centre.into())
            .filter(|line| *line < self.extent.e1)
            .ok_or(GeometryError::Outside {
                line: header.idx.kspace_encode_step_1,
                slice: header.idx.slice,
                lines: self.extent.e1,
            })
    }

    /// Zeros for the samples of a slice, `[channels, lines, samples]`.
    pub(super) fn kspace(&self, channels: usize) -> Result<Vec<Complex32>, NoRoom> {
        let [ro, e1, e2] = self.extent.sizes();
        let count = room::elements::<Complex32>("the k-space of a slice", &[channels, e2, e1, ro])?;
        Ok(vec![Complex32::ZERO; count])
    }

    /// Writes a readout into `kspace`, `[channels, lines, samples]`.
    pub(super) fn write(&self, readout: &Acquisition, kspace: &mut [Complex32]) -> Result<(), BoxError> {
        let line = self.line(&readout.header)?;
        let (channels, samples) = readout.data.dim();
        let volume = self.extent.volume().max(1);
        if samples != self.extent.ro || channels * volume != kspace.len() {
            let error = GeometryError::Samples {
                found: samples,
                expected: self.extent.ro,
                channels,
                expected_channels: kspace.len() / volume,
            };
            return Err(error.into());
        }
        for (channel, samples) in kspace.chunks_exact_mut(volume).zip(readout.data.rows()) {
            let target = &mut channel[line * self.extent.ro..][..self.extent.ro];
            target
                .iter_mut()
                .zip(samples)
                .for_each(|(target, sample)| *target = *sample);
        }
        Ok(())
    }
}

fn rows(encoding: &Encoding, lines: usize) -> Result<usize, GeometryError> {
    let (encoded, recon) = (&encoding.encoded_space, &encoding.recon_space);
    let [from, to] = [encoded, recon].map(|space| space.field_of_view_mm[1]);
    let rows = f64::from(from) * f64::from(recon.matrix_size[1]) / f64::from(to);
    // Fields of view are rounded in headers.
    if !rows.is_finite() || rows <= 0.0 || (rows - lines as f64).abs() < 1.0 {
        return Ok(lines);
    }
    match 2_usize.saturating_mul((rows / 2.0).round() as usize) {
        0 => Err(GeometryError::NoRows {
            encoded: from,
            recon: to,
        }),
        rows => Ok(rows),
    }
}

/// Whether a readout is for calibration only.
pub(super) fn only_calibrates(header: &AcquisitionHeader) -> bool {
    header.is_flag_set(flag::IS_PARALLEL_CALIBRATION)
}
