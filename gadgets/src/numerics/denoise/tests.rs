//! Denoising held against its definitions.

use super::*;

const SHAPE: [usize; 2] = [40, 36];

/// Two flat regions with an edge between them.
fn clean() -> Vec<Complex32> {
    (0..SHAPE[0] * SHAPE[1])
        .map(|at| Complex32::from(if at % SHAPE[1] < 18 { 20.0 } else { 60.0 }))
        .collect()
}

/// Noise of unit standard deviation.
fn noisy() -> Vec<Complex32> {
    let mut state = 7_u32;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut noise = || (0..6).map(|_| uniform()).sum::<f32>();
    clean()
        .iter()
        .map(|pixel| pixel + Complex32::new(noise(), noise()))
        .collect()
}

fn error(image: &[Complex32]) -> f32 {
    let squares: f32 = image.iter().zip(clean()).map(|(a, b)| (a - b).norm_sqr()).sum();
    (squares / image.len() as f32).sqrt()
}

#[test]
fn noise_goes_and_edges_stay() {
    for (filter, part) in [(Filter::Means, 0.6), (Filter::Bayes, 0.9)] {
        let mut image = noisy();
        let before = error(&image);
        denoise(&mut image, SHAPE, filter, 1.0, 9);
        assert!(error(&image) < part * before, "{filter:?} {} {before}", error(&image));
        assert!((image[20 * SHAPE[1] + 17].re - 20.0).abs() < 2.0 && (image[20 * SHAPE[1] + 18].re - 60.0).abs() < 2.0);
    }
}

#[test]
fn a_constant_image_stays() {
    for filter in [Filter::Means, Filter::Bayes] {
        let mut image = vec![Complex32::new(3.0, -1.0); 12 * 10];
        denoise(&mut image, [12, 10], filter, 1.0, 25);
        assert!(
            image
                .iter()
                .all(|pixel| (pixel - Complex32::new(3.0, -1.0)).norm() < 1e-4),
            "{filter:?}"
        );
    }
}

#[test]
fn windowed_distances_are_those_of_the_definition() {
    let shape = [9, 8];
    let image: Vec<Complex32> = (0..72)
        .map(|i| Complex32::new((i as f32 * 0.9).sin(), (i as f32 * 0.4).cos()))
        .collect();
    let found = means(&image, shape, 0.5, 3);
    for (at, found) in found.iter().enumerate() {
        let reference = Patch::of(&image, shape, [at / 8, at % 8]);
        let (mut sum, mut total) = (Complex32::ZERO, 0.0);
        for dy in -3..3_isize {
            for dx in -3..3_isize {
                let y = ((at / 8) as isize + dy).rem_euclid(9) as usize;
                let x = ((at % 8) as isize + dx).rem_euclid(8) as usize;
                let weight = (-reference.distance(&Patch::of(&image, shape, [y, x])) / (0.25 * 25.0)).exp();
                sum += image[y * 8 + x] * weight;
                total += weight;
            }
        }
        assert!((found - sum / total).norm() < 1e-5);
    }
}

/// Non-local Bayes by its definition, on real numbers in double precision: every patch as a list, the inverse by
/// elimination. Pixels in order; those that were the middle of a filtered patch are not taken again.
fn bayes_by_definition(image: &[f64], [rows, columns]: [usize; 2], deviation: f64, window: usize) -> Vec<f64> {
    let patch = |y: usize, x: usize| -> Vec<usize> {
        let mut places = Vec::new();
        for dy in [rows - 2, rows - 1, 0, 1, 2] {
            for dx in [columns - 2, columns - 1, 0, 1, 2] {
                places.push((y + dy) % rows * columns + (x + dx) % columns);
            }
        }
        places
    };
    let (mut sums, mut counts, mut done) = (vec![0.0; image.len()], vec![0.0; image.len()], vec![false; image.len()]);
    for y in 0..rows {
        for x in 0..columns {
            if done[y * columns + x] {
                continue;
            }
            let reference = patch(y, x);
            let mut candidates = Vec::new();
            for v in y.saturating_sub(window / 2)..rows.min(y + window / 2) {
                for u in x.saturating_sub(window / 2)..columns.min(x + window / 2) {
                    let places = patch(v, u);
                    let pairs = places.iter().zip(&reference);
                    let distance: f64 = pairs.map(|(&a, &b)| (image[a] - image[b]).powi(2)).sum();
                    candidates.push((distance, places, v * columns + u));
                }
            }
            candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
            candidates.truncate(50);
            let patches: Vec<Vec<f64>> = candidates
                .iter()
                .map(|(_, p, _)| p.iter().map(|&at| image[at]).collect())
                .collect();
            let filtered = bayes_group(&patches, deviation);
            for ((_, places, middle), pixels) in candidates.iter().zip(filtered) {
                for (&at, pixel) in places.iter().zip(pixels) {
                    sums[at] += pixel;
                    counts[at] += 1.0;
                }
                done[*middle] = true;
            }
        }
    }
    sums.iter().zip(counts).map(|(sum, count)| sum / count).collect()
}

