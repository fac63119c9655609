//! Measurements of a known object with known coils. K-space is summed from its definition in double precision: nothing of
//! the library takes part.

use std::f64::consts::TAU;

use engine::Message;
use gadgets::Flow;
use ndarray::Array2;
use protocol::{
    Acquisition, Complex32, Complex64, IsmrmrdHeader,
    acquisition::flag::{IS_PARALLEL_CALIBRATION, IS_PARALLEL_CALIBRATION_AND_IMAGING, LAST_IN_SLICE},
    header::{
        AcquisitionSystemInformation, CalibrationMode, Encoding, EncodingLimits, EncodingSpace, Limit, ParallelImaging,
        Trajectory,
    },
};

/// Where calibration lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calibration {
    /// Nowhere: every line is measured, or the header promises lines that do not come.
    None,
    /// So many lines and partitions in the middle of each frame.
    Embedded([usize; 2]),
    /// So many lines and partitions of a scan before, which count from 0.
    Separate([usize; 2]),
    /// The next repetition measures the next lines; together they are complete.
    Interleaved,
}

/// What is measured, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// Pixels along readout, E1 and E2.
    pub(crate) matrix: [usize; 3],
    /// Readout samples for each pixel.
    pub(crate) oversampling: usize,
    pub(crate) coils: usize,
    /// Coils that are switched off.
    pub(crate) silent: &'static [usize],
    pub(crate) slices: usize,
    pub(crate) sets: usize,
    pub(crate) repetitions: usize,
    pub(crate) acceleration: [usize; 2],
    pub(crate) calibration: Calibration,
}

/// Slice, repetition and set of a frame.
pub(crate) type Frame = [usize; 3];

impl Scene {
    /// One fully sampled frame of 8 coils.
    pub(crate) const fn full(matrix: [usize; 3]) -> Self {
        Self {
            matrix,
            oversampling: 1,
            coils: 8,
            silent: &[],
            slices: 1,
            sets: 1,
            repetitions: 1,
            acceleration: [1, 1],
            calibration: Calibration::None,
        }
    }

    /// The same with fewer lines.
    pub(crate) const fn accelerated(self, acceleration: [usize; 2], calibration: Calibration) -> Self {
        Self {
            acceleration,
            calibration,
            ..self
        }
    }

