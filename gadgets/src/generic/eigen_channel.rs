//! Turns coils into virtual channels, strongest first, and leaves the weakest out.
//!
//! [`ReconData`] to the same; class `GenericReconEigenChannelGadget`. The transform comes from the calibration data of the
//! first message and stays until slices, S or N change in number (`update_eigen_channel_coefficients` makes it new each
//! time). Where channels are left out, slices that come in messages of their own have transforms of their own (the original
//! leaves out what is weak in the first slice), and as many channels are kept as the slice needs that needs the most (the
//! original asks the first); data without calibration data, after others with them, get the transform of those. Data that
//! calibrate themselves are transformed once, and share their samples with the calibration data afterwards too.

use std::collections::{BTreeMap, btree_map::Entry};

use engine::{BoxError, Gadget, Input, Output};
use ndarray::{ArrayD, ArrayViewD};
use protocol::{AcquisitionHeader, ReconData};
use rayon::prelude::*;

use super::{
    averaging::{self, Choice},
    encodings::{self, CalibrationMode, EncodingFacts},
    places::Places,
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
    room,
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
        /// Number of channels to keep; the threshold decides when not positive.
        "upstream_coil_compression_num_modesKept" => pub kept: i32 = 0,
    }
}

impl EigenChannelProperties {
    fn keep(&self) -> Keep {
        match usize::try_from(self.kept) {
            Ok(kept @ 1..) => Keep::Count(kept),
            _ if self.threshold > 0.0 => Keep::Above(self.threshold),
            _ => Keep::All,
        }
    }
}

/// Class `GenericReconEigenChannelGadget`.
#[derive(Debug)]
pub struct EigenChannel {
    properties: EigenChannelProperties,
    encodings: Vec<EncodingFacts>,
    transforms: Vec<Known>,
}

/// Transforms that are kept, at most; those that are needed again after that are made again.
const MOST_KNOWN: usize = 1024;

/// The transforms of one encoding space.
#[derive(Debug, Default)]
struct Known {
    of_slices: BTreeMap<Slices, Transforms>,
    /// Those of the last message that came with calibration data.
    calibrated: Option<Slices>,
}

/// The numbers of a message's slices.
type Slices = Vec<u16>;

/// The transforms of the slices of one message.
#[derive(Debug)]
struct Transforms {
    /// Slices, S, N and channels of the data they were made for.
    made_for: [usize; 4],
    places: Places,
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
            transforms: encodings.iter().map(|_| Known::default()).collect(),
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
            let sizes = [loc, s, n, cha];
            let known = &mut self.transforms[number];
            let mut slices = match self.properties.keep() {
                // Nothing is left out, whichever slice's the transform is.
                Keep::All => Slices::new(),
                Keep::Count(_) | Keep::Above(_) => slices(&bit.data.headers),
            };
            // What is calibrated with others' data must have their channels.
            let others = known.calibrated.clone().filter(|_| bit.reference.is_none());
            let may_change = others.is_none();
            match others {
                Some(others) => slices = others,
                None if bit.reference.is_some() => known.calibrated = Some(slices.clone()),
                None => {}
            }
            if known.of_slices.len() >= MOST_KNOWN && !known.of_slices.contains_key(&slices) {
                let calibrated = &known.calibrated;
                known.of_slices.retain(|slices, _| Some(slices) == calibrated.as_ref());
            }
            let of_data = Places::of(&bit.data.headers);
            let of_reference = bit.reference.as_ref().filter(|_| reference.is_some());
            let of_reference = of_reference.map_or_else(|| of_data.clone(), |buffer| Places::of(&buffer.headers));
            let made = |source: &Frames| {
                let places = of_reference.clone();
                Transforms::of(source.view(), places, sizes, &self.properties, facts.mode)
            };
            let source = reference.as_ref().unwrap_or(&samples);
            let transforms = match known.of_slices.entry(slices) {
                Entry::Vacant(entry) => entry.insert(made(source)?),
                Entry::Occupied(entry) => {
                    let transforms = entry.into_mut();
                    if may_change && (self.properties.update || transforms.made_for != sizes) {
                        *transforms = made(source)?;
                    }
                    transforms
                }
            };
            transforms.apply(&mut samples, &of_data)?;
            bit.data.data = samples.into_shared();
            if let Some(buffer) = &mut bit.reference {
                buffer.data = match reference.take() {
                    Some(mut reference) => {
                        transforms.apply(&mut reference, &of_reference)?;
                        reference.into_shared()
                    }
                    None => bit.data.data.clone(),
                };
            }
        }
        Ok(())
    }
}

/// The number of every slice; lines that were not measured say 0.
fn slices(headers: &ArrayD<AcquisitionHeader>) -> Slices {
    let of_slice = |headers: ArrayViewD<'_, AcquisitionHeader>| headers.iter().map(|header| header.idx.slice).max();
    headers.outer_iter().filter_map(of_slice).collect()
}

