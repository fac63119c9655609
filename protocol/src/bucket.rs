//! Readouts gathered until a trigger: message 1050.

use std::collections::BTreeSet;

use crate::{Acquisition, Waveform};

/// Which counter values occurred in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the counters")]
pub struct AcquisitionBucketStats {
    pub kspace_encode_step_1: BTreeSet<u16>,
    pub kspace_encode_step_2: BTreeSet<u16>,
    pub slice: BTreeSet<u16>,
    pub phase: BTreeSet<u16>,
    pub contrast: BTreeSet<u16>,
    pub repetition: BTreeSet<u16>,
    pub set: BTreeSet<u16>,
    pub segment: BTreeSet<u16>,
    pub average: BTreeSet<u16>,
}

/// Readouts and waveforms gathered until a trigger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AcquisitionBucket {
    /// Imaging readouts.
    pub data: Vec<Acquisition>,
    /// Calibration readouts.
    pub reference: Vec<Acquisition>,
    /// Counter values of `data`, index = encoding space.
    pub data_stats: Vec<AcquisitionBucketStats>,
    /// Counter values of `reference`, index = encoding space.
    pub reference_stats: Vec<AcquisitionBucketStats>,
    /// Waveforms.
    pub waveforms: Vec<Waveform>,
}

impl AcquisitionBucket {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self
                .data
                .iter()
                .chain(&self.reference)
                .map(Acquisition::weight)
                .sum::<usize>()
            + self.waveforms.iter().map(Waveform::weight).sum::<usize>()
            + (self.data_stats.len() + self.reference_stats.len()) * size_of::<AcquisitionBucketStats>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_have_their_weight() {
        let empty = AcquisitionBucket::default();
        let counted = AcquisitionBucket {
            data_stats: vec![AcquisitionBucketStats::default(); 300],
            reference_stats: vec![AcquisitionBucketStats::default(); 20],
            ..AcquisitionBucket::default()
        };
        let each = size_of::<AcquisitionBucketStats>();
        assert_eq!(counted.weight(), empty.weight() + 320 * each);
    }
}
