//! Linear systems with more equations than unknowns, regularised after Tikhonov.

use faer::{
    Accum, Conj, Mat, MatRef, Par, Side,
    linalg::{
        matmul::{matmul_with_conj, triangular},
        solvers::Solve,
    },
};
use num_complex::{Complex32, Complex64};

use super::vectors::Vectorised;

/// So many rows are summed in single precision, the sums of them in double: a g-factor map shows the rounding of long sums,
/// in those combinations of channels that the data hardly determine.
const SINGLE: usize = 32;

/// The normal equations of `A x = B`, gathered block of rows by block of rows: `A` itself is never in memory as a whole.
#[derive(Clone, Debug)]
pub struct NormalEquations {
    /// `A^H A`, lower triangle.
    left: Mat<Complex64>,
    /// `A^H B`.
    right: Mat<Complex64>,
}

/// The normal equations have no solution in floating point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calibration data determine no kernel: they are zero or not finite")]
pub struct Unsolvable;

impl NormalEquations {
    /// No equations yet, for `unknowns` unknowns of each of `columns` right hand sides.
    pub fn new(unknowns: usize, columns: usize) -> Self {
        Self {
            left: Mat::zeros(unknowns, unknowns),
            right: Mat::zeros(unknowns, columns),
        }
    }

    /// Adds `rows` equations: `a` is `[unknowns, rows]`, `b` is `[columns, rows]` (the rows are fastest in memory).
    pub fn add(&mut self, a: &[Complex32], b: &[Complex32], rows: usize) {
        use faer::linalg::matmul::triangular::BlockStructure::{Rectangular, TriangularLower};
        let (unknowns, columns) = (self.left.nrows(), self.right.ncols());
        let a = MatRef::from_column_major_slice(a, rows, unknowns);
        let b = MatRef::from_column_major_slice(b, rows, columns);
        let mut left = Mat::<Complex32>::zeros(unknowns, unknowns);
        let mut right = Mat::<Complex32>::zeros(unknowns, columns);
        for start in (0..rows).step_by(SINGLE) {
            let count = SINGLE.min(rows - start);
            let (a, b) = (a.subrows(start, count), b.subrows(start, count));
            triangular::matmul_with_conj(
                left.as_mut(),
                TriangularLower,
                Accum::Replace,
                a.transpose(),
                Rectangular,
                Conj::Yes,
                a,
                Rectangular,
                Conj::No,
                Complex32::ONE,
                Par::Seq,
            );
            matmul_with_conj(
                right.as_mut(),
                Accum::Replace,
                a.transpose(),
                Conj::Yes,
                b,
                Conj::No,
                Complex32::ONE,
                Par::Seq,
            );
            Add(&mut self.left, &left).vectorised();
            Add(&mut self.right, &right).vectorised();
        }
    }

    /// The equations of both.
    pub fn merge(mut self, other: &Self) -> Self {
        self.left += &other.left;
        self.right += &other.right;
        self
    }

    /// The solution `[columns, unknowns]` (the unknowns are fastest in memory) of
    /// `(A^H A + lambda * trace(A^H A) / unknowns) x = A^H B`.
    pub fn solve(&self, lambda: f64) -> Result<Vec<Complex32>, Unsolvable> {
        let unknowns = self.left.nrows();
        let trace: f64 = (0..unknowns).map(|i| self.left[(i, i)].norm()).sum();
        if trace.is_nan() || trace <= 0.0 {
            return Err(Unsolvable);
        }
        let ridge = lambda * trace / unknowns as f64;
        let left = Mat::from_fn(unknowns, unknowns, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Equal => Complex64::from(self.left[(i, i)].norm() + ridge),
            std::cmp::Ordering::Greater => self.left[(i, j)],
            std::cmp::Ordering::Less => self.left[(j, i)].conj(),
        });
        let solution = match left.llt(Side::Lower) {
            Ok(factors) => factors.solve(&self.right),
            // Not positive definite: without regularisation, when channels are zero or equal.
            Err(_) => left.lblt(Side::Lower).solve(&self.right),
        };
        let mut result = Vec::with_capacity(unknowns * solution.ncols());
        for column in solution.col_iter() {
            result.extend(column.iter().map(|z| Complex32::new(z.re as f32, z.im as f32)));
        }
        match result.iter().all(|z| z.is_finite()) {
            true => Ok(result),
            false => Err(Unsolvable),
        }
    }
}

/// Adds to the totals.
struct Add<'a>(&'a mut Mat<Complex64>, &'a Mat<Complex32>);

