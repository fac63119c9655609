//! Noise whitening: from noise readouts to a covariance, from a covariance to the matrix that makes noise white.

use std::collections::{HashMap, VecDeque};

use ndarray::Array2;
use num_complex::Complex64;
use protocol::{Acquisition, Complex32};

use super::sfndam::NoiseCovariance;
use crate::room::{self, NoRoom};

/// Bandwidth of the receivers' noise relative to the sampling's, where the header does not say.
pub(super) const DEFAULT_NOISE_BANDWIDTH: f32 = 0.793;

/// Noise that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoiseError {
    #[error("a noise readout with {found} channels after some with {expected}")]
    Channels { found: usize, expected: usize },
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error("the noise of channel {channel} is zero, undefined, or made of the other channels' noise")]
    Degenerate { channel: usize },
}

/// Noise readouts, summed up.
#[derive(Clone, Debug, Default)]
pub(super) struct NoiseSum {
    /// Upper triangle of the sum of `conj(noise of i) * noise of j`.
    products: Array2<Complex64>,
    samples: u64,
    dwell_time_us: f32,
}

impl NoiseSum {
    pub(super) fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// The number of channels, once there is something.
    pub(super) fn channels(&self) -> Option<usize> {
        (!self.is_empty()).then(|| self.products.nrows())
    }

    /// Adds a readout; where it has other channels than those before, they are forgotten.
    pub(super) fn add_or_begin_anew(&mut self, readout: &Acquisition) -> Result<(), NoiseError> {
        if self.channels().is_some_and(|channels| channels != readout.data.nrows()) {
            *self = Self::default();
        }
        self.add(readout)
    }

    /// Adds a readout. The first dwell time counts.
    pub(super) fn add(&mut self, readout: &Acquisition) -> Result<(), NoiseError> {
        let channels = readout.data.nrows();
        if self.is_empty() {
            room::channels(channels)?;
            self.products = Array2::zeros((channels, channels));
        }
        if self.products.nrows() != channels {
            return Err(NoiseError::Channels {
                found: channels,
                expected: self.products.nrows(),
            });
        }
        if self.dwell_time_us == 0.0 {
            self.dwell_time_us = readout.header.sample_time_us;
        }
        for (i, first) in readout.data.rows().into_iter().enumerate() {
            for (j, second) in readout.data.rows().into_iter().enumerate().skip(i) {
                self.products[[i, j]] += first
                    .iter()
                    .zip(second)
                    .map(|(a, b)| double(*a).conj() * double(*b))
                    .sum::<Complex64>();
            }
        }
        self.samples += readout.data.ncols() as u64;
        Ok(())
    }

    /// The covariance; `fallback_dwell_us` is the dwell time when the readouts do not give one.
    pub(super) fn covariance(&self, labels: Vec<String>, bandwidth: f32, fallback_dwell_us: f32) -> NoiseCovariance {
        let divisor = self.samples.saturating_sub(1).max(1) as f64;
        NoiseCovariance {
            matrix: Array2::from_shape_fn(self.products.dim(), |(i, j)| match i <= j {
                true => self.products[[i, j]] / divisor,
                false => self.products[[j, i]].conj() / divisor,
            }),
            labels,
            sample_count: self.samples,
            dwell_time_us: if self.dwell_time_us == 0.0 {
                fallback_dwell_us
            } else {
                self.dwell_time_us
            },
            receiver_noise_bandwidth: bandwidth,
        }
    }
}

fn double(value: Complex32) -> Complex64 {
    Complex64::new(value.re.into(), value.im.into())
}

/// Makes the noise of readouts white, with unit variance.
#[derive(Debug)]
pub(super) struct Whitener {
    /// `[j, i]`: how much of channel i goes into channel j.
    matrix: Array2<Complex64>,
    noise_dwell_us: f32,
    bandwidth: f32,
    /// The matrix as it is applied, and the dwell time it is made for.
    scaled: Option<(f32, Array2<Complex32>)>,
}

