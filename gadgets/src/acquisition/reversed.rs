//! Readouts that were measured from their end to their beginning.

use ndarray::Axis;
use protocol::{
    Acquisition,
    acquisition::flag,
    header::{Encoding, Trajectory},
};

/// Puts the samples of a Cartesian readout that was measured backwards into their order in k-space, and takes its flag.
///
/// Centre and discards in the header are those of the readout in this order, as scanners give them. The original leaves
/// such readouts as they are, so that every line measured backwards shows its mirror image. EPI has gadgets of its own that
/// need to know the direction, and other trajectories say where the samples lie: both stay.
pub(crate) fn turn_round(acquisition: &mut Acquisition, encoding: &Encoding) {
    if !acquisition.header.is_flag_set(flag::IS_REVERSE) || encoding.trajectory != Trajectory::Cartesian {
        return;
    }
    acquisition.header.clear_flag(flag::IS_REVERSE);
    acquisition
        .data
        .rows_mut()
        .into_iter()
        .for_each(|mut row| reverse(row.iter_mut()));
    if let Some(trajectory) = &mut acquisition.trajectory {
        trajectory
            .lanes_mut(Axis(0))
            .into_iter()
            .for_each(|mut lane| reverse(lane.iter_mut()));
    }
}

fn reverse<'a, T: 'a>(mut values: impl DoubleEndedIterator<Item = &'a mut T>) {
    while let (Some(first), Some(last)) = (values.next(), values.next_back()) {
        std::mem::swap(first, last);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use protocol::Complex32;

    use super::*;
    use crate::testing::{header, readout};

    #[test]
    fn samples_and_trajectory_change_direction_once() {
        let encoding = &header([5, 4, 1], [5, 4, 1]).encoding[0];
        let forwards = readout(2, 5, |c, s| Complex32::new(c as f32, s as f32));
        let mut turned = forwards.clone();
        turned.trajectory = Some(Array2::from_shape_fn((5, 2), |(s, d)| (10 * d + s) as f32));
        turned.header.set_flag(flag::IS_REVERSE);
        for _ in 0..2 {
            turn_round(&mut turned, encoding);
            assert_eq!(turned.header, forwards.header);
            assert_eq!(
                turned.data.row(1).to_vec(),
                [4.0, 3.0, 2.0, 1.0, 0.0].map(|s| Complex32::new(1.0, s))
            );
            let trajectory = turned.trajectory.as_ref().unwrap();
            assert_eq!(trajectory.column(1).to_vec(), [14.0, 13.0, 12.0, 11.0, 10.0]);
        }
    }

    #[test]
    fn echo_planar_readouts_stay() {
        let encoding = Encoding {
            trajectory: Trajectory::Epi,
            ..header([5, 4, 1], [5, 4, 1]).encoding[0].clone()
        };
        let mut readout = readout(1, 5, |_, s| Complex32::from(s as f32));
        readout.header.set_flag(flag::IS_REVERSE);
        let before = readout.clone();
        turn_round(&mut readout, &encoding);
        assert_eq!(readout, before);
    }
}
