//! The meta attributes that say how k-space of an image array was sampled.

use protocol::{ImageArray, Meta};

use crate::numerics::frames::Extent;

/// Attributes with first, central and last sample, readout, E1 and E2.
pub(super) const SAMPLING_LIMITS: [&str; 3] = ["sampling_limits_RO", "sampling_limits_E1", "sampling_limits_E2"];

/// Attributes of the first image, which stand for all of the array.
pub(super) fn of_array(array: &ImageArray) -> Option<&Meta> {
    array.meta.first()
}

/// The numbers of an attribute; `None` unless there are exactly so many.
pub(super) fn numbers<const N: usize>(meta: &Meta, name: &str) -> Option<[f64; N]> {
    let values: Vec<f64> = meta
        .values(name)
        .iter()
        .map_while(|text| text.trim().parse().ok())
        .collect();
    values.try_into().ok()
}

/// Number of the encoding space.
pub(super) fn encoding(meta: &Meta) -> usize {
    meta.integer("encoding")
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(0)
}

/// First and last sample measured along readout, E1 and E2; the whole dimension where nothing (possible) is said.
pub(super) fn sampled(meta: &Meta, extent: Extent) -> [[usize; 2]; 3] {
    let sizes = extent.sizes();
    std::array::from_fn(|d| {
        let whole = [0, sizes[d].saturating_sub(1)];
        match numbers(meta, SAMPLING_LIMITS[d]) {
            Some([min, _, max]) if 0.0 <= min && min <= max && max < sizes[d] as f64 => [min as usize, max as usize],
            _ => whole,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_be_are_the_whole_dimension() {
        let mut meta = Meta::new();
        for (name, values) in [("sampling_limits_RO", [4, 8, 15]), ("sampling_limits_E1", [0, 8, 16])] {
            values.iter().for_each(|value| meta.append(name, *value as i64));
        }
        assert_eq!(
            sampled(&meta, Extent { ro: 16, e1: 16, e2: 3 }),
            [[4, 15], [0, 15], [0, 2]]
        );
    }
}
