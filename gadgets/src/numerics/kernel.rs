//! Convolution kernels of k-space between channels, and what they are in the image.

use std::ops::Range;

use num_complex::{Complex32, Complex64};

use super::{frames::Extent, vectors::Split};

/// A kernel of few taps: channel `dst` at position `k` takes channel `src` at `k - t` with the weight at the offset `t`.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Channels it takes.
    pub src: usize,
    /// Channels it makes.
    pub dst: usize,
    /// Offsets along readout, E1 and E2.
    pub(super) offsets: [Range<i32>; 3],
    /// Weights, `[src, dst, E2 offsets, E1 offsets, readout offsets]`.
    pub(super) values: Vec<Complex32>,
}

impl Kernel {
    /// Number of offsets.
    pub(super) fn taps(&self) -> usize {
        self.offsets.iter().map(Range::len).product()
    }

    /// Index of a weight; `offset` along readout, E1 and E2.
    pub(super) fn index(&self, src: usize, dst: usize, offset: [i32; 3]) -> usize {
        let [t0, t1, t2]: [usize; 3] = std::array::from_fn(|d| (offset[d] - self.offsets[d].start) as usize);
        let [n0, n1, n2] = self.offsets.each_ref().map(Range::len);
        (((src * self.dst + dst) * n2 + t2) * n1 + t1) * n0 + t0
    }

    fn of_pair(&self, src: usize, dst: usize) -> &[Complex32] {
        &self.values[(src * self.dst + dst) * self.taps()..][..self.taps()]
    }

    /// The kernel in the image: the factor with which the image of channel `src` goes into that of channel `dst`,
    /// `[E2, E1, RO]`.
    pub fn in_image(&self, src: usize, dst: usize, extent: Extent) -> Vec<Complex32> {
        let mut result = Vec::with_capacity(extent.volume());
        self.accumulate(src, dst, &Phases::new(self, extent), extent, |_, line| {
            result.extend(line.numbers());
        });
        result
    }

    /// Hands the kernel in the image to `take`, line by line with the index of the line's first pixel.
    ///
    /// One dimension after the other: taps of a line, then of a partition, then of the volume.
    #[inline(always)]
    pub(super) fn accumulate(
        &self,
        src: usize,
        dst: usize,
        phases: &Phases,
        extent: Extent,
        mut take: impl FnMut(usize, &Split<f32>),
    ) {
        let Extent { ro, e1, e2 } = extent;
        let [n0, n1, n2] = self.offsets.each_ref().map(Range::len);
        let of_pair = self.of_pair(src, dst);
        let mut along_readout = Split::filled(0.0, n2 * n1 * ro);
        for (line, taps) in of_pair.chunks_exact(n0).enumerate() {
            let line = line * ro..(line + 1) * ro;
            for (tap, factor) in taps.iter().enumerate() {
                along_readout.add_product(line.clone(), *factor, &phases.readout, tap * ro);
            }
        }
        // A kernel that takes measured lines only has every second (third, ...) tap at zero.
        let zero = |t1: usize| {
            let lines = of_pair.chunks_exact(n0).skip(t1).step_by(n1);
            lines.flatten().all(|tap| *tap == Complex32::ZERO)
        };
        let used: Vec<usize> = (0..n1).filter(|&t1| !zero(t1)).collect();
        let mut partition = Split::filled(0.0, n1 * ro);
        let mut line = Split::filled(0.0, ro);
        for z in 0..e2 {
            partition.fill(0.0);
            for (tap, factor) in phases.e2[z * n2..][..n2].iter().enumerate() {
                partition.add_product(0..n1 * ro, *factor, &along_readout, tap * n1 * ro);
            }
            for y in 0..e1 {
                let factors = &phases.e1[y * n1..][..n1];
                line.fill(0.0);
                for &tap in &used {
                    line.add_product(0..ro, factors[tap], &partition, tap * ro);
                }
                take((z * e1 + y) * ro, &line);
            }
        }
    }

    /// The kernel in the image at the readout position `x`: `[E2, E1]` into `plane`.
    #[inline(always)]
    pub(super) fn plane(
        &self,
        src: usize,
        dst: usize,
        phases: &Phases,
        extent: Extent,
        x: usize,
        plane: &mut [Complex32],
    ) {
        let [n0, n1, n2] = self.offsets.each_ref().map(Range::len);
        let at_x: Vec<Complex32> = self
            .of_pair(src, dst)
            .chunks_exact(n0)
            .map(|taps| {
                taps.iter()
                    .enumerate()
                    .map(|(tap, v)| v * phases.readout.number(tap * extent.ro + x))
                    .sum()
            })
            .collect();
        let mut taps = vec![Complex32::ZERO; n1];
        for (z, line) in plane.chunks_exact_mut(extent.e1).enumerate() {
            sum_of_products(
                &mut taps,
                phases.e2[z * n2..][..n2].iter().copied().zip(at_x.chunks_exact(n1)),
            );
            sum_of_products(line, taps.iter().copied().zip(phases.e1_by_tap.chunks_exact(extent.e1)));
        }
    }
}

#[inline(always)]
fn sum_of_products<'a>(sum: &mut [Complex32], terms: impl Iterator<Item = (Complex32, &'a [Complex32])>) {
    sum.fill(Complex32::ZERO);
    for (factor, values) in terms {
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
}

/// `exp(2 pi i t (x - n / 2) / n)` for the taps `t` and positions `x` of each dimension.
pub(super) struct Phases {
    /// `[taps, RO]`.
    readout: Split<f32>,
    /// `[E1, taps]`.
    e1: Vec<Complex32>,
    /// `[taps, E1]`.
    e1_by_tap: Vec<Complex32>,
    /// `[E2, taps]`.
    e2: Vec<Complex32>,
}

impl Phases {
    pub(super) fn new(kernel: &Kernel, extent: Extent) -> Self {
        let phase = |t: i32, x: usize, n: usize| {
            let turn = f64::from(t) * (x as f64 - (n / 2) as f64) / n as f64;
            let phase = Complex64::cis(std::f64::consts::TAU * turn);
            Complex32::new(phase.re as f32, phase.im as f32)
        };
        let by_position = |taps: &Range<i32>, n: usize| -> Vec<Complex32> {
            let positions = 0..n;
            positions
                .flat_map(|x| taps.clone().map(move |t| phase(t, x, n)))
                .collect()
        };
        let by_tap = |taps: &Range<i32>, n: usize| -> Vec<Complex32> {
            let taps = taps.clone();
            taps.flat_map(|t| (0..n).map(move |x| phase(t, x, n))).collect()
        };
        let [t0, t1, t2] = &kernel.offsets;
        Self {
            readout: Split::of(&by_tap(t0, extent.ro)),
            e1: by_position(t1, extent.e1),
            e1_by_tap: by_tap(t1, extent.e1),
            e2: by_position(t2, extent.e2),
        }
    }
}
