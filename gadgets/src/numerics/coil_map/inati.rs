//! Inati's coil maps: the local principal component of the coils.

use std::ops::Range;

use num_complex::Complex32;
use rayon::prelude::*;

use super::{Extent, wrapped};
use crate::{
    numerics::vectors::{Split, Vectorised},
    room::{self, NoRoom},
};

/// Pixels that are worked on together: their sums stay in the processor's registers.
const TOGETHER: usize = 16;

/// Local principal components in the images' place.
///
/// For every pixel the channels' covariance over its neighbourhood (which wraps around at the edges) gives, after some
/// power iterations from the channels' sums, the local sensitivities; their phase is set so that the combined image keeps
/// the phase of the neighbourhood's sum. The covariances of a line of pixels are made at once, as sums of products over
/// windows: first along the line, then over the lines around it.
pub(super) fn replace(images: &mut [Complex32], channels: usize, extent: Extent, window: [usize; 2], power: usize) {
    let Extent { ro, e1, e2 } = extent;
    let odd = |size: usize| size.max(1) | 1;
    let window = [odd(window[0]), if e2 > 1 { odd(window[1]) } else { 1 }];
    if images.is_empty() {
        return;
    }
    // Bands of lines, so that neighbouring lines share their windowed products.
    let lines = e1.div_ceil(2 * rayon::current_num_threads()).max(8);
    let bands: Vec<Band<'_>> = (0..e2)
        .flat_map(|z| {
            (0..e1)
                .step_by(lines)
                .map(move |first| (z, first..e1.min(first + lines)))
        })
        .map(|(z, lines)| Band {
            images,
            channels,
            extent,
            window,
            power,
            z,
            lines,
        })
        .collect();
    let results: Vec<_> = bands
        .into_par_iter()
        .map(|band| (band.z * e1 + band.lines.start, band.vectorised()))
        .collect();
    for (first, result) in results {
        for (line, values) in result.chunks_exact(channels * ro).enumerate() {
            for (c, values) in values.chunks_exact(ro).enumerate() {
                images[c * extent.volume() + (first + line) * ro..][..ro].copy_from_slice(values);
            }
        }
    }
}

/// Whether there is memory for what so many threads gather of a neighbourhood.
pub(super) fn fits(channels: usize, ro: usize, window: usize, threads: usize) -> Result<(), NoRoom> {
    let quantities = channels.saturating_mul(channels.saturating_add(3)) / 2;
    let sizes = [threads, window | 1, ro.div_ceil(TOGETHER), quantities, 2];
    room::elements::<Lanes>("covariances of coils about a pixel", &sizes).map(drop)
}

/// Lines of a partition.
struct Band<'a> {
    images: &'a [Complex32],
    channels: usize,
    extent: Extent,
    /// In plane, through planes.
    window: [usize; 2],
    power: usize,
    z: usize,
    lines: Range<usize>,
}

impl Vectorised for Band<'_> {
    /// The conjugate sensitivities, `[lines, CHA, RO]`.
    type Result = Vec<Complex32>;

    #[inline(always)]
    fn run(self) -> Vec<Complex32> {
        let Extent { ro, e1, .. } = self.extent;
        let [in_plane, _] = self.window;
        let mut result = vec![Complex32::ZERO; self.lines.len() * self.channels * ro];
        let mut products = Windowed::new(self.pairs() + self.channels, ro, in_plane);
        let mut pixels = Pixels::new(self.channels);
        // Of the lines about a line, those about the line before are known.
        let mut known = 0;
        for (index, result) in result.chunks_exact_mut(self.channels * ro).enumerate() {
            for dy in known..in_plane {
                let line = wrapped(self.lines.start + index, dy, in_plane / 2, e1);
                self.load(line, &mut products, (index + dy) % in_plane);
            }
            known = in_plane - 1;
            for (block, first) in (0..ro).step_by(TOGETHER).enumerate() {
                products.sum(block);
                pixels.solve(&products.total, self.pairs(), self.power);
                for (c, line) in result.chunks_exact_mut(ro).enumerate() {
                    let end = ro.min(first + TOGETHER);
                    pixels.store(c, &mut line[first..end]);
                }
            }
        }
        result
    }
}

