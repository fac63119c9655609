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
            let this = sorter.clone();
            let buffers = engine::compute(move || this.sort(bucket)).await?;
            for data in buffers {
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

impl BucketToBuffer {
    /// The buffers of a bucket, in ascending order of their keys. Readouts are freed as they are copied.
    pub fn sort(&self, bucket: AcquisitionBucket) -> Result<Vec<ReconData>, BoxError> {
        let mut buffers: BTreeMap<Key, Vec<Space>> = BTreeMap::new();
        for mut acquisition in bucket.reference {
            self.turn_round(&mut acquisition)?;
            let space = self.space(&mut buffers, &acquisition);
            self.add(&mut space.reference, &bucket.reference_stats, &acquisition, true)?;
        }
        for mut acquisition in bucket.data {
            self.turn_round(&mut acquisition)?;
            let space = self.space(&mut buffers, &acquisition);
            self.add(&mut space.data, &bucket.data_stats, &acquisition, false)?;
        }
        Ok(buffers.into_values().map(finish).collect())
    }

    fn turn_round(&self, acquisition: &mut Acquisition) -> Result<(), BoxError> {
        let encoding = encoding_of(&self.header, &acquisition.header)?;
        turn_round(acquisition, encoding);
        Ok(())
    }

    fn space<'a>(&self, buffers: &'a mut BTreeMap<Key, Vec<Space>>, acquisition: &Acquisition) -> &'a mut Space {
        // Bounded by `encoding_of` before anything is added; an unknown space gets no entry of its own.
        let known = self.header.encoding.len().max(1);
        let space = usize::from(acquisition.header.encoding_space_ref).min(known - 1);
        let spaces = buffers.entry(self.key(&acquisition.header.idx)).or_default();
        if spaces.len() <= space {
            spaces.resize_with(space + 1, Space::default);
        }
        &mut spaces[space]
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

fn finish(spaces: Vec<Space>) -> ReconData {
    let bits = spaces.into_iter().map(|space| ReconBit {
        data: space.data.map_or_else(empty_buffer, BufferedData::from),
        reference: space.reference.map(BufferedData::from),
    });
    ReconData { bits: bits.collect() }
}

#[cfg(test)]
mod tests;
