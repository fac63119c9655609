//! SPIRiT: missing lines as those that agree best with what every sample's neighbourhood says about it.
//!
//! The kernel predicts each sample from its neighbours in all channels. The lines that were not measured are found by least
//! squares, such that all of k-space is predicted as well as it can be. With whole readouts measured or missing, a Fourier
//! transform along the readout takes the problem apart: at each readout position the kernel acts on lines (slices) or
//! planes (volumes) alone.
//!
//! Source: M. Lustig, J. Pauly, "SPIRiT: iterative self-consistent parallel imaging reconstruction from arbitrary k-space",
//! Magn Reson Med 64:457 (2010).

mod operator;

use num_complex::Complex32;
use rayon::prelude::*;

use operator::{At, NormalOperator, Scratch};

use super::{
    calibration::{self, CalibrationError, Lines},
    fft::{self, Direction},
    frames::Extent,
    kernel::{Kernel, Phases},
    linear::NormalEquations,
    vectors::Vectorised,
};
use crate::room::{self, NoRoom};

/// How the kernel is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Points of the kernel along readout, E1 and E2, made odd.
    pub kernel: [usize; 3],
    /// Regularisation, relative to the mean of the normal matrix's diagonal.
    pub lambda: f64,
    /// Where above 1: use only so many equations for each unknown.
    pub over_determination: f64,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Iterations at most.
    pub iterations: usize,
    /// Relative accuracy: of the residual, or of its gradient, as LSQR's authors define it.
    pub tolerance: f64,
}

impl Calibration {
    /// The kernel, minus the identity, that fits the calibration data `[channels, E2, E1, RO]` best.
    pub fn fit(&self, data: &[Complex32], extent: Extent) -> Result<Kernel, CalibrationError> {
        let volume = extent.volume().max(1);
        let channels = data.len() / volume;
        if channels == 1 {
            return Err(CalibrationError::OneChannel);
        }
        let region = extent.sizes().map(|size| 0..size);
        let points = self.kernel.map(|points| points | 1);
        let shares = calibration::kernel_fits(&region, points, [1; 3], [channels; 2])?;
        let half = self.kernel.map(|points| (points / 2) as i32);
        let offsets = half.map(|h| -h..h + 1);
        let neighbours: usize = offsets.iter().map(ExactSizeIterator::len).product::<usize>() - 1;
        let unknowns = neighbours * channels;
        let [_, o1, o2] = offsets.clone();
        let neighbouring = o2.flat_map(|k2| o1.clone().map(move |k1| [k2, k1]));
        let lines = Lines::within(&region, half.map(|h| (-h, h)))?
            .measured(data, extent, neighbouring)?
            .limited(data, extent, unknowns, self.over_determination);
        let length = lines.readout.len();
        let equations = lines.gather(
            shares,
            || NormalEquations::new(unknowns, channels),
            |line, a, b| {
                let at = |channel: &[Complex32], [k0, k1, k2]: [i32; 3]| -> std::ops::Range<usize> {
                    debug_assert_eq!(channel.len(), volume);
                    let start = calibration::line_start(extent, line, [k2, k1]) + lines.readout.start;
                    let start = start.strict_add_signed(k0 as isize);
                    start..start + length
                };
                for channel in data.chunks_exact(volume) {
                    for neighbour in positions(&offsets).filter(|k| *k != [0, 0, 0]) {
                        a.push(&channel[at(channel, neighbour)]);
                    }
                }
                for channel in data.chunks_exact(volume) {
                    b.push(&channel[at(channel, [0, 0, 0])]);
                }
            },
        );
        let weights = equations.solve(self.lambda)?;
        let mut kernel = Kernel {
            src: channels,
            dst: channels,
            offsets: offsets.clone(),
            values: Vec::new(),
        };
        kernel.values = vec![Complex32::ZERO; channels * channels * kernel.taps()];
        for (dst, weights) in weights.chunks_exact(unknowns).enumerate() {
            for (src, weights) in weights.chunks_exact(neighbours).enumerate() {
                for (k, weight) in positions(&offsets).filter(|k| *k != [0, 0, 0]).zip(weights) {
                    let index = kernel.index(src, dst, k.map(|k| -k));
                    kernel.values[index] = *weight;
                }
            }
            let index = kernel.index(dst, dst, [0, 0, 0]);
            kernel.values[index] -= Complex32::ONE;
        }
        Ok(kernel)
    }
}

