//! Centred unitary Fourier transforms over the last axes of arrays in C order.
//!
//! *Centred*: index `n / 2` is the origin on both sides, in k-space and in the image (`fftshift . FFT . ifftshift`, also
//! for odd sizes). *Unitary*: both directions carry `1 / sqrt(N)`, `N` being the product of the transformed sizes.
//! Forward has the negative sign in the exponent.
//!
//! The shifts cost nothing of their own: they are folded into the copies to and from a scratch buffer that stays in the
//! cache. Axes other than the last are transformed in blocks of columns for the same reason.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use ndarray::{ArrayBase, DataMut, Dimension};
use num_complex::Complex32;
use rayon::prelude::*;
use rustfft::{Fft, FftDirection, FftPlanner};

/// Plans kept for all threads; a measurement uses a handful. When there are more, the cache begins anew.
const CACHED_PLANS: usize = 64;

/// Columns that are transformed together: two cache lines of each row.
const COLUMN_BLOCK: usize = 16;

/// Distance that keeps the columns of a block out of each other's cache sets when their length is a power of two.
const COLUMN_GAP: usize = 8;

/// Which way to transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the image to k-space: `exp(-i ...)`.
    Forward,
    /// From k-space to the image: `exp(+i ...)`.
    Inverse,
}

/// Centred transform of every block of `shape` in `data`.
///
/// `shape` has the slowest axis first (`[y, x]`, `[z, y, x]`); `data` holds any number of such blocks, one after the other
/// (coils, for instance).
///
/// # Panics
/// When the length of `data` is not a multiple of the block's.
pub fn centred(data: &mut [Complex32], shape: &[usize], direction: Direction) {
    transform(data, shape, direction, true);
}

/// As [`centred`], the blocks spread over the numeric threads. Call it where [`engine::compute()`] runs the work.
///
/// # Panics
/// When the length of `data` is not a multiple of the block's.
pub fn centred_parallel(data: &mut [Complex32], shape: &[usize], direction: Direction) {
    let block = block_length(data, shape);
    if block > 0 {
        data.par_chunks_mut(block)
            .for_each(|block| transform(block, shape, direction, true));
    }
}

/// As [`centred`], without the shifts: index 0 is the origin on both sides.
///
/// # Panics
/// When the length of `data` is not a multiple of the block's.
pub fn plain(data: &mut [Complex32], shape: &[usize], direction: Direction) {
    transform(data, shape, direction, false);
}

/// Centred transform along one `axis` of every block of `shape` in `data`.
///
/// # Panics
/// When the length of `data` is not a multiple of the block's, or `shape` has no such axis.
pub fn centred_along(data: &mut [Complex32], shape: &[usize], axis: usize, direction: Direction) {
    if block_length(data, shape) == 0 {
        return;
    }
    let pass = Pass {
        length: shape[axis],
        direction,
        shifted: true,
        scale: unitary(shape[axis]),
    };
    pass.run(data, shape[axis + 1..].iter().product());
}

/// Centred transform over the last `axes` axes of `array`.
///
/// # Panics
/// When the array has fewer axes.
pub fn centred_array<S, D>(array: &mut ArrayBase<S, D>, axes: usize, direction: Direction)
where
    S: DataMut<Elem = Complex32>,
    D: Dimension,
{
    let shape = array.shape()[array.ndim() - axes..].to_vec();
    if let Some(data) = array.as_slice_mut() {
        return centred(data, &shape, direction);
    }
    let mut copy: Vec<Complex32> = array.iter().copied().collect();
    centred(&mut copy, &shape, direction);
    array.iter_mut().zip(copy).for_each(|(target, value)| *target = value);
}

fn transform(data: &mut [Complex32], shape: &[usize], direction: Direction, shifted: bool) {
    let block = block_length(data, shape);
    if block == 0 {
        return;
    }
    let scale = unitary(block);
    // One block at a time, all its axes: it is still in the cache for the second axis.
    for block in data.chunks_exact_mut(block) {
        let mut inner = 1;
        let mut pending = scale;
        for &length in shape.iter().rev() {
            if length > 1 {
                let pass = Pass {
                    length,
                    direction,
                    shifted,
                    scale: pending,
                };
                pass.run(block, inner);
                pending = 1.0;
            }
            inner *= length;
        }
    }
}

/// Elements of a block; 0 when there is nothing to do.
fn block_length(data: &[Complex32], shape: &[usize]) -> usize {
    let block = shape.iter().product();
    if block == 0 || data.is_empty() {
        assert!(data.is_empty(), "a block of {shape:?} holds no elements");
        return 0;
    }
    assert!(
        data.len().is_multiple_of(block),
        "{} elements are no blocks of {shape:?}",
        data.len()
    );
    block
}

