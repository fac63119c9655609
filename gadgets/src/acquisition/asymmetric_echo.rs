//! Asymmetric echoes: readouts whose echo is not in the middle are padded with zeros until it is.
//!
//! [`Acquisition`] to [`Acquisition`]; noise passes unchanged. Answers to Gadgetron's `AsymmetricEchoAdjustROGadget`, which
//! leaves a trajectory at its old length; here it is padded with the data. Readouts measured backwards are turned round
//! first.

use std::sync::Arc;

use engine::{BoxError, Gadget, Input, Output};
use ndarray::{Array2, Axis, Slice};
use protocol::{Acquisition, IsmrmrdHeader, acquisition::flag};

use crate::{
    Context, acquisition::reversed::turn_round, encoding::encoding_of, properties::NoProperties, registry::Configured,
};

/// Pads readouts with an asymmetric echo to the encoded matrix.
#[derive(Debug)]
pub struct AsymmetricEcho {
    header: Arc<IsmrmrdHeader>,
}

impl Configured for AsymmetricEcho {
    type Properties = NoProperties;

    fn new(_: NoProperties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            header: context.header.clone(),
        })
    }
}

impl Gadget for AsymmetricEcho {
    type In = Acquisition;
    type Out = Acquisition;

    async fn run(self, mut input: Input<Acquisition>, mut output: Output<Acquisition>) -> Result<(), BoxError> {
        while let Some(mut acquisition) = input.next().await? {
            let acquisition = if acquisition.header.is_flag_set(flag::IS_NOISE_MEASUREMENT) {
                acquisition
            } else {
                let encoding = encoding_of(&self.header, &acquisition.header)?;
                turn_round(&mut acquisition, encoding);
                pad(acquisition, encoding.encoded_space.matrix_size[0])
            };
            output.send(acquisition).await?;
        }
        Ok(())
    }
}

/// Pads `acquisition` to `full` samples, on the side that the echo is nearer to.
fn pad(mut acquisition: Acquisition, full: u16) -> Acquisition {
    let samples = acquisition.data.ncols();
    let center = usize::from(acquisition.header.center_sample);
    if center >= samples || 2 * center == samples || samples >= usize::from(full) {
        return acquisition;
    }
    let missing = usize::from(full) - samples;
    let before = if 2 * center < samples { missing } else { 0 };
    let mut data = Array2::zeros((acquisition.data.nrows(), full.into()));
    data.slice_axis_mut(Axis(1), Slice::from(before..before + samples))
        .assign(&acquisition.data);
    acquisition.data = data;
    acquisition.trajectory = acquisition.trajectory.map(|trajectory| {
        let mut padded = Array2::zeros((full.into(), trajectory.ncols()));
        let length = trajectory.nrows().min(samples);
        padded
            .slice_axis_mut(Axis(0), Slice::from(before..before + length))
            .assign(&trajectory.slice_axis(Axis(0), Slice::from(..length)));
        padded
    });
    let header = &mut acquisition.header;
    // `missing` is below `full`, which is a u16.
    let missing = missing as u16;
    (header.discard_pre, header.discard_post) = if before > 0 { (missing, 0) } else { (0, missing) };
    header.number_of_samples = full;
    header.center_sample = full / 2;
    acquisition
}

#[cfg(test)]
mod tests {
    use protocol::Complex32;

    use super::*;
    use crate::testing::{build, header, outputs, readout, run};

    fn adjusted(samples: usize, center: u16, change: impl FnOnce(&mut Acquisition)) -> Acquisition {
        let mut acquisition = readout(2, samples, |c, s| Complex32::new(1.0 + c as f32, 1.0 + s as f32));
        acquisition.header.center_sample = center;
        acquisition.trajectory = Some(Array2::from_shape_fn((samples, 1), |(s, _)| 1.0 + s as f32));
        change(&mut acquisition);
        let gadget: AsymmetricEcho = build(&[], &Context::new(header([8, 4, 1], [8, 4, 1]))).unwrap();
        outputs(gadget, vec![acquisition]).remove(0)
    }

    #[test]
    fn an_early_echo_is_moved_to_the_end() {
        let acquisition = adjusted(6, 2, |_| ());
        assert_eq!(acquisition.data.row(1)[1], Complex32::ZERO);
        assert_eq!(acquisition.data.row(1)[2], Complex32::new(2.0, 1.0));
        assert_eq!(acquisition.data.row(1)[7], Complex32::new(2.0, 6.0));
        assert_eq!(
            (acquisition.header.discard_pre, acquisition.header.discard_post),
            (2, 0)
        );
        assert_eq!(
            (acquisition.header.number_of_samples, acquisition.header.center_sample),
            (8, 4)
        );
        let trajectory: Vec<f32> = acquisition.trajectory.unwrap().iter().copied().collect();
        assert_eq!(trajectory, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_late_echo_is_kept_at_the_start() {
        let acquisition = adjusted(5, 4, |_| ());
        assert_eq!(acquisition.data.row(0)[0], Complex32::new(1.0, 1.0));
        assert_eq!(acquisition.data.row(0)[5], Complex32::ZERO);
        assert_eq!(
            (acquisition.header.discard_pre, acquisition.header.discard_post),
            (0, 3)
        );
        assert_eq!(acquisition.header.center_sample, 4);
    }

    #[test]
    fn symmetric_echoes_full_readouts_and_noise_pass_unchanged() {
        for (samples, center) in [(6, 3), (6, 6), (8, 3), (12, 3)] {
            let acquisition = adjusted(samples, center, |_| ());
            assert_eq!(acquisition.data.ncols(), samples);
            assert_eq!(acquisition.header.center_sample, center);
        }
        let noise = adjusted(6, 2, |a| a.header.set_flag(flag::IS_NOISE_MEASUREMENT));
        assert_eq!(noise.data.ncols(), 6);
    }

    #[test]
    fn a_readout_of_an_encoding_that_is_not_there_is_an_error() {
        let gadget: AsymmetricEcho = build(&[], &Context::new(header([8, 4, 1], [8, 4, 1]))).unwrap();
        let mut acquisition = readout(1, 6, |_, _| Complex32::ONE);
        acquisition.header.encoding_space_ref = 3;
        let words = run(gadget, vec![acquisition]).1.unwrap_err().to_string();
        assert_eq!(words, "readout 0 belongs to encoding 3, but the header has 1 encodings");
    }
}
