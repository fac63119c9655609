//! Makes calibration data ready: averaged over N and S, cropped to what was sampled; where that changes nothing, data
//! without calibration data share their samples with those they get.
//!
//! [`ReconData`] to the same. Class `GenericReconCartesianReferencePrepGadget`. Data without calibration data become
//! their own (right where they are fully sampled). Where the original skips the average over N when one S is chosen, this
//! does what the properties say; channel 0 may be silent.

use std::borrow::Cow;

use engine::{BoxError, Gadget, Input, Output};
use protocol::{BufferedData, ReconBit, ReconData};

use super::{
    averaging::{self, Choice},
    encodings::{self, CalibrationMode, EncodingFacts},
    work,
};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::frames::{Frames, FramesView},
    registry::Configured,
};

crate::properties! {
    /// Properties of [`ReferencePrep`].
    pub struct ReferencePrepProperties {
        /// Whether to average the calibration data over N.
        "average_all_ref_N" => pub average_n: bool = true,
        /// Whether to average the calibration data over S.
        "average_all_ref_S" => pub average_s: bool = false,
        /// The only N to calibrate with, where it exists.
        "N_for_ref" => pub n: i32 = -1,
        /// The only S to calibrate with, where it exists.
        "S_for_ref" => pub s: i32 = -1,
        /// Whether embedded calibration lines also go into the data.
        "ref_fill_into_data_embedded" => pub fill: bool = false,
        /// Whether to prepare calibration data with every message, or only with the first of each encoding space; where
        /// slices come in messages of their own, the first slice then calibrates all, as in the original.
        "prepare_ref_always" => pub always: bool = true,
    }
}

/// Nothing was sampled where calibration data were expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calibration data of encoding space {0} hold no samples")]
pub struct NoSamples(pub usize);

/// Class `GenericReconCartesianReferencePrepGadget`.
#[derive(Debug)]
pub struct ReferencePrep {
    properties: ReferencePrepProperties,
    encodings: Vec<EncodingFacts>,
    prepared: Vec<bool>,
}

impl Configured for ReferencePrep {
    type Properties = ReferencePrepProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let encodings = encodings::all(&context.header);
        Ok(Self {
            properties,
            prepared: vec![false; encodings.len()],
            encodings,
        })
    }
}

impl Gadget for ReferencePrep {
    type In = ReconDataWithWaveforms;
    type Out = ReconDataWithWaveforms;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, mut message| {
            gadget.prepare(&mut message.data)?;
            Ok(vec![message])
        })
        .await
    }
}

impl ReferencePrep {
    fn prepare(&mut self, data: &mut ReconData) -> Result<(), BoxError> {
        for (number, bit) in data.bits.iter_mut().enumerate() {
            if bit.data.data.is_empty() && bit.reference.as_ref().is_none_or(|reference| reference.data.is_empty()) {
                continue;
            }
            let facts = *encodings::get(&self.encodings, number)?;
            if self.prepared[number] && !self.properties.always {
                bit.reference = None;
                continue;
            }
            self.calibration(bit, number, &facts)?;
            self.prepared[number] = true;
        }
        Ok(())
    }

    fn calibration(&self, bit: &mut ReconBit, number: usize, facts: &EncodingFacts) -> Result<(), BoxError> {
        let mut reference = match bit.reference.take() {
            Some(reference) => reference,
            None => BufferedData {
                trajectory: None,
                density: None,
                ..bit.data.clone()
            },
        };
        let samples = Frames::reading(&reference.data)?;
        let samples = samples.view();
        if self.properties.fill && facts.mode == CalibrationMode::Embedded {
            fill(bit, samples)?;
        }
        let [e1, e2] = averaging::sampled_region(samples).ok_or(NoSamples(number))?;
        let limits = &mut reference.sampling.sampling_limits;
        let ro = samples.dims.extent.ro;
        let last = usize::from(limits[0].max).min(ro - 1);
        let first = usize::from(limits[0].min).min(last);
        let along_n = Choice::of(self.properties.n, samples.dims.n, self.properties.average_n);
        let along_s = Choice::of(self.properties.s, samples.dims.s, self.properties.average_s);
        let calibration = averaging::averaged(
            samples,
            &[first..last + 1, e1.clone(), e2.clone()],
            along_n,
            along_s,
            facts.mode == CalibrationMode::Interleaved,
        );
        let made = match calibration.data {
            Cow::Borrowed(_) => None,
            Cow::Owned(data) => Some(Frames {
                dims: calibration.dims,
                data,
            }),
        };
        (limits[0].min, limits[0].center, limits[0].max) = (index(first), index(ro / 2), index(last));
        for (limit, range) in limits[1..].iter_mut().zip([e1, e2]) {
            limit.min = 0;
            limit.max = index(range.len() - 1);
            limit.center = match facts.mode.keeps_centre() {
                true => limit.center.saturating_sub(index(range.start)),
                false => index(range.len() / 2),
            };
        }
        if let Some(made) = made {
            reference.data = made.into_shared();
        }
        bit.reference = Some(reference);
        Ok(())
    }
}

/// Sizes of k-space come from 16 bit fields; larger ones would be cut off at the field's end.
fn index(value: usize) -> u16 {
    value.try_into().unwrap_or(u16::MAX)
}

/// Copies the lines measured for calibration into the data.
fn fill(bit: &mut ReconBit, reference: FramesView<'_>) -> Result<(), BoxError> {
    let mut data = Frames::from_shared(std::mem::take(&mut bit.data.data))?;
    if data.dims.extent == reference.dims.extent
        && data.dims.cha == reference.dims.cha
        && data.dims.loc == reference.dims.loc
    {
        let ro = data.dims.extent.ro;
        for frame in 0..data.dims.frames() {
            let [n, s, loc] = data.dims.position(frame);
            if n >= reference.dims.n || s >= reference.dims.s {
                continue;
            }
            let source = reference.dims.frame_at(n, s, loc);
            for line in (0..data.dims.extent.e1 * data.dims.extent.e2)
                .filter(|&line| averaging::line_sampled(reference, source, line))
            {
                for cha in 0..data.dims.cha {
                    let start = cha * data.dims.extent.volume() + line * ro;
                    data.frame_mut(frame)[start..][..ro]
                        .copy_from_slice(&reference.channel(source, cha)[line * ro..][..ro]);
                }
            }
        }
    }
    bit.data.data = data.into_shared();
    Ok(())
}
