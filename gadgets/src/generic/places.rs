//! Which frame of calibration data serves which frame of data: that with the same numbers, wherever it lies.

use ndarray::{ArrayD, Axis};
use protocol::{AcquisitionHeader, EncodingCounters};

use crate::numerics::frames::Dims;

/// What k-space can be sorted along, slices first: where two grow together, the first is taken.
const COUNTERS: [fn(&EncodingCounters) -> u16; 7] = [
    |idx| idx.slice,
    |idx| idx.repetition,
    |idx| idx.phase,
    |idx| idx.contrast,
    |idx| idx.set,
    |idx| idx.average,
    |idx| idx.segment,
];

/// The counters of what lies at each place along N, S and LOC.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places([Vec<EncodingCounters>; 3]);

impl Places {
    /// Those of k-space whose readouts have these headers `[LOC, S, N, E2, E1]`. A place says what its first readout says;
    /// where nothing was measured, all numbers are 0.
    pub(super) fn of(headers: &ArrayD<AcquisitionHeader>) -> Self {
        let unmeasured = AcquisitionHeader::default();
        let along = |axis: usize| {
            let places = headers.axis_iter(Axis(axis));
            let first = places.map(|place| place.iter().find(|header| **header != unmeasured).copied());
            first.map(|header| header.unwrap_or_default().idx).collect()
        };
        match headers.ndim() {
            5 => Self([2, 1, 0].map(along)),
            _ => Self::default(),
        }
    }

    /// For every frame of `data`, which lies at the places `of_data`, the frame of calibration data with these sizes that
    /// serves it: that with the same numbers, otherwise with the last numbers before, or the first. One place serves all;
    /// where nothing tells places apart, they are counted.
    pub(super) fn serving(&self, calibration: Dims, of_data: &Self, data: Dims) -> Vec<usize> {
        let sizes = [
            (calibration.n, data.n),
            (calibration.s, data.s),
            (calibration.loc, data.loc),
        ];
        let along: [Vec<usize>; 3] = std::array::from_fn(|axis| {
            let (own, wanted) = sizes[axis];
            serving(&self.0[axis], own, &of_data.0[axis], wanted)
        });
        let frames = 0..data.frames();
        let serving = frames.map(|frame| {
            let [n, s, loc] = data.position(frame);
            calibration.frame_at(along[0][n], along[1][s], along[2][loc])
        });
        serving.collect()
    }

    /// For every frame of k-space with these sizes, itself: what [`Places::serving`] gives for data that calibrate themselves.
    pub(super) fn own(dims: Dims) -> Vec<usize> {
        (0..dims.frames()).collect()
    }
}

/// For each of `wanted` places along one axis, which of the `own` ones serves it.
fn serving(own_counters: &[EncodingCounters], own: usize, counters: &[EncodingCounters], wanted: usize) -> Vec<usize> {
    let rising = |counter: &&fn(&EncodingCounters) -> u16| {
        let numbers = own_counters.iter().map(**counter);
        numbers.is_sorted_by(|one, next| one < next)
    };
    let known = own > 1 && own_counters.len() == own && counters.len() == wanted;
    match COUNTERS.iter().find(rising).filter(|_| known) {
        Some(number) => {
            let not_after =
                |place: &EncodingCounters| own_counters.partition_point(|known| number(known) <= number(place));
            counters
                .iter()
                .map(|place| not_after(place).saturating_sub(1))
                .collect()
        }
        None => (0..wanted).map(|place| place.min(own.saturating_sub(1))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::frames::Extent;

    /// Headers `[LOC, S, N, 1, 2]`, whose first line was not measured.
    fn places(slices: &[u16], repetitions: &[u16]) -> Places {
        let shape = [slices.len(), 1, repetitions.len(), 1, 2];
        Places::of(&ArrayD::from_shape_fn(&shape[..], |at| {
            let mut header = AcquisitionHeader::default();
            if at[4] > 0 {
                header.number_of_samples = 8;
                (header.idx.slice, header.idx.repetition) = (slices[at[0]], repetitions[at[2]]);
            }
            header
        }))
    }

    fn dims(loc: usize, n: usize) -> Dims {
        Dims {
            extent: Extent { ro: 8, e1: 2, e2: 1 },
            cha: 1,
            n,
            s: 1,
            loc,
        }
    }

    #[test]
    fn the_same_numbers_serve_wherever_they_lie() {
        let calibration = places(&[0, 1, 4], &[2, 3]);
        let serving = calibration.serving(dims(3, 2), &places(&[1, 4], &[3]), dims(2, 1));
        assert_eq!(serving, [3, 5]);
        // Between, before and after the known ones.
        let serving = calibration.serving(dims(3, 2), &places(&[2, 9], &[1, 2, 7]), dims(2, 3));
        assert_eq!(serving, [2, 2, 3, 4, 4, 5]);
    }

    #[test]
    fn one_calibration_serves_all_repetitions_of_its_slice() {
        let calibration = places(&[3, 5], &[0]);
        let serving = calibration.serving(dims(2, 1), &places(&[3, 5], &[0, 1, 2]), dims(2, 3));
        assert_eq!(serving, [0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn places_without_numbers_are_counted() {
        let calibration = places(&[0, 0], &[0]);
        let serving = calibration.serving(dims(2, 1), &places(&[0, 0, 0], &[0]), dims(3, 1));
        assert_eq!(serving, [0, 1, 1]);
        let unknown = Places::default();
        assert_eq!(unknown.serving(dims(2, 1), &unknown, dims(3, 1)), [0, 1, 1]);
        assert_eq!(Places::own(dims(3, 2)), [0, 1, 2, 3, 4, 5]);
    }
}
