//! Readouts of a bucket are sorted into k-space.
//!
//! [`AcquisitionBucket`] to [`ReconDataWithWaveforms`], one for each combination of the counters that are not sorted along
//! `N` or `S`, in ascending order of (average, slice, contrast, phase, repetition, set, segment); every one carries the
//! waveforms of its bucket. Repeated lines overwrite each other. Answers to Gadgetron's `BucketToBufferGadget`. Where that
//! goes wrong, this does the following:
//!
//! - The index along `N`, `S` and `LOC` counts the values that came for the buffer, from the smallest on, and so does the
//!   size: slices 0 and 2 without a slice 1 are two. The original compares the raw value with the size, so that phases 2
//!   to 5 end up in two places, and makes images of numbers that were left out. Data and calibration data can so have
//!   the same number at different places: the headers of their readouts say which it is.
//! - `segment` and `slice` as `N` or `S` sort by segment and slice (not by average, and not all into place 0).
//! - Slices get their place from what arrived even when the header's limits of the slice counter are absent or too narrow.
//! - Calibration lines without `parallelImaging` or without a calibration mode in the header are placed like image lines.
//! - Without `parallelImaging` there are as many lines as encoded at least, so that the centre of k-space is in their middle;
//!   the original has as many as the limits allow, with partial Fourier fewer, and leaves out what does not fit.
//! - Without `parallelImaging` too, the samples of an asymmetric echo that were not measured have their place, so that its
//!   centre is where it is looked for.
//! - Missing encoding limits, for instance of E2 in a 2-D measurement, mean the whole encoded matrix.
//! - Cartesian readouts measured backwards are turned round.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use engine::{BoxError, Gadget, Input, Output};
use protocol::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, EncodingCounters, IsmrmrdHeader, ReconBit, ReconData,
};

use crate::{
    Context,
    acquisition::reversed::turn_round,
    encoding::{encoding_of, sortable},
    flow::ReconDataWithWaveforms,
    properties::PropertyValue,
    recon::buffer::{Budget, Buffer, BufferError, empty_buffer},
    registry::Configured,
};

crate::properties! {
    /// Properties of [`BucketToBuffer`].
    pub struct BucketToBufferProperties {
        /// The counter along N.
        "N_dimension" => pub n: BufferDimension = BufferDimension::None,
        /// The counter along S.
        "S_dimension" => pub s: BufferDimension = BufferDimension::None,
        /// Every slice in a buffer of its own, instead of all slices along LOC.
        "split_slices" => pub split_slices: bool = false,
        /// Segments do not make buffers of their own.
        "ignore_segment" => pub ignore_segment: bool = false,
        /// Most mebibytes that the buffers of one message may take, data and calibration data together; a header that asks
        /// for more is an error.
        "max_buffer_megabytes" => pub max_buffer_megabytes: usize = 16_384,
    }
}

/// A counter that a buffer can be sorted along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the counters")]
pub enum BufferDimension {
    Average,
    Contrast,
    Phase,
    Repetition,
    Set,
    Segment,
    Slice,
    None,
}

impl BufferDimension {
    const NAMES: [(&str, Self); 9] = [
        ("none", Self::None),
        ("", Self::None),
        ("average", Self::Average),
        ("contrast", Self::Contrast),
        ("phase", Self::Phase),
        ("repetition", Self::Repetition),
        ("set", Self::Set),
        ("segment", Self::Segment),
        ("slice", Self::Slice),
    ];

    fn index(self, idx: &EncodingCounters) -> u16 {
        match self {
            Self::Average => idx.average,
            Self::Contrast => idx.contrast,
            Self::Phase => idx.phase,
            Self::Repetition => idx.repetition,
            Self::Set => idx.set,
            Self::Segment => idx.segment,
            Self::Slice => idx.slice,
            Self::None => 0,
        }
    }
}

impl PropertyValue for BufferDimension {
    fn read(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, dimension)| dimension).ok_or_else(|| {
            format!("expected average, contrast, phase, repetition, set, segment, slice or none, found \"{text}\"")
        })
    }

    fn show(&self) -> String {
        let name = Self::NAMES.into_iter().find(|(_, dimension)| dimension == self);
        name.map_or("", |(name, _)| name).into()
    }
}

