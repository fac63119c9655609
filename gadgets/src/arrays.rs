//! Arrays as plain vectors.

use ndarray::{Array, Dimension};

/// The elements in C order; moved, not copied, when that is how they lie.
pub(crate) fn into_vec<T: Clone, D: Dimension>(array: Array<T, D>) -> Vec<T> {
    if !array.is_standard_layout() {
        return array.iter().cloned().collect();
    }
    let count = array.len();
    let (mut elements, first) = array.into_raw_vec_and_offset();
    if let Some(first @ 1..) = first {
        elements.drain(..first);
    }
    elements.truncate(count);
    elements
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, Slice};

    use super::*;

    #[test]
    fn elements_come_in_c_order_whatever_the_layout() {
        let array = Array2::from_shape_fn((3, 4), |(row, column)| 10 * row + column);
        assert_eq!(into_vec(array.clone())[..5], [0, 1, 2, 3, 10]);
        assert_eq!(into_vec(array.clone().reversed_axes())[..4], [0, 10, 20, 1]);
        let mut rows = array;
        rows.slice_axis_inplace(Axis(0), Slice::from(1..2));
        assert_eq!(into_vec(rows), [10, 11, 12, 13]);
    }
}
