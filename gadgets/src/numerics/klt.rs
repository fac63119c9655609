//! Karhunen-Loeve transform of channels: virtual channels, uncorrelated and sorted by energy.

use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, linalg::matmul::matmul_with_conj};
use num_complex::{Complex32, Complex64};

use super::eigen;

/// Samples that are gathered in single precision before they are added in double.
const BLOCK: usize = 4096;

/// Samples of all channels that are transformed together, in a copy that stays in the cache.
const TOGETHER: usize = 1024;

/// How many virtual channels to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keep {
    /// All.
    All,
    /// This many.
    Count(usize),
    /// Those before the first whose energy is not above this part of the strongest one's; one where nothing has any.
    Above(f64),
}

/// The transform: a unitary matrix, of which the first columns are kept.
#[derive(Clone, Debug)]
pub struct Klt {
    /// Rows: channels; columns: virtual channels, strongest first.
    matrix: Mat<Complex32>,
}

/// The channels' covariance has no eigenvectors in floating point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channels have no principal components: the calibration data are not finite")]
pub struct NotFinite;

impl Klt {
    /// The transform that decorrelates `channels` channels of `data`, `[channels, samples]`; with `centred` their means
    /// are taken off first. The transform itself is applied to data with their means.
    pub fn of(data: &[Complex32], channels: usize, centred: bool, keep: Keep) -> Result<Self, NotFinite> {
        let samples = data.len() / channels.max(1);
        let mut covariance = gram(data, channels, samples);
        if centred && samples > 0 {
            let mean: Vec<Complex64> = data.chunks_exact(samples).map(mean).collect();
            for j in 0..channels {
                for i in 0..channels {
                    covariance[(i, j)] -= mean[i].conj() * mean[j] * samples as f64;
                }
            }
        }
        let principal = eigen::principal(&covariance).map_err(|_| NotFinite)?;
        let energy = |k: usize| principal.energies[k];
        let kept = match keep {
            Keep::Count(count) if (1..=channels).contains(&count) => count,
            Keep::Above(part) if part > 0.0 => (1..channels)
                .find(|&k| energy(k) <= part * energy(0))
                .unwrap_or(channels),
            _ => channels,
        };
        Ok(Self {
            matrix: principal.vectors.subcols(0, kept).to_owned(),
        })
    }

    /// Number of virtual channels kept.
    pub fn kept(&self) -> usize {
        self.matrix.ncols()
    }

    /// Number of channels it is for.
    pub fn channels(&self) -> usize {
        self.matrix.nrows()
    }

    /// `[channels, samples]` to `[kept, samples]` in place: the virtual channels stand at the beginning of `data`, what
    /// comes after them is of no use any more.
    pub fn apply(&self, data: &mut [Complex32]) {
        let (channels, kept) = (self.channels(), self.kept());
        let samples = data.len() / channels.max(1);
        if samples == 0 {
            return;
        }
        let mut copy = vec![Complex32::ZERO; TOGETHER.min(samples) * (channels + kept)];
        for start in (0..samples).step_by(TOGETHER) {
            let count = TOGETHER.min(samples - start);
            let (source, result) = copy.split_at_mut(count * channels);
            let result = &mut result[..count * kept];
            for (part, channel) in source.chunks_exact_mut(count).zip(data.chunks_exact(samples)) {
                part.copy_from_slice(&channel[start..][..count]);
            }
            matmul_with_conj(
                MatMut::from_column_major_slice_mut(result, count, kept),
                Accum::Replace,
                MatRef::from_column_major_slice(source, count, channels),
                Conj::No,
                self.matrix.as_ref(),
                Conj::No,
                Complex32::ONE,
                Par::Seq,
            );
            for (part, channel) in result.chunks_exact(count).zip(data.chunks_exact_mut(samples)) {
                channel[start..][..count].copy_from_slice(part);
            }
        }
    }
}

/// `D^H D` for samples in rows, channels in columns.
fn gram(data: &[Complex32], channels: usize, samples: usize) -> Mat<Complex64> {
    let data = MatRef::from_column_major_slice(data, samples, channels);
    let mut part = Mat::<Complex32>::zeros(channels, channels);
    let mut sum = Mat::<Complex64>::zeros(channels, channels);
    for start in (0..samples).step_by(BLOCK) {
        let block = data.subrows(start, BLOCK.min(samples - start));
        matmul_with_conj(
            part.as_mut(),
            Accum::Replace,
            block.transpose(),
            Conj::Yes,
            block,
            Conj::No,
            Complex32::ONE,
            Par::Seq,
        );
        for j in 0..channels {
            for i in 0..channels {
                let value = part[(i, j)];
                sum[(i, j)] += Complex64::new(value.re.into(), value.im.into());
            }
        }
    }
    sum
}

