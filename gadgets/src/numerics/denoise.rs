//! Denoising by self-similarity: small patches of an image are averaged with others that look alike.
//!
//! Source: A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising" (CVPR 2005); M. Lebrun, A. Buades,
//! J.-M. Morel, "A nonlocal Bayesian image denoising algorithm", SIAM J Imaging Sci 6:1665 (2013).

use faer::{Mat, Side, linalg::solvers::Solve};
use num_complex::Complex32;
use rayon::prelude::*;

/// Rows and columns of a patch.
const PATCH: usize = 5;
/// Pixels of a patch.
const PIXELS: usize = PATCH * PATCH;
/// Patches that are filtered together.
const GROUP: usize = 50;

/// How to denoise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every pixel becomes the mean of those whose neighbourhoods look like its own.
    Means,
    /// Groups of similar patches are filtered with their own covariance.
    Bayes,
}

/// Denoises every image of `images`, `[rows, columns]` each; `deviation` is that of the noise, `radius` how far to search.
pub fn denoise(images: &mut [Complex32], shape: [usize; 2], filter: Filter, deviation: f32, radius: usize) {
    let [rows, columns] = shape;
    if rows * columns == 0 || radius == 0 {
        return;
    }
    images.par_chunks_exact_mut(rows * columns).for_each(|image| {
        let result = match filter {
            Filter::Means => means(image, shape, deviation, radius),
            Filter::Bayes => bayes(image, shape, deviation, radius),
        };
        image.copy_from_slice(&result);
    });
}

/// Indices shifted by `by`, wrapping around.
fn shifted(size: usize, by: isize) -> Vec<usize> {
    (0..size as isize)
        .map(|index| (index + by).rem_euclid(size as isize) as usize)
        .collect()
}

/// Non-local means: for each displacement, the distance of all patches at once, as a sum over windows.
fn means(image: &[Complex32], [rows, columns]: [usize; 2], deviation: f32, radius: usize) -> Vec<Complex32> {
    let radius = radius as isize;
    let scale = 1.0 / (deviation * deviation * PIXELS as f32);
    let displacements: Vec<[isize; 2]> = (-radius..radius)
        .flat_map(|dy| (-radius..radius).map(move |dx| [dy, dx]))
        .collect();
    let share = displacements.len().div_ceil(rayon::current_num_threads().max(1));
    let parts: Vec<(Vec<Complex32>, Vec<f32>)> = displacements
        .par_chunks(share)
        .map(|displacements| {
            let mut sums = vec![Complex32::ZERO; image.len()];
            let mut weights = vec![0.0_f32; image.len()];
            let mut distance = vec![0.0_f32; image.len()];
            for &[dy, dx] in displacements {
                let (ys, xs) = (shifted(rows, dy), shifted(columns, dx));
                let other = |y: usize, x: usize| image[ys[y] * columns + xs[x]];
                for y in 0..rows {
                    for x in 0..columns {
                        distance[y * columns + x] = (image[y * columns + x] - other(y, x)).norm_sqr();
                    }
                }
                window_sums(&mut distance, [rows, columns]);
                for y in 0..rows {
                    for x in 0..columns {
                        let at = y * columns + x;
                        let weight = (-distance[at] * scale).exp();
                        weights[at] += weight;
                        sums[at] += other(y, x) * weight;
                    }
                }
            }
            (sums, weights)
        })
        .collect();
    (0..image.len())
        .map(|at| {
            let sum: Complex32 = parts.iter().map(|(sums, _)| sums[at]).sum();
            let weight: f32 = parts.iter().map(|(_, weights)| weights[at]).sum();
            if weight > 0.0 { sum / weight } else { image[at] }
        })
        .collect()
}

/// The sum over the patch around every pixel, wrapping around at the edges.
fn window_sums(values: &mut [f32], [rows, columns]: [usize; 2]) {
    let half = (PATCH / 2) as isize;
    let offsets: Vec<Vec<usize>> = (-half..=half).map(|by| shifted(columns, by)).collect();
    let mut line = vec![0.0; columns];
    for row in values.chunks_exact_mut(columns) {
        for (x, sum) in line.iter_mut().enumerate() {
            *sum = offsets.iter().map(|offset| row[offset[x]]).sum();
        }
        row.copy_from_slice(&line);
    }
    let along = values.to_vec();
    let offsets: Vec<Vec<usize>> = (-half..=half).map(|by| shifted(rows, by)).collect();
    for (y, row) in values.chunks_exact_mut(columns).enumerate() {
        row.fill(0.0);
        for offset in &offsets {
            let source = &along[offset[y] * columns..][..columns];
            row.iter_mut().zip(source).for_each(|(sum, value)| *sum += value);
        }
    }
}

#[derive(Clone)]
struct Patch {
    pixels: [Complex32; PIXELS],
    /// Row and column of its middle.
    at: [usize; 2],
}

