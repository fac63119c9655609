//! One buffer of k-space while it is filled: its size, its sampling, and where a readout goes.

use ndarray::{ArrayD, IxDyn};
use protocol::{
    Acquisition, AcquisitionBucketStats, AcquisitionHeader, BufferedData, Complex32, SamplingDescription,
    SamplingLimit,
    header::{CalibrationMode, Encoding, Limit, Trajectory},
};

use super::bucket_to_buffer::CounterRange;

/// A readout that does not fit into its buffer, or a buffer that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BufferError {
    #[error("the bucket has no statistics of encoding {0}")]
    NoStatistics(u16),
    #[error("readout {scan_counter}: {before} + {after} samples to leave out of {samples}")]
    Discards {
        scan_counter: u32,
        before: u16,
        after: u16,
        samples: usize,
    },
    #[error("readout {scan_counter}: {samples} samples from sample {offset} do not fit into {length}")]
    Samples {
        scan_counter: u32,
        samples: usize,
        offset: i64,
        length: usize,
    },
    #[error("readout {scan_counter}: {found} channels, those before had {expected}")]
    Channels {
        scan_counter: u32,
        found: usize,
        expected: usize,
    },
    #[error("readout {scan_counter}: the trajectory is not as long, or has not as many dimensions, as those before")]
    Trajectory { scan_counter: u32 },
    #[error("readout {scan_counter}: {name} {index} is outside the encoding's limits")]
    Outside {
        scan_counter: u32,
        name: &'static str,
        index: u16,
    },
    #[error(
        "the encoding's limits of {name} ({minimum} to {maximum}, centre {center}) do not fit a matrix of {matrix}"
    )]
    Limits {
        name: &'static str,
        minimum: u16,
        maximum: u16,
        center: u16,
        matrix: u16,
    },
    #[error("a buffer of {shape:?} is larger than {limit} MiB (property max_buffer_megabytes)")]
    TooLarge { shape: [usize; 7], limit: usize },
}

/// An encoding direction: name, number of encoded lines, limits of its counter.
struct Direction {
    name: &'static str,
    matrix: u16,
    limit: Option<Limit>,
    /// Lines in the buffer.
    size: usize,
    /// What takes a counter to its line.
    shift: i32,
}

/// A buffer that is being filled.
pub(super) struct Buffer {
    /// E0, E1, E2, CHA, N, S, LOC.
    shape: [usize; 7],
    data: Vec<Complex32>,
    headers: Vec<AcquisitionHeader>,
    /// Dimensions of the trajectory, and the trajectory.
    trajectory: Option<(usize, Vec<f32>)>,
    sampling: SamplingDescription,
    cartesian: bool,
    lines: [Direction; 2],
    dropped: usize,
}

