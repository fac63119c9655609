//! Principal components of a covariance matrix.

use faer::{Mat, Side};
use num_complex::{Complex32, Complex64};

/// Eigenvalues and eigenvectors, the largest eigenvalue first.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// Never negative.
    pub(crate) energies: Vec<f64>,
    /// Columns of length one; the first element of each is real and not negative.
    pub(crate) vectors: Mat<Complex32>,
}

/// The matrix has no eigenvectors in floating point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the matrix has elements that are infinite or undefined")]
pub(crate) struct NotFinite;

/// Eigenvectors of a Hermitian matrix that is not negative, of which the lower half is read.
///
/// An eigenvector is known but for a phase, and that phase is seen: the power iteration of Inati's coil maps starts with
/// plain sums of the channels, so where no coil sees anything the combined noise depends on it. Libraries choose it each in
/// their own way. Here the first element is real, which makes results independent of the library and is what LAPACK's
/// singular value decomposition, and with it the original, arrives at.
pub(crate) fn principal(matrix: &Mat<Complex64>) -> Result<Principal, NotFinite> {
    let count = matrix.ncols();
    let eigen = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| NotFinite)?;
    // The library sorts ascending.
    let last = count.saturating_sub(1);
    let energies = (0..count).map(|k| eigen.S()[last - k].re.max(0.0)).collect();
    let vectors = Mat::from_fn(count, count, |i, k| {
        let column = eigen.U().col(last - k);
        let size = column[0].norm();
        let turn = if size > 0.0 {
            column[0].conj() / size
        } else {
            Complex64::ONE
        };
        let value = column[i] * turn;
        Complex32::new(value.re as f32, value.im as f32)
    });
    match (0..count).all(|k| vectors.col(k).iter().all(|value| value.is_finite())) {
        true => Ok(Principal { energies, vectors }),
        false => Err(NotFinite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_of_each_vector_is_real() {
        let z = |re, im| Complex64::new(re, im);
        let matrix = Mat::from_fn(2, 2, |i, j| match (i, j) {
            (0, 0) => z(3.0, 0.0),
            (1, 1) => z(3.0, 0.0),
            (1, 0) => z(0.0, 2.0),
            _ => z(0.0, -2.0),
        });
        // By hand: the eigenvalues are 5 and 1, their vectors (1, i) and (1, -i) over the root of 2.
        let found = principal(&matrix).unwrap();
        assert!((found.energies[0] - 5.0).abs() < 1e-12 && (found.energies[1] - 1.0).abs() < 1e-12);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        for (k, sign) in [1.0, -1.0].into_iter().enumerate() {
            assert!((found.vectors[(0, k)] - Complex32::new(half, 0.0)).norm() < 1e-6);
            assert!((found.vectors[(1, k)] - Complex32::new(0.0, sign * half)).norm() < 1e-6);
        }
    }

    #[test]
    fn an_undefined_element_is_an_error() {
        let matrix = Mat::from_fn(2, 2, |_, _| Complex64::new(f64::NAN, 0.0));
        assert_eq!(principal(&matrix).unwrap_err(), NotFinite);
    }
}
