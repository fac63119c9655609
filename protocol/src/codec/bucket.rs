//! Message 1050, a bucket: thirteen counts and sizes, then imaging readouts, calibration readouts and waveforms.
//!
//! Readouts come as all headers, all trajectories, all samples, then the statistics; waveforms as all headers, then
//! all samples. Like the original's reader, this one goes by the counts and the headers; the sizes are for the writer.

use std::collections::BTreeSet;

use super::{Codec, Decoder, acquisition, put_count, put_number, put_samples, waveform};
use crate::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, AcquisitionHeader, WaveformHeader,
    error::{EncodeError, Failure},
    wire::{Wire, wire_record},
};

/// Buckets, as `AcquisitionBucketReader` and `AcquisitionBucketWriter` exchange them.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcquisitionBucketCodec;

wire_record! {
    /// The sizes of one list of readouts.
    struct ReadoutSizes {
        /// Readouts.
        pub count: u64,
        /// Bytes of the headers.
        pub header_bytes: u64,
        /// Bytes of the samples.
        pub data_bytes: u64,
        /// Bytes of the trajectories.
        pub trajectory_bytes: u64,
    }
}

wire_record! {
    /// The sizes at the front of a bucket.
    struct BucketSizes {
        /// Imaging readouts.
        pub data: ReadoutSizes,
        /// Calibration readouts.
        pub reference: ReadoutSizes,
        /// Bytes of the statistics of the imaging readouts.
        pub data_stats_bytes: u64,
        /// Bytes of the statistics of the calibration readouts.
        pub reference_stats_bytes: u64,
        /// Waveforms.
        pub waveforms: u64,
        /// Bytes of the waveforms' headers.
        pub waveform_header_bytes: u64,
        /// Bytes of the waveforms' samples.
        pub waveform_bytes: u64,
    }
}

const HEADER_BYTES: u64 = AcquisitionHeader::SIZE as u64;
const WAVEFORM_BYTES: u64 = WaveformHeader::SIZE as u64;
/// The smallest statistics of an encoding space: nine counts.
const STATS_BYTES: u64 = 9 * 8;

