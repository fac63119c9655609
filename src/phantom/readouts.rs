//! What the scanner would send: readouts in the order of a gradient echo sequence, and an ECG.

use ndarray::Array2;
use num_complex::Complex32;
use protocol::{
    Acquisition, AcquisitionHeader, Waveform, WaveformHeader,
    acquisition::flag::{
        FIRST_IN_ENCODE_STEP1, FIRST_IN_REPETITION, FIRST_IN_SLICE, IS_NOISE_MEASUREMENT, IS_PARALLEL_CALIBRATION,
        IS_PARALLEL_CALIBRATION_AND_IMAGING, LAST_IN_ENCODE_STEP1, LAST_IN_MEASUREMENT, LAST_IN_REPETITION,
        LAST_IN_SLICE,
    },
};

use super::{
    Phantom, PhantomSettings,
    header::{NOISE_BANDWIDTH, REPETITION_TIME, THICKNESS},
    random::Normal,
};
use crate::files::ScannerData;

/// Milliseconds of a tick of the scanner's clock.
const TICK: f32 = 2.5;
/// Readouts of a noise scan.
const NOISE_READOUTS: usize = 16;
/// Microseconds between samples.
const DWELL_TIME: f32 = 5.0;
/// Readouts between two pieces of the ECG.
const READOUTS_PER_WAVEFORM: usize = 8;
/// Milliseconds between samples of the ECG, and of a heart beat.
const ECG_STEP: f32 = 2.5;
const BEAT: f32 = 900.0;

pub(super) fn items(phantom: &Phantom) -> impl Iterator<Item = ScannerData> + '_ {
    let settings = &phantom.settings;
    let mut noise = Normal::new(settings.seed);
    let places: Vec<Place> = places(settings);
    let mut counter = 0;
    places.into_iter().flat_map(move |place| {
        let stamp = |counter: usize| (counter as f32 * REPETITION_TIME / TICK) as u32;
        let waveform = (settings.waveforms && counter % READOUTS_PER_WAVEFORM == 0)
            .then(|| ScannerData::Waveform(ecg(counter, stamp(counter))));
        let mut readout = readout(phantom, &place, &mut noise);
        readout.header.scan_counter = counter as u32 + 1;
        // After the waveform that began with it.
        readout.header.acquisition_time_stamp = stamp(counter) + 1;
        counter += 1;
        waveform.into_iter().chain([ScannerData::Acquisition(readout)])
    })
}

/// Where a readout lies.
struct Place {
    /// `None` for a readout of noise.
    line: Option<u16>,
    slice: u16,
    repetition: u16,
    flags: Vec<u32>,
}

/// Every readout: the noise scan, then repetition by repetition, slice by slice, line by line.
fn places(settings: &PhantomSettings) -> Vec<Place> {
    let lines = lines(settings);
    let mut places = Vec::new();
    if settings.noise_scan {
        places.extend((0..NOISE_READOUTS).map(|_| Place {
            line: None,
            slice: 0,
            repetition: 0,
            flags: vec![IS_NOISE_MEASUREMENT],
        }));
    }
    for repetition in 0..settings.repetitions {
        for slice in 0..settings.slices {
            for (index, &(line, calibration)) in lines.iter().enumerate() {
                let (first, last) = (index == 0, index + 1 == lines.len());
                let (first_slice, last_slice) = (slice == 0, slice + 1 == settings.slices);
                let conditions = [
                    (first, FIRST_IN_ENCODE_STEP1),
                    (first, FIRST_IN_SLICE),
                    (first && first_slice, FIRST_IN_REPETITION),
                    (last, LAST_IN_ENCODE_STEP1),
                    (last, LAST_IN_SLICE),
                    (last && last_slice, LAST_IN_REPETITION),
                    (
                        last && last_slice && repetition + 1 == settings.repetitions,
                        LAST_IN_MEASUREMENT,
                    ),
                ];
                let flags = conditions.into_iter().filter_map(|(holds, flag)| holds.then_some(flag));
                places.push(Place {
                    line: Some(line),
                    slice,
                    repetition,
                    flags: flags.chain(calibration).collect(),
                });
            }
        }
    }
    places
}

/// The lines measured, and the flag that says what those around the centre are for.
fn lines(settings: &PhantomSettings) -> Vec<(u16, Option<u32>)> {
    let PhantomSettings {
        matrix, acceleration, ..
    } = *settings;
    let calibration = match (acceleration, settings.calibration_lines) {
        (1, _) => 0,
        (_, Some(lines)) => lines,
        (_, None) => (matrix / 4).min(32),
    };
    let first = matrix / 2 - calibration / 2;
    (0..matrix)
        .filter_map(|line| {
            // The grid goes through the centre of k-space.
            let on_grid = line % acceleration == matrix / 2 % acceleration;
            match (on_grid, (first..first + calibration).contains(&line)) {
                (true, true) => Some((line, Some(IS_PARALLEL_CALIBRATION_AND_IMAGING))),
                (false, true) => Some((line, Some(IS_PARALLEL_CALIBRATION))),
                (true, false) => Some((line, None)),
                (false, false) => None,
            }
        })
        .collect()
}

