//! Readouts of a bucket are sorted into k-space.
//!
//! [`AcquisitionBucket`] to [`ReconDataWithWaveforms`], one for each combination of the counters that are not sorted along
//! `N` or `S`, in ascending order of (average, slice, contrast, phase, repetition, set, segment); every one carries the
//! waveforms of its bucket. Repeated lines overwrite each other. Answers to Gadgetron's `BucketToBufferGadget`. Where that
//! goes wrong, this does the following:
//!
//! - The index along `N`, `S` and `LOC` counts from the smallest value in the bucket, as the size does; the original
//!   compares the raw value with the size, so that phases 2 to 5 end up in two places.
//! - `segment` and `slice` as `N` or `S` sort by segment and slice (not by average, and not all into place 0).
//! - Slices get their place from what arrived even when the header's limits of the slice counter are absent or too narrow.
//! - Calibration lines without `parallelImaging` or without a calibration mode in the header are placed like image lines.
//! - Without `parallelImaging` there are as many lines as encoded at least, so that the centre of k-space is in their middle;
//!   the original has as many as the limits allow, with partial Fourier fewer, and leaves out what does not fit.
//! - Without `parallelImaging` too, the samples of an asymmetric echo that were not measured have their place, so that its
//!   centre is where it is looked for.
//! - Missing encoding limits, for instance of E2 in a 2-D measurement, mean the whole encoded matrix.
//! - Cartesian readouts measured backwards are turned round.

use std::{collections::BTreeMap, sync::Arc};

use engine::{BoxError, Gadget, Input, Output};
use protocol::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, BufferedData, EncodingCounters, IsmrmrdHeader, ReconBit,
    ReconData,
};

use crate::{
    Context,
    acquisition::reversed::turn_round,
    encoding::encoding_of,
    flow::ReconDataWithWaveforms,
    properties::PropertyValue,
    recon::buffer::{Buffer, BufferError, empty_buffer},
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
        /// Most mebibytes that one buffer may take; a header that asks for more is an error.
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

    fn range(self, stats: &AcquisitionBucketStats) -> CounterRange {
        let values = match self {
            Self::Average => &stats.average,
            Self::Contrast => &stats.contrast,
            Self::Phase => &stats.phase,
            Self::Repetition => &stats.repetition,
            Self::Set => &stats.set,
            Self::Segment => &stats.segment,
            Self::Slice => &stats.slice,
            Self::None => return CounterRange::default(),
        };
        CounterRange::of(values)
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
    pub(super) fn of(values: &std::collections::BTreeSet<u16>) -> Self {
        Self {
            min: values.first().copied().unwrap_or(0),
            max: values.last().copied().unwrap_or(0),
        }
    }

    pub(super) fn size(self) -> usize {
        usize::from(self.max - self.min) + 1
    }

    /// The place of `value`; beyond the last place stays in the last.
    fn place(self, value: u16) -> usize {
        usize::from(value.clamp(self.min, self.max) - self.min)
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

/// The buffers of one encoding space.
#[derive(Default)]
struct Space {
    data: Option<Buffer>,
    reference: Option<Buffer>,
}

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

    /// One buffer. Readouts are freed as they are copied.
    fn fill(&self, part: Part) -> Result<ReconData, BoxError> {
        let mut spaces = Vec::new();
        let [reference_stats, data_stats] = &*part.stats;
        for acquisition in part.reference {
            let space = space(&mut spaces, &acquisition);
            self.add(&mut space.reference, reference_stats, &acquisition, true)?;
        }
        for acquisition in part.data {
            let space = space(&mut spaces, &acquisition);
            self.add(&mut space.data, data_stats, &acquisition, false)?;
        }
        Ok(finish(spaces))
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

    fn add(
        &self,
        buffer: &mut Option<Buffer>,
        stats: &[AcquisitionBucketStats],
        acquisition: &Acquisition,
        reference: bool,
    ) -> Result<(), BoxError> {
        let header = &acquisition.header;
        let encoding = encoding_of(&self.header, header)?;
        let stats = stats
            .get(usize::from(header.encoding_space_ref))
            .ok_or(BufferError::NoStatistics(header.encoding_space_ref))?;
        let (n, s) = (self.properties.n.range(stats), self.properties.s.range(stats));
        let slices = [self.properties.n, self.properties.s].contains(&BufferDimension::Slice);
        let locations = if self.properties.split_slices || slices {
            CounterRange {
                min: header.idx.slice,
                max: header.idx.slice,
            }
        } else {
            CounterRange::of(&stats.slice)
        };
        let buffer = match buffer {
            Some(buffer) => buffer,
            None => buffer.insert(Buffer::new(
                encoding,
                stats,
                acquisition,
                reference,
                [n.size(), s.size(), locations.size()],
                self.properties.max_buffer_megabytes,
            )?),
        };
        let place = [
            n.place(self.properties.n.index(&header.idx)),
            s.place(self.properties.s.index(&header.idx)),
            locations.place(header.idx.slice),
        ];
        Ok(buffer.add(acquisition, place)?)
    }
}

/// The space of a readout, which the header has: see [`BucketToBuffer::parts`].
fn space<'a>(spaces: &'a mut Vec<Space>, acquisition: &Acquisition) -> &'a mut Space {
    let space = usize::from(acquisition.header.encoding_space_ref);
    if spaces.len() <= space {
        spaces.resize_with(space + 1, Space::default);
    }
    &mut spaces[space]
}

fn finish(spaces: Vec<Space>) -> ReconData {
    let bits = spaces.into_iter().map(|space| ReconBit {
        data: space.data.map_or_else(empty_buffer, BufferedData::from),
        reference: space.reference.map(BufferedData::from),
    });
    ReconData { bits: bits.collect() }
}

#[cfg(test)]
mod tests;