impl Whitener {
    /// `alone`: channels that are scaled and not mixed with others.
    pub(super) fn new(covariance: &NoiseCovariance, bandwidth: f32, alone: &[usize]) -> Result<Self, NoiseError> {
        room::channels(covariance.matrix.nrows())?;
        let mut matrix = covariance.matrix.clone();
        for ((i, j), value) in matrix.indexed_iter_mut() {
            if i != j && (alone.contains(&i) || alone.contains(&j)) {
                *value = Complex64::ZERO;
            }
        }
        Ok(Self {
            matrix: whitening_matrix(&matrix)?,
            noise_dwell_us: covariance.dwell_time_us,
            bandwidth,
            scaled: None,
        })
    }

    /// Channels it is made for.
    pub(super) fn channels(&self) -> usize {
        self.matrix.nrows()
    }

    /// Whitens a readout that has as many channels.
    pub(super) fn apply(&mut self, readout: &mut Acquisition) {
        let dwell = readout.header.sample_time_us;
        let scaled = match &mut self.scaled {
            Some((made_for, scaled)) if *made_for == dwell => scaled,
            outdated => {
                let scale = f64::from(scale(dwell, self.noise_dwell_us, self.bandwidth));
                let scaled = self.matrix.mapv(|w| {
                    let w = w * scale;
                    Complex32::new(w.re as f32, w.im as f32)
                });
                &mut outdated.insert((dwell, scaled)).1
            }
        };
        readout.data = scaled.dot(&readout.data);
    }
}

/// The noise of a readout has this much less variance than that of the noise scan.
fn scale(dwell_us: f32, noise_dwell_us: f32, bandwidth: f32) -> f32 {
    if dwell_us == 0.0 || noise_dwell_us == 0.0 {
        1.0
    } else {
        (2.0 * dwell_us / noise_dwell_us * bandwidth).sqrt()
    }
}

/// The transpose of the inverse of R, where the covariance is `R^H R` with R upper triangular; the identity for a
/// covariance of zeros.
fn whitening_matrix(covariance: &Array2<Complex64>) -> Result<Array2<Complex64>, NoiseError> {
    let channels = covariance.nrows();
    if covariance.iter().all(|value| *value == Complex64::ZERO) {
        return Ok(Array2::from_diag_elem(channels, Complex64::ONE));
    }
    // Cholesky: lower = R^H, row after row.
    let mut lower = Array2::<Complex64>::zeros((channels, channels));
    for i in 0..channels {
        for j in 0..=i {
            let known: Complex64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]].conj()).sum();
            // C = L L^H, and C[i, j] of the lower triangle is conj(C[j, i]).
            let rest = covariance[[j, i]].conj() - known;
            lower[[i, j]] = if i == j {
                // Also false for what is undefined.
                if rest.re > 0.0 && rest.re.is_finite() {
                    Complex64::from(rest.re.sqrt())
                } else {
                    return Err(NoiseError::Degenerate { channel: i });
                }
            } else {
                rest / lower[[j, j]]
            };
        }
    }
    // Column after column of the inverse of L; then R^-1 = (L^-1)^H, and its transpose is conj(L^-1).
    let mut inverse = Array2::<Complex64>::zeros((channels, channels));
    for column in 0..channels {
        for row in column..channels {
            let known: Complex64 = (column..row).map(|k| lower[[row, k]] * inverse[[k, column]]).sum();
            let unit = if row == column { Complex64::ONE } else { Complex64::ZERO };
            inverse[[row, column]] = (unit - known) / lower[[row, row]];
        }
    }
    Ok(inverse.mapv(|value| value.conj()))
}