impl Buffer {
    /// A buffer for readouts like `first`; `counts` are the sizes along N, S and LOC.
    pub(super) fn new(
        encoding: &Encoding,
        stats: &AcquisitionBucketStats,
        first: &Acquisition,
        reference: bool,
        counts: [usize; 3],
        max_megabytes: usize,
    ) -> Result<Self, BufferError> {
        let cartesian = matches!(encoding.trajectory, Trajectory::Cartesian | Trajectory::Epi);
        let (samples, kept) = (first.data.ncols(), kept_samples(first)?.len());
        let e0 = if cartesian && encoding.parallel_imaging.is_some() {
            samples
        } else {
            kept
        };
        let lines = directions(encoding, stats, reference, cartesian);
        let sampling = describe(encoding, first, &lines, reference)?;
        let [n, s, loc] = counts;
        let shape = [e0, lines[0].size, lines[1].size, first.data.nrows(), n, s, loc];
        let too_large = BufferError::TooLarge {
            shape,
            limit: max_megabytes,
        };
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size));
        let Some(elements) = elements.filter(|elements| elements.div_ceil(1 << 17) <= max_megabytes) else {
            return Err(too_large);
        };
        let readouts = shape[1] * shape[2] * n * s * loc;
        let header_bytes = readouts.checked_mul(size_of::<AcquisitionHeader>());
        if header_bytes.is_none_or(|bytes| bytes >> 20 > max_megabytes) {
            return Err(too_large);
        }
        let trajectory = match &first.trajectory {
            Some(trajectory) if trajectory.ncols() > 0 => {
                let dimensions = trajectory.ncols();
                let length = readouts
                    .checked_mul(e0)
                    .and_then(|length| length.checked_mul(dimensions));
                let length = length.filter(|length| length.div_ceil(1 << 18) <= max_megabytes);
                Some((dimensions, vec![0.0; length.ok_or(too_large)?]))
            }
            _ => None,
        };
        Ok(Self {
            shape,
            data: vec![Complex32::ZERO; elements],
            headers: vec![AcquisitionHeader::default(); readouts],
            trajectory,
            sampling,
            cartesian,
            lines,
            dropped: 0,
        })
    }

    /// Copies `acquisition` to its place; `place` is the index along N, S and LOC.
    pub(super) fn add(&mut self, acquisition: &Acquisition, place: [usize; 3]) -> Result<(), BufferError> {
        let header = &acquisition.header;
        let [e0, e1, e2, channels, n, s, _] = self.shape;
        let kept = kept_samples(acquisition)?;
        let offset = self.offset(acquisition);
        let scan_counter = header.scan_counter;
        let first = match usize::try_from(offset) {
            Ok(first) if first + kept.len() <= e0 => first,
            _ => {
                return Err(BufferError::Samples {
                    scan_counter,
                    samples: kept.len(),
                    offset,
                    length: e0,
                });
            }
        };
        if acquisition.data.nrows() != channels {
            return Err(BufferError::Channels {
                scan_counter,
                found: acquisition.data.nrows(),
                expected: channels,
            });
        }
        let idx = &header.idx;
        let (Some(line), Some(partition)) = (
            self.lines[0].line(idx.kspace_encode_step_1, scan_counter)?,
            self.lines[1].line(idx.kspace_encode_step_2, scan_counter)?,
        ) else {
            self.dropped += 1;
            return Ok(());
        };
        let block = (place[2] * s + place[1]) * n + place[0];
        let plane = partition * e1 + line;
        for (channel, row) in acquisition.data.rows().into_iter().enumerate() {
            let start = ((block * channels + channel) * e2 * e1 + plane) * e0 + first;
            let target = &mut self.data[start..start + kept.len()];
            match row.as_slice() {
                Some(row) => target.copy_from_slice(&row[kept.clone()]),
                None => target
                    .iter_mut()
                    .zip(row.iter().skip(kept.start))
                    .for_each(|(t, z)| *t = *z),
            }
        }
        let readout = block * e2 * e1 + plane;
        self.headers[readout] = *header;
        if let Some((dimensions, target)) = &mut self.trajectory {
            let source = acquisition.trajectory.as_ref().filter(|trajectory| {
                trajectory.ncols() == *dimensions && trajectory.nrows() == acquisition.data.ncols()
            });
            let source = source.ok_or(BufferError::Trajectory { scan_counter })?;
            let start = (readout * e0 + first) * *dimensions;
            let target = &mut target[start..start + kept.len() * *dimensions];
            for (target, value) in target.iter_mut().zip(source.iter().skip(kept.start * *dimensions)) {
                *target = *value;
            }
        }
        Ok(())
    }

    /// Where the first kept sample goes.
    fn offset(&self, acquisition: &Acquisition) -> i64 {
        if !self.cartesian {
            return 0;
        }
        let (header, samples) = (&acquisition.header, acquisition.data.ncols());
        let center = usize::from(header.center_sample);
        // Readouts as long as the buffer with the echo in the middle, and those whose echo is nowhere, stay in place.
        if samples == self.shape[0] && (center == samples / 2 || center >= samples) {
            return header.discard_pre.into();
        }
        i64::from(self.sampling.sampling_limits[0].center) - i64::from(header.center_sample)
    }
}

