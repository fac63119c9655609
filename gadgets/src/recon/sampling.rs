//! How a buffer of k-space is sampled: which lines it has, and where a counter's line goes.

use protocol::{
    Acquisition, AcquisitionBucketStats, SamplingDescription, SamplingLimit,
    header::{CalibrationMode, Encoding, Limit, Trajectory},
};

use super::{bucket_to_buffer::CounterRange, buffer::BufferError};

/// An encoding direction: name, number of encoded lines, limits of its counter.
pub(super) struct Direction {
    name: &'static str,
    matrix: u16,
    limit: Option<Limit>,
    /// Lines in the buffer.
    pub(super) size: usize,
    /// What takes a counter to its line.
    shift: i32,
}

impl Direction {
    /// The line of a counter; `None` when the encoded matrix has no such line though the limits allow it.
    pub(super) fn line(&self, index: u16, scan_counter: u32) -> Result<Option<usize>, BufferError> {
        let line = usize::try_from(i32::from(index) + self.shift).ok();
        let line = line.filter(|line| *line < self.size);
        let allowed = self
            .limit
            .is_some_and(|limit| (limit.minimum..=limit.maximum).contains(&index));
        if line.is_none() && !allowed {
            return Err(BufferError::Outside {
                scan_counter,
                name: self.name,
                index,
            });
        }
        Ok(line)
    }
}

/// Whether calibration lines have numbers and a buffer of their own.
fn separate(encoding: &Encoding, reference: bool) -> bool {
    let mode = encoding.parallel_imaging.as_ref().and_then(|p| p.calibration_mode);
    reference && matches!(mode, Some(CalibrationMode::Separate | CalibrationMode::External))
}

/// Whether lines are placed so that the centre of k-space comes to the centre of the encoded matrix.
fn centred(encoding: &Encoding, reference: bool) -> bool {
    let mode = encoding.parallel_imaging.as_ref().and_then(|p| p.calibration_mode);
    !reference || matches!(mode, None | Some(CalibrationMode::Embedded))
}

/// E1 and E2: sizes and where lines go.
pub(super) fn directions(
    encoding: &Encoding,
    stats: &AcquisitionBucketStats,
    reference: bool,
    cartesian: bool,
) -> [Direction; 2] {
    let limits = &encoding.encoding_limits;
    let matrix = encoding.encoded_space.matrix_size;
    let parallel = encoding.parallel_imaging.is_some();
    let separate = separate(encoding, reference);
    let of = |name, matrix: u16, limit: Option<Limit>, seen: CounterRange, size_when_separate: usize| {
        let shift = match limit {
            _ if cartesian && separate => -i32::from(seen.min),
            // The counter of a trajectory that is not Cartesian starts where the limits, or the data, start.
            _ if !cartesian => -i32::from(limit.map_or(seen.min, |limit| limit.minimum)),
            Some(limit) if centred(encoding, reference) && matrix > 1 => {
                i32::from(matrix / 2) - i32::from(limit.center)
            }
            Some(_) | None => 0,
        };
        let limited = limit.map(|l| usize::from(l.maximum.saturating_sub(l.minimum)) + 1);
        let size = match (cartesian, parallel) {
            (true, true) if separate => size_when_separate,
            (true, true) => matrix.into(),
            // The centre of k-space is in the middle of the matrix: fewer lines would not have it in theirs.
            (true, false) => limited.unwrap_or(0).max(matrix.into()),
            (false, _) => limited.unwrap_or(seen.size()),
        };
        Direction {
            name,
            matrix,
            limit,
            size,
            shift,
        }
    };
    let (e1, e2) = (limits.kspace_encoding_step_1, limits.kspace_encoding_step_2);
    let seen = [
        CounterRange::of(&stats.kspace_encode_step_1),
        CounterRange::of(&stats.kspace_encode_step_2),
    ];
    let partitions = e2.map_or(seen[1].size(), |l| usize::from(l.maximum.saturating_sub(l.minimum)) + 1);
    [
        of("kspace_encode_step_1", matrix[1], e1, seen[0], seen[0].size()),
        of("kspace_encode_step_2", matrix[2], e2, seen[1], partitions),
    ]
}

/// How the buffer is sampled, `e0` samples along the readout.
pub(super) fn describe(
    encoding: &Encoding,
    first: &Acquisition,
    e0: usize,
    lines: &[Direction; 2],
    reference: bool,
) -> Result<SamplingDescription, BufferError> {
    let (encoded, recon) = (&encoding.encoded_space, &encoding.recon_space);
    let mut sampling = SamplingDescription {
        encoded_fov: encoded.field_of_view_mm,
        recon_fov: recon.field_of_view_mm,
        encoded_matrix: encoded.matrix_size,
        recon_matrix: recon.matrix_size,
        ..SamplingDescription::default()
    };
    let cartesian = encoding.trajectory == Trajectory::Cartesian;
    if cartesian {
        // Readout oversampling is gone by now.
        sampling.encoded_fov[0] = recon.field_of_view_mm[0];
        sampling.encoded_matrix[0] = recon.matrix_size[0];
    }
    let epi = encoding.trajectory == Trajectory::Epi;
    let last = |size: usize| u16::try_from(size.saturating_sub(1)).unwrap_or(u16::MAX);
    sampling.sampling_limits[0] = if cartesian || epi {
        let samples = first.data.ncols();
        let (before, after) = (first.header.discard_pre, first.header.discard_post);
        let center = u16::try_from(samples / 2).unwrap_or(u16::MAX);
        match e0 == samples {
            true => SamplingLimit {
                min: before,
                max: last(samples).saturating_sub(after),
                center,
            },
            // What is left out is gone.
            false => SamplingLimit {
                min: 0,
                max: last(e0),
                center: center.saturating_sub(before),
            },
        }
    } else {
        SamplingLimit {
            min: 0,
            max: encoded.matrix_size[0].saturating_sub(1),
            center: encoded.matrix_size[0] / 2,
        }
    };
    let centred = cartesian && centred(encoding, reference) || epi && !reference;
    for (target, line) in sampling.sampling_limits[1..].iter_mut().zip(lines) {
        *target = match line.limit {
            None => SamplingLimit {
                min: 0,
                max: last(line.size),
                center: u16::try_from(line.size / 2).unwrap_or(u16::MAX),
            },
            Some(limit) if !centred => SamplingLimit {
                min: limit.minimum,
                max: limit.maximum,
                center: limit.center,
            },
            Some(limit) => shifted(line, limit)?,
        };
    }
    Ok(sampling)
}

/// The limits of a direction in the encoded matrix.
fn shifted(line: &Direction, limit: Limit) -> Result<SamplingLimit, BufferError> {
    let wrong = BufferError::Limits {
        name: line.name,
        minimum: limit.minimum,
        maximum: limit.maximum,
        center: limit.center,
        matrix: line.matrix,
    };
    let place = |index: u16| u16::try_from(i32::from(index) + line.shift).map_err(|_| wrong.clone());
    let shifted = SamplingLimit {
        min: place(limit.minimum)?,
        max: place(limit.maximum)?,
        center: line.matrix / 2,
    };
    let within = (shifted.min..=shifted.max).contains(&shifted.center) && shifted.min < line.matrix.max(1);
    if within { Ok(shifted) } else { Err(wrong) }
}
