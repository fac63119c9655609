//! Loops for the vectors of the processor that runs them, and complex numbers as such loops like them.

use std::ops::Range;

use num_complex::Complex32;

/// A loop that is worth the widest vectors of the processor: a program for any processor has narrow ones.
///
/// [`run`](Self::run) and what it calls are `#[inline(always)]`, or nothing is gained: closures and other functions are
/// compiled by themselves. Every number stays what it is: operations are neither joined nor reordered.
pub(super) trait Vectorised: Sized {
    /// What comes out.
    type Result;

    /// The loop.
    fn run(self) -> Self::Result;

    /// The loop, compiled for this processor.
    fn vectorised(self) -> Self::Result {
        pulp::Arch::new().dispatch(Work(self))
    }
}

struct Work<T>(T);

impl<T: Vectorised> pulp::NullaryFnOnce for Work<T> {
    type Output = T::Result;

    #[inline(always)]
    fn call(self) -> T::Result {
        self.0.run()
    }
}

/// Complex numbers, real and imaginary parts apart: their products need no shuffling.
#[derive(Clone, Debug)]
pub(super) struct Split<T> {
    pub(super) re: Vec<T>,
    pub(super) im: Vec<T>,
}

impl<T: Copy> Split<T> {
    /// `value` for all parts of `len` numbers.
    pub(super) fn filled(value: T, len: usize) -> Self {
        Self {
            re: vec![value; len],
            im: vec![value; len],
        }
    }

    /// `value` for all parts.
    #[inline(always)]
    pub(super) fn fill(&mut self, value: T) {
        self.re.fill(value);
        self.im.fill(value);
    }
}

impl Split<f32> {
    pub(super) fn of(numbers: &[Complex32]) -> Self {
        let mut split = Self::filled(0.0, numbers.len());
        split.set(numbers);
        split
    }

    /// Takes over as many `numbers`.
    #[inline(always)]
    pub(super) fn set(&mut self, numbers: &[Complex32]) {
        for ((re, im), number) in self.re.iter_mut().zip(&mut self.im).zip(numbers) {
            (*re, *im) = (number.re, number.im);
        }
    }

    pub(super) fn number(&self, index: usize) -> Complex32 {
        Complex32::new(self.re[index], self.im[index])
    }

    #[inline(always)]
    pub(super) fn numbers(&self) -> impl Iterator<Item = Complex32> {
        self.re.iter().zip(&self.im).map(|(re, im)| Complex32::new(*re, *im))
    }

    /// Adds `factor` times what `values` has from `first` on, to this `range`.
    #[inline(always)]
    pub(super) fn add_product(&mut self, range: Range<usize>, factor: Complex32, values: &Self, first: usize) {
        let values = values.re[first..].iter().zip(&values.im[first..]);
        let sums = self.re[range.clone()].iter_mut().zip(&mut self.im[range]);
        for ((re, im), (a, b)) in sums.zip(values) {
            *re += factor.re * a - factor.im * b;
            *im += factor.re * b + factor.im * a;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Product<'a> {
        sum: &'a mut Split<f32>,
        factor: Complex32,
        values: &'a Split<f32>,
    }

    impl Vectorised for Product<'_> {
        type Result = ();

        #[inline(always)]
        fn run(self) {
            let range = 0..self.sum.re.len();
            self.sum.add_product(range, self.factor, self.values, 1);
        }
    }

    #[test]
    fn for_any_processor_the_numbers_are_those_of_complex_arithmetic() {
        for len in [0, 1, 7, 8, 33] {
            let number = |i: usize| Complex32::new(0.1 + i as f32, 1.7 / (1.0 + i as f32));
            let values: Vec<Complex32> = (0..=len).map(number).collect();
            let factor = Complex32::new(0.3, -0.7);
            let expected: Vec<Complex32> = values[1..].iter().map(|value| number(3) + factor * value).collect();
            let before = Split::of(&vec![number(3); len]);
            let values = Split::of(&values);
            let product = |sum| Product {
                sum,
                factor,
                values: &values,
            };
            let (mut vectorised, mut plain) = (before.clone(), before);
            product(&mut vectorised).vectorised();
            product(&mut plain).run();
            assert_eq!(vectorised.numbers().collect::<Vec<_>>(), expected);
            assert_eq!(plain.numbers().collect::<Vec<_>>(), expected);
        }
    }
}