impl From<Buffer> for BufferedData {
    fn from(buffer: Buffer) -> Self {
        if buffer.dropped > 0 {
            tracing::warn!(
                readouts = buffer.dropped,
                "readouts inside the encoding's limits but outside the encoded matrix were left out"
            );
        }
        let [e0, e1, e2, channels, n, s, loc] = buffer.shape;
        let whole = "the vectors were made with this many elements";
        Self {
            data: ArrayD::from_shape_vec(IxDyn(&[loc, s, n, channels, e2, e1, e0]), buffer.data).expect(whole),
            trajectory: buffer.trajectory.map(|(dimensions, trajectory)| {
                ArrayD::from_shape_vec(IxDyn(&[loc, s, n, e2, e1, e0, dimensions]), trajectory).expect(whole)
            }),
            density: None,
            headers: ArrayD::from_shape_vec(IxDyn(&[loc, s, n, e2, e1]), buffer.headers).expect(whole),
            sampling: buffer.sampling,
        }
    }
}

/// A buffer without data: what an encoding space has when nothing came for it.
pub(super) fn empty_buffer() -> BufferedData {
    BufferedData {
        data: ArrayD::zeros(IxDyn(&[0; 7])),
        trajectory: None,
        density: None,
        headers: ArrayD::from_elem(IxDyn(&[0; 5]), AcquisitionHeader::default()),
        sampling: SamplingDescription::default(),
    }
}

impl Direction {
    /// The line of a counter; `None` when the encoded matrix has no such line though the limits allow it.
    fn line(&self, index: u16, scan_counter: u32) -> Result<Option<usize>, BufferError> {
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

/// The samples that are not to be left out.
fn kept_samples(acquisition: &Acquisition) -> Result<std::ops::Range<usize>, BufferError> {
    let (header, samples) = (&acquisition.header, acquisition.data.ncols());
    let end = samples.checked_sub(header.discard_post.into());
    match end {
        Some(end) if usize::from(header.discard_pre) <= end => Ok(header.discard_pre.into()..end),
        _ => Err(BufferError::Discards {
            scan_counter: header.scan_counter,
            before: header.discard_pre,
            after: header.discard_post,
            samples,
        }),
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
fn directions(encoding: &Encoding, stats: &AcquisitionBucketStats, reference: bool, cartesian: bool) -> [Direction; 2] {
    let limits = &encoding.encoding_limits;
    let matrix = encoding.encoded_space.matrix_size;
    let parallel = encoding.parallel_imaging.is_some();
    let separate = separate(encoding, reference);
    let of = |name, matrix: u16, limit: Option<Limit>, seen: CounterRange, size_when_separate: usize| {
        let limited = limit.map(|l| usize::from(l.maximum.saturating_sub(l.minimum)) + 1);
        let size = match (cartesian, parallel) {
            (true, true) if separate => size_when_separate,
            (true, true) => matrix.into(),
            (true, false) => limited.unwrap_or(matrix.into()),
            (false, _) => limited.unwrap_or(seen.size()),
        };
        let shift = match limit {
            _ if cartesian && separate => -i32::from(seen.min),
            // The counter of a trajectory that is not Cartesian starts where the limits, or the data, start.
            _ if !cartesian => -i32::from(limit.map_or(seen.min, |limit| limit.minimum)),
            Some(limit) if centred(encoding, reference) && matrix > 1 => {
                i32::from(matrix / 2) - i32::from(limit.center)
            }
            Some(_) | None => 0,
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

/// How the buffer is sampled.
fn describe(
    encoding: &Encoding,
    first: &Acquisition,
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
        SamplingLimit {
            min: first.header.discard_pre,
            max: last(samples).saturating_sub(first.header.discard_post),
            center: u16::try_from(samples / 2).unwrap_or(u16::MAX),
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
