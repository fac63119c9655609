use super::*;

const CHANNELS: usize = 5;

/// Coil images of an object with smooth sensitivities.
fn coil_images(extent: Extent) -> Vec<Complex32> {
    let turn = |i: usize, n: usize| (i as f32 - (n / 2) as f32) / n as f32 * std::f32::consts::TAU;
    let mut images = Vec::new();
    for c in 0..CHANNELS {
        let a = c as f32 * 1.3;
        for z in 0..extent.e2 {
            for y in 0..extent.e1 {
                for x in 0..extent.ro {
                    let inside = turn(x, extent.ro).abs() < 2.0 && turn(y, extent.e1).abs() < 2.3;
                    let object = if inside {
                        1.0 + ((x + 2 * y) % 5) as f32 * 0.2
                    } else {
                        0.0
                    };
                    let deep = if extent.e2 > 1 { 0.8 } else { 0.0 };
                    let sensitivity = Complex32::from(0.5)
                        + Complex32::cis(turn(y, extent.e1) + a)
                        + Complex32::cis(-turn(x, extent.ro) + 2.0 * a) * 0.6
                        + Complex32::cis(turn(z, extent.e2) - 2.0 * a) * deep;
                    images.push(sensitivity * object);
                }
            }
        }
    }
    images
}

fn calibration(extent: Extent) -> Calibration {
    Calibration {
        kernel: [5, 5, if extent.e2 > 1 { 5 } else { 1 }],
        lambda: 1e-5,
        over_determination: 0.0,
    }
}

fn stopping(iterations: usize) -> Stopping {
    Stopping {
        iterations,
        tolerance: 1e-5,
    }
}

fn error(found: &[Complex32], expected: &[Complex32]) -> f32 {
    let difference: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).norm_sqr()).sum();
    (difference / expected.iter().map(Complex32::norm_sqr).sum::<f32>()).sqrt()
}

#[test]
fn every_second_line_gives_the_coil_images_of_slices_and_volumes() {
    for extent in [Extent { ro: 32, e1: 40, e2: 1 }, Extent { ro: 14, e1: 16, e2: 12 }] {
        let images = coil_images(extent);
        let mut full = images.clone();
        extent.to_kspace(&mut full);
        let kernel = calibration(extent).fit(&full, extent).unwrap();
        let mut kspace = full.clone();
        for (line, samples) in kspace.chunks_mut(extent.ro).enumerate() {
            if line % extent.e1 % 2 == 1 {
                samples.fill(Complex32::ZERO);
            }
        }
        reconstruct(&mut kspace, &kernel, extent, stopping(100)).unwrap();
        let error = error(&kspace, &images);
        assert!(error < 0.03, "{extent:?} {error}");
    }
}

#[test]
fn measured_lines_stay_as_they_are() {
    let extent = Extent { ro: 16, e1: 20, e2: 1 };
    let mut full = coil_images(extent);
    extent.to_kspace(&mut full);
    let kernel = calibration(extent).fit(&full, extent).unwrap();
    let mut kspace = full.clone();
    for samples in kspace.chunks_mut(extent.ro).skip(3).step_by(4) {
        samples.fill(Complex32::ZERO);
    }
    reconstruct(&mut kspace, &kernel, extent, stopping(20)).unwrap();
    extent.to_kspace(&mut kspace);
    for (line, (found, expected)) in kspace.chunks(extent.ro).zip(full.chunks(extent.ro)).enumerate() {
        if line % 4 != 3 {
            assert!(error(found, expected) < 1e-3, "line {line}");
        }
    }
}

#[test]
fn full_sampling_is_only_transformed() {
    let extent = Extent { ro: 12, e1: 14, e2: 1 };
    let images = coil_images(extent);
    let mut kspace = images.clone();
    extent.to_kspace(&mut kspace);
    let kernel = calibration(extent).fit(&kspace, extent).unwrap();
    reconstruct(&mut kspace, &kernel, extent, stopping(20)).unwrap();
    assert!(error(&kspace, &images) < 1e-5);
}

