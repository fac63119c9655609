//! GRAPPA: missing lines as linear combinations of measured ones, in two dimensions and three.
//!
//! The weights are fitted to fully sampled calibration lines, written as a convolution kernel, and applied in the image,
//! where a convolution is a multiplication: together with the coil maps they give *unmixing coefficients*, one volume for
//! each measured channel, which turn aliased coil images into the combined image.
//!
//! Source: M. Griswold et al., "Generalized autocalibrating partially parallel acquisitions (GRAPPA)", Magn Reson Med
//! 47:1202 (2002); F. Breuer et al., "General formulation for quantitative g-factor calculation in GRAPPA
//! reconstructions", Magn Reson Med 62:739 (2009).

use std::ops::Range;

use num_complex::Complex32;
use rayon::prelude::*;

use super::{
    calibration::{self, CalibrationError, Lines},
    frames::Extent,
    kernel::{Kernel, Phases},
    linear::NormalEquations,
    vectors::{Split, Vectorised},
};

/// What is fitted, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Acceleration along E1 and E2.
    pub acceleration: [usize; 2],
    /// Points of the kernel along readout (made odd), E1 and E2.
    pub kernel: [usize; 3],
    /// Regularisation, relative to the mean of the normal matrix's diagonal.
    pub lambda: f64,
    /// Where above 1: use only so many equations for each unknown, from the readout columns with most signal.
    pub over_determination: f64,
    /// Fit the measured lines too, instead of taking them as they are. Needed where the kernel's targets are not its first
    /// sources.
    pub fit_measured: bool,
}

/// Unmixing coefficients of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmixing {
    /// `[src, E2, E1, RO]`; the combined image is the sum over `src` of aliased image times coefficient.
    pub coefficients: Vec<Complex32>,
    /// How much the noise is amplified, relative to full sampling in the same time, `[E2, E1, RO]`.
    pub gfactor: Vec<f32>,
}

/// Positions of the measured lines a kernel of `points` takes, in lines from the line it is attached to.
fn sources(points: usize, acceleration: usize) -> Vec<i32> {
    let (points, acceleration) = (points.max(1) as i32, acceleration.max(1) as i32);
    let first = -((points - 1) / 2);
    (first..first + points).map(|k| k * acceleration).collect()
}

impl Calibration {
    /// The kernel that fits the calibration data best within `region` (readout, E1, E2) of volumes of size `extent`.
    ///
    /// `src` and `dst` are `[channels, E2, E1, RO]`.
    pub fn fit(
        &self,
        src: &[Complex32],
        dst: &[Complex32],
        extent: Extent,
        region: [Range<usize>; 3],
    ) -> Result<Kernel, CalibrationError> {
        let volume = extent.volume().max(1);
        let (src_channels, dst_channels) = (src.len() / volume, dst.len() / volume);
        let [r1, r2] = self.acceleration.map(|r| r.max(1));
        let shares = calibration::kernel_fits(&region, self.kernel, [1, r1, r2], [src_channels, dst_channels])?;
        let [r1, r2] = [r1, r2].map(|r| r as i32);
        let half = (self.kernel[0] / 2) as i32;
        let (s1, s2) = (
            sources(self.kernel[1], self.acceleration[0]),
            sources(self.kernel[2], self.acceleration[1]),
        );
        let targets: Vec<[i32; 2]> = (0..r2)
            .flat_map(|o2| (0..r1).map(move |o1| [o2, o1]))
            .filter(|&offset| self.fit_measured || offset != [0, 0])
            .collect();
        let points = (2 * half + 1) as usize * s1.len() * s2.len();
        let unknowns = points * src_channels;
        if src_channels == 1 && r1 * r2 > 1 {
            return Err(CalibrationError::OneChannel);
        }
        // Target lines up to r - 1 beyond the attached line must be there too.
        let reach = |s: &[i32], r: i32| (s[0], s[s.len() - 1].max(r - 1));
        let sources = s2.iter().flat_map(|&k2| s1.iter().map(move |&k1| [k2, k1]));
        let lines = Lines::within(&region, [(-half, half), reach(&s1, r1), reach(&s2, r2)])?
            .measured(src, extent, sources.chain(targets.iter().copied()))?
            .limited(src, extent, unknowns, self.over_determination);
        let columns = targets.len() * dst_channels;
        let at = |line: [usize; 2], offset: [i32; 2]| calibration::line_start(extent, line, offset);
        let equations = || {
            lines.gather(
                shares,
                || NormalEquations::new(unknowns, columns),
                |line, a, b| {
                    for channel in src.chunks_exact(volume) {
                        for &k2 in &s2 {
                            for &k1 in &s1 {
                                let start = at(line, [k2, k1]) + lines.readout.start - half as usize;
                                for tap in 0..=2 * half as usize {
                                    a.push(&channel[start + tap..][..lines.readout.len()]);
                                }
                            }
                        }
                    }
                    for &target in &targets {
                        let start = at(line, target) + lines.readout.start;
                        for channel in dst.chunks_exact(volume) {
                            b.push(&channel[start..][..lines.readout.len()]);
                        }
                    }
                },
            )
        };
        let weights = match targets.is_empty() {
            true => Vec::new(),
            false => equations().solve(self.lambda)?,
        };
        let span = |s: &[i32], r: i32| -s[s.len() - 1]..r - s[0];
        let mut kernel = Kernel {
            src: src_channels,
            dst: dst_channels,
            offsets: [-half..half + 1, span(&s1, r1), span(&s2, r2)],
            values: Vec::new(),
        };
        kernel.values = vec![Complex32::ZERO; src_channels * dst_channels * kernel.taps()];
        for (column, weights) in weights.chunks_exact(unknowns.max(1)).enumerate() {
            let ([o2, o1], d) = (targets[column / dst_channels], column % dst_channels);
            let mut weights = weights.iter();
            for s in 0..src_channels {
                for &k2 in &s2 {
                    for &k1 in &s1 {
                        for k0 in -half..=half {
                            let index = kernel.index(s, d, [-k0, o1 - k1, o2 - k2]);
                            kernel.values[index] = *weights.next().expect("a weight for each unknown");
                        }
                    }
                }
            }
        }
        if !self.fit_measured {
            for d in 0..dst_channels {
                let index = kernel.index(d, d, [0, 0, 0]);
                kernel.values[index] = Complex32::ONE;
            }
        }
        Ok(kernel)
    }
}