/// First and last value of a counter in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CounterRange {
    pub(super) min: u16,
    pub(super) max: u16,
}

impl CounterRange {
    pub(super) fn of(values: &BTreeSet<u16>) -> Self {
        Self {
            min: values.first().copied().unwrap_or(0),
            max: values.last().copied().unwrap_or(0),
        }
    }

    pub(super) fn size(self) -> usize {
        usize::from(self.max - self.min) + 1
    }
}

/// The values of a counter that came for a buffer: each has a place, in ascending order, and no place is empty because a
/// number was left out. Data and their calibration data may have different ones.
#[derive(Clone, Debug, Default)]
struct Places(Vec<u16>);

impl Places {
    fn of(values: BTreeSet<u16>) -> Self {
        Self(values.into_iter().collect())
    }

    /// The place of `value`, which is one of them.
    fn place(&self, value: u16) -> usize {
        self.0.partition_point(|known| *known < value)
    }
}

/// Sorts readouts into k-space.
#[derive(Clone, Debug)]
pub struct BucketToBuffer {
    properties: BucketToBufferProperties,
    header: Arc<IsmrmrdHeader>,
}

impl Configured for BucketToBuffer {
    type Properties = BucketToBufferProperties;

    fn new(properties: BucketToBufferProperties, context: &Context) -> Result<Self, BoxError> {
        sortable(&context.header)?;
        Ok(Self {
            properties,
            header: context.header.clone(),
        })
    }
}

impl Gadget for BucketToBuffer {
    type In = AcquisitionBucket;
    type Out = ReconDataWithWaveforms;

    async fn run(
        self,
        mut input: Input<AcquisitionBucket>,
        mut output: Output<ReconDataWithWaveforms>,
    ) -> Result<(), BoxError> {
        let sorter = Arc::new(self);
        while let Some(mut bucket) = input.next().await? {
            let waveforms = std::mem::take(&mut bucket.waveforms);
            // One after the other: of a whole measurement in one bucket, only what the next gadgets hold is there twice.
            for part in sorter.parts(bucket)? {
                let this = sorter.clone();
                let data = engine::compute(move || this.fill(part)).await?;
                let waveforms = waveforms.clone();
                output.send(ReconDataWithWaveforms { data, waveforms }).await?;
            }
        }
        Ok(())
    }
}

type Key = [u16; 7];

/// The readouts of one buffer, and the statistics of the bucket (calibration data, data).
struct Part {
    reference: Vec<Acquisition>,
    data: Vec<Acquisition>,
    stats: Arc<[Vec<AcquisitionBucketStats>; 2]>,
}

impl BucketToBuffer {
    /// The buffers of a bucket, in ascending order of their keys.
    pub fn sort(&self, bucket: AcquisitionBucket) -> Result<Vec<ReconData>, BoxError> {
        self.parts(bucket)?.map(|part| self.fill(part)).collect()
    }

    /// The readouts of each buffer, in ascending order of the keys.
    fn parts(&self, bucket: AcquisitionBucket) -> Result<impl Iterator<Item = Part> + use<>, BoxError> {
        let mut parts: BTreeMap<Key, [Vec<Acquisition>; 2]> = BTreeMap::new();
        let of_kind = |kind: usize| move |acquisition: Acquisition| (kind, acquisition);
        let all = bucket.reference.into_iter().map(of_kind(0));
        for (kind, mut acquisition) in all.chain(bucket.data.into_iter().map(of_kind(1))) {
            let encoding = encoding_of(&self.header, &acquisition.header)?;
            turn_round(&mut acquisition, encoding);
            parts.entry(self.key(&acquisition.header.idx)).or_default()[kind].push(acquisition);
        }
        let stats = Arc::new([bucket.reference_stats, bucket.data_stats]);
        Ok(parts.into_values().map(move |[reference, data]| Part {
            reference,
            data,
            stats: stats.clone(),
        }))
    }

