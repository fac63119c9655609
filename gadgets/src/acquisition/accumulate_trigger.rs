//! Readouts are gathered in buckets until a counter changes, or there are enough of them.
//!
//! [`ScannerData`] to [`AcquisitionBucket`]: noise is dropped, waveforms travel with the first bucket after them. Answers
//! to Gadgetron's `AcquisitionAccumulateTriggerGadget`, which goes wrong when there are waveforms and no readouts at the
//! end; here they get a bucket of their own.
//!
//! When the stream breaks off, the bucket is incomplete and is dropped, unless the last readout says that it was the last
//! of the measurement.

use std::collections::BTreeMap;

use engine::{BoxError, Closed, Gadget, Input, Output};
use protocol::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, AcquisitionHeader, EncodingCounters, Waveform,
    acquisition::flag,
};

use crate::{
    Context,
    encoding::{encoding_of, sortable},
    flow::ScannerData,
    properties::PropertyValue,
    registry::Configured,
};

crate::properties! {
    /// Properties of [`AccumulateTrigger`].
    pub struct AccumulateTriggerProperties {
        /// The counter whose change completes the buckets; `n_acquisitions` counts readouts; `none` waits for the end.
        "trigger_dimension" => pub trigger: TriggerDimension = TriggerDimension::None,
        /// The counter that tells buckets apart; `none` makes one bucket.
        "sorting_dimension" => pub sorting: TriggerDimension = TriggerDimension::None,
        /// Readouts in the first bucket, for `n_acquisitions`.
        "n_acquisitions_before_trigger" => pub first_count: u32 = 40,
        /// Readouts in later buckets, for `n_acquisitions`.
        "n_acquisitions_before_ongoing_trigger" => pub later_count: u32 = 40,
    }
}

/// What a trigger looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerDimension {
    /// A counter of the readout.
    Counter(Counter),
    /// The number of readouts.
    Acquisitions,
    /// Nothing.
    None,
}

/// A counter of a readout, by its name.
#[derive(Clone, Copy)]
pub struct Counter {
    name: &'static str,
    read: fn(&EncodingCounters) -> u16,
}

impl PartialEq for Counter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Counter {}

impl std::fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

macro_rules! counters {
    ($($name:literal => $field:ident $([$index:literal])?),*) => {
        &[$(Counter { name: $name, read: |idx| idx.$field $([$index])? },)*]
    };
}

const COUNTERS: &[Counter] = counters![
    "kspace_encode_step_1" => kspace_encode_step_1,
    "kspace_encode_step_2" => kspace_encode_step_2,
    "average" => average,
    "slice" => slice,
    "contrast" => contrast,
    "phase" => phase,
    "repetition" => repetition,
    "set" => set,
    "segment" => segment,
    "user_0" => user[0],
    "user_1" => user[1],
    "user_2" => user[2],
    "user_3" => user[3],
    "user_4" => user[4],
    "user_5" => user[5],
    "user_6" => user[6],
    "user_7" => user[7]
];

impl PropertyValue for TriggerDimension {
    fn read(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        match name.as_str() {
            "" | "none" => Ok(Self::None),
            "n_acquisitions" => Ok(Self::Acquisitions),
            _ => match COUNTERS.iter().find(|counter| counter.name == name) {
                Some(counter) => Ok(Self::Counter(*counter)),
                None => {
                    let names: Vec<_> = COUNTERS.iter().map(|counter| counter.name).collect();
                    Err(format!(
                        "expected {}, n_acquisitions or none, found \"{text}\"",
                        names.join(", ")
                    ))
                }
            },
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Counter(counter) => counter.name.into(),
            Self::Acquisitions => "n_acquisitions".into(),
            Self::None => "none".into(),
        }
    }
}

impl TriggerDimension {
    fn index(self, header: &AcquisitionHeader) -> u16 {
        match self {
            Self::Counter(counter) => (counter.read)(&header.idx),
            Self::Acquisitions | Self::None => 0,
        }
    }
}

/// Gathers readouts in buckets.
#[derive(Debug)]
pub struct AccumulateTrigger {
    properties: AccumulateTriggerProperties,
    context: Context,
}

impl Configured for AccumulateTrigger {
    type Properties = AccumulateTriggerProperties;

    fn new(properties: AccumulateTriggerProperties, context: &Context) -> Result<Self, BoxError> {
        sortable(&context.header)?;
        Ok(Self {
            properties,
            context: context.clone(),
        })
    }
}

impl Gadget for AccumulateTrigger {
    type In = ScannerData;
    type Out = AcquisitionBucket;