#[test]
fn the_kernel_predicts_every_sample_from_its_neighbours() {
    let extent = Extent { ro: 24, e1: 24, e2: 1 };
    let images = coil_images(extent);
    let mut full = images.clone();
    extent.to_kspace(&mut full);
    let kernel = calibration(extent).fit(&full, extent).unwrap();
    // Kernel minus identity, applied in the image: what is left over.
    let volume = extent.volume();
    let mut left = vec![Complex32::ZERO; images.len()];
    for (dst, left) in left.chunks_mut(volume).enumerate() {
        for (src, image) in images.chunks(volume).enumerate() {
            let factor = kernel.in_image(src, dst, extent);
            left.iter_mut()
                .zip(factor)
                .zip(image)
                .for_each(|((sum, f), pixel)| *sum += f * pixel);
        }
    }
    let ratio = (left.iter().map(Complex32::norm_sqr).sum::<f32>()
        / images.iter().map(Complex32::norm_sqr).sum::<f32>())
    .sqrt();
    assert!(ratio < 0.05, "{ratio}");
}

#[test]
fn too_few_calibration_lines_are_an_error() {
    let extent = Extent { ro: 24, e1: 4, e2: 1 };
    let data = vec![Complex32::ONE; 2 * extent.volume()];
    assert!(matches!(
        calibration(extent).fit(&data, extent),
        Err(CalibrationError::TooSmall {
            direction: "E1",
            found: 4,
            needed: 5
        })
    ));
}

#[test]
fn it_ends_where_nothing_is_a_number() {
    let extent = Extent { ro: 8, e1: 10, e2: 1 };
    let mut full = coil_images(extent);
    extent.to_kspace(&mut full);
    let kernel = calibration(extent).fit(&full, extent).unwrap();
    for value in [f32::NAN, f32::INFINITY] {
        let mut kspace = full.clone();
        for (line, samples) in kspace.chunks_mut(extent.ro).enumerate() {
            samples.fill(Complex32::from(if line % 2 == 1 { 0.0 } else { value }));
        }
        reconstruct(&mut kspace, &kernel, extent, stopping(usize::MAX)).unwrap();
        assert!(kspace.iter().all(|pixel| !pixel.is_finite()));
    }
}

#[test]
fn operators_that_there_is_no_memory_for_are_an_error_before_anything_is_made() {
    // 1024 channels of 64 x 64 samples: 32 MiB of k-space, 16 GiB of operators.
    let extent = Extent { ro: 64, e1: 64, e2: 1 };
    let channels = 1024;
    let kernel = Kernel {
        src: channels,
        dst: channels,
        offsets: [0..1, 0..1, 0..1],
        values: Vec::new(),
    };
    let mut kspace = vec![Complex32::ZERO; channels * extent.volume()];
    kspace[0] = Complex32::ONE;
    let words = reconstruct(&mut kspace, &kernel, extent, stopping(1))
        .unwrap_err()
        .to_string();
    assert!(words.starts_with("no memory for the operators of SPIRiT; "), "{words}");
    assert_eq!(kspace[0], Complex32::ONE);
    let deep = Extent {
        ro: 2,
        e1: 256,
        e2: 256,
    };
    assert!(operators_at_once(channels, deep).is_err());
    let slices = Extent {
        ro: 256,
        e1: 256,
        e2: 1,
    };
    assert_eq!(operators_at_once(32, slices), Ok(256));
    assert_eq!(operators_at_once(2, Extent { ro: 40, e1: 8, e2: 8 }), Ok(40));
}

#[test]
fn how_many_positions_are_solved_at_once_changes_nothing() {
    let extent = Extent { ro: 14, e1: 16, e2: 12 };
    let mut full = coil_images(extent);
    extent.to_kspace(&mut full);
    let kernel = calibration(extent).fit(&full, extent).unwrap();
    let missing: Vec<bool> = (0..extent.e1 * extent.e2)
        .map(|line| line % extent.e1 % 2 == 1)
        .collect();
    for (line, samples) in full.chunks_mut(extent.ro).enumerate() {
        if missing[line % missing.len()] {
            samples.fill(Complex32::ZERO);
        }
    }
    let filled = |at_once: usize| {
        let mut kspace = full.clone();
        fill(&mut kspace, &kernel, extent, stopping(3), &missing, Some(at_once));
        kspace
    };
    let expected = filled(extent.ro);
    assert!(filled(1) == expected && filled(4) == expected);
}
