use ndarray::Array3;
use num_complex::Complex64;
use proptest::prelude::*;

use super::*;

/// The definition, in double precision: `sum_n x[n] exp(-+ 2 pi i (n - N/2) (k - N/2) / N) / sqrt(N)` on each axis.
fn direct(data: &[Complex32], shape: &[usize], direction: Direction, origin: fn(usize) -> usize) -> Vec<Complex32> {
    let mut data: Vec<Complex64> = data.iter().map(|z| Complex64::new(z.re.into(), z.im.into())).collect();
    let sign = if direction == Direction::Forward { -1.0 } else { 1.0 };
    for axis in 0..shape.len() {
        let (length, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        for plane in data.chunks_exact_mut(length * inner) {
            let source = plane.to_vec();
            for (index, target) in plane.iter_mut().enumerate() {
                let (k, column) = (index / inner, index % inner);
                *target = (0..length)
                    .map(|n| {
                        let turns = (n as f64 - origin(length) as f64) * (k as f64 - origin(length) as f64);
                        let phase = sign * std::f64::consts::TAU * turns / length as f64;
                        source[n * inner + column] * Complex64::cis(phase)
                    })
                    .sum::<Complex64>()
                    / (length as f64).sqrt();
            }
        }
    }
    data.iter().map(|z| Complex32::new(z.re as f32, z.im as f32)).collect()
}

fn samples(count: usize) -> Vec<Complex32> {
    (0..count)
        .map(|i| Complex32::new((i as f32 * 0.7).sin(), (i as f32 * 1.3 + 0.4).cos()))
        .collect()
}

fn assert_close(found: &[Complex32], expected: &[Complex32]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).norm() < 2e-5,
            "{index}: {found} instead of {expected}"
        );
    }
}

#[test]
fn agrees_with_the_definition_for_even_and_odd_sizes() {
    let shapes: [&[usize]; 11] = [
        &[1],
        &[2],
        &[7],
        &[16],
        &[30],
        &[1, 9],
        &[9, 1],
        &[5, 8],
        &[40, 37],
        &[3, 4, 5],
        &[4, 1, 6],
    ];
    for shape in shapes {
        for direction in [Direction::Forward, Direction::Inverse] {
            // Three blocks: the batch is part of the promise.
            let block: usize = shape.iter().product();
            let source = samples(3 * block);
            let expected: Vec<_> = source
                .chunks(block)
                .flat_map(|block| direct(block, shape, direction, |length| length / 2))
                .collect();
            let mut data = source.clone();
            centred(&mut data, shape, direction);
            assert_close(&data, &expected);
            let mut data = source.clone();
            centred_parallel(&mut data, shape, direction);
            assert_close(&data, &expected);
            let mut data = source.clone();
            plain(&mut data, shape, direction);
            let expected: Vec<_> = source
                .chunks(block)
                .flat_map(|block| direct(block, shape, direction, |_| 0))
                .collect();
            assert_close(&data, &expected);
        }
    }
}

#[test]
fn axis_by_axis_is_the_whole_transform() {
    let shape = [6, 5, 9];
    let mut whole = samples(2 * 6 * 5 * 9);
    let mut steps = whole.clone();
    centred(&mut whole, &shape, Direction::Forward);
    for axis in 0..3 {
        centred_along(&mut steps, &shape, axis, Direction::Forward);
    }
    assert_close(&steps, &whole);
}

#[test]
fn a_constant_becomes_a_peak_at_the_middle() {
    for length in [8, 9] {
        let mut data = vec![Complex32::ONE; length];
        centred(&mut data, &[length], Direction::Forward);
        let mut expected = vec![Complex32::ZERO; length];
        expected[length / 2] = Complex32::from((length as f32).sqrt());
        assert_close(&data, &expected);
    }
}

#[test]
fn arrays_of_any_layout_are_transformed() {
    let array = Array3::from_shape_vec((2, 4, 3), samples(24)).unwrap();
    let mut standard = array.clone();
    centred_array(&mut standard, 2, Direction::Inverse);
    let mut permuted = array.permuted_axes([1, 2, 0]).as_standard_layout().into_owned();
    let mut view = permuted.view_mut().permuted_axes([2, 0, 1]);
    centred_array(&mut view, 2, Direction::Inverse);
    assert_close(&view.iter().copied().collect::<Vec<_>>(), standard.as_slice().unwrap());
}

#[test]
fn nothing_is_transformed_into_nothing() {
    centred(&mut [], &[0, 4], Direction::Forward);
    centred(&mut [], &[3], Direction::Forward);
    centred_parallel(&mut [], &[3], Direction::Forward);
}

proptest! {
    #[test]
    fn forth_and_back_is_the_identity_and_keeps_the_energy(rows in 1_usize..20, columns in 1_usize..40) {
        let source = samples(rows * columns);
        let mut data = source.clone();
        centred(&mut data, &[rows, columns], Direction::Forward);
        let energy = |data: &[Complex32]| data.iter().map(|z| f64::from(z.norm_sqr())).sum::<f64>();
        prop_assert!((energy(&data) / energy(&source) - 1.0).abs() < 1e-5);
        centred(&mut data, &[rows, columns], Direction::Inverse);
        for (found, expected) in data.iter().zip(&source) {
            prop_assert!((found - expected).norm() < 1e-5);
        }
    }
}
