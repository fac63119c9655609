//! One buffer of k-space while it is filled: its size, and where a readout goes.

use ndarray::{ArrayD, IxDyn};
use protocol::{
    Acquisition, AcquisitionBucketStats, AcquisitionHeader, BufferedData, Complex32, SamplingDescription,
    header::{Encoding, Trajectory},
};

use super::sampling::{Direction, describe, directions};
use crate::room::{self, NoRoom};

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
    #[error(
        "a buffer of {shape:?}, with those that are made with it, is larger than {limit} MiB (property max_buffer_megabytes)"
    )]
    TooLarge { shape: [usize; 7], limit: usize },
    #[error("a buffer of {shape:?}: {cause}")]
    NoRoom { shape: [usize; 7], cause: NoRoom },
}

/// The bytes that the buffers of one message may take, data and calibration data of all its encoding spaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    megabytes: usize,
    taken: usize,
}

impl Budget {
    pub(super) fn new(megabytes: usize) -> Self {
        Self { megabytes, taken: 0 }
    }

    /// Takes what a buffer with these arrays (bytes each) needs; there is room for them then.
    fn take(&mut self, shape: [usize; 7], arrays: [usize; 3]) -> Result<(), BufferError> {
        self.taken = arrays.iter().fold(self.taken, |sum, bytes| sum.saturating_add(*bytes));
        if self.taken.div_ceil(1 << 20) > self.megabytes {
            return Err(BufferError::TooLarge {
                shape,
                limit: self.megabytes,
            });
        }
        room::together("k-space", &arrays).map_err(|cause| BufferError::NoRoom { shape, cause })
    }
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
    /// Which sample is the centre of the whole readout.
    center: i64,
    lines: [Direction; 2],
    dropped: usize,
}

impl Buffer {
    /// A buffer for readouts like `first`; `counts` are the sizes along N, S and LOC. It takes its part of the `budget`.
    pub(super) fn new(
        encoding: &Encoding,
        stats: &AcquisitionBucketStats,
        first: &Acquisition,
        reference: bool,
        counts: [usize; 3],
        budget: &mut Budget,
    ) -> Result<Self, BufferError> {
        let cartesian = matches!(encoding.trajectory, Trajectory::Cartesian | Trajectory::Epi);
        let (samples, kept) = (first.data.ncols(), kept_samples(first)?.len());
        // Of a readout that is as long as the matrix, what is left out was not measured: it has its place.
        let spaces = [&encoding.encoded_space, &encoding.recon_space];
        let whole = spaces.iter().any(|space| usize::from(space.matrix_size[0]) == samples);
        let e0 = if cartesian && (whole || encoding.parallel_imaging.is_some()) {
            samples
        } else {
            kept
        };
        let lines = directions(encoding, stats, reference, cartesian);
        let sampling = describe(encoding, first, e0, &lines, reference)?;
        let [n, s, loc] = counts;
        let shape = [e0, lines[0].size, lines[1].size, first.data.nrows(), n, s, loc];
        let readouts = room::count(&[loc, s, n, lines[1].size, lines[0].size]);
        let dimensions = first.trajectory.as_ref().map_or(0, |trajectory| trajectory.ncols());
        let arrays = [
            room::bytes_of::<Complex32>(&shape),
            room::bytes_of::<AcquisitionHeader>(&[readouts]),
            room::bytes_of::<f32>(&[readouts, e0, dimensions]),
        ];
        budget.take(shape, arrays)?;
        let trajectory = (dimensions > 0).then(|| (dimensions, vec![0.0; readouts * e0 * dimensions]));
        Ok(Self {
            shape,
            data: vec![Complex32::ZERO; room::count(&shape)],
            headers: vec![AcquisitionHeader::default(); readouts],
            trajectory,
            sampling,
            cartesian,
            center: samples as i64 / 2,
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
        self.center - i64::from(header.center_sample)
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
            data: ArrayD::from_shape_vec(IxDyn(&[loc, s, n, channels, e2, e1, e0]), buffer.data)
                .expect(whole)
                .into_shared(),
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
        data: ArrayD::zeros(IxDyn(&[0; 7])).into_shared(),
        trajectory: None,
        density: None,
        headers: ArrayD::from_elem(IxDyn(&[0; 5]), AcquisitionHeader::default()),
        sampling: SamplingDescription::default(),
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