/// All offsets, the readout fastest; each along readout, E1 and E2.
fn positions(offsets: &[std::ops::Range<i32>; 3]) -> impl Iterator<Item = [i32; 3]> {
    let [o0, o1, o2] = offsets.clone();
    o2.flat_map(move |k2| {
        let o0 = o0.clone();
        o1.clone().flat_map(move |k1| o0.clone().map(move |k0| [k0, k1, k2]))
    })
}

/// Coil images `[CHA, E2, E1, RO]` from undersampled k-space of the same shape.
///
/// A line counts as measured when it holds anything but zeros; what an asymmetric echo left out of a measured line stays
/// zero, for the partial Fourier handling that follows (the original fills it in here). It is an error where there is no
/// memory for what the kernel is in the image; k-space is then as it was.
pub fn reconstruct(
    kspace: &mut [Complex32],
    kernel: &Kernel,
    extent: Extent,
    stopping: Stopping,
) -> Result<(), NoRoom> {
    let missing: Vec<bool> = (0..extent.e1 * extent.e2)
        .map(|line| {
            let mut lines = kspace
                .chunks_exact(extent.volume())
                .map(|channel| &channel[line * extent.ro..][..extent.ro]);
            lines.all(|line| line.iter().all(|sample| *sample == Complex32::ZERO))
        })
        .collect();
    let solvable = missing.contains(&true) && !missing.iter().all(|missing| *missing);
    let at_once = solvable.then(|| operators_at_once(kernel.src, extent)).transpose()?;
    fill(kspace, kernel, extent, stopping, &missing, at_once);
    Ok(())
}

/// Coil images from k-space whose `missing` lines are filled, for so many readout positions `at_once`; where it does not say
/// for how many, they stay zero.
fn fill(
    kspace: &mut [Complex32],
    kernel: &Kernel,
    extent: Extent,
    stopping: Stopping,
    missing: &[bool],
    at_once: Option<usize>,
) {
    let (channels, plane) = (kernel.src, missing.len());
    let shape = [extent.e2, extent.e1, extent.ro];
    kspace
        .par_chunks_exact_mut(extent.volume())
        .for_each(|channel| fft::centred_along(channel, &shape, 2, Direction::Inverse));
    let mut by_position = vec![Complex32::ZERO; kspace.len()];
    transpose(kspace, channels * plane, extent.ro, &mut by_position);
    if let Some(at_once) = at_once {
        let phases = Phases::new(kernel, extent);
        let normal = |x: usize| {
            let at = At {
                kernel,
                phases: &phases,
                extent,
                x,
            };
            at.vectorised()
        };
        let size = channels * plane;
        if extent.e2 > 1 {
            // Volumes: every readout position is a problem of its own, and its operator is made when its turn comes.
            for (round, data) in by_position.chunks_mut(size * at_once).enumerate() {
                data.par_chunks_exact_mut(size).enumerate().for_each(|(index, data)| {
                    let x = round * at_once + index;
                    solve(&[normal(x)], data, missing, stopping);
                });
            }
        } else {
            // Slices: one problem, with one measure of accuracy.
            let operators: Vec<NormalOperator> = (0..extent.ro).into_par_iter().map(normal).collect();
            solve(&operators, &mut by_position, missing, stopping);
        }
    }
    by_position
        .par_chunks_exact_mut(channels * plane)
        .for_each(|data| fft::centred(data, &[extent.e2, extent.e1], Direction::Inverse));
    transpose(&by_position, extent.ro, channels * plane, kspace);
}