fn unitary(elements: usize) -> f32 {
    (1.0 / (elements as f64).sqrt()) as f32
}

/// A transform along one axis.
struct Pass {
    length: usize,
    direction: Direction,
    shifted: bool,
    scale: f32,
}

impl Pass {
    /// Transforms `data`, seen as `[outer, length, inner]`, along its middle axis.
    fn run(&self, data: &mut [Complex32], inner: usize) {
        let fft = plan(self.length, self.direction);
        let column = self.length + COLUMN_GAP;
        let columns = COLUMN_BLOCK.min(inner);
        with_scratch(column * columns + fft.get_inplace_scratch_len(), |scratch| {
            let (block, scratch) = scratch.split_at_mut(column * columns);
            for plane in data.chunks_exact_mut(self.length * inner) {
                if inner == 1 {
                    self.row(plane, block, scratch, &*fft);
                    continue;
                }
                for first in (0..inner).step_by(columns) {
                    self.columns(plane, inner, first..inner.min(first + columns), block, scratch, &*fft);
                }
            }
        });
    }

    /// Index of the origin before the transform: rotated to the front.
    fn before(&self) -> usize {
        if self.shifted { self.length / 2 } else { 0 }
    }

    fn row(&self, row: &mut [Complex32], block: &mut [Complex32], scratch: &mut [Complex32], fft: &dyn Fft<f32>) {
        let block = &mut block[..self.length];
        let (head, tail) = row.split_at(self.before());
        block[..tail.len()].copy_from_slice(tail);
        block[tail.len()..].copy_from_slice(head);
        fft.process_with_scratch(block, scratch);
        // The origin comes back to `length / 2`: the last half of the result goes first.
        let (head, tail) = block.split_at(self.length - self.before());
        let (target_head, target_tail) = row.split_at_mut(tail.len());
        copy_scaled(target_head, tail, self.scale);
        copy_scaled(target_tail, head, self.scale);
    }

    fn columns(
        &self,
        plane: &mut [Complex32],
        inner: usize,
        range: std::ops::Range<usize>,
        block: &mut [Complex32],
        scratch: &mut [Complex32],
        fft: &dyn Fft<f32>,
    ) {
        let column = self.length + COLUMN_GAP;
        let before = self.before();
        for (index, row) in plane.chunks_exact(inner).enumerate() {
            let position = if index >= before {
                index - before
            } else {
                index + self.length - before
            };
            for (value, column) in row[range.clone()].iter().zip(block.chunks_exact_mut(column)) {
                column[position] = *value;
            }
        }
        for column in block.chunks_exact_mut(column).take(range.len()) {
            fft.process_with_scratch(&mut column[..self.length], scratch);
        }
        for (index, row) in plane.chunks_exact_mut(inner).enumerate() {
            let position = if index >= before {
                index - before
            } else {
                index + self.length - before
            };
            for (target, column) in row[range.clone()].iter_mut().zip(block.chunks_exact(column)) {
                *target = column[position] * self.scale;
            }
        }
    }
}

fn copy_scaled(target: &mut [Complex32], source: &[Complex32], scale: f32) {
    for (target, source) in target.iter_mut().zip(source) {
        *target = source * scale;
    }
}

fn plan(length: usize, direction: Direction) -> Arc<dyn Fft<f32>> {
    type Plans = RwLock<HashMap<(usize, Direction), Arc<dyn Fft<f32>>>>;
    static PLANS: OnceLock<Plans> = OnceLock::new();
    let plans = PLANS.get_or_init(Plans::default);
    let key = (length, direction);
    // A poisoned lock still guards a valid map: plans are only inserted whole.
    if let Some(plan) = plans.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return plan.clone();
    }
    let plan = FftPlanner::new().plan_fft(
        length,
        match direction {
            Direction::Forward => FftDirection::Forward,
            Direction::Inverse => FftDirection::Inverse,
        },
    );
    let mut plans = plans.write().unwrap_or_else(PoisonError::into_inner);
    if plans.len() >= CACHED_PLANS {
        plans.clear();
    }
    plans.insert(key, plan.clone());
    plan
}

/// Lends this thread's scratch buffer.
fn with_scratch(length: usize, work: impl FnOnce(&mut [Complex32])) {
    thread_local! {
        static SCRATCH: Cell<Vec<Complex32>> = const { Cell::new(Vec::new()) };
    }
    let mut scratch = SCRATCH.take();
    if scratch.len() < length {
        scratch.resize(length, Complex32::ZERO);
    }
    work(&mut scratch[..length]);
    SCRATCH.set(scratch);
}

#[cfg(test)]
mod tests;
