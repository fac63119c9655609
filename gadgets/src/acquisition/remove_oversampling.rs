//! Readout oversampling: the image is cut to the field of view to reconstruct, along the readout.
//!
//! [`Acquisition`] to [`Acquisition`], noise included. Both transforms are unitary, so white noise keeps its standard
//! deviation. Answers to Gadgetron's `RemoveROOversamplingGadget`, which takes the first encoding for all readouts; here
//! each readout's own encoding counts. An even number of pixels cut to an odd one keeps its centre (there it moves by a
//! pixel), and readouts measured backwards are turned round first. The trajectory, where there is one, is not cut.

use std::sync::Arc;

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array2;
use protocol::{Acquisition, Complex32, IsmrmrdHeader, acquisition::flag, header::Encoding};

use crate::{
    Context,
    acquisition::reversed::turn_round,
    encoding::encoding_of,
    numerics::fft::{Direction, centred},
    properties::NoProperties,
    registry::Configured,
};

/// Cuts readouts to the field of view to reconstruct.
#[derive(Debug)]
pub struct RemoveOversampling {
    header: Arc<IsmrmrdHeader>,
}

impl Configured for RemoveOversampling {
    type Properties = NoProperties;

    fn new(_: NoProperties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            header: context.header.clone(),
        })
    }
}

impl Gadget for RemoveOversampling {
    type In = Acquisition;
    type Out = Acquisition;

    async fn run(self, mut input: Input<Acquisition>, mut output: Output<Acquisition>) -> Result<(), BoxError> {
        while let Some(acquisition) = input.next().await? {
            let encoding = match encoding_of(&self.header, &acquisition.header) {
                Ok(encoding) => encoding,
                // Noise belongs to no encoding in particular; scanners fill in anything.
                Err(unknown) if acquisition.header.is_flag_set(flag::IS_NOISE_MEASUREMENT) => {
                    self.header.encoding.first().ok_or(unknown)?
                }
                Err(unknown) => return Err(unknown.into()),
            };
            // Some 40 microseconds for 8 channels of 512 samples: less than handing it to another thread is worth.
            output.send(remove(acquisition, encoding)?).await?;
        }
        Ok(())
    }
}

/// The readout cannot be cut to the field of view of the reconstruction.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{samples} samples of an encoded field of view of {encoded} mm cannot be cut to a field of view of {recon} mm \
     along the readout"
)]
struct CannotCut {
    samples: usize,
    encoded: f32,
    recon: f32,
}

fn remove(mut acquisition: Acquisition, encoding: &Encoding) -> Result<Acquisition, CannotCut> {
    turn_round(&mut acquisition, encoding);
    let (encoded, recon) = (&encoding.encoded_space, &encoding.recon_space);
    let fov = [encoded.field_of_view_mm[0], recon.field_of_view_mm[0]];
    if encoded.matrix_size[0] == recon.matrix_size[0] && fov[0] == fov[1] {
        return Ok(acquisition);
    }
    // Single precision as in the original: it decides the number of samples that are kept.
    let ratio = fov[0] / fov[1];
    let samples = acquisition.data.ncols();
    let kept = (samples as f32 / ratio) as usize;
    if !(ratio.is_finite() && ratio > 0.0 && (1..=samples).contains(&kept)) {
        return Err(CannotCut {
            samples,
            encoded: fov[0],
            recon: fov[1],
        });
    }
    if kept < samples {
        acquisition.data = cut(acquisition.data, kept);
    }
    let header = &mut acquisition.header;
    header.number_of_samples = kept as u16;
    let scaled = |sample: u16| (f32::from(sample) / ratio) as u16;
    header.center_sample = scaled(header.center_sample);
    header.discard_pre = scaled(header.discard_pre);
    header.discard_post = scaled(header.discard_post);
    Ok(acquisition)
}

