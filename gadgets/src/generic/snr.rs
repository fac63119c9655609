//! Scaling to units of the noise's standard deviation.

use num_complex::Complex32;
use protocol::SamplingLimit;

use super::averaging;
use crate::numerics::frames::{Extent, Frames};

/// How much less was sampled than k-space has lines, and the factor that brings images of it back to the noise level of a
/// full measurement.
///
/// All frames count; the original counts lines of the first slice and S only, which is the same where all were sampled
/// alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Undersampling {
    /// Lines of k-space for each line measured.
    pub(super) acceleration: f32,
    /// `sqrt(readout samples of k-space / measured * acceleration)`.
    pub(super) scale: f32,
}

impl Undersampling {
    /// Of these data, the readout measured within `readout`.
    pub(super) fn of(data: &Frames, readout: SamplingLimit) -> Self {
        let Extent { ro, e1, e2 } = data.dims.extent;
        let lines = e1 * e2 * data.dims.frames();
        let measured = (0..data.dims.frames())
            .map(|frame| (0..e1 * e2).filter(|&line| measured(data, frame, line)).count())
            .sum::<usize>();
        if measured == 0 {
            return Self {
                acceleration: 1.0,
                scale: 1.0,
            };
        }
        let (first, last) = (usize::from(readout.min), usize::from(readout.max));
        let samples = if first <= last && last < ro {
            last - first + 1
        } else {
            ro
        };
        let acceleration = lines as f32 / measured as f32;
        Self {
            acceleration,
            scale: (ro as f32 / samples as f32 * acceleration).sqrt(),
        }
    }
}

/// Whether the line's centre was measured; any channel and sample, should that one be zero by chance.
fn measured(data: &Frames, frame: usize, line: usize) -> bool {
    let ro = data.dims.extent.ro;
    data.channel(frame, 0)[line * ro + ro / 2] != Complex32::ZERO || averaging::line_sampled(data.view(), frame, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::frames::Dims;

    #[test]
    fn every_second_line_and_three_quarters_of_the_readout() {
        let mut data = Frames::zeros(Dims {
            extent: Extent { ro: 8, e1: 6, e2: 1 },
            cha: 2,
            n: 2,
            s: 1,
            loc: 1,
        });
        for frame in 0..2 {
            for line in (0..6).step_by(2) {
                // The first channel is silent.
                data.frame_mut(frame)[48 + line * 8 + 5] = Complex32::ONE;
            }
        }
        let limit = SamplingLimit {
            min: 2,
            center: 4,
            max: 7,
        };
        let undersampling = Undersampling::of(&data, limit);
        assert_eq!(undersampling.acceleration, 2.0);
        assert!((undersampling.scale - (2.0_f32 * 8.0 / 6.0).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn slices_that_were_sampled_differently_count_together() {
        let mut data = Frames::zeros(Dims {
            extent: Extent { ro: 4, e1: 6, e2: 1 },
            cha: 1,
            n: 1,
            s: 2,
            loc: 2,
        });
        for (frame, step) in [1, 2, 3, 6].into_iter().enumerate() {
            for line in (0..6).step_by(step) {
                data.frame_mut(frame)[line * 4 + 2] = Complex32::ONE;
            }
        }
        let undersampling = Undersampling::of(
            &data,
            SamplingLimit {
                min: 0,
                center: 2,
                max: 3,
            },
        );
        assert_eq!(undersampling.acceleration, 24.0 / 12.0);
    }
}