impl Codec for AcquisitionBucketCodec {
    type Value = AcquisitionBucket;

    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure> {
        let sizes: BucketSizes = decoder.record()?;
        for list in [&sizes.data, &sizes.reference] {
            let count = items(decoder, "the readouts", list.count)?;
            let mut bytes = 0_u64;
            for header in headers(decoder, count)? {
                let more = acquisition::trajectory_count(&header) * 4 + acquisition::sample_count(&header) * 8;
                bytes = bytes.saturating_add(more);
            }
            decoder.bytes(bytes)?;
            let spaces = decoder.count("the statistics", STATS_BYTES)?;
            decoder.scan_items(spaces, STATS_BYTES, |decoder| {
                (0..9).try_for_each(|_| {
                    let values = decoder.count("the values of a counter", 2)?;
                    decoder.bytes(values as u64 * 2).map(drop)
                })
            })?;
        }
        let count = items(decoder, "the waveforms", sizes.waveforms)?;
        let mut samples = 0_u64;
        decoder.require(count.saturating_mul(WAVEFORM_BYTES))?;
        for _ in 0..count {
            samples = samples.saturating_add(waveform::sample_count(&decoder.record()?));
        }
        decoder.bytes(samples.saturating_mul(4))?;
        Ok(())
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<AcquisitionBucket, Failure> {
        let sizes: BucketSizes = decoder.record()?;
        let (data, data_stats) = readouts(decoder, sizes.data.count)?;
        let (reference, reference_stats) = readouts(decoder, sizes.reference.count)?;
        let count = items(decoder, "the waveforms", sizes.waveforms)?;
        decoder.require(count.saturating_mul(WAVEFORM_BYTES))?;
        let headers = (0..count)
            .map(|_| decoder.record())
            .collect::<Result<Vec<WaveformHeader>, _>>()?;
        let waveforms = headers
            .into_iter()
            .map(|header| waveform::samples(header, decoder))
            .collect::<Result<_, _>>()?;
        Ok(AcquisitionBucket {
            data,
            reference,
            data_stats,
            reference_stats,
            waveforms,
        })
    }

    fn encode(&self, bucket: &AcquisitionBucket, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let data = prepared(&bucket.data)?;
        let reference = prepared(&bucket.reference)?;
        let waveforms = bucket
            .waveforms
            .iter()
            .map(waveform::header)
            .collect::<Result<Vec<_>, _>>()?;
        BucketSizes {
            data: readout_sizes(&data),
            reference: readout_sizes(&reference),
            data_stats_bytes: stats_bytes(&bucket.data_stats),
            reference_stats_bytes: stats_bytes(&bucket.reference_stats),
            waveforms: waveforms.len() as u64,
            waveform_header_bytes: waveforms.len() as u64 * WAVEFORM_BYTES,
            waveform_bytes: waveforms.iter().map(|header| waveform::sample_count(header) * 4).sum(),
        }
        .write(out);
        put_readouts(out, &data, &bucket.data, &bucket.data_stats);
        put_readouts(out, &reference, &bucket.reference, &bucket.reference_stats);
        waveforms.iter().for_each(|header| header.write(out));
        bucket
            .waveforms
            .iter()
            .for_each(|waveform| put_samples(out, &waveform.data));
        Ok(())
    }

    fn weight(&self, bucket: &AcquisitionBucket) -> usize {
        bucket.weight()
    }
}

fn items(decoder: &Decoder<'_>, what: &'static str, count: u64) -> Result<u64, Failure> {
    decoder.check(what, count, decoder.limits().list_items, "list_items")?;
    Ok(count)
}

fn headers(decoder: &mut Decoder<'_>, count: u64) -> Result<impl Iterator<Item = AcquisitionHeader>, Failure> {
    let mut bytes = decoder.bytes(count.saturating_mul(HEADER_BYTES))?;
    Ok((0..count).map(move |_| AcquisitionHeader::read(&mut bytes)))
}

fn readouts(decoder: &mut Decoder<'_>, count: u64) -> Result<(Vec<Acquisition>, Vec<AcquisitionBucketStats>), Failure> {
    let count = items(decoder, "the readouts", count)?;
    let headers: Vec<_> = headers(decoder, count)?.collect();
    let trajectories = headers
        .iter()
        .map(|header| acquisition::trajectory(header, decoder))
        .collect::<Result<Vec<_>, _>>()?;
    let readouts = headers
        .into_iter()
        .zip(trajectories)
        .map(|(header, trajectory)| {
            Ok(Acquisition {
                data: acquisition::samples(&header, decoder)?,
                header,
                trajectory,
            })
        })
        .collect::<Result<_, _>>()?;
    let spaces = decoder.count("the statistics", STATS_BYTES)?;
    let stats = (0..spaces).map(|_| stats(decoder)).collect::<Result<_, _>>()?;
    Ok((readouts, stats))
}

fn stats(decoder: &mut Decoder<'_>) -> Result<AcquisitionBucketStats, Failure> {
    let mut stats = AcquisitionBucketStats::default();
    for set in sets_mut(&mut stats) {
        let count = decoder.count("the values of a counter", 2)?;
        set.extend(decoder.samples::<u16>(count as u64)?);
    }
    Ok(stats)
}

/// The counters' values in the order of the layout.
fn sets_mut(stats: &mut AcquisitionBucketStats) -> [&mut BTreeSet<u16>; 9] {
    [
        &mut stats.kspace_encode_step_1,
        &mut stats.kspace_encode_step_2,
        &mut stats.slice,
        &mut stats.phase,
        &mut stats.contrast,
        &mut stats.repetition,
        &mut stats.set,
        &mut stats.segment,
        &mut stats.average,
    ]
}

fn sets(stats: &AcquisitionBucketStats) -> [&BTreeSet<u16>; 9] {
    [
        &stats.kspace_encode_step_1,
        &stats.kspace_encode_step_2,
        &stats.slice,
        &stats.phase,
        &stats.contrast,
        &stats.repetition,
        &stats.set,
        &stats.segment,
        &stats.average,
    ]
}

fn prepared(readouts: &[Acquisition]) -> Result<Vec<AcquisitionHeader>, EncodeError> {
    readouts.iter().map(acquisition::header).collect()
}

fn readout_sizes(headers: &[AcquisitionHeader]) -> ReadoutSizes {
    ReadoutSizes {
        count: headers.len() as u64,
        header_bytes: headers.len() as u64 * HEADER_BYTES,
        data_bytes: headers.iter().map(|header| acquisition::sample_count(header) * 8).sum(),
        trajectory_bytes: headers
            .iter()
            .map(|header| acquisition::trajectory_count(header) * 4)
            .sum(),
    }
}

fn stats_bytes(stats: &[AcquisitionBucketStats]) -> u64 {
    let values = stats.iter().flat_map(sets).map(|set| 8 + set.len() as u64 * 2);
    8 + values.sum::<u64>()
}

fn put_readouts(
    out: &mut Vec<u8>,
    headers: &[AcquisitionHeader],
    readouts: &[Acquisition],
    stats: &[AcquisitionBucketStats],
) {
    headers.iter().for_each(|header| header.write(out));
    for trajectory in readouts.iter().filter_map(|readout| readout.trajectory.as_ref()) {
        put_samples(out, trajectory);
    }
    readouts.iter().for_each(|readout| put_samples(out, &readout.data));
    put_count(out, stats.len());
    for set in stats.iter().flat_map(sets) {
        put_count(out, set.len());
        set.iter().for_each(|&value| put_number(out, value));
    }
}