/// For each of `wanted`, its place in `have`; `None` when they are not the same names. A name that occurs twice is taken
/// in order.
pub(super) fn reordering(have: &[String], wanted: &[String]) -> Option<Vec<usize>> {
    let mut free: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (place, name) in have.iter().enumerate() {
        free.entry(name).or_default().push_back(place);
    }
    let order = wanted.iter().map(|name| free.get_mut(name.as_str())?.pop_front());
    match have.len() == wanted.len() {
        true => order.collect(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{noise, readout};

    /// Noise in which channel c is mixed from the white noise of the channels up to it.
    fn mixed(seed: u64, channels: usize, samples: usize) -> Acquisition {
        readout(channels, samples, |c, s| {
            (0..=c)
                .map(|i| noise(seed, i, s) * Complex32::from_polar(1.0 + i as f32, c as f32))
                .sum()
        })
    }

    #[test]
    fn whitened_noise_is_white() {
        let mut sum = NoiseSum::default();
        for seed in 0..4 {
            sum.add(&mixed(seed, 5, 300)).unwrap();
        }
        let covariance = sum.covariance(Vec::new(), 0.5, 0.0);
        assert_eq!((covariance.sample_count, covariance.dwell_time_us), (1200, 5.0));
        // Equal dwell times and half the bandwidth: the scale is 1.
        let mut whitener = Whitener::new(&covariance, 0.5, &[]).unwrap();
        let mut white = NoiseSum::default();
        for seed in 0..4 {
            let mut noise = mixed(seed, 5, 300);
            whitener.apply(&mut noise);
            white.add(&noise).unwrap();
        }
        let white = white.covariance(Vec::new(), 0.5, 0.0).matrix;
        for ((i, j), value) in white.indexed_iter() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((value - expected).norm() < 1e-4, "[{i}, {j}] = {value}");
        }
    }

    #[test]
    fn the_scale_follows_each_readouts_dwell_time() {
        assert_eq!(scale(10.0, 5.0, 0.793), (2.0_f32 * 10.0 / 5.0 * 0.793).sqrt());
        assert_eq!((scale(0.0, 5.0, 0.793), scale(5.0, 0.0, 0.793)), (1.0, 1.0));
        let covariance = NoiseCovariance {
            matrix: Array2::from_diag_elem(1, Complex64::ONE),
            labels: Vec::new(),
            sample_count: 1,
            dwell_time_us: 5.0,
            receiver_noise_bandwidth: 0.5,
        };
        let mut whitener = Whitener::new(&covariance, 0.5, &[]).unwrap();
        for (dwell, expected) in [(5.0, 1.0), (20.0, 2.0), (5.0, 1.0)] {
            let mut acquisition = readout(1, 2, |_, _| Complex32::ONE);
            acquisition.header.sample_time_us = dwell;
            whitener.apply(&mut acquisition);
            assert_eq!(acquisition.data[[0, 1]], Complex32::from(expected));
        }
    }

    #[test]
    fn channels_that_stand_alone_are_scaled_and_not_mixed() {
        let mut sum = NoiseSum::default();
        sum.add(&mixed(1, 3, 200)).unwrap();
        let covariance = sum.covariance(Vec::new(), 0.5, 0.0);
        let matrix = Whitener::new(&covariance, 0.5, &[1]).unwrap().matrix;
        for other in [0, 2] {
            assert_eq!(
                (matrix[[1, other]], matrix[[other, 1]]),
                (Complex64::ZERO, Complex64::ZERO)
            );
        }
        assert!((matrix[[1, 1]].re - 1.0 / covariance.matrix[[1, 1]].re.sqrt()).abs() < 1e-12);
        assert_ne!(matrix[[2, 0]], Complex64::ZERO);
    }

    #[test]
    fn silence_is_left_alone_and_a_dead_channel_is_an_error() {
        let mut silence = NoiseSum::default();
        silence.add(&readout(2, 8, |_, _| Complex32::ZERO)).unwrap();
        let matrix = Whitener::new(&silence.covariance(Vec::new(), 0.5, 0.0), 0.5, &[])
            .unwrap()
            .matrix;
        assert_eq!(matrix, Array2::from_diag_elem(2, Complex64::ONE));
        let mut dead = NoiseSum::default();
        dead.add(&readout(2, 8, |c, s| noise(1, c, s) * (1 - c) as f32))
            .unwrap();
        let error = Whitener::new(&dead.covariance(Vec::new(), 0.5, 0.0), 0.5, &[]).unwrap_err();
        assert_eq!(error, NoiseError::Degenerate { channel: 1 });
    }

    #[test]
    fn names_are_matched_in_any_order_and_twice_in_turn() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(reordering(&names("a b c"), &names("c a b")), Some(vec![2, 0, 1]));
        assert_eq!(reordering(&names("a a b"), &names("b a a")), Some(vec![2, 0, 1]));
        assert_eq!(reordering(&names("a b"), &names("a c")), None);
        assert_eq!(reordering(&names("a b"), &names("a")), None);
    }
}