fn bayes_group(patches: &[Vec<f64>], deviation: f64) -> Vec<Vec<f64>> {
    let (count, size, noise) = (patches.len() as f64, 25, deviation * deviation);
    let mean: Vec<f64> = (0..size)
        .map(|k| patches.iter().map(|p| p[k]).sum::<f64>() / count)
        .collect();
    let variances = patches.iter().map(|p| {
        let level = p.iter().sum::<f64>() / size as f64;
        p.iter().map(|value| (value - level).powi(2)).sum::<f64>() / (size - 1) as f64
    });
    if variances.sum::<f64>() * count / (count - 1.0) < 1.1 * noise {
        return vec![vec![mean.iter().sum::<f64>() / size as f64; size]; patches.len()];
    }
    let covariance = |a: usize, b: usize| -> f64 {
        patches.iter().map(|p| (p[a] - mean[a]) * (p[b] - mean[b])).sum::<f64>() / (count - 1.0)
    };
    // [C + s^2 | C], reduced until the left half is the identity: the right one is then (C + s^2)^-1 C.
    let mut rows: Vec<Vec<f64>> = (0..size)
        .map(|a| {
            let row: Vec<f64> = (0..size).map(|b| covariance(a, b)).collect();
            let left = (0..size).map(|b| row[b] + if a == b { noise } else { 0.0 });
            left.chain(row.iter().copied()).collect()
        })
        .collect();
    for pivot in 0..size {
        let scale = rows[pivot][pivot];
        rows[pivot].iter_mut().for_each(|value| *value /= scale);
        let reduced = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(a, _)| *a != pivot) {
            let factor = row[pivot];
            row.iter_mut()
                .zip(&reduced)
                .for_each(|(value, by)| *value -= factor * by);
        }
    }
    let shrunk = |p: &Vec<f64>, a: usize| -> f64 {
        mean[a] + (0..size).map(|b| rows[a][size + b] * (p[b] - mean[b])).sum::<f64>()
    };
    patches
        .iter()
        .map(|p| (0..size).map(|a| shrunk(p, a)).collect())
        .collect()
}

#[test]
fn groups_of_patches_are_filtered_with_their_covariance_as_the_definition_says() {
    let shape = [14, 12];
    let noise = noisy();
    let image: Vec<f32> = (0..168)
        .map(|at| {
            let texture = 5.0 * ((at % 12) as f32 * 0.8).sin() + if at / 12 < 7 { 10.0 } else { 30.0 };
            texture + noise[at].re - clean()[at].re
        })
        .collect();
    // With the first the patches have structure, with the second they count as flat, with the third there are fewer than a
    // group holds.
    for (deviation, window) in [(2.0, 10), (60.0, 10), (2.0, 5)] {
        let exact: Vec<f64> = image.iter().map(|value| f64::from(*value)).collect();
        let expected = bayes_by_definition(&exact, shape, deviation, window);
        let mut found: Vec<Complex32> = image.iter().map(|value| Complex32::from(*value)).collect();
        denoise(&mut found, shape, Filter::Bayes, deviation as f32, window);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let close = (f64::from(found.re) - expected).abs() < 1e-3 && found.im.abs() < 1e-3;
            assert!(close, "{deviation} {window} {at}: {found} {expected}");
        }
        let changed = image
            .iter()
            .zip(&expected)
            .any(|(before, after)| (f64::from(*before) - after).abs() > 0.1);
        assert!(changed, "{deviation} {window}");
    }
}
