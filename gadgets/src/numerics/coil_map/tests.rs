use num_complex::Complex64;

use super::*;

const INATI: Method = Method::Inati {
    in_plane: 7,
    through: 5,
    power: 3,
};
const ITERATIVE: Method = Method::InatiIterative {
    in_plane: 5,
    through: 3,
    iterations: 10,
    tolerance: 1e-4,
};

/// Smooth sensitivities whose squares sum to one, and an object with a smooth phase.
fn scene(extent: Extent, channels: usize) -> (Vec<Complex32>, Vec<Complex32>) {
    let mut sensitivities = vec![Complex32::ZERO; channels * extent.volume()];
    let mut object = Vec::new();
    for z in 0..extent.e2 {
        for y in 0..extent.e1 {
            for x in 0..extent.ro {
                let turn = |i: usize, n: usize| i as f32 / n as f32 * std::f32::consts::TAU;
                let pixel = (z * extent.e1 + y) * extent.ro + x;
                let mut energy = 0.0;
                for c in 0..channels {
                    let place = turn(c, channels);
                    let amplitude = 1.5 + (turn(x, extent.ro) + place).cos() + 0.3 * (turn(y, extent.e1) - place).sin();
                    let value = Complex32::from_polar(amplitude, place + 0.4 * turn(z, extent.e2).sin());
                    sensitivities[c * extent.volume() + pixel] = value;
                    energy += value.norm_sqr();
                }
                (0..channels).for_each(|c| sensitivities[c * extent.volume() + pixel] /= energy.sqrt());
                object.push(Complex32::from_polar(2.0 + ((x + y) % 3) as f32, 0.2));
            }
        }
    }
    (sensitivities, object)
}

fn images(sensitivities: &[Complex32], object: &[Complex32]) -> Vec<Complex32> {
    let coils = sensitivities.chunks(object.len());
    coils
        .flat_map(|coil| coil.iter().zip(object).map(|(s, o)| s * o))
        .collect()
}

/// The definition of the local principal component, pixel by pixel in double precision.
fn direct(images: &[Complex32], channels: usize, extent: Extent, window: [usize; 3]) -> Vec<Complex32> {
    let volume = extent.volume();
    let mut map = vec![Complex32::ZERO; images.len()];
    let halves = window.map(|size| (size / 2) as i64);
    for pixel in 0..volume {
        let (x, y, z) = (
            pixel % extent.ro,
            pixel / extent.ro % extent.e1,
            pixel / (extent.ro * extent.e1),
        );
        let mut rows: Vec<Vec<Complex64>> = Vec::new();
        for dz in -halves[2]..=halves[2] {
            for dy in -halves[1]..=halves[1] {
                for dx in -halves[0]..=halves[0] {
                    let near = |i: usize, d: i64, n: usize| (i as i64 + d).rem_euclid(n as i64) as usize;
                    let at = (near(z, dz, extent.e2) * extent.e1 + near(y, dy, extent.e1)) * extent.ro
                        + near(x, dx, extent.ro);
                    rows.push(
                        (0..channels)
                            .map(|c| images[c * volume + at])
                            .map(|v| Complex64::new(v.re.into(), v.im.into()))
                            .collect(),
                    );
                }
            }
        }
        let unit = |v: Vec<Complex64>| -> Vec<Complex64> {
            let norm = v.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
            v.into_iter().map(|v| v / norm).collect()
        };
        let sum: Vec<Complex64> = (0..channels).map(|c| rows.iter().map(|row| row[c]).sum()).collect();
        let mut v = unit(sum.clone());
        for _ in 0..3 {
            let dv: Vec<Complex64> = rows
                .iter()
                .map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum())
                .collect();
            v = unit(
                (0..channels)
                    .map(|c| rows.iter().zip(&dv).map(|(row, d)| row[c].conj() * d).sum())
                    .collect(),
            );
        }
        let phase: Complex64 = sum.iter().zip(&v).map(|(a, b)| a * b).sum();
        for c in 0..channels {
            let value = v[c].conj() * phase / phase.norm();
            map[c * volume + pixel] = Complex32::new(value.re as f32, value.im as f32);
        }
    }
    map
}