impl Transforms {
    fn of(
        source: FramesView<'_>,
        places: Places,
        made_for: [usize; 4],
        properties: &EigenChannelProperties,
        mode: CalibrationMode,
    ) -> Result<Self, BoxError> {
        room::channels(source.dims.cha)?;
        let choice = |average| if average { Choice::Mean } else { Choice::Each };
        let averaged = averaging::averaged(
            source,
            &source.dims.extent.sizes().map(|size| 0..size),
            choice(properties.average_n),
            choice(properties.average_s),
            mode == CalibrationMode::Interleaved,
        );
        let dims = averaged.dims;
        let keep = properties.keep();
        let all = |keep: Keep| -> Result<Vec<Klt>, BoxError> {
            let frames = (0..dims.frames()).into_par_iter();
            frames
                .map(|frame| Ok(Klt::of(averaged.frame(frame), dims.cha, true, keep)?))
                .collect()
        };
        let mut of_frame = all(keep)?;
        let most = of_frame.iter().map(Klt::kept).max().unwrap_or(dims.cha);
        if of_frame.iter().any(|klt| klt.kept() < most) {
            of_frame = all(Keep::Count(most))?;
        }
        Ok(Self {
            made_for,
            places,
            dims,
            of_frame,
        })
    }

    /// Turns the channels of every frame into virtual ones, in place.
    fn apply(&self, data: &mut Frames, of_data: &Places) -> Result<(), BoxError> {
        let Dims { cha, .. } = data.dims;
        if cha != self.dims.cha {
            return Err(format!("data of {cha} channels, but calibration data of {}", self.dims.cha).into());
        }
        let (dims, whole) = (data.dims, data.dims.frame());
        let serving = self.places.serving(self.dims, of_data, dims);
        data.data
            .par_chunks_mut(whole.max(1))
            .enumerate()
            .for_each(|(frame, samples)| self.of_frame[serving[frame]].apply(samples));
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

    /// Slices of three coils that calibrate themselves; `seen` says how much a coil sees of a slice.
    fn slices(numbers: &[u16], seen: fn(u16, usize) -> f32) -> ReconBit {
        let shape = IxDyn(&[numbers.len(), 1, 1, 3, 1, 5, 8]);
        let samples = |at: IxDyn| {
            let slice = numbers[at[0]];
            noise(3 + u64::from(slice), at[3], at[5] * 8 + at[6]) * seen(slice, at[3])
        };
        let mut headers = ArrayD::from_elem(IxDyn(&[numbers.len(), 1, 1, 1, 5]), AcquisitionHeader::default());
        for (mut headers, &number) in headers.outer_iter_mut().zip(numbers) {
            // The first line was not measured.
            headers.iter_mut().skip(1).for_each(|header| header.idx.slice = number);
        }
        let data = BufferedData {
            data: ArrayD::from_shape_fn(shape, samples).into_shared(),
            trajectory: None,
            density: None,
            headers,
            sampling: SamplingDescription::default(),
        };
        ReconBit {
            reference: Some(data.clone()),
            data,
        }
    }

    fn bit() -> ReconBit {
        slices(&[0, 1], |_, coil| 1.0 + coil as f32)
    }

    fn each_transformed(properties: &[(&str, &str)], bits: Vec<ReconBit>) -> Vec<ReconBit> {
        let gadget: EigenChannel = build(properties, &Context::new(header([8, 5, 1], [8, 5, 1]))).unwrap();
        let message = |bit| ReconDataWithWaveforms {
            data: ReconData { bits: vec![bit] },
            waveforms: Vec::new(),
        };
        let messages = outputs(gadget, bits.into_iter().map(message).collect());
        messages.into_iter().flat_map(|message| message.data.bits).collect()
    }

    fn transformed(bit: ReconBit) -> ReconBit {
        each_transformed(&[("upstream_coil_compression_num_modesKept", "2")], vec![bit]).remove(0)
    }

    /// Each slice is seen by a coil of its own, and hardly by the others.
    fn own_coil(slice: u16, coil: usize) -> f32 {
        match usize::from(slice) == coil {
            true => 1.0,
            false => 1e-3,
        }
    }

    #[test]
    fn slices_in_messages_of_their_own_have_transforms_of_their_own() {
        let threshold = [("upstream_coil_compression_thres", "0.01")];
        let messages = [0, 1, 0].map(|slice| slices(&[slice], own_coil)).to_vec();
        let alone: Vec<ReconBit> = messages
            .iter()
            .flat_map(|bit| each_transformed(&threshold, vec![bit.clone()]))
            .collect();
        assert_eq!(alone[1].data.data.shape()[3], 1);
        assert_eq!(each_transformed(&threshold, messages), alone);
    }

    #[test]
    fn as_many_channels_are_kept_as_the_neediest_slice_has() {
        let threshold = [("upstream_coil_compression_thres", "0.01")];
        // The third was not measured.
        let seen = |slice: u16, coil: usize| match slice {
            0 => own_coil(0, coil),
            1 => 1.0,
            _ => 0.0,
        };
        let kept = |numbers: &[u16]| {
            each_transformed(&threshold, vec![slices(numbers, seen)])[0]
                .data
                .data
                .shape()[3]
        };
        assert_eq!((kept(&[0]), kept(&[1]), kept(&[0, 1]), kept(&[1, 0])), (1, 3, 3, 3));
        assert_eq!(kept(&[0, 2]), 1);
    }

    #[test]
    fn data_without_calibration_data_get_the_channels_of_those_before() {
        let properties = [
            ("upstream_coil_compression_num_modesKept", "1"),
            ("update_eigen_channel_coefficients", "true"),
        ];
        let calibrating = slices(&[0], own_coil);
        let without = ReconBit {
            reference: None,
            ..slices(&[1], own_coil)
        };
        let [_, after] = &each_transformed(&properties, vec![calibrating, without.clone()])[..] else {
            panic!("two messages");
        };
        let energy = |bit: &ReconBit| bit.data.data.iter().map(|z| z.norm_sqr()).sum::<f32>();
        // The strongest coil of the other slice sees next to nothing of this one.
        assert!(energy(after) < 1e-3 * energy(&without));
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
