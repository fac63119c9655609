use super::*;

/// An object with sensitivities of few harmonics, which a small kernel predicts well.
struct Scene {
    extent: Extent,
    maps: Vec<Complex32>,
    object: Vec<Complex32>,
}

const CHANNELS: usize = 6;

impl Scene {
    fn new(extent: Extent) -> Self {
        let turn = |i: usize, n: usize| (i as f32 - (n / 2) as f32) / n as f32 * std::f32::consts::TAU;
        let mut maps = vec![Complex32::ZERO; CHANNELS * extent.volume()];
        let mut object = Vec::new();
        for z in 0..extent.e2 {
            for y in 0..extent.e1 {
                for x in 0..extent.ro {
                    let pixel = (z * extent.e1 + y) * extent.ro + x;
                    for c in 0..CHANNELS {
                        // Harmonics of the lowest orders: the sensitivities are short in k-space.
                        let a = c as f32 * 1.1;
                        let (u, v, w) = (turn(x, extent.ro), turn(y, extent.e1), turn(z, extent.e2));
                        let deep = if extent.e2 > 1 { 0.9 } else { 0.0 };
                        let value = Complex32::from(0.6)
                            + Complex32::cis(v + a)
                            + Complex32::cis(-v + 3.3 * a) * 0.8
                            + Complex32::cis(-u + 2.0 * a) * 0.7
                            + (Complex32::cis(w - 3.0 * a) + Complex32::cis(v + w + 4.0 * a)) * deep;
                        maps[c * extent.volume() + pixel] = value;
                    }
                    let inside = turn(x, extent.ro).abs() < 1.8 && turn(y, extent.e1).abs() < 2.2;
                    object.push(Complex32::from(if inside {
                        1.0 + ((x * y) % 4) as f32 * 0.3
                    } else {
                        0.0
                    }));
                }
            }
        }
        Self { extent, maps, object }
    }

    fn kspace(&self) -> Vec<Complex32> {
        let volume = self.extent.volume();
        let mut data: Vec<Complex32> = self
            .maps
            .chunks(volume)
            .flat_map(|map| map.iter().zip(&self.object).map(|(m, o)| m * o))
            .collect();
        self.extent.to_kspace(&mut data);
        data
    }

    /// Maps that combine coil images to the object: divided by the sum of their squares.
    fn combining_maps(&self) -> Vec<Complex32> {
        let volume = self.extent.volume();
        let mut maps = self.maps.clone();
        for pixel in 0..volume {
            let energy: f32 = (0..CHANNELS).map(|c| maps[c * volume + pixel].norm_sqr()).sum();
            (0..CHANNELS).for_each(|c| maps[c * volume + pixel] /= energy);
        }
        maps
    }
}

fn undersample(kspace: &mut [Complex32], extent: Extent, acceleration: [usize; 2]) {
    for (line, samples) in kspace.chunks_mut(extent.ro).enumerate() {
        let (y, z) = (line % extent.e1, line / extent.e1 % extent.e2);
        if y % acceleration[0] != 0 || z % acceleration[1] != 0 {
            samples.fill(Complex32::ZERO);
        }
    }
}

fn whole(extent: Extent) -> [Range<usize>; 3] {
    extent.sizes().map(|size| 0..size)
}

fn error(found: &[Complex32], expected: &[Complex32]) -> f32 {
    let difference: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).norm_sqr()).sum();
    (difference / expected.iter().map(Complex32::norm_sqr).sum::<f32>()).sqrt()
}

fn calibration(acceleration: [usize; 2], fit_measured: bool) -> Calibration {
    Calibration {
        acceleration,
        kernel: [5, 4, if acceleration[1] > 1 { 4 } else { 1 }],
        lambda: 1e-7,
        over_determination: 0.0,
        fit_measured,
    }
}

#[test]
fn undersampled_data_give_the_object_in_two_and_three_dimensions() {
    let slice = Extent { ro: 32, e1: 36, e2: 1 };
    let volume = Extent { ro: 12, e1: 16, e2: 16 };
    // The sensitivities reach one line before and after, and one partition after: so far a kernel predicts exactly.
    for (extent, acceleration) in [(slice, [2, 1]), (slice, [3, 1]), (volume, [2, 2]), (volume, [2, 1])] {
        let scene = Scene::new(extent);
        let full = scene.kspace();
        for fit_measured in [false, true] {
            let kernel = calibration(acceleration, fit_measured)
                .fit(&full, &full, extent, whole(extent))
                .unwrap();
            let unmixed = unmixing(
                &kernel,
                &scene.combining_maps(),
                extent,
                acceleration[0] * acceleration[1],
            );
            let mut aliased = full.clone();
            undersample(&mut aliased, extent, acceleration);
            extent.to_image(&mut aliased);
            let mut image = vec![Complex32::ZERO; extent.volume()];
            unmix(&aliased, &unmixed.coefficients, &mut image);
            let error = error(&image, &scene.object);
            assert!(error < 0.02, "{extent:?} {acceleration:?} {fit_measured} {error}");
        }
    }
}

