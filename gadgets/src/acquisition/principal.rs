//! Principal components of the channels of samples.

use faer::Mat;
use ndarray::{Array2, Axis};
use num_complex::Complex64;
use protocol::Complex32;

use crate::{
    numerics::eigen,
    room::{self, NoRoom},
};

/// Samples that have no principal components.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PrincipalError {
    #[error("a readout with {found} channels in a slice with {expected}")]
    Channels { found: usize, expected: usize },
    #[error("samples are infinite or undefined")]
    NotFinite,
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// The principal components of `samples`, shape `[channels, samples]`, about their mean: shape `[component, channel]`, to
/// be multiplied with data `[channel, sample]`, strongest first. The channels of `uncombined` come before them, as they are.
pub(super) fn components(
    samples: Array2<Complex32>,
    uncombined: &[usize],
) -> Result<Array2<Complex32>, PrincipalError> {
    let channels = samples.nrows();
    room::channels(channels)?;
    let alone: Vec<usize> = uncombined
        .iter()
        .copied()
        .filter(|channel| *channel < channels)
        .collect();
    let combined: Vec<usize> = (0..channels).filter(|channel| !alone.contains(channel)).collect();
    let covariance = covariance(&samples.select(Axis(0), &combined));
    let mut components = Array2::zeros((channels, channels));
    for (component, channel) in alone.iter().enumerate() {
        components[[component, *channel]] = Complex32::ONE;
    }
    let count = combined.len();
    if count == 0 {
        return Ok(components);
    }
    let matrix = Mat::from_fn(count, count, |i, j| covariance[[i, j]]);
    let vectors = eigen::principal(&matrix)
        .map_err(|_| PrincipalError::NotFinite)?
        .vectors;
    for component in 0..count {
        for (place, channel) in combined.iter().enumerate() {
            components[[alone.len() + component, *channel]] = vectors[(place, component)];
        }
    }
    Ok(components)
}

/// `[i, j]` is the sum of `conj(sample of i) * sample of j`, the means taken off.
fn covariance(samples: &Array2<Complex32>) -> Array2<Complex64> {
    let mut samples = samples.mapv(|z| Complex64::new(z.re.into(), z.im.into()));
    for mut row in samples.rows_mut() {
        let mean = row.sum() / row.len().max(1) as f64;
        row.mapv_inplace(|value| value - mean);
    }
    samples.mapv(|value| value.conj()).dot(&samples.t())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn components_are_orthonormal_uncorrelated_and_sorted_by_power() {
        let samples = Array2::from_shape_fn((5, 400), |(c, s)| {
            (0..=c)
                .map(|i| noise(3, i, s) * Complex32::from_polar(1.0 + i as f32, (c * i) as f32))
                .sum()
        });
        let components = components(samples.clone(), &[]).unwrap();
        let unit = components.dot(&components.t().mapv(|z| z.conj()));
        for ((i, j), value) in unit.indexed_iter() {
            assert!((value - Complex32::from(f32::from(u8::from(i == j)))).norm() < 1e-5);
        }
        let covariance = covariance(&components.dot(&samples));
        let powers: Vec<f64> = covariance.diag().iter().map(|value| value.re).collect();
        assert!(powers.is_sorted_by(|a, b| a >= b), "{powers:?}");
        for ((i, j), value) in covariance.indexed_iter() {
            assert!(i == j || value.norm() < 1e-4 * powers[0], "[{i}, {j}] = {value}");
        }
    }

    #[test]
    fn uncombined_channels_come_first_and_stay_themselves() {
        let samples = Array2::from_shape_fn((4, 50), |(c, s)| noise(9, c, s));
        let components = components(samples, &[2, 7]).unwrap();
        let first: Vec<_> = components.row(0).to_vec();
        assert_eq!(
            first,
            [Complex32::ZERO, Complex32::ZERO, Complex32::ONE, Complex32::ZERO]
        );
        assert!(
            components
                .column(2)
                .iter()
                .skip(1)
                .all(|value| *value == Complex32::ZERO)
        );
    }

    #[test]
    fn undefined_samples_are_an_error() {
        let samples = Array2::from_elem((2, 3), Complex32::new(f32::NAN, 0.0));
        assert_eq!(components(samples, &[]).unwrap_err(), PrincipalError::NotFinite);
    }
}
