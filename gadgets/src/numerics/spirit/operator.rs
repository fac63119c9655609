//! What SPIRiT minimises: how badly a kernel predicts k-space, at each readout position.

use num_complex::Complex32;

use crate::numerics::{
    fft::{self, Direction},
    frames::Extent,
    kernel::{Kernel, Phases},
    vectors::{Split, Vectorised},
};

/// `K^H K` at one readout position, K being the kernel minus the identity, in the image.
pub(super) struct NormalOperator {
    shape: [usize; 2],
    channels: usize,
    /// `[pairs, E2, E1]`: channel made and channel taken, up to the channel made; the rest are the conjugates of these.
    matrix: Split<f32>,
}

/// The place of a pair of channels, the second up to the first.
fn pair(first: usize, second: usize) -> usize {
    first * (first + 1) / 2 + second
}

/// How many pairs there are.
pub(super) fn pairs(channels: usize) -> usize {
    channels.saturating_mul(channels.saturating_add(1)) / 2
}

/// Makes the operator at the readout position `x`.
pub(super) struct At<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) phases: &'a Phases,
    pub(super) extent: Extent,
    pub(super) x: usize,
}

impl Vectorised for At<'_> {
    type Result = NormalOperator;

    #[inline(always)]
    fn run(self) -> NormalOperator {
        let (channels, plane) = (self.kernel.src, self.extent.e1 * self.extent.e2);
        // [dst, src]
        let mut values = vec![Complex32::ZERO; channels * channels * plane];
        for (index, values) in values.chunks_exact_mut(plane).enumerate() {
            let (dst, src) = (index / channels, index % channels);
            self.kernel.plane(src, dst, self.phases, self.extent, self.x, values);
        }
        let mut matrix = Split::filled(0.0, pairs(channels) * plane);
        let of = |dst: usize, src: usize| &values[(dst * channels + src) * plane..][..plane];
        for made in 0..channels {
            for taken in 0..=made {
                let place = pair(made, taken) * plane..(pair(made, taken) + 1) * plane;
                let (re, im) = (&mut matrix.re[place.clone()], &mut matrix.im[place]);
                for dst in 0..channels {
                    let sums = re.iter_mut().zip(im.iter_mut());
                    for (((re, im), a), b) in sums.zip(of(dst, made)).zip(of(dst, taken)) {
                        *re += a.re * b.re + a.im * b.im;
                        *im += a.re * b.im - a.im * b.re;
                    }
                }
            }
        }
        NormalOperator {
            shape: [self.extent.e2, self.extent.e1],
            channels,
            matrix,
        }
    }
}

/// What applying an operator needs beside its result.
pub(super) struct Scratch {
    image: Vec<Complex32>,
    of_channels: Split<f32>,
    sum: Split<f32>,
}

impl Scratch {
    pub(super) fn new(size: usize, plane: usize) -> Self {
        Self {
            image: vec![Complex32::ZERO; size],
            of_channels: Split::filled(0.0, size),
            sum: Split::filled(0.0, plane),
        }
    }
}

impl NormalOperator {
    /// Applies it to `k`, `[channels, E2, E1]` in k-space.
    pub(super) fn apply(&self, k: &[Complex32], result: &mut [Complex32], scratch: &mut Scratch) {
        scratch.image.copy_from_slice(k);
        fft::centred(&mut scratch.image, &self.shape, Direction::Inverse);
        let multiply = Multiply {
            operator: self,
            scratch,
            result,
        };
        multiply.vectorised();
        fft::centred(result, &self.shape, Direction::Forward);
    }
}

/// The operator's matrix times the scratch's image.
struct Multiply<'a> {
    operator: &'a NormalOperator,
    scratch: &'a mut Scratch,
    result: &'a mut [Complex32],
}

impl Vectorised for Multiply<'_> {
    type Result = ();

    #[inline(always)]
    fn run(self) {
        let Scratch {
            image,
            of_channels,
            sum,
        } = self.scratch;
        let matrix = &self.operator.matrix;
        let plane = sum.re.len();
        of_channels.set(image);
        for (made, result) in self.result.chunks_exact_mut(plane).enumerate() {
            sum.fill(0.0);
            for taken in 0..self.operator.channels {
                let at = pair(made.max(taken), made.min(taken)) * plane;
                let sign = if taken > made { -1.0 } else { 1.0 };
                let factors = matrix.re[at..].iter().zip(&matrix.im[at..]);
                let pixels = of_channels.re[taken * plane..]
                    .iter()
                    .zip(&of_channels.im[taken * plane..]);
                let sums = sum.re.iter_mut().zip(&mut sum.im);
                for (((re, im), (a, b)), (c, d)) in sums.zip(factors).zip(pixels) {
                    let b = b * sign;
                    *re += a * c - b * d;
                    *im += a * d + b * c;
                }
            }
            for (result, sum) in result.iter_mut().zip(sum.numbers()) {
                *result = sum;
            }
        }
    }
}