impl Band<'_> {
    /// Pairs of channels, each with itself among them.
    #[inline(always)]
    fn pairs(&self) -> usize {
        self.channels * (self.channels + 1) / 2
    }

    /// Sums over the partitions of the neighbourhood, of one line.
    #[inline(always)]
    fn load(&self, line: usize, products: &mut Windowed, slot: usize) {
        let Extent { ro, e1, e2 } = self.extent;
        let [_, through] = self.window;
        for dz in 0..through {
            let z = wrapped(self.z, dz, through / 2, e2);
            let start = (z * e1 + line) * ro;
            let line = |c: usize| &self.images[c * self.extent.volume() + start..][..ro];
            let mut index = 0;
            for a in 0..self.channels {
                for b in 0..=a {
                    products.product(slot, index, line(a), line(b), dz == 0);
                    index += 1;
                }
            }
            for c in 0..self.channels {
                products.plain(slot, self.pairs() + c, line(c), dz == 0);
            }
        }
    }
}

/// Numbers of pixels that are worked on together.
type Lanes = [f32; TOGETHER];

/// Quantities of the lines of a neighbourhood, each summed over a window along the line.
struct Windowed {
    ro: usize,
    quantities: usize,
    window: usize,
    /// One line with its periodic continuation at both ends.
    raw: Split<f32>,
    /// One for each line of the neighbourhood, in turn: `[pixels worked on together, quantities]`.
    lines: Vec<Split<Lanes>>,
    /// The sums over the lines, of pixels that are worked on together: an element for each quantity.
    total: Split<Lanes>,
}

impl Windowed {
    fn new(quantities: usize, ro: usize, window: usize) -> Self {
        let blocks = ro.div_ceil(TOGETHER);
        Self {
            ro,
            quantities,
            window,
            raw: Split::filled(0.0, blocks * TOGETHER + window),
            lines: vec![Split::filled([0.0; TOGETHER], blocks * quantities); window],
            total: Split::filled([0.0; TOGETHER], quantities),
        }
    }

    /// The windowed sums of `conj(a) * b` into line `slot`; added to what is there unless it is the `first`.
    #[inline(always)]
    fn product(&mut self, slot: usize, index: usize, a: &[Complex32], b: &[Complex32], first: bool) {
        let half = self.window / 2;
        let (re, im) = (&mut self.raw.re[half..][..self.ro], &mut self.raw.im[half..][..self.ro]);
        for (((re, im), a), b) in re.iter_mut().zip(im).zip(a).zip(b) {
            *re = a.re * b.re + a.im * b.im;
            *im = a.re * b.im - a.im * b.re;
        }
        self.keep(slot, index, first);
    }

    /// The windowed sums of `a`.
    #[inline(always)]
    fn plain(&mut self, slot: usize, index: usize, a: &[Complex32], first: bool) {
        let half = self.window / 2;
        let (re, im) = (&mut self.raw.re[half..][..self.ro], &mut self.raw.im[half..][..self.ro]);
        for ((re, im), a) in re.iter_mut().zip(im).zip(a) {
            *re = a.re;
            *im = a.im;
        }
        self.keep(slot, index, first);
    }

    #[inline(always)]
    fn keep(&mut self, slot: usize, index: usize, first: bool) {
        let line = &mut self.lines[slot];
        for (raw, line) in [(&mut self.raw.re, &mut line.re), (&mut self.raw.im, &mut line.im)] {
            let blocks = line[index..].iter_mut().step_by(self.quantities);
            window_sum(raw, blocks, self.ro, self.window, first);
        }
    }

    /// The sums over the lines, of the pixels of a block.
    #[inline(always)]
    fn sum(&mut self, block: usize) {
        let (before, others) = self.lines.split_first().expect("a window holds a line");
        let quantities = self.total.re.iter_mut().zip(&mut self.total.im);
        for ((re, im), at) in quantities.zip(block * self.quantities..) {
            let (mut sum, mut imaginary) = (before.re[at], before.im[at]);
            for line in others {
                add(&mut sum, &line.re[at]);
                add(&mut imaginary, &line.im[at]);
            }
            (*re, *im) = (sum, imaginary);
        }
    }
}

#[inline(always)]
fn lanes(values: &[f32], at: usize) -> Lanes {
    values[at..][..TOGETHER].try_into().expect("so many")
}

/// Sums of `window` neighbours of the `ro` numbers in the middle of `raw`, which continue periodically.
#[inline(always)]
fn window_sum<'a>(raw: &mut [f32], result: impl Iterator<Item = &'a mut Lanes>, ro: usize, window: usize, first: bool) {
    let half = window / 2;
    for i in 0..half {
        raw[half - 1 - i] = raw[half + (2 * ro - 1 - i % ro) % ro];
        raw[half + ro + i] = raw[half + i % ro];
    }
    for (result, at) in result.zip((0..).step_by(TOGETHER)) {
        let mut sum = lanes(raw, at);
        if !first {
            let mut before = *result;
            add(&mut before, &sum);
            sum = before;
        }
        for offset in 1..window {
            add(&mut sum, &lanes(raw, at + offset));
        }
        *result = sum;
    }
}