impl Patch {
    fn of(image: &[Complex32], shape: [usize; 2], at: [usize; 2]) -> Self {
        let mut pixels = [Complex32::ZERO; PIXELS];
        for (pixel, place) in pixels.iter_mut().zip(Self::places(shape, at)) {
            *pixel = image[place];
        }
        Self { pixels, at }
    }

    /// Indices of its pixels; it wraps around at the edges.
    fn places([rows, columns]: [usize; 2], [y, x]: [usize; 2]) -> impl Iterator<Item = usize> {
        let near = |at: usize, k: usize, size: usize| {
            (at as isize + k as isize - (PATCH / 2) as isize).rem_euclid(size as isize) as usize
        };
        (0..PIXELS).map(move |k| near(y, k / PATCH, rows) * columns + near(x, k % PATCH, columns))
    }

    fn distance(&self, other: &Self) -> f32 {
        self.pixels
            .iter()
            .zip(&other.pixels)
            .map(|(a, b)| (a - b).norm_sqr())
            .sum()
    }
}

/// Non-local Bayes. Pixels are taken in order; those whose patch was filtered in a group already are not taken again, so
/// the result is the same each time (the original's depends on its threads).
fn bayes(image: &[Complex32], shape: [usize; 2], deviation: f32, window: usize) -> Vec<Complex32> {
    let [rows, columns] = shape;
    let mut sums = vec![Complex32::ZERO; image.len()];
    let mut counts = vec![0_u32; image.len()];
    let mut open = vec![true; image.len()];
    let around = |at: usize, size: usize| {
        let first = at.saturating_sub(window / 2);
        first..(at + window / 2).min(size).max(first + 1)
    };
    for at in 0..image.len() {
        if !open[at] {
            continue;
        }
        let (y, x) = (at / columns, at % columns);
        let reference = Patch::of(image, shape, [y, x]);
        let mut group: Vec<(f32, Patch)> = around(y, rows)
            .flat_map(|y| around(x, columns).map(move |x| [y, x]))
            .map(|place| Patch::of(image, shape, place))
            .map(|patch| (patch.distance(&reference), patch))
            .collect();
        group.sort_by(|a, b| a.0.total_cmp(&b.0));
        group.truncate(GROUP);
        let mut group: Vec<Patch> = group.into_iter().map(|(_, patch)| patch).collect();
        filter_group(&mut group, deviation);
        for patch in &group {
            for (value, place) in patch.pixels.iter().zip(Patch::places(shape, patch.at)) {
                sums[place] += value;
                counts[place] += 1;
            }
            open[patch.at[0] * columns + patch.at[1]] = false;
        }
        // The window of a pixel at the far edge may leave the pixel itself out.
        open[at] = false;
    }
    let means = sums.iter().zip(&counts).zip(image);
    means
        .map(|((sum, count), pixel)| if *count > 0 { sum / *count as f32 } else { *pixel })
        .collect()
}

/// Shrinks the patches towards their mean: `mean + (C + s^2)^-1 C (patch - mean)`, C being their covariance.
fn filter_group(group: &mut [Patch], deviation: f32) {
    let count = group.len() as f32;
    if group.len() < 2 {
        return;
    }
    let mut mean = [Complex32::ZERO; PIXELS];
    for patch in group.iter() {
        mean.iter_mut()
            .zip(&patch.pixels)
            .for_each(|(mean, pixel)| *mean += pixel / count);
    }
    let noise = deviation * deviation;
    let spread: f32 = group.iter().map(variance).sum::<f32>() * count / (count - 1.0);
    if spread < 1.1 * noise {
        let level = mean.iter().sum::<Complex32>() / PIXELS as f32;
        group.iter_mut().for_each(|patch| patch.pixels.fill(level));
        return;
    }
    let deviations = Mat::from_fn(PIXELS, group.len(), |k, patch| group[patch].pixels[k] - mean[k]);
    let covariance = &deviations * deviations.adjoint() * faer::Scale(Complex32::from(1.0 / (count - 1.0)));
    let mut noisy = covariance.clone();
    for k in 0..PIXELS {
        noisy[(k, k)] += Complex32::from(noise);
    }
    let Ok(factors) = noisy.llt(Side::Lower) else { return };
    let shrunk = factors.solve(&covariance * &deviations);
    for (patch, column) in group.iter_mut().zip(shrunk.col_iter()) {
        for ((pixel, mean), change) in patch.pixels.iter_mut().zip(&mean).zip(column.iter()) {
            *pixel = mean + change;
        }
    }
}

/// Sample variance of a patch's pixels.
fn variance(patch: &Patch) -> f32 {
    let mean = patch.pixels.iter().sum::<Complex32>() / PIXELS as f32;
    patch.pixels.iter().map(|pixel| (pixel - mean).norm_sqr()).sum::<f32>() / (PIXELS - 1) as f32
}

#[cfg(test)]
mod tests {
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
            assert!(
                (image[20 * SHAPE[1] + 17].re - 20.0).abs() < 2.0 && (image[20 * SHAPE[1] + 18].re - 60.0).abs() < 2.0
            );
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
}