    async fn run(self, mut input: Input<ScannerData>, output: Output<AcquisitionBucket>) -> Result<(), BoxError> {
        let mut trigger = Trigger::new(&self.properties);
        let mut gathered = Gathered {
            output,
            buckets: BTreeMap::new(),
            waveforms: Vec::new(),
            last_in_measurement: false,
        };
        loop {
            let acquisition = match input.next().await {
                Ok(Some(ScannerData::Acquisition(acquisition))) => acquisition,
                Ok(Some(ScannerData::Waveform(waveform))) => {
                    gathered.waveforms.push(waveform);
                    continue;
                }
                Ok(None) => return Ok(gathered.send().await?),
                Err(interrupted) => {
                    if gathered.last_in_measurement {
                        gathered.send().await?;
                    }
                    return Err(interrupted.into());
                }
            };
            let header = acquisition.header;
            if header.is_flag_set(flag::IS_NOISE_MEASUREMENT) {
                continue;
            }
            // Bounds the statistics, which have one entry for each encoding.
            encoding_of(&self.context.header, &header)?;
            if trigger.before(&header) {
                gathered.send().await?;
            }
            gathered.last_in_measurement = header.is_flag_set(flag::LAST_IN_MEASUREMENT);
            let bucket = gathered
                .buckets
                .entry(self.properties.sorting.index(&header))
                .or_default();
            add(bucket, acquisition);
            if trigger.after() {
                gathered.send().await?;
            }
        }
    }
}

struct Gathered {
    output: Output<AcquisitionBucket>,
    /// In the order of the sorting counter.
    buckets: BTreeMap<u16, AcquisitionBucket>,
    waveforms: Vec<Waveform>,
    last_in_measurement: bool,
}

impl Gathered {
    async fn send(&mut self) -> Result<(), Closed> {
        let mut buckets = std::mem::take(&mut self.buckets);
        if !self.waveforms.is_empty() {
            if buckets.is_empty() {
                buckets.insert(0, AcquisitionBucket::default());
            }
            if let Some(mut first) = buckets.first_entry() {
                first.get_mut().waveforms = std::mem::take(&mut self.waveforms);
            }
        }
        for bucket in buckets.into_values() {
            self.output.send(bucket).await?;
        }
        Ok(())
    }
}

struct Trigger {
    dimension: TriggerDimension,
    previous: Option<u16>,
    /// Readouts still to come until the trigger.
    remaining: u32,
    later_count: u32,
}

impl Trigger {
    fn new(properties: &AccumulateTriggerProperties) -> Self {
        Self {
            dimension: properties.trigger,
            previous: None,
            remaining: properties.first_count,
            later_count: properties.later_count,
        }
    }

    /// Whether the buckets are complete before this readout.
    fn before(&mut self, header: &AcquisitionHeader) -> bool {
        let index = self.dimension.index(header);
        self.previous.replace(index).is_some_and(|previous| previous != index)
    }

    /// Whether the buckets are complete after a readout.
    fn after(&mut self) -> bool {
        if self.dimension != TriggerDimension::Acquisitions {
            return false;
        }
        self.remaining = self.remaining.saturating_sub(1);
        let complete = self.remaining == 0;
        if complete {
            self.remaining = self.later_count;
        }
        complete
    }
}

fn add(bucket: &mut AcquisitionBucket, acquisition: Acquisition) {
    let header = &acquisition.header;
    let calibration = header.is_flag_set(flag::IS_PARALLEL_CALIBRATION);
    let both = header.is_flag_set(flag::IS_PARALLEL_CALIBRATION_AND_IMAGING);
    let imaging = !calibration && !header.is_flag_set(flag::IS_PHASECORR_DATA);
    if calibration || both {
        count(&mut bucket.reference_stats, header);
        if imaging {
            bucket.reference.push(acquisition.clone());
        } else {
            bucket.reference.push(acquisition);
            return;
        }
    }
    if imaging {
        count(&mut bucket.data_stats, &acquisition.header);
        bucket.data.push(acquisition);
    }
}

fn count(stats: &mut Vec<AcquisitionBucketStats>, header: &AcquisitionHeader) {
    let space = usize::from(header.encoding_space_ref);
    if stats.len() <= space {
        stats.resize_with(space + 1, AcquisitionBucketStats::default);
    }
    let (stats, idx) = (&mut stats[space], &header.idx);
    stats.kspace_encode_step_1.insert(idx.kspace_encode_step_1);
    stats.kspace_encode_step_2.insert(idx.kspace_encode_step_2);
    stats.slice.insert(idx.slice);
    stats.phase.insert(idx.phase);
    stats.contrast.insert(idx.contrast);
    stats.repetition.insert(idx.repetition);
    stats.set.insert(idx.set);
    stats.segment.insert(idx.segment);
    stats.average.insert(idx.average);
}

#[cfg(test)]
mod tests;