    /// The buffers of one part, by encoding space.
    fn fill(&self, part: Part) -> Result<ReconData, BoxError> {
        let [reference_stats, data_stats] = &*part.stats;
        let mut budget = Budget::new(self.properties.max_buffer_megabytes);
        let mut references = self.buffers(part.reference, reference_stats, true, &mut budget)?;
        let mut data = self.buffers(part.data, data_stats, false, &mut budget)?;
        let last = [&references, &data].map(|buffers| buffers.keys().next_back().copied());
        let spaces = match last.into_iter().max().flatten() {
            Some(last) => 0..=last,
            None => return Ok(ReconData { bits: Vec::new() }),
        };
        let bits = spaces.map(|space| ReconBit {
            data: data.remove(&space).map_or_else(empty_buffer, Into::into),
            reference: references.remove(&space).map(Into::into),
        });
        Ok(ReconData { bits: bits.collect() })
    }

    /// Readouts of one kind, in a buffer for each encoding space. They are freed as they are copied.
    fn buffers(
        &self,
        readouts: Vec<Acquisition>,
        stats: &[AcquisitionBucketStats],
        reference: bool,
        budget: &mut Budget,
    ) -> Result<BTreeMap<u16, Buffer>, BoxError> {
        let mut came: BTreeMap<u16, [BTreeSet<u16>; 3]> = BTreeMap::new();
        for readout in &readouts {
            let values = came.entry(readout.header.encoding_space_ref).or_default();
            for (values, value) in values.iter_mut().zip(self.along(&readout.header.idx)) {
                values.insert(value);
            }
        }
        let places = came.into_iter().map(|(space, values)| (space, values.map(Places::of)));
        let places: BTreeMap<u16, [Places; 3]> = places.collect();
        let mut buffers = BTreeMap::new();
        for readout in readouts {
            let space = readout.header.encoding_space_ref;
            let places = &places[&space];
            let buffer = match buffers.entry(space) {
                Entry::Vacant(entry) => {
                    let counts = places.each_ref().map(|places| places.0.len());
                    entry.insert(self.begin(stats, &readout, reference, counts, budget)?)
                }
                Entry::Occupied(entry) => entry.into_mut(),
            };
            let values = self.along(&readout.header.idx);
            buffer.add(&readout, std::array::from_fn(|axis| places[axis].place(values[axis])))?;
        }
        Ok(buffers)
    }

    fn key(&self, idx: &EncodingCounters) -> Key {
        let properties = &self.properties;
        let of = |dimension: BufferDimension| {
            let sorted_along = dimension == properties.n || dimension == properties.s;
            let left_out = dimension == BufferDimension::Slice && !properties.split_slices
                || dimension == BufferDimension::Segment && properties.ignore_segment;
            if sorted_along || left_out {
                0
            } else {
                dimension.index(idx)
            }
        };
        [
            BufferDimension::Average,
            BufferDimension::Slice,
            BufferDimension::Contrast,
            BufferDimension::Phase,
            BufferDimension::Repetition,
            BufferDimension::Set,
            BufferDimension::Segment,
        ]
        .map(of)
    }

    /// A buffer for readouts like this one; `counts` are the sizes along N, S and LOC.
    fn begin(
        &self,
        stats: &[AcquisitionBucketStats],
        readout: &Acquisition,
        reference: bool,
        counts: [usize; 3],
        budget: &mut Budget,
    ) -> Result<Buffer, BoxError> {
        let space = readout.header.encoding_space_ref;
        let encoding = encoding_of(&self.header, &readout.header)?;
        let stats = stats.get(usize::from(space)).ok_or(BufferError::NoStatistics(space))?;
        Ok(Buffer::new(encoding, stats, readout, reference, counts, budget)?)
    }

    /// What is sorted along N, S and LOC.
    fn along(&self, idx: &EncodingCounters) -> [u16; 3] {
        [self.properties.n, self.properties.s, self.along_locations()].map(|dimension| dimension.index(idx))
    }

    /// What is sorted along LOC: slices, unless they have buffers of their own or are sorted along N or S.
    fn along_locations(&self) -> BufferDimension {
        let properties = &self.properties;
        let elsewhere = properties.split_slices || [properties.n, properties.s].contains(&BufferDimension::Slice);
        match elsewhere {
            true => BufferDimension::None,
            false => BufferDimension::Slice,
        }
    }
}

#[cfg(test)]
mod tests;
