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

/// Denoises every image of `images`, `[rows, columns]` each; `deviation` is that of the noise, `radius` how far to search: not
/// further than the image, which wraps around.
pub fn denoise(images: &mut [Complex32], shape: [usize; 2], filter: Filter, deviation: f32, radius: usize) {
    let [rows, columns] = shape;
    if rows * columns == 0 || radius == 0 {
        return;
    }
    let radius = radius.min(rows.max(columns));
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
mod tests;