    /// All frames, in the order in which they are measured.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for repetition in 0..self.repetitions {
            for set in 0..self.sets {
                frames.extend((0..self.slices).map(|slice| [slice, repetition, set]));
            }
        }
        frames
    }

    /// How much of the frame's k-space is measured for the image, calibration lines apart.
    pub(crate) fn sampled_part(&self, frame: Frame) -> f64 {
        let [_, e1, e2] = self.matrix;
        let lines = (0..e1 * e2).filter(|line| self.on_grid(frame, [line % e1, line / e1]));
        lines.count() as f64 / (e1 * e2) as f64
    }

    fn on_grid(&self, [_, repetition, _]: Frame, line: [usize; 2]) -> bool {
        let shift = match self.calibration {
            Calibration::Interleaved => repetition,
            _ => 0,
        };
        line[0] % self.acceleration[0] == shift % self.acceleration[0] && line[1].is_multiple_of(self.acceleration[1])
    }

    /// What the object looks like in a pixel; positions from -0.5 to 0.5. It is in no direction its own mirror image.
    fn brightness([slice, repetition, set]: Frame, [x, y, z]: [f64; 3]) -> f64 {
        let head = (x / 0.4).powi(2) + (y / 0.34).powi(2) + (z / 0.42).powi(2) < 1.0;
        // Where the second part lies tells the frames apart.
        let (u, v) = (0.08 * slice as f64 - 0.1, 0.15 - 0.09 * set as f64);
        let bright = 0.6 + 0.3 * (repetition % 3) as f64;
        let part = (x - u).abs() < 0.09 && (y - v).abs() < 0.07 && (z - 0.1).abs() < 0.2;
        f64::from(u8::from(head)) * (1.0 + 0.3 * x - 0.2 * z) + if part { bright } else { 0.0 }
    }

    /// Sensitivity of a coil: a few harmonics of the field of view, so that it is short in k-space. Each slice is seen
    /// differently.
    fn sensitivity(&self, [slice, ..]: Frame, coil: usize, [x, y, z]: [f64; 3]) -> Complex64 {
        if self.silent.contains(&coil) {
            return Complex64::ZERO;
        }
        let a = coil as f64 * 1.1 + slice as f64 * 2.3;
        let (u, v, w) = (x * TAU, y * TAU, z * TAU);
        let deep = if self.matrix[2] > 1 { 0.9 } else { 0.0 };
        Complex64::from(0.6)
            + Complex64::cis(v + a)
            + Complex64::cis(-v + 3.3 * a) * 0.8
            + Complex64::cis(-u + 2.0 * a) * 0.7
            + (Complex64::cis(w - 3.0 * a) + Complex64::cis(v + w + 4.0 * a)) * deep
    }

    /// The true image: brightness times the root of the sum of the sensitivities' squares; the readout is fastest.
    pub(crate) fn truth(&self, frame: Frame) -> Vec<f64> {
        self.pixels(self.matrix)
            .map(|at| {
                let energy: f64 = (0..self.coils)
                    .map(|coil| self.sensitivity(frame, coil, at).norm_sqr())
                    .sum();
                Self::brightness(frame, at) * energy.sqrt()
            })
            .collect()
    }

    /// Positions of the pixels of a matrix as large; beyond the field of view there is nothing.
    fn pixels(&self, [ro, e1, e2]: [usize; 3]) -> impl Iterator<Item = [f64; 3]> {
        let place = |i: usize, n: usize, pixels: usize| (i as f64 - (n / 2) as f64) / pixels as f64;
        let [width, ..] = self.matrix;
        (0..ro * e1 * e2).map(move |pixel| {
            [
                place(pixel % ro, ro, width),
                place(pixel / ro % e1, e1, e1),
                place(pixel / (ro * e1), e2, e2),
            ]
        })
    }

    /// K-space of a frame for a coil, the readout fastest.
    fn kspace(&self, frame: Frame, coil: usize) -> Vec<Complex64> {
        let [ro, e1, e2] = self.matrix;
        let sizes = [ro * self.oversampling, e1, e2];
        let mut data: Vec<Complex64> = self
            .pixels(sizes)
            .map(|at| self.sensitivity(frame, coil, at) * Self::brightness(frame, at))
            .collect();
        let mut inner = 1;
        for size in sizes {
            data = transform(&data, size, inner);
            inner *= size;
        }
        data
    }

    /// The header of the measurement.
    pub(crate) fn header(&self) -> IsmrmrdHeader {
        let [ro, e1, e2] = self.matrix.map(|size| size as u16);
        let limit = |count: usize, center: usize| {
            Some(Limit {
                minimum: 0,
                maximum: count as u16 - 1,
                center: center as u16,
            })
        };
        let space = |width: u16| EncodingSpace {
            matrix_size: [width, e1, e2],
            // Pixels of one millimetre.
            field_of_view_mm: [width, e1, e2].map(f32::from),
            ..EncodingSpace::default()
        };
        let mode = match self.calibration {
            Calibration::Separate(_) => CalibrationMode::Separate,
            Calibration::Interleaved => CalibrationMode::Interleaved,
            _ => CalibrationMode::Embedded,
        };
        IsmrmrdHeader {
            acquisition_system_information: Some(AcquisitionSystemInformation {
                receiver_channels: Some(self.coils as u16),
                ..AcquisitionSystemInformation::default()
            }),
            encoding: vec![Encoding {
                encoded_space: space(ro * self.oversampling as u16),
                recon_space: space(ro),
                encoding_limits: EncodingLimits {
                    kspace_encoding_step_1: limit(e1.into(), usize::from(e1 / 2)),
                    kspace_encoding_step_2: limit(e2.into(), usize::from(e2 / 2)),
                    slice: limit(self.slices, 0),
                    repetition: limit(self.repetitions, 0),
                    set: limit(self.sets, 0),
                    ..EncodingLimits::default()
                },
                trajectory: Trajectory::Cartesian,
                parallel_imaging: (self.acceleration != [1, 1]).then(|| ParallelImaging {
                    acceleration_factor: self.acceleration.map(|r| r as u16),
                    calibration_mode: Some(mode),
                    ..ParallelImaging::default()
                }),
                ..Encoding::default()
            }],
            ..IsmrmrdHeader::default()
        }
    }

    /// The readouts, as the scanner would send them.
    pub(crate) fn readouts(&self) -> Vec<Acquisition> {
        let [_, e1, e2] = self.matrix;
        let mut readouts = Vec::new();
        for frame in self.frames() {
            let coils: Vec<Vec<Complex64>> = (0..self.coils).map(|coil| self.kspace(frame, coil)).collect();
            if let Calibration::Separate([lines, partitions]) = self.calibration {
                let [first_line, first_partition] = [e1 / 2 - lines / 2, e2 / 2 - partitions / 2];
                for (z, y) in (0..partitions).flat_map(|z| (0..lines).map(move |y| (z, y))) {
                    let mut readout = self.readout(frame, &coils, [first_line + y, first_partition + z]);
                    let idx = &mut readout.header.idx;
                    (idx.kspace_encode_step_1, idx.kspace_encode_step_2) = (y as u16, z as u16);
                    readout.header.set_flag(IS_PARALLEL_CALIBRATION);
                    readouts.push(readout);
                }
            }
            for line in (0..e2).flat_map(|z| (0..e1).map(move |y| [y, z])) {
                let on_grid = self.on_grid(frame, line);
                let calibrates = match self.calibration {
                    Calibration::Embedded(size) => std::iter::zip(line, [e1, e2]).zip(size).all(|((i, n), size)| {
                        let first = n / 2 - size / 2;
                        (first..first + size).contains(&i)
                    }),
                    _ => false,
                };
                if !on_grid && !calibrates {
                    continue;
                }
                let mut readout = self.readout(frame, &coils, line);
                match (on_grid, calibrates) {
                    (true, true) => readout.header.set_flag(IS_PARALLEL_CALIBRATION_AND_IMAGING),
                    (false, true) => readout.header.set_flag(IS_PARALLEL_CALIBRATION),
                    _ => {}
                }
                readouts.push(readout);
            }
            if let Some(last) = readouts.last_mut() {
                last.header.set_flag(LAST_IN_SLICE);
            }
        }
        for (counter, readout) in (1..).zip(&mut readouts) {
            readout.header.scan_counter = counter;
            readout.header.acquisition_time_stamp = counter;
        }
        readouts
    }

    fn readout(&self, [slice, repetition, set]: Frame, coils: &[Vec<Complex64>], [y, z]: [usize; 2]) -> Acquisition {
        let samples = self.matrix[0] * self.oversampling;
        let start = (z * self.matrix[1] + y) * samples;
        let data = Array2::from_shape_fn((self.coils, samples), |(coil, sample)| {
            let value = coils[coil][start + sample];
            Complex32::new(value.re as f32, value.im as f32)
        });
        let mut readout = Acquisition::new(data);
        readout.header.sample_time_us = 5.0;
        readout.header.idx.kspace_encode_step_1 = y as u16;
        readout.header.idx.kspace_encode_step_2 = z as u16;
        readout.header.idx.slice = slice as u16;
        readout.header.idx.repetition = repetition as u16;
        readout.header.idx.set = set as u16;
        readout
    }
}

/// Readouts as messages.
pub(crate) fn messages(readouts: Vec<Acquisition>) -> Vec<Message> {
    readouts.into_iter().map(Flow::emit).collect()
}

/// The unitary Fourier transform with the origin at `size / 2` along the axis of this size, by its definition.
pub(crate) fn transform(data: &[Complex64], size: usize, inner: usize) -> Vec<Complex64> {
    let centre = (size / 2) as f64;
    let turn: Vec<Complex64> = (0..size * size)
        .map(|i| Complex64::cis(-TAU * ((i / size) as f64 - centre) * ((i % size) as f64 - centre) / size as f64))
        .collect();
    let scale = 1.0 / (size as f64).sqrt();
    let mut result = vec![Complex64::ZERO; data.len()];
    for (plane, target) in data.chunks(size * inner).zip(result.chunks_mut(size * inner)) {
        for (k, row) in target.chunks_mut(inner).enumerate() {
            for (x, source) in plane.chunks(inner).enumerate() {
                let factor = turn[k * size + x] * scale;
                row.iter_mut()
                    .zip(source)
                    .for_each(|(sum, value)| *sum += value * factor);
            }
        }
    }
    result
}
