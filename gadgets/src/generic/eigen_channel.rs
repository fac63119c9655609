//! Turns coils into virtual channels, strongest first, and leaves the weakest out.
//!
//! [`ReconData`] to the same; class `GenericReconEigenChannelGadget`. The transform comes from the calibration data of the
//! first message and stays until slices, S or N change in number (`update_eigen_channel_coefficients` makes it new each
//! time). How many channels are kept is decided by the first slice, for all.

use engine::{BoxError, Gadget, Input, Output};
use num_complex::Complex32;
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
        frames::{Dims, Frames},
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
            let samples = Frames::from_array(std::mem::take(&mut bit.data.data))?;
            let mut reference = match &mut bit.reference {
                Some(reference) => Some(Frames::from_array(std::mem::take(&mut reference.data))?),
                None => None,
            };
            let Dims { loc, s, n, cha, .. } = samples.dims;
            let known = &mut self.transforms[number];
            if self.properties.update || known.as_ref().is_none_or(|known| known.made_for != [loc, s, n, cha]) {
                let source = reference.as_ref().unwrap_or(&samples);
                *known = Some(Transforms::of(source, [loc, s, n, cha], &self.properties, facts.mode)?);
            }
            let Some(transforms) = known else { continue };
            bit.data.data = transforms.apply(&samples)?.into_array();
            if let (Some(buffer), Some(reference)) = (&mut bit.reference, reference.take()) {
                buffer.data = transforms.apply(&reference)?.into_array();
            }
        }
        Ok(())
    }
}

impl Transforms {
    fn of(
        source: &Frames,
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

    fn apply(&self, data: &Frames) -> Result<Frames, BoxError> {
        if data.dims.cha != self.dims.cha {
            return Err(format!(
                "data of {} channels, but calibration data of {}",
                data.dims.cha, self.dims.cha
            )
            .into());
        }
        let dims = Dims {
            cha: self.of_frame[0].kept(),
            ..data.dims
        };
        let mut result = vec![Complex32::ZERO; dims.len()];
        result
            .par_chunks_mut(dims.frame().max(1))
            .enumerate()
            .for_each(|(frame, result)| {
                self.of_frame[self.dims.serving(dims, frame)].apply(data.frame(frame), result);
            });
        Ok(Frames { dims, data: result })
    }
}
