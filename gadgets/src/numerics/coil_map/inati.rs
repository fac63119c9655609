//! Inati's coil maps: the local principal component of the coils.

use num_complex::Complex32;
use rayon::prelude::*;

use super::{Extent, wrapped};

/// Local principal components in the images' place.
///
/// For every pixel the channels' covariance over its neighbourhood (which wraps around at the edges) gives, after some
/// power iterations from the channels' sums, the local sensitivities; their phase is set so that the combined image keeps
/// the phase of the neighbourhood's sum. The covariances of a line of pixels are made at once, as sums of products over
/// windows: first along the line, then over the lines around it.
pub(super) fn replace(images: &mut [Complex32], channels: usize, extent: Extent, window: [usize; 2], power: usize) {
    let Extent { ro, e1, e2 } = extent;
    let odd = |size: usize| size.max(1) | 1;
    let (in_plane, through) = (odd(window[0]), if e2 > 1 { odd(window[1]) } else { 1 });
    let volume = extent.volume();
    let pairs = channels * (channels + 1) / 2;
    if images.is_empty() {
        return;
    }
    // Bands of lines, so that neighbouring lines share their windowed products.
    let band = e1.div_ceil(2 * rayon::current_num_threads()).max(8);
    let bands: Vec<(usize, usize)> = (0..e2)
        .flat_map(|z| (0..e1).step_by(band).map(move |y| (z, y)))
        .collect();
    let of_coils: &[Complex32] = images;
    let results: Vec<Vec<Complex32>> = bands
        .par_iter()
        .map(|&(z, first)| {
            let last = (first + band).min(e1);
            let mut result = vec![Complex32::ZERO; (last - first) * channels * ro];
            let mut products = Windowed::new(pairs + channels, ro, in_plane);
            let mut pixels = Line::new(channels, ro);
            for y in first..last {
                let load = |line: usize, products: &mut Windowed, slot: usize| {
                    // Sums over the partitions of the neighbourhood, of one line.
                    for dz in 0..through {
                        let z = wrapped(z, dz, through / 2, e2);
                        let start = (z * e1 + line) * ro;
                        let line = |c: usize| &of_coils[c * volume + start..][..ro];
                        let mut index = 0;
                        for a in 0..channels {
                            for b in 0..=a {
                                products.product(slot, index, line(a), line(b), dz == 0);
                                index += 1;
                            }
                        }
                        for c in 0..channels {
                            products.plain(slot, pairs + c, line(c), dz == 0);
                        }
                    }
                };
                let lines = if y == first {
                    0..in_plane
                } else {
                    in_plane - 1..in_plane
                };
                for dy in lines {
                    load(
                        wrapped(y, dy, in_plane / 2, e1),
                        &mut products,
                        (y - first + dy) % in_plane,
                    );
                }
                products.sum();
                pixels.solve(&products.total, pairs, power);
                pixels.store(&mut result[(y - first) * channels * ro..][..channels * ro]);
            }
            result
        })
        .collect();
    for (&(z, first), result) in bands.iter().zip(results) {
        for (line, values) in result.chunks_exact(channels * ro).enumerate() {
            for (c, values) in values.chunks_exact(ro).enumerate() {
                images[c * volume + (z * e1 + first + line) * ro..][..ro].copy_from_slice(values);
            }
        }
    }
}

/// Lines of complex numbers, real and imaginary parts apart: quantity `q` of pixel `x` is at `q * ro + x`.
struct Split {
    re: Vec<f32>,
    im: Vec<f32>,
}

impl Split {
    fn zeros(len: usize) -> Self {
        Self {
            re: vec![0.0; len],
            im: vec![0.0; len],
        }
    }
}

/// Quantities of the lines of a neighbourhood, each summed over a window along the line.
struct Windowed {
    ro: usize,
    window: usize,
    /// One line with its periodic continuation at both ends.
    raw: Split,
    /// One for each line of the neighbourhood, in turn.
    lines: Vec<Split>,
    total: Split,
}

impl Windowed {
    fn new(quantities: usize, ro: usize, window: usize) -> Self {
        let size = quantities * ro;
        Self {
            ro,
            window,
            raw: Split::zeros(ro + window),
            lines: (0..window).map(|_| Split::zeros(size)).collect(),
            total: Split::zeros(size),
        }
    }

    /// The windowed sums of `conj(a) * b` into line `slot`; added to what is there unless it is the `first`.
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
    fn plain(&mut self, slot: usize, index: usize, a: &[Complex32], first: bool) {
        let half = self.window / 2;
        let (re, im) = (&mut self.raw.re[half..][..self.ro], &mut self.raw.im[half..][..self.ro]);
        for ((re, im), a) in re.iter_mut().zip(im).zip(a) {
            *re = a.re;
            *im = a.im;
        }
        self.keep(slot, index, first);
    }

    fn keep(&mut self, slot: usize, index: usize, first: bool) {
        let range = index * self.ro..(index + 1) * self.ro;
        let line = &mut self.lines[slot];
        window_sum(&mut self.raw.re, &mut line.re[range.clone()], self.window, first);
        window_sum(&mut self.raw.im, &mut line.im[range], self.window, first);
    }

    /// The sums over the lines.
    fn sum(&mut self) {
        let (first, others) = self.lines.split_first().expect("a window holds a line");
        self.total.re.copy_from_slice(&first.re);
        self.total.im.copy_from_slice(&first.im);
        for line in others {
            add(&mut self.total.re, &line.re);
            add(&mut self.total.im, &line.im);
        }
    }
}

