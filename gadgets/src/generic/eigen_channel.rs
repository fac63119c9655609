//! Turns coils into virtual channels, strongest first, and leaves the weakest out.
//!
//! [`ReconData`] to the same; class `GenericReconEigenChannelGadget`. The transform comes from the calibration data of the
//! first message and stays until slices, S or N change in number (`update_eigen_channel_coefficients` makes it new each
//! time). How many channels are kept is decided by the first slice, for all. Data that calibrate themselves are transformed
//! once, and share their samples with the calibration data afterwards too.

use engine::{BoxError, Gadget, Input, Output};
use protocol::ReconData;
use rayon::prelude::*;

use super::{
    averaging::{self, Choice},
    encodings::{self, CalibrationMode, EncodingFacts},
    work,
};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::{
        frames::{Dims, Frames, FramesView},
        klt::{Keep, Klt},
    },
    registry::Configured,
};

crate::properties! {
    /// Properties of [`EigenChannel`].
    pub struct EigenChannelProperties {
        /// Whether one transform serves all N.
        "average_all_ref_N" => pub average_n: bool = true,
        /// Whether one transform serves all S.
        "average_all_ref_S" => pub average_s: bool = false,
        /// Whether to compute the transform for every message.
        "update_eigen_channel_coefficients" => pub update: bool = false,
        /// Accepted for old configurations; the two properties below decide.
        "upstream_coil_compression" => pub compression: bool = true,
        /// Channels weaker than this part of the strongest are left out; none when not positive.
        "upstream_coil_compression_thres" => pub threshold: f64 = -1.0,
        /// Number of channels to keep; the threshold decides when 0.
        "upstream_coil_compression_num_modesKept" => pub kept: usize = 0,
    }
}

/// Class `GenericReconEigenChannelGadget`.
#[derive(Debug)]
pub struct EigenChannel {
    properties: EigenChannelProperties,
    encodings: Vec<EncodingFacts>,
    transforms: Vec<Option<Transforms>>,
}

/// The transforms of one encoding space.
#[derive(Debug)]
struct Transforms {
    /// Slices, S, N and channels of the data they were made for.
    made_for: [usize; 4],
    /// Sizes of the averaged calibration data, a transform for each of their frames.
    dims: Dims,
    of_frame: Vec<Klt>,
}

impl Configured for EigenChannel {
    type Properties = EigenChannelProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let encodings = encodings::all(&context.header);
        Ok(Self {
            properties,
            transforms: encodings.iter().map(|_| None).collect(),
            encodings,
        })
    }
}

impl Gadget for EigenChannel {
    type In = ReconDataWithWaveforms;
    type Out = ReconDataWithWaveforms;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, mut message| {
            gadget.transform(&mut message.data)?;
            Ok(vec![message])
        })
        .await
    }
}

impl EigenChannel {
    fn transform(&mut self, data: &mut ReconData) -> Result<(), BoxError> {
        for (number, bit) in data.bits.iter_mut().enumerate() {
            if bit.data.data.is_empty() {
                continue;
            }
            let facts = encodings::get(&self.encodings, number)?;
            // Calibration data that are the data themselves let go of the samples, which then change in place.
            let calibrates_itself = bit.calibrates_itself();
            let mut reference = match &mut bit.reference {
                Some(buffer) if calibrates_itself => {
                    buffer.data = Default::default();
                    None
                }
                Some(buffer) => Some(Frames::from_shared(std::mem::take(&mut buffer.data))?),
                None => None,
            };
            let mut samples = Frames::from_shared(std::mem::take(&mut bit.data.data))?;
            let Dims { loc, s, n, cha, .. } = samples.dims;
            let known = &mut self.transforms[number];
            if self.properties.update || known.as_ref().is_none_or(|known| known.made_for != [loc, s, n, cha]) {
                let source = reference.as_ref().unwrap_or(&samples);
                *known = Some(Transforms::of(
                    source.view(),
                    [loc, s, n, cha],
                    &self.properties,
                    facts.mode,
                )?);
            }
            let Some(transforms) = known else { continue };
            transforms.apply(&mut samples)?;
            bit.data.data = samples.into_shared();
            if let Some(buffer) = &mut bit.reference {
                buffer.data = match reference.take() {
                    Some(mut reference) => {
                        transforms.apply(&mut reference)?;
                        reference.into_shared()
                    }
                    None => bit.data.data.clone(),
                };
            }
        }
        Ok(())
    }
}

