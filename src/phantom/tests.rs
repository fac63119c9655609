//! The phantom held against itself: its signal must transform to its image.

use num_complex::Complex64;

use super::*;

fn settings() -> PhantomSettings {
    PhantomSettings {
        matrix: 32,
        coils: 4,
        ..PhantomSettings::default()
    }
}

fn readouts(settings: PhantomSettings) -> Vec<protocol::Acquisition> {
    let phantom = Phantom::new(settings).unwrap();
    phantom
        .items()
        .filter_map(|item| match item {
            ScannerData::Acquisition(readout) => Some(readout),
            ScannerData::Waveform(_) => None,
        })
        .collect()
}

/// The unitary inverse transform of fully sampled readouts at one pixel, root of the sum of squares over the coils.
fn pixel(readouts: &[protocol::Acquisition], matrix: usize, x: usize, y: usize) -> f64 {
    let coils = readouts[0].data.nrows();
    let (x, y) = (object::position(x, matrix), object::position(y, matrix));
    let power: f64 = (0..coils)
        .map(|coil| {
            let mut sum = Complex64::default();
            for readout in readouts {
                let ky = f64::from(readout.header.idx.kspace_encode_step_1) - (matrix / 2) as f64;
                for (sample, value) in readout.data.row(coil).iter().enumerate() {
                    let kx = (sample as f64 - matrix as f64) / 2.0;
                    let phase = 2.0 * std::f64::consts::PI * (kx * x + ky * y);
                    let value = Complex64::new(f64::from(value.re), f64::from(value.im));
                    sum += value * Complex64::from_polar(1.0, phase);
                }
            }
            sum.norm_sqr()
        })
        .sum();
    power.sqrt() / (2.0 * (matrix * matrix) as f64).sqrt()
}

#[test]
fn the_signal_transforms_to_the_object() {
    let matrix = 64;
    let phantom = Phantom::new(PhantomSettings {
        matrix: 64,
        ..settings()
    })
    .unwrap();
    let truth = phantom.truth(0);
    let readouts = readouts(phantom.settings().clone());
    // In the grey matter and in the large ellipse above the middle; at points so far from edges the ringing is small.
    let mut error = 0.0;
    let mut size = 0.0;
    for (x, y) in [
        (32, 16),
        (32, 21),
        (30, 24),
        (34, 46),
        (32, 44),
        (28, 40),
        (36, 40),
        (20, 46),
    ] {
        let (measured, true_value) = (pixel(&readouts, matrix, x, y), f64::from(truth[(y, x)]));
        error += (measured - true_value).powi(2);
        size += true_value.powi(2);
    }
    assert!((error / size).sqrt() < 0.08, "relative error {}", (error / size).sqrt());
}

#[test]
fn the_same_seed_gives_the_same_data_and_another_other_noise() {
    let noisy = PhantomSettings {
        noise: 0.1,
        noise_scan: true,
        ..settings()
    };
    assert_eq!(readouts(noisy.clone()), readouts(noisy.clone()));
    assert_ne!(readouts(noisy.clone()), readouts(PhantomSettings { seed: 2, ..noisy }));
}

#[test]
fn an_accelerated_measurement_has_its_grid_and_its_calibration_lines() {
    use protocol::acquisition::flag;
    let accelerated = PhantomSettings {
        acceleration: 4,
        calibration_lines: Some(8),
        ..settings()
    };
    let header = Phantom::new(accelerated.clone()).unwrap().header();
    let parallel = header.encoding[0].parallel_imaging.as_ref().unwrap();
    assert_eq!(parallel.acceleration_factor, [4, 1]);
    let readouts = readouts(accelerated);
    let lines: Vec<_> = readouts
        .iter()
        .map(|readout| readout.header.idx.kspace_encode_step_1)
        .collect();
    assert_eq!(lines, [0, 4, 8, 12, 13, 14, 15, 16, 17, 18, 19, 20, 24, 28]);
    let flagged = |number| {
        readouts
            .iter()
            .filter(|readout| readout.header.is_flag_set(number))
            .count()
    };
    assert_eq!(flagged(flag::IS_PARALLEL_CALIBRATION_AND_IMAGING), 2);
    assert_eq!(flagged(flag::IS_PARALLEL_CALIBRATION), 6);
    assert_eq!((flagged(flag::FIRST_IN_SLICE), flagged(flag::LAST_IN_SLICE)), (1, 1));
    assert!(readouts.last().unwrap().header.is_flag_set(flag::LAST_IN_MEASUREMENT));
}

#[test]
fn a_file_holds_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = PhantomArguments {
        output: folder.path().join("phantom.h5"),
        group: "dataset".into(),
        settings: PhantomSettings {
            matrix: 16,
            repetitions: 3,
            slices: 2,
            waveforms: true,
            noise_scan: true,
            ..settings()
        },
    };
    let written = write(&arguments).unwrap();
    assert_eq!(
        written,
        Written {
            readouts: 3 * 2 * 16 + 16,
            waveforms: 14
        }
    );
    let file = crate::files::RawDataFile::open(&arguments.output, "dataset").unwrap();
    assert_eq!((file.acquisition_count(), file.waveform_count()), (112, 14));
    let header = IsmrmrdHeader::parse(file.header_xml()).unwrap();
    assert_eq!(header, Phantom::new(arguments.settings).unwrap().header());
    // Sent in the order of their time stamps.
    let first = file.items().next().unwrap().unwrap();
    assert!(matches!(first, ScannerData::Waveform(_)));
}

#[test]
fn nonsense_is_refused_with_the_name_of_the_option() {
    for (wrong, name) in [
        (
            PhantomSettings {
                matrix: 15,
                ..settings()
            },
            "matrix",
        ),
        (PhantomSettings { coils: 0, ..settings() }, "coils"),
        (
            PhantomSettings {
                acceleration: 0,
                ..settings()
            },
            "acceleration",
        ),
        (
            PhantomSettings {
                noise: f32::NAN,
                ..settings()
            },
            "noise",
        ),
        (
            PhantomSettings {
                calibration_lines: Some(33),
                ..settings()
            },
            "calibration-lines",
        ),
    ] {
        let error = Phantom::new(wrong).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}