/// Unmixing coefficients for coil maps `[dst, E2, E1, RO]`, and the g-factor.
///
/// The original transforms every pair of channels with a padded FFT; the kernel's few taps are summed directly here.
pub fn unmixing(kernel: &Kernel, maps: &[Complex32], extent: Extent, acceleration: usize) -> Unmixing {
    let volume = extent.volume();
    let phases = Phases::new(kernel, extent);
    let mut coefficients = vec![Complex32::ZERO; kernel.src * volume];
    coefficients
        .par_chunks_mut(volume.max(1))
        .enumerate()
        .for_each(|(src, coefficients)| {
            let of = UnmixingOf {
                kernel,
                phases: &phases,
                maps,
                extent,
                src,
                coefficients,
            };
            of.vectorised();
        });
    let scale = 1.0 / acceleration.max(1) as f32;
    let mut gfactor = vec![0.0; volume];
    for channel in coefficients.chunks_exact(volume) {
        gfactor
            .iter_mut()
            .zip(channel)
            .for_each(|(sum, u)| *sum += u.norm_sqr());
    }
    gfactor.iter_mut().for_each(|sum| *sum = sum.sqrt() * scale);
    Unmixing { coefficients, gfactor }
}

/// The unmixing coefficients of the channel `src`.
struct UnmixingOf<'a> {
    kernel: &'a Kernel,
    phases: &'a Phases,
    /// `[dst, volume]`.
    maps: &'a [Complex32],
    extent: Extent,
    src: usize,
    coefficients: &'a mut [Complex32],
}

impl Vectorised for UnmixingOf<'_> {
    type Result = ();

    #[inline(always)]
    fn run(self) {
        let volume = self.coefficients.len();
        let mut sums = Split::filled(0.0, volume);
        for (dst, map) in self.maps.chunks_exact(volume).enumerate() {
            self.kernel
                .accumulate(self.src, dst, self.phases, self.extent, |at, line| {
                    let sums = sums.re[at..].iter_mut().zip(&mut sums.im[at..]);
                    let factors = line.re.iter().zip(&line.im);
                    for (((re, im), (a, b)), map) in sums.zip(factors).zip(&map[at..]) {
                        *re += a * map.re + b * map.im;
                        *im += b * map.re - a * map.im;
                    }
                });
        }
        for (coefficient, sum) in self.coefficients.iter_mut().zip(sums.numbers()) {
            *coefficient = sum;
        }
    }
}

/// The combined image: the sum over channels of aliased image `[src, volume]` times coefficient. Channels of the image
/// beyond those of the coefficients are left out.
pub fn unmix(aliased: &[Complex32], coefficients: &[Complex32], result: &mut [Complex32]) {
    let volume = result.len();
    result.fill(Complex32::ZERO);
    for (image, coefficient) in aliased.chunks_exact(volume).zip(coefficients.chunks_exact(volume)) {
        for ((sum, pixel), coefficient) in result.iter_mut().zip(image).zip(coefficient) {
            *sum += pixel * coefficient;
        }
    }
}

#[cfg(test)]
mod tests;