/// Sums of `window` neighbours of the line in the middle of `raw`, which continues periodically.
fn window_sum(raw: &mut [f32], result: &mut [f32], window: usize, first: bool) {
    let (ro, half) = (result.len(), window / 2);
    for i in 0..half {
        raw[half - 1 - i] = raw[half + (2 * ro - 1 - i % ro) % ro];
        raw[half + ro + i] = raw[half + i % ro];
    }
    if first {
        result.copy_from_slice(&raw[..ro]);
    } else {
        add(result, &raw[..ro]);
    }
    for offset in 1..window {
        add(result, &raw[offset..][..ro]);
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The sensitivities of one line of pixels: channel `c` of pixel `x` is at `c * ro + x`.
struct Line {
    channels: usize,
    ro: usize,
    vector: Split,
    next: Split,
    norm: Vec<f32>,
    phase: Split,
}

impl Line {
    fn new(channels: usize, ro: usize) -> Self {
        Self {
            channels,
            ro,
            vector: Split::zeros(channels * ro),
            next: Split::zeros(channels * ro),
            norm: vec![0.0; ro],
            phase: Split::zeros(ro),
        }
    }

    /// Power iterations with the covariances in `total` (lower triangles, `conj(a) * b` at row `a`, column `b`), from the
    /// sums behind them; then the phase.
    fn solve(&mut self, total: &Split, pairs: usize, power: usize) {
        let ro = self.ro;
        let sums = pairs * ro..(pairs + self.channels) * ro;
        self.vector.re.copy_from_slice(&total.re[sums.clone()]);
        self.vector.im.copy_from_slice(&total.im[sums.clone()]);
        self.normalise();
        for _ in 0..power {
            self.multiply(total);
            std::mem::swap(&mut self.vector, &mut self.next);
            self.normalise();
        }
        // The neighbourhood's sum, combined with the sensitivities: its phase.
        self.phase.re.fill(0.0);
        self.phase.im.fill(0.0);
        for c in 0..self.channels {
            let (v, s) = (c * ro..(c + 1) * ro, (pairs + c) * ro..(pairs + c + 1) * ro);
            multiply_add(
                (&mut self.phase.re, &mut self.phase.im),
                (&total.re[s.clone()], &total.im[s]),
                (&self.vector.re[v.clone()], &self.vector.im[v]),
                1.0,
            );
        }
        for (re, im) in self.phase.re.iter_mut().zip(&mut self.phase.im) {
            let norm = re.hypot(*im);
            (*re, *im) = if norm > 0.0 {
                (*re / norm, *im / norm)
            } else {
                (1.0, 0.0)
            };
        }
    }

    fn multiply(&mut self, matrix: &Split) {
        let ro = self.ro;
        self.next.re.fill(0.0);
        self.next.im.fill(0.0);
        let mut index = 0;
        for a in 0..self.channels {
            for b in 0..=a {
                let m = index * ro..(index + 1) * ro;
                let m = (&matrix.re[m.clone()], &matrix.im[m]);
                let mut row = |target: usize, source: usize, sign: f32| {
                    let (target, source) = (target * ro..(target + 1) * ro, source * ro..(source + 1) * ro);
                    multiply_add(
                        (&mut self.next.re[target.clone()], &mut self.next.im[target]),
                        m,
                        (&self.vector.re[source.clone()], &self.vector.im[source]),
                        sign,
                    );
                };
                row(a, b, 1.0);
                if a != b {
                    row(b, a, -1.0);
                }
                index += 1;
            }
        }
    }

    fn normalise(&mut self) {
        self.norm.fill(0.0);
        for c in 0..self.channels {
            let line = c * self.ro..(c + 1) * self.ro;
            let parts = self.vector.re[line.clone()].iter().zip(&self.vector.im[line]);
            for (norm, (re, im)) in self.norm.iter_mut().zip(parts) {
                *norm += re * re + im * im;
            }
        }
        for norm in &mut self.norm {
            *norm = if *norm > 0.0 { 1.0 / norm.sqrt() } else { 0.0 };
        }
        for part in [&mut self.vector.re, &mut self.vector.im] {
            for line in part.chunks_exact_mut(self.ro) {
                line.iter_mut().zip(&self.norm).for_each(|(value, norm)| *value *= norm);
            }
        }
    }

    /// The conjugate sensitivities, with the phase.
    fn store(&self, result: &mut [Complex32]) {
        for (x, result) in result.chunks_exact_mut(self.ro).enumerate() {
            let line = x * self.ro..(x + 1) * self.ro;
            let vector = self.vector.re[line.clone()].iter().zip(&self.vector.im[line]);
            let phase = self.phase.re.iter().zip(&self.phase.im);
            for ((result, (a, b)), (c, d)) in result.iter_mut().zip(vector).zip(phase) {
                *result = Complex32::new(a * c + b * d, a * d - b * c);
            }
        }
    }
}

/// `sum += m * v`, with the conjugate of `m` where `sign` is -1.
fn multiply_add(sum: (&mut [f32], &mut [f32]), m: (&[f32], &[f32]), v: (&[f32], &[f32]), sign: f32) {
    let sum = sum.0.iter_mut().zip(sum.1);
    let m = m.0.iter().zip(m.1);
    let v = v.0.iter().zip(v.1);
    for (((re, im), (a, b)), (c, d)) in sum.zip(m).zip(v) {
        let b = b * sign;
        *re += a * c - b * d;
        *im += a * d + b * c;
    }
}