/// For how many readout positions there is room to be solved at a time: all of them, unless the threads need more memory
/// than there is.
fn operators_at_once(channels: usize, extent: Extent) -> Result<usize, NoRoom> {
    let what = "the operators of SPIRiT";
    let threads = rayon::current_num_threads();
    let plane = [extent.e2, extent.e1];
    let of = |count: usize, values: usize| room::bytes_of::<Complex32>(&[count, values, plane[0], plane[1]]);
    let (operator, made_of) = (operator::pairs(channels), channels.saturating_mul(channels));
    // Gradient, direction and product; the scratch of a thread.
    let (vectors, scratch) = (channels.saturating_mul(3), channels.saturating_mul(2).saturating_add(1));
    if extent.e2 <= 1 {
        let (positions, threads) = (
            of(extent.ro, operator.saturating_add(vectors)),
            of(threads, made_of.max(scratch)),
        );
        return room::together(what, &[positions, threads]).map(|()| extent.ro);
    }
    let parts = [operator, made_of.max(vectors.saturating_add(scratch))];
    let each = parts.into_iter().fold(0, usize::saturating_add);
    match room::pieces(what, of(1, each), threads)? {
        pieces if pieces < threads => Ok(pieces),
        _ => Ok(extent.ro.max(1)),
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn transpose(data: &[Complex32], rows: usize, columns: usize, result: &mut [Complex32]) {
    const BLOCK: usize = 16;
    result
        .par_chunks_mut((rows * BLOCK).max(1))
        .enumerate()
        .for_each(|(block, result)| {
            let first = block * BLOCK;
            for (row, values) in data.chunks_exact(columns).enumerate() {
                for (target, value) in result.iter_mut().skip(row).step_by(rows).zip(&values[first..]) {
                    *target = *value;
                }
            }
        });
}

/// Fills the missing lines of `data` (`[readout position, channel, line]`, an operator for each position).
///
/// Conjugate gradients on the normal equations; in exact arithmetic the iterates are those of LSQR, and so is the rule to
/// stop: the quantities it needs follow from the coefficients.
fn solve(operators: &[NormalOperator], data: &mut [Complex32], missing: &[bool], stopping: Stopping) {
    let size = data.len() / operators.len().max(1);
    let scratch = || Scratch::new(size, missing.len());
    // Of K^H K applied to `source`, what belongs to missing lines; returns the product of source and all of it.
    let apply = |source: &[Complex32], result: &mut [Complex32]| -> f64 {
        let parts: Vec<f64> = operators
            .par_iter()
            .zip(source.par_chunks_exact(size))
            .zip(result.par_chunks_exact_mut(size))
            .map_init(scratch, |scratch, ((operator, source), result)| {
                operator.apply(source, result, scratch);
                let product = dot(source, result);
                for channel in result.chunks_exact_mut(missing.len()) {
                    let kept = channel.iter_mut().zip(missing).filter(|(_, missing)| !**missing);
                    kept.for_each(|(value, _)| *value = Complex32::ZERO);
                }
                product
            })
            .collect();
        parts.iter().sum()
    };
    let mut product = vec![Complex32::ZERO; data.len()];
    let mut residual = apply(data, &mut product).max(0.0);
    let first_residual = residual;
    // The gradient.
    let mut gradient: Vec<Complex32> = product.iter().map(|value| -value).collect();
    let mut energy = sum_of_squares(&gradient, size);
    let mut direction = gradient.clone();
    let (mut norm, mut previous) = (0.0, None);
    for _ in 0..stopping.iterations {
        let curvature = match energy > f64::MIN_POSITIVE {
            true => apply(&direction, &mut product),
            false => break,
        };
        // Also where nothing is a number.
        let descends = curvature > 0.0 && curvature.is_finite();
        if !descends {
            break;
        }
        let step = energy / curvature;
        // The trace of Lanczos' matrix is the square of the operator's norm as LSQR estimates it.
        norm += 1.0 / step + previous.map_or(0.0, |(ratio, step): (f64, f64)| ratio / step);
        let accurate = energy.sqrt() <= stopping.tolerance * (norm * residual).sqrt();
        if accurate || residual.sqrt() <= stopping.tolerance * first_residual.sqrt() {
            break;
        }
        let part = step as f32;
        data.par_chunks_exact_mut(size)
            .zip(gradient.par_chunks_exact_mut(size))
            .zip(direction.par_chunks_exact(size).zip(product.par_chunks_exact(size)))
            .for_each(|((data, gradient), (direction, product))| {
                add_scaled(data, direction, part);
                add_scaled(gradient, product, -part);
            });
        residual = (residual - step * energy).max(0.0);
        let next = sum_of_squares(&gradient, size);
        let ratio = next / energy;
        energy = next;
        previous = Some((ratio, step));
        let part = ratio as f32;
        direction
            .par_chunks_exact_mut(size)
            .zip(gradient.par_chunks_exact(size))
            .for_each(|(direction, gradient)| {
                for (direction, gradient) in direction.iter_mut().zip(gradient) {
                    *direction = gradient + *direction * part;
                }
            });
    }
}

fn add_scaled(sum: &mut [Complex32], values: &[Complex32], factor: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value * factor;
    }
}

/// The real part of the scalar product.
fn dot(a: &[Complex32], b: &[Complex32]) -> f64 {
    let blocks = a.chunks(256).zip(b.chunks(256));
    blocks
        .map(|(a, b)| f64::from(a.iter().zip(b).map(|(a, b)| a.re * b.re + a.im * b.im).sum::<f32>()))
        .sum()
}

fn sum_of_squares(values: &[Complex32], size: usize) -> f64 {
    let parts: Vec<f64> = values.par_chunks(size.max(1)).map(|part| dot(part, part)).collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests;