#[inline(always)]
fn add(sum: &mut Lanes, values: &Lanes) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The sensitivities of pixels that are worked on together: an element for each channel.
struct Pixels {
    vector: Split<Lanes>,
    next: Split<Lanes>,
    phase: [Lanes; 2],
}

impl Pixels {
    fn new(channels: usize) -> Self {
        Self {
            vector: Split::filled([0.0; TOGETHER], channels),
            next: Split::filled([0.0; TOGETHER], channels),
            phase: [[0.0; TOGETHER]; 2],
        }
    }

    /// Power iterations with the covariances in `total` (lower triangles, `conj(a) * b` at row `a`, column `b`), from the
    /// sums behind them; then the phase.
    #[inline(always)]
    fn solve(&mut self, total: &Split<Lanes>, pairs: usize, power: usize) {
        self.vector.re.copy_from_slice(&total.re[pairs..]);
        self.vector.im.copy_from_slice(&total.im[pairs..]);
        self.normalise();
        for _ in 0..power {
            self.multiply(total);
            std::mem::swap(&mut self.vector, &mut self.next);
            self.normalise();
        }
        // The neighbourhood's sum, combined with the sensitivities: its phase.
        let mut phase = [[0.0; TOGETHER]; 2];
        let vector = self.vector.re.iter().zip(&self.vector.im);
        for (s, v) in total.re[pairs..].iter().zip(&total.im[pairs..]).zip(vector) {
            multiply_add(&mut phase, s, v, 1.0);
        }
        let [re, im] = &mut phase;
        for (re, im) in re.iter_mut().zip(im) {
            let norm = re.hypot(*im);
            (*re, *im) = if norm > 0.0 {
                (*re / norm, *im / norm)
            } else {
                (1.0, 0.0)
            };
        }
        self.phase = phase;
    }

    #[inline(always)]
    fn multiply(&mut self, matrix: &Split<Lanes>) {
        let next = self.next.re.iter_mut().zip(&mut self.next.im);
        for (row, (re, im)) in next.enumerate() {
            let mut sum = [[0.0; TOGETHER]; 2];
            let vector = self.vector.re.iter().zip(&self.vector.im);
            for (column, v) in vector.enumerate() {
                // Above the diagonal: the conjugate of the element across it.
                let (below, above) = (row.max(column), row.min(column));
                let element = below * (below + 1) / 2 + above;
                let m = (&matrix.re[element], &matrix.im[element]);
                multiply_add(&mut sum, m, v, if column > row { -1.0 } else { 1.0 });
            }
            [*re, *im] = sum;
        }
    }

    #[inline(always)]
    fn normalise(&mut self) {
        let mut norm = [0.0; TOGETHER];
        for (re, im) in self.vector.re.iter().zip(&self.vector.im) {
            for ((norm, re), im) in norm.iter_mut().zip(re).zip(im) {
                *norm += re * re + im * im;
            }
        }
        for norm in &mut norm {
            *norm = if *norm > 0.0 { 1.0 / norm.sqrt() } else { 0.0 };
        }
        for part in self.vector.re.iter_mut().chain(&mut self.vector.im) {
            part.iter_mut().zip(&norm).for_each(|(value, norm)| *value *= norm);
        }
    }

    /// The conjugate sensitivities of a channel, with the phase.
    #[inline(always)]
    fn store(&self, channel: usize, result: &mut [Complex32]) {
        let vector = self.vector.re[channel].iter().zip(&self.vector.im[channel]);
        let [re, im] = &self.phase;
        for ((result, (a, b)), (c, d)) in result.iter_mut().zip(vector).zip(re.iter().zip(im)) {
            *result = Complex32::new(a * c + b * d, a * d - b * c);
        }
    }
}

/// `sum += m * v`, with the conjugate of `m` where `sign` is -1.
#[inline(always)]
fn multiply_add(sum: &mut [Lanes; 2], m: (&Lanes, &Lanes), v: (&Lanes, &Lanes), sign: f32) {
    let [re, im] = sum;
    let sum = re.iter_mut().zip(im);
    let m = m.0.iter().zip(m.1);
    let v = v.0.iter().zip(v.1);
    for (((re, im), (a, b)), (c, d)) in sum.zip(m).zip(v) {
        let b = b * sign;
        *re += a * c - b * d;
        *im += a * d + b * c;
    }
}