#[test]
fn windowed_sums_give_the_principal_component_of_every_neighbourhood() {
    let sizes = [[12, 21, 1], [37, 8, 1], [5, 9, 6]];
    for extent in sizes.map(|[ro, e1, e2]| Extent { ro, e1, e2 }) {
        let (sensitivities, object) = scene(extent, 3);
        let mut images = images(&sensitivities, &object);
        for (i, pixel) in images.iter_mut().enumerate() {
            *pixel += Complex32::new((i as f32 * 1.7).sin(), (i as f32 * 2.3).cos()) * 0.2;
        }
        let through = if extent.e2 > 1 { 5 } else { 1 };
        let expected = direct(&images, 3, extent, [7, 7, through]);
        for (found, expected) in estimate(&images, 3, extent, INATI).iter().zip(&expected) {
            assert!((found - expected).norm() < 1e-4, "{found} {expected}");
        }
    }
}

#[test]
fn combining_with_either_map_gives_the_object() {
    for extent in [Extent { ro: 32, e1: 32, e2: 1 }, Extent { ro: 16, e1: 16, e2: 8 }] {
        let (sensitivities, object) = scene(extent, 4);
        let images = images(&sensitivities, &object);
        for method in [INATI, ITERATIVE] {
            let map = estimate(&images, 4, extent, method);
            let mut combined = vec![Complex32::ZERO; extent.volume()];
            combine(&images, &map, &mut combined);
            let error: f32 = combined
                .iter()
                .zip(&object)
                .map(|(a, b)| (a.norm() - b.norm()).powi(2))
                .sum();
            let energy: f32 = object.iter().map(Complex32::norm_sqr).sum();
            assert!((error / energy).sqrt() < 0.05, "{method:?} {}", (error / energy).sqrt());
        }
    }
}

#[test]
fn a_single_coil_has_the_map_one() {
    let extent = Extent { ro: 4, e1: 4, e2: 1 };
    for method in [INATI, ITERATIVE] {
        assert_eq!(
            estimate(&[Complex32::I; 16], 1, extent, method),
            vec![Complex32::ONE; 16]
        );
    }
}

#[test]
fn zeros_have_the_map_zero_and_a_silent_coil_too() {
    let extent = Extent { ro: 24, e1: 24, e2: 1 };
    let (sensitivities, object) = scene(extent, 2);
    let mut images = images(&sensitivities, &object);
    images[..288].fill(Complex32::ZERO);
    images[576..].fill(Complex32::ZERO);
    for method in [INATI, ITERATIVE] {
        let map = estimate(&images, 2, extent, method);
        assert!(map.iter().all(|z| z.is_finite()), "{method:?}");
        assert_eq!(map[5 * 24 + 12], Complex32::ZERO, "{method:?}");
        assert!(
            (map[18 * 24 + 12].norm() - 1.0).abs() < 1e-3 && map[576 + 18 * 24 + 12].norm() < 1e-3,
            "{method:?}"
        );
    }
}

#[test]
fn a_neighbourhood_larger_than_the_image_wraps_around() {
    let extent = Extent { ro: 3, e1: 2, e2: 1 };
    let (sensitivities, object) = scene(extent, 2);
    let map = estimate(&images(&sensitivities, &object), 2, extent, INATI);
    assert!(map.iter().all(|z| z.is_finite()));
}

#[test]
fn the_iteration_ends_where_nothing_changes_and_where_nothing_is_a_number() {
    let extent = Extent { ro: 4, e1: 6, e2: 1 };
    for (value, tolerance) in [(0.0, 0.0), (1.0, f32::NAN), (f32::NAN, 0.0), (f32::INFINITY, 0.0)] {
        let endless = Method::InatiIterative {
            in_plane: 3,
            through: 3,
            iterations: usize::MAX,
            tolerance,
        };
        let map = estimate(&vec![Complex32::from(value); 2 * extent.volume()], 2, extent, endless);
        assert_eq!(map[0].is_finite(), value.is_finite());
    }
}