fn mean(samples: &[Complex32]) -> Complex64 {
    let sum: Complex64 = samples.iter().map(|z| Complex64::new(z.re.into(), z.im.into())).sum();
    sum / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Three channels that see one signal with these sensitivities.
    fn one_signal(sensitivities: [Complex32; 3]) -> Vec<Complex32> {
        let signal: Vec<_> = (0..500)
            .map(|i| Complex32::from_polar(1.0 + (i % 7) as f32, i as f32))
            .collect();
        sensitivities
            .iter()
            .flat_map(|s| signal.iter().map(move |z| z * s))
            .collect()
    }

    #[test]
    fn one_signal_needs_one_virtual_channel() {
        let sensitivities = [
            Complex32::new(2.0, 0.0),
            Complex32::new(0.0, 1.0),
            Complex32::new(-2.0, 0.0),
        ];
        let data = one_signal(sensitivities);
        let klt = Klt::of(&data, 3, true, Keep::Above(1e-4)).unwrap();
        assert_eq!(klt.kept(), 1);
        let mut virtual_channel = data.clone();
        klt.apply(&mut virtual_channel);
        let energy = |data: &[Complex32]| data.iter().map(|z| f64::from(z.norm_sqr())).sum::<f64>();
        assert!((energy(&virtual_channel[..500]) / energy(&data) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn virtual_channels_take_the_place_of_the_first_ones_in_data_of_any_length() {
        for samples in [1, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 3] {
            let value = |c: usize, i: usize| Complex32::new((c * 7 + i % 13) as f32, (c + i % 5) as f32 - 2.0);
            let data: Vec<_> = (0..3 * samples).map(|i| value(i / samples, i % samples)).collect();
            let klt = Klt::of(&data, 3, false, Keep::Count(2)).unwrap();
            let mut result = data.clone();
            klt.apply(&mut result);
            for k in 0..2 {
                for i in 0..samples {
                    let expected: Complex32 = (0..3).map(|c| data[c * samples + i] * klt.matrix[(c, k)]).sum();
                    assert!((result[k * samples + i] - expected).norm() < 1e-4, "{samples} {k} {i}");
                }
            }
        }
    }

    #[test]
    fn a_constant_does_not_count_when_centred() {
        let mut data = one_signal([Complex32::ONE, Complex32::ZERO, Complex32::ZERO]);
        data[500..1000].fill(Complex32::from(100.0));
        let strongest = |centred| {
            let klt = Klt::of(&data, 3, centred, Keep::Count(1)).unwrap();
            (0..3).max_by(|&a, &b| klt.matrix[(a, 0)].norm().total_cmp(&klt.matrix[(b, 0)].norm()))
        };
        assert_eq!(strongest(true), Some(0));
        assert_eq!(strongest(false), Some(1));
    }

    #[test]
    fn silence_needs_one_virtual_channel() {
        let silence = [Complex32::ZERO; 30];
        assert_eq!(Klt::of(&silence, 3, true, Keep::Above(1e-4)).unwrap().kept(), 1);
    }

    #[test]
    fn numbers_that_are_none_are_an_error() {
        assert!(Klt::of(&[Complex32::new(f32::NAN, 0.0); 6], 2, true, Keep::All).is_err());
    }

    proptest! {
        #[test]
        fn virtual_channels_are_uncorrelated_sorted_and_keep_the_energy(seed in 0_u32..1000, channels in 1_usize..6) {
            let data: Vec<Complex32> = (0..channels as u32 * 100)
                .map(|i| {
                    let phase = (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 977) >> 8) as f32;
                    Complex32::from_polar(1.0 + (i / 100) as f32, phase)
                })
                .collect();
            let klt = Klt::of(&data, channels, false, Keep::All).unwrap();
            let mut result = data.clone();
            klt.apply(&mut result);
            let covariance = gram(&result, channels, 100);
            let total: f64 = data.iter().map(|z| f64::from(z.norm_sqr())).sum();
            let trace: f64 = (0..channels).map(|k| covariance[(k, k)].re).sum();
            prop_assert!((trace / total - 1.0).abs() < 1e-4);
            for i in 0..channels {
                for j in 0..i {
                    prop_assert!(covariance[(i, j)].norm() < 1e-4 * total);
                    prop_assert!(covariance[(i, i)].re <= covariance[(j, j)].re * (1.0 + 1e-4) + 1e-6 * total);
                }
            }
        }
    }
}