/// Keeps the middle `kept` pixels of every row's image.
fn cut(data: Array2<Complex32>, kept: usize) -> Array2<Complex32> {
    let (channels, samples) = data.dim();
    // Readouts come in standard layout; anything else is brought into it.
    let mut data = if data.is_standard_layout() {
        data
    } else {
        data.as_standard_layout().into_owned()
    };
    let first = samples / 2 - kept / 2;
    let mut middle = Vec::with_capacity(channels * kept);
    if let Some(data) = data.as_slice_mut() {
        centred(data, &[samples], Direction::Inverse);
        for row in data.chunks_exact(samples) {
            middle.extend_from_slice(&row[first..first + kept]);
        }
    }
    centred(&mut middle, &[kept], Direction::Forward);
    Array2::from_shape_vec((channels, kept), middle).expect("one row of `kept` samples for each channel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{build, header, noise, outputs, readout, run};

    fn gadget(encoded: u16, recon: u16) -> RemoveOversampling {
        build(&[], &Context::new(header([encoded, 4, 1], [recon, 4, 1]))).unwrap()
    }

    #[test]
    fn the_middle_of_the_image_is_kept() {
        for (samples, kept) in [(16, 8), (15, 5), (12, 9)] {
            let acquisition = readout(3, samples, |c, s| noise(7, c, s));
            let mut image = acquisition.data.as_slice().unwrap().to_vec();
            centred(&mut image, &[samples], Direction::Inverse);
            let result = outputs(gadget(samples as u16, kept as u16), vec![acquisition]).remove(0);
            assert_eq!(result.data.dim(), (3, kept));
            assert_eq!(usize::from(result.header.number_of_samples), kept);
            let mut cut = result.data.as_slice().unwrap().to_vec();
            centred(&mut cut, &[kept], Direction::Inverse);
            let first = samples / 2 - kept / 2;
            for (cut, image) in cut.chunks(kept).zip(image.chunks(samples)) {
                for (found, expected) in cut.iter().zip(&image[first..first + kept]) {
                    assert!((found - expected).norm() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn centre_and_discards_shrink_with_the_samples() {
        let mut acquisition = readout(1, 16, |c, s| noise(1, c, s));
        acquisition.header.center_sample = 9;
        acquisition.header.discard_pre = 5;
        acquisition.header.discard_post = 3;
        let header = outputs(gadget(16, 8), vec![acquisition]).remove(0).header;
        assert_eq!(
            (header.center_sample, header.discard_pre, header.discard_post),
            (4, 2, 1)
        );
    }

    #[test]
    fn without_oversampling_readouts_pass_unchanged() {
        let acquisition = readout(2, 10, |c, s| noise(3, c, s));
        assert_eq!(outputs(gadget(8, 8), vec![acquisition.clone()]), [acquisition]);
    }

    #[test]
    fn every_readout_follows_its_own_encoding() {
        let mut two = header([16, 4, 1], [8, 4, 1]);
        two.encoding.extend(header([16, 4, 1], [4, 4, 1]).encoding);
        let gadget: RemoveOversampling = build(&[], &Context::new(two)).unwrap();
        let first = readout(1, 16, |_, _| Complex32::ONE);
        let mut second = first.clone();
        second.header.encoding_space_ref = 1;
        let lengths: Vec<_> = outputs(gadget, vec![first, second])
            .iter()
            .map(|a| a.data.ncols())
            .collect();
        assert_eq!(lengths, [8, 4]);
    }

    #[test]
    fn noise_of_no_known_encoding_is_cut_as_the_first() {
        let mut acquisition = readout(1, 16, |_, _| Complex32::ONE);
        acquisition.header.encoding_space_ref = 9;
        assert!(run(gadget(16, 8), vec![acquisition.clone()]).1.is_err());
        acquisition.header.set_flag(flag::IS_NOISE_MEASUREMENT);
        assert_eq!(outputs(gadget(16, 8), vec![acquisition])[0].data.ncols(), 8);
    }

    #[test]
    fn a_field_of_view_that_cannot_be_cut_is_an_error() {
        for recon in [0, 32] {
            let acquisition = readout(1, 16, |_, _| Complex32::ONE);
            let words = run(gadget(16, recon), vec![acquisition]).1.unwrap_err().to_string();
            assert!(words.contains("cannot be cut"), "{words}");
        }
    }
}