/// The iteration's definition, pixel by pixel in double precision.
fn direct_iteration(images: &[Complex32], channels: usize, extent: Extent, window: [usize; 3]) -> Vec<Complex64> {
    let volume = extent.volume();
    let images: Vec<Complex64> = images
        .iter()
        .map(|v| Complex64::new(v.re.into(), v.im.into()))
        .collect();
    let at = |c: usize, pixel: usize| c * volume + pixel;
    // The channels' sums of `values`, as a vector of length one.
    let direction = |values: &dyn Fn(usize, usize) -> Complex64| -> Vec<Complex64> {
        let sums: Vec<Complex64> = (0..channels)
            .map(|c| (0..volume).map(|pixel| values(c, pixel)).sum())
            .collect();
        let norm = sums.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        sums.into_iter().map(|sum| sum / norm).collect()
    };
    let first = direction(&|c, pixel| images[at(c, pixel)]);
    let mut combined: Vec<Complex64> = (0..volume)
        .map(|pixel| (0..channels).map(|c| images[at(c, pixel)] * first[c].conj()).sum())
        .collect();
    let mut map = vec![Complex64::ZERO; images.len()];
    for _ in 0..3 {
        let near = |i: usize, d: usize, window: usize, n: usize| (i + d + n * window - window / 2) % n;
        for pixel in 0..volume {
            let (x, y, z) = (
                pixel % extent.ro,
                pixel / extent.ro % extent.e1,
                pixel / (extent.ro * extent.e1),
            );
            let mut neighbours = Vec::new();
            for dz in 0..window[2] {
                for (dy, dx) in (0..window[1]).flat_map(|dy| (0..window[0]).map(move |dx| (dy, dx))) {
                    let line = near(z, dz, window[2], extent.e2) * extent.e1 + near(y, dy, window[1], extent.e1);
                    neighbours.push(line * extent.ro + near(x, dx, window[0], extent.ro));
                }
            }
            let local: Vec<Complex64> = (0..channels)
                .map(|c| neighbours.iter().map(|&p| images[at(c, p)] * combined[p].conj()).sum())
                .collect();
            let norm = local.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
            (0..channels).for_each(|c| map[at(c, pixel)] = local[c] / norm);
        }
        for (pixel, sum) in combined.iter_mut().enumerate() {
            *sum = (0..channels)
                .map(|c| images[at(c, pixel)] * map[at(c, pixel)].conj())
                .sum();
        }
        let common = direction(&|c, pixel| map[at(c, pixel)] * combined[pixel]);
        for (pixel, sum) in combined.iter_mut().enumerate() {
            let phase: Complex64 = (0..channels).map(|c| map[at(c, pixel)] * common[c].conj()).sum();
            let phase = phase / phase.norm();
            *sum *= phase;
            (0..channels).for_each(|c| map[at(c, pixel)] *= phase.conj());
        }
    }
    map
}

#[test]
fn the_iteration_is_that_of_its_definition() {
    for extent in [Extent { ro: 11, e1: 14, e2: 1 }, Extent { ro: 7, e1: 8, e2: 6 }] {
        let (sensitivities, object) = scene(extent, 3);
        let images = images(&sensitivities, &object);
        let method = Method::InatiIterative {
            in_plane: 5,
            through: 3,
            iterations: 3,
            tolerance: 0.0,
        };
        let through = if extent.e2 > 1 { 3 } else { 1 };
        let expected = direct_iteration(&images, 3, extent, [5, 5, through]);
        for (found, expected) in estimate(&images, 3, extent, method).iter().zip(&expected) {
            let found = Complex64::new(found.re.into(), found.im.into());
            assert!((found - expected).norm() < 1e-4, "{found} {expected}");
        }
    }
}