#[test]
fn the_kernel_in_the_image_is_its_padded_transform() {
    let extent = Extent { ro: 16, e1: 18, e2: 6 };
    let scene = Scene::new(extent);
    let full = scene.kspace();
    let calibration = Calibration {
        kernel: [3, 2, 2],
        ..calibration([2, 2], true)
    };
    let kernel = calibration.fit(&full, &full, extent, whole(extent)).unwrap();
    let mut padded = vec![Complex32::ZERO; extent.volume()];
    let centre = extent.centre().map(|c| c as i32);
    for t2 in kernel.offsets[2].clone() {
        for t1 in kernel.offsets[1].clone() {
            for t0 in kernel.offsets[0].clone() {
                let at = ((centre[2] + t2) as usize * extent.e1 + (centre[1] + t1) as usize) * extent.ro
                    + (centre[0] + t0) as usize;
                padded[at] = kernel.values[kernel.index(1, 2, [t0, t1, t2])] * (extent.volume() as f32).sqrt();
            }
        }
    }
    extent.to_image(&mut padded);
    assert!(error(&kernel.in_image(1, 2, extent), &padded) < 1e-5);
}

#[test]
fn fewer_equations_give_the_same_kernel_where_the_data_are_exact() {
    let extent = Extent { ro: 48, e1: 24, e2: 1 };
    let full = Scene::new(extent).kspace();
    let all = calibration([2, 1], true);
    let some = Calibration {
        over_determination: 3.0,
        ..all
    };
    let [all, some] = [all, some].map(|c| c.fit(&full, &full, extent, whole(extent)).unwrap());
    // The fits differ in what they cannot determine; what they predict agrees.
    let maps = Scene::new(extent).combining_maps();
    let mut images = full.clone();
    undersample(&mut images, extent, [2, 1]);
    extent.to_image(&mut images);
    let [all, some] = [all, some].map(|kernel| {
        let mut image = vec![Complex32::ZERO; extent.volume()];
        unmix(&images, &unmixing(&kernel, &maps, extent, 2).coefficients, &mut image);
        image
    });
    assert!(error(&some, &all) < 0.05, "{}", error(&some, &all));
}

#[test]
fn without_acceleration_the_coefficients_are_the_conjugate_maps() {
    let extent = Extent { ro: 12, e1: 12, e2: 1 };
    let scene = Scene::new(extent);
    let kernel = calibration([1, 1], false)
        .fit(&scene.kspace(), &scene.kspace(), extent, whole(extent))
        .unwrap();
    let unmixed = unmixing(&kernel, &scene.maps, extent, 1);
    for (u, m) in unmixed.coefficients.iter().zip(&scene.maps) {
        assert!((u - m.conj()).norm() < 1e-4);
    }
    let energy: f32 = (0..CHANNELS)
        .map(|c| scene.maps[c * extent.volume() + 5].norm_sqr())
        .sum();
    assert!((unmixed.gfactor[5] - energy.sqrt()).abs() < 1e-3);
}

#[test]
fn too_few_calibration_lines_are_an_error_that_says_how_many() {
    let extent = Extent { ro: 32, e1: 6, e2: 1 };
    let data = vec![Complex32::ONE; 2 * extent.volume()];
    let error = calibration([3, 1], true)
        .fit(&data, &data, extent, whole(extent))
        .unwrap_err();
    assert_eq!(
        error,
        CalibrationError::TooSmall {
            direction: "E1",
            found: 6,
            needed: 10
        }
    );
}

#[test]
fn calibration_data_without_a_place_for_the_kernel_are_an_error() {
    let extent = Extent { ro: 32, e1: 32, e2: 1 };
    let zeros = vec![Complex32::ZERO; 2 * extent.volume()];
    let mut undersampled = vec![Complex32::ONE; 2 * extent.volume()];
    undersample(&mut undersampled, extent, [2, 1]);
    for data in [zeros, undersampled] {
        let fitted = calibration([2, 1], true).fit(&data, &data, extent, whole(extent));
        assert_eq!(fitted, Err(CalibrationError::Undersampled));
    }
}

#[test]
fn one_channel_is_an_error() {
    let extent = Extent { ro: 32, e1: 32, e2: 1 };
    let data = vec![Complex32::ONE; extent.volume()];
    let fitted = calibration([2, 1], true).fit(&data, &data, extent, whole(extent));
    assert_eq!(fitted, Err(CalibrationError::OneChannel));
}

#[test]
fn a_missing_calibration_line_is_left_out() {
    let extent = Extent { ro: 32, e1: 36, e2: 1 };
    let scene = Scene::new(extent);
    let full = scene.kspace();
    let mut damaged = full.clone();
    for channel in damaged.chunks_mut(extent.volume()) {
        channel[17 * extent.ro..18 * extent.ro].fill(Complex32::ZERO);
    }
    let image = |data: &[Complex32]| {
        let kernel = calibration([2, 1], true)
            .fit(data, data, extent, whole(extent))
            .unwrap();
        let coefficients = unmixing(&kernel, &scene.combining_maps(), extent, 2).coefficients;
        let mut aliased = full.clone();
        undersample(&mut aliased, extent, [2, 1]);
        extent.to_image(&mut aliased);
        let mut image = vec![Complex32::ZERO; extent.volume()];
        unmix(&aliased, &coefficients, &mut image);
        error(&image, &scene.object)
    };
    assert!(
        image(&damaged) < 1.5 * image(&full) + 1e-3,
        "{} {}",
        image(&damaged),
        image(&full)
    );
}

#[test]
fn a_kernel_takes_its_sources_around_the_line_before_the_gap() {
    assert_eq!(sources(4, 2), [-2, 0, 2, 4]);
    assert_eq!(sources(5, 3), [-6, -3, 0, 3, 6]);
    assert_eq!(sources(1, 4), [0]);
}