fn readout(phantom: &Phantom, place: &Place, noise: &mut Normal) -> Acquisition {
    let settings = &phantom.settings;
    let matrix = usize::from(settings.matrix);
    let mut header = AcquisitionHeader {
        measurement_uid: 1,
        number_of_samples: 2 * settings.matrix,
        available_channels: settings.coils,
        active_channels: settings.coils,
        center_sample: settings.matrix,
        sample_time_us: DWELL_TIME,
        position: [
            0.0,
            0.0,
            (f32::from(place.slice) - (f32::from(settings.slices) - 1.0) / 2.0) * THICKNESS,
        ],
        read_dir: [1.0, 0.0, 0.0],
        phase_dir: [0.0, 1.0, 0.0],
        slice_dir: [0.0, 0.0, 1.0],
        ..AcquisitionHeader::default()
    };
    for coil in 0..settings.coils {
        header.channel_mask[usize::from(coil / 64)] |= 1 << (coil % 64);
    }
    header.idx.slice = place.slice;
    header.idx.repetition = place.repetition;
    header.idx.kspace_encode_step_1 = place.line.unwrap_or(0);
    place.flags.iter().for_each(|flag| header.set_flag(*flag));
    let mut data = match place.line {
        Some(line) => signal(phantom, usize::from(place.slice), usize::from(line), matrix),
        None => Array2::zeros((usize::from(settings.coils), 2 * matrix)),
    };
    if settings.noise > 0.0 || place.line.is_none() {
        // A noise scan of a scanner without noise could not be inverted; it gets a little. The edges of the receiver's
        // band let less noise through, so that the scan shows less of it than there is in the middle, where images are.
        let passed = if place.line.is_none() {
            NOISE_BANDWIDTH.sqrt()
        } else {
            1.0
        };
        let deviation = settings.noise.max(1e-6) * passed;
        data.mapv_inplace(|sample| sample + Complex32::new(noise.next(), noise.next()) * deviation);
    }
    Acquisition {
        header,
        data,
        trajectory: None,
    }
}

/// The signal of a line without noise, shape `[coils, 2 matrix]`; a unitary inverse Fourier transform gives an image
/// with the object's own brightness.
fn signal(phantom: &Phantom, slice: usize, line: usize, matrix: usize) -> Array2<Complex32> {
    let spectrum = &phantom.spectra[slice];
    // Samples are half a step of k-space apart along x, lines a whole one along y: (2N x N points, spacing 1/2) gives
    // the inverse sum a weight of N / sqrt(2) over the integral.
    let scale = matrix as f64 / std::f64::consts::SQRT_2;
    let mut data = Array2::zeros((phantom.coils.len(), 2 * matrix));
    for (coil, mut row) in phantom.coils.iter().zip(data.rows_mut()) {
        for ((x, y), weight) in coil.shifts() {
            let weight = Complex32::new((weight.re * scale) as f32, (weight.im * scale) as f32);
            // Half step 0 is at index matrix + 1; a harmonic of the coil moves the transform by half a step.
            let spectrum_row = spectrum.row((2 * line + 1).wrapping_add_signed(-(y as isize)));
            let start = 1_usize.wrapping_add_signed(-(x as isize));
            for (sample, value) in row.iter_mut().zip(spectrum_row.iter().skip(start)) {
                *sample += weight * value;
            }
        }
    }
    data
}

/// A piece of an ECG: two leads, as long as the readouts until the next piece.
fn ecg(counter: usize, time_stamp: u32) -> Waveform {
    let samples = (READOUTS_PER_WAVEFORM as f32 * REPETITION_TIME / ECG_STEP) as usize;
    let start = counter as f32 * REPETITION_TIME;
    Waveform {
        header: WaveformHeader {
            measurement_uid: 1,
            scan_counter: counter as u32 + 1,
            time_stamp,
            number_of_samples: samples as u16,
            channels: 2,
            sample_time_us: ECG_STEP * 1000.0,
            waveform_id: 0,
            ..WaveformHeader::default()
        },
        data: Array2::from_shape_fn((2, samples), |(lead, sample)| {
            let time = (start + sample as f32 * ECG_STEP) % BEAT;
            let peak = (-((time - 200.0) / 15.0).powi(2)).exp() + 0.2 * (-((time - 450.0) / 50.0).powi(2)).exp();
            2048 + (peak * 1000.0 / (lead as f32 + 1.0)) as u32
        }),
    }
}