impl Transforms {
    fn of(
        source: FramesView<'_>,
        made_for: [usize; 4],
        properties: &EigenChannelProperties,
        mode: CalibrationMode,
    ) -> Result<Self, BoxError> {
        let choice = |average| if average { Choice::Mean } else { Choice::Each };
        let averaged = averaging::averaged(
            source,
            &source.dims.extent.sizes().map(|size| 0..size),
            choice(properties.average_n),
            choice(properties.average_s),
            mode == CalibrationMode::Interleaved,
        );
        let dims = averaged.dims;
        let keep = match properties.kept {
            0 => Keep::Above(properties.threshold),
            kept => Keep::Count(kept),
        };
        let first = Klt::of(averaged.frame(0), dims.cha, true, keep)?;
        let keep = Keep::Count(first.kept());
        let others: Result<Vec<Klt>, _> = (1..dims.frames())
            .into_par_iter()
            .map(|frame| Klt::of(averaged.frame(frame), dims.cha, true, keep))
            .collect();
        Ok(Self {
            made_for,
            dims,
            of_frame: std::iter::once(first).chain(others?).collect(),
        })
    }

    /// Turns the channels of every frame into virtual ones, in place.
    fn apply(&self, data: &mut Frames) -> Result<(), BoxError> {
        let Dims { cha, .. } = data.dims;
        if cha != self.dims.cha {
            return Err(format!("data of {cha} channels, but calibration data of {}", self.dims.cha).into());
        }
        let (dims, whole) = (data.dims, data.dims.frame());
        data.data
            .par_chunks_mut(whole.max(1))
            .enumerate()
            .for_each(|(frame, samples)| self.of_frame[self.dims.serving(dims, frame)].apply(samples));
        data.dims.cha = self.of_frame[0].kept();
        let kept = data.dims.frame();
        if kept < whole {
            for frame in 1..dims.frames() {
                data.data.copy_within(frame * whole..frame * whole + kept, frame * kept);
            }
            data.data.truncate(data.dims.len());
            data.data.shrink_to_fit();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};
    use protocol::{AcquisitionHeader, BufferedData, ReconBit, SamplingDescription};

    use super::*;
    use crate::testing::{build, header, noise, outputs};

    /// Two slices of three coils that calibrate themselves.
    fn bit() -> ReconBit {
        let shape = IxDyn(&[2, 1, 1, 3, 1, 5, 8]);
        let samples = |at: IxDyn| noise(3 + at[0] as u64, at[3], at[5] * 8 + at[6]) * (1 + at[3]) as f32;
        let data = BufferedData {
            data: ArrayD::from_shape_fn(shape, samples).into_shared(),
            trajectory: None,
            density: None,
            headers: ArrayD::from_elem(IxDyn(&[2, 1, 1, 1, 5]), AcquisitionHeader::default()),
            sampling: SamplingDescription::default(),
        };
        ReconBit {
            reference: Some(data.clone()),
            data,
        }
    }

    fn transformed(bit: ReconBit) -> ReconBit {
        let kept = [("upstream_coil_compression_num_modesKept", "2")];
        let gadget: EigenChannel = build(&kept, &Context::new(header([8, 5, 1], [8, 5, 1]))).unwrap();
        let message = ReconDataWithWaveforms {
            data: ReconData { bits: vec![bit] },
            waveforms: Vec::new(),
        };
        outputs(gadget, vec![message]).remove(0).data.bits.remove(0)
    }

    #[test]
    fn data_that_calibrate_themselves_are_transformed_once_and_where_they_are() {
        let shared = bit();
        let memory = shared.data.data.as_ptr();
        let once = transformed(shared);
        assert!(once.calibrates_itself());
        assert_eq!(once.data.data.as_ptr(), memory);
        assert_eq!(once.data.data.shape(), [2, 1, 1, 2, 1, 5, 8]);

        let mut apart = bit();
        apart.data.data = apart.data.data.to_owned().into_shared();
        assert!(!apart.calibrates_itself());
        assert_eq!(transformed(apart), once);
    }
}
