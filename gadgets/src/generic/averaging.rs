//! Averaging of calibration data over N and S, and which lines were sampled.

use std::{borrow::Cow, ops::Range};

use num_complex::Complex32;

use crate::numerics::frames::{Dims, Extent, Frames, FramesView};

/// Which frames make the calibration data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Every frame by itself.
    Each,
    /// The mean of all.
    Mean,
    /// Only this one.
    One(usize),
}

impl Choice {
    /// The wish for one frame where there is such a frame, otherwise all or their mean.
    pub(super) fn of(wanted: i32, count: usize, average: bool) -> Self {
        match usize::try_from(wanted) {
            Ok(wanted) if wanted < count => Self::One(wanted),
            _ if average => Self::Mean,
            _ => Self::Each,
        }
    }

    fn results(self, count: usize) -> usize {
        if self == Self::Each { count } else { 1 }
    }

    fn members(self, result: usize, count: usize) -> Range<usize> {
        match self {
            Self::Each => result..result + 1,
            Self::Mean => 0..count,
            Self::One(index) => index..index + 1,
        }
    }
}

/// Whether anything was measured on a line: of the first channel, or, should that one be silent, of any.
pub(super) fn line_sampled(data: FramesView<'_>, frame: usize, line: usize) -> bool {
    let ro = data.dims.extent.ro;
    (0..data.dims.cha).any(|cha| {
        data.channel(frame, cha)[line * ro..][..ro]
            .iter()
            .any(|z| *z != Complex32::ZERO)
    })
}

/// First and last line (E1) and partition (E2) on which anything was measured in any frame.
pub(super) fn sampled_region(data: FramesView<'_>) -> Option<[Range<usize>; 2]> {
    let Extent { e1, e2, .. } = data.dims.extent;
    let mut region: Option<[Range<usize>; 2]> = None;
    for frame in 0..data.dims.frames() {
        for line in 0..e1 * e2 {
            let (y, z) = (line % e1, line / e1);
            let known = |[ys, zs]: &[Range<usize>; 2]| ys.contains(&y) && zs.contains(&z);
            if region.as_ref().is_some_and(known) || !line_sampled(data, frame, line) {
                continue;
            }
            let grown = |range: Range<usize>, at: usize| range.start.min(at)..range.end.max(at + 1);
            region = Some(match region {
                Some([ys, zs]) => [grown(ys, y), grown(zs, z)],
                None => [y..y + 1, z..z + 1],
            });
        }
    }
    region
}

/// The part `region` (readout, E1, E2) of the data, averaged over N and S.
///
/// Where that is all of them, each by itself, they are not copied. With `count_samples` a line's mean over N is over the frames that sampled it (the original counts on from one S to the
/// next).
pub(super) fn averaged<'a>(
    data: FramesView<'a>,
    region: &[Range<usize>; 3],
    along_n: Choice,
    along_s: Choice,
    count_samples: bool,
) -> Frames<Cow<'a, [Complex32]>> {
    let from = data.dims;
    let [ro, e1, e2] = region;
    let to = Dims {
        extent: Extent::of([ro.len(), e1.len(), e2.len()]),
        n: along_n.results(from.n),
        s: along_s.results(from.s),
        ..from
    };
    if to == from {
        return Frames {
            dims: to,
            data: Cow::Borrowed(data.data),
        };
    }
    let mut result = Frames::zeros(to);
    for frame in 0..to.frames() {
        let [n, s, loc] = to.position(frame);
        let members_s = along_s.members(s, from.s);
        for (line, (z, y)) in e2.clone().flat_map(|z| e1.clone().map(move |y| (z, y))).enumerate() {
            for s in members_s.clone() {
                let source_line = z * from.extent.e1 + y;
                let members: Vec<usize> = along_n
                    .members(n, from.n)
                    .map(|n| from.frame_at(n, s, loc))
                    .filter(|&frame| !count_samples || line_sampled(data, frame, source_line))
                    .collect();
                let weight = 1.0 / (members.len().max(1) * members_s.len()) as f32;
                for &member in &members {
                    for cha in 0..from.cha {
                        let source = &data.channel(member, cha)[source_line * from.extent.ro..][ro.clone()];
                        let start = (cha * to.extent.e1 * to.extent.e2 + line) * to.extent.ro;
                        let target = &mut result.frame_mut(frame)[start..][..to.extent.ro];
                        target
                            .iter_mut()
                            .zip(source)
                            .for_each(|(sum, value)| *sum += value * weight);
                    }
                }
            }
        }
    }
    Frames {
        dims: to,
        data: Cow::Owned(result.data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two N and two S of three lines; line `y` of frame (n, s) is sampled where `sampled` says so, with value `10 s + n + 1`.
    fn data(sampled: impl Fn(usize, usize, usize) -> bool) -> Frames {
        let dims = Dims {
            extent: Extent { ro: 2, e1: 3, e2: 1 },
            cha: 1,
            n: 2,
            s: 2,
            loc: 1,
        };
        let mut data = Frames::zeros(dims);
        for (frame, values) in data.data.chunks_mut(6).enumerate() {
            let [n, s, _] = dims.position(frame);
            for (y, line) in values.chunks_mut(2).enumerate() {
                if sampled(n, s, y) {
                    line.fill(Complex32::from((10 * s + n + 1) as f32));
                }
            }
        }
        data
    }

    fn first_samples(frames: &Frames<Cow<'_, [Complex32]>>) -> Vec<f32> {
        frames
            .data
            .chunks(frames.dims.extent.ro)
            .map(|line| line[0].re)
            .collect()
    }

    #[test]
    fn interleaved_lines_are_averaged_over_the_frames_that_have_them_for_every_set() {
        let data = data(|n, _, y| y == 2 || y == n);
        let whole = [0..2, 0..3, 0..1];
        let mean = averaged(data.view(), &whole, Choice::Mean, Choice::Each, true);
        assert_eq!(first_samples(&mean), [1.0, 2.0, 1.5, 11.0, 12.0, 11.5]);
        let both = averaged(data.view(), &whole, Choice::Mean, Choice::Mean, true);
        assert_eq!(first_samples(&both), [6.0, 7.0, 6.5]);
        let plain = averaged(data.view(), &whole, Choice::Mean, Choice::Each, false);
        assert_eq!(first_samples(&plain)[..3], [0.5, 1.0, 1.5]);
    }

    #[test]
    fn one_frame_can_be_chosen_and_a_part_cut_out() {
        let data = data(|_, _, _| true);
        let whole = averaged(data.view(), &[0..2, 0..3, 0..1], Choice::Each, Choice::Each, true);
        assert!(matches!(whole.data, Cow::Borrowed(samples) if samples == data.data));
        let part = averaged(
            data.view(),
            &[1..2, 1..3, 0..1],
            Choice::of(1, 2, true),
            Choice::of(7, 2, false),
            false,
        );
        assert_eq!(part.dims.shape(), [1, 2, 1, 1, 1, 2, 1]);
        assert_eq!(first_samples(&part), [2.0, 2.0, 12.0, 12.0]);
    }

    #[test]
    fn the_sampled_region_is_that_of_all_frames_and_channels() {
        assert_eq!(
            sampled_region(data(|n, s, y| n == 1 && s == 0 && y == 1).view()),
            Some([1..2, 0..1])
        );
        assert_eq!(sampled_region(data(|_, s, y| y == 2 * s).view()), Some([0..3, 0..1]));
        assert_eq!(sampled_region(data(|_, _, _| false).view()), None);
    }
}