impl Vectorised for Add<'_> {
    type Result = ();

    #[inline(always)]
    fn run(self) {
        let Self(totals, sums) = self;
        for column in 0..sums.ncols() {
            let (totals, sums) = (totals.col_as_slice_mut(column), sums.col_as_slice(column));
            for (total, sum) in totals.iter_mut().zip(sums) {
                total.re += f64::from(sum.re);
                total.im += f64::from(sum.im);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<Complex32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| Complex32::new(next(), next())).collect()
    }

    #[test]
    fn a_consistent_system_gives_its_solution_also_in_blocks() {
        let (rows, unknowns, columns) = (40, 7, 2);
        let (a, x) = (noise(unknowns * rows, 1), noise(columns * unknowns, 2));
        let mut b = vec![Complex32::ZERO; columns * rows];
        for column in 0..columns {
            for row in 0..rows {
                b[column * rows + row] = (0..unknowns)
                    .map(|k| a[k * rows + row] * x[column * unknowns + k])
                    .sum();
            }
        }
        let part = |m: &[Complex32], range: std::ops::Range<usize>| -> Vec<Complex32> {
            m.chunks(rows)
                .flat_map(|column| &column[range.clone()])
                .copied()
                .collect()
        };
        let mut first = NormalEquations::new(unknowns, columns);
        first.add(&part(&a, 0..15), &part(&b, 0..15), 15);
        let mut second = NormalEquations::new(unknowns, columns);
        second.add(&part(&a, 15..40), &part(&b, 15..40), 25);
        let solution = first.merge(&second).solve(0.0).unwrap();
        for (found, expected) in solution.iter().zip(&x) {
            assert!((found - expected).norm() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn long_sums_of_channels_that_are_nearly_equal_lose_nothing_to_rounding() {
        let (rows, unknowns) = (20_000, 4);
        let (common, own) = (noise(rows, 3), noise(unknowns * rows, 4));
        let pairs = common.iter().cycle().zip(&own);
        let a: Vec<_> = pairs.map(|(common, own)| common + own * 0.02).collect();
        let b = noise(rows, 5);
        let mut equations = NormalEquations::new(unknowns, 1);
        equations.add(&a, &b, rows);
        // The same equations with sums in double precision throughout.
        let wide = |z: &Complex32| Complex64::new(z.re.into(), z.im.into());
        let product = |x: &[Complex32], y: &[Complex32]| -> Complex64 {
            x.iter().zip(y).map(|(x, y)| wide(x).conj() * wide(y)).sum()
        };
        let column = |index: usize| &a[index * rows..][..rows];
        let exact = NormalEquations {
            left: Mat::from_fn(unknowns, unknowns, |i, j| product(column(i), column(j))),
            right: Mat::from_fn(unknowns, 1, |i, _| product(column(i), &b)),
        };
        for (found, expected) in equations.solve(0.0).unwrap().iter().zip(exact.solve(0.0).unwrap()) {
            let error = (found - expected).norm() / expected.norm();
            assert!(error < 3e-5, "{found} instead of {expected}: {error:e}");
        }
    }

    #[test]
    fn one_unknown_is_shrunk_by_the_regularisation() {
        let mut equations = NormalEquations::new(1, 1);
        equations.add(&[Complex32::new(0.0, 2.0)], &[Complex32::from(4.0)], 1);
        let solution = equations.solve(0.25).unwrap();
        // conj(2i) * 4 / (4 + 0.25 * 4)
        assert!((solution[0] - Complex32::new(0.0, -1.6)).norm() < 1e-6);
    }

    #[test]
    fn a_channel_of_zeros_does_no_harm() {
        let rows = 6;
        let mut a = noise(2 * rows, 3);
        a[rows..].fill(Complex32::ZERO);
        let b: Vec<_> = a[..rows].iter().map(|z| z * 3.0).collect();
        let mut equations = NormalEquations::new(2, 1);
        equations.add(&a, &b, rows);
        let solution = equations.solve(1e-6).unwrap();
        assert!((solution[0] - Complex32::from(3.0)).norm() < 1e-4 && solution[1].norm() < 1e-4);
    }

    #[test]
    fn nothing_but_zeros_is_an_error() {
        let mut equations = NormalEquations::new(2, 1);
        equations.add(&[Complex32::ZERO; 6], &[Complex32::ZERO; 3], 3);
        assert_eq!(equations.solve(5e-4), Err(Unsolvable));
    }
}
