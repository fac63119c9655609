use ndarray::Array2;
use proptest::prelude::*;
use protocol::{Complex32, WaveformHeader};

use super::*;
use crate::testing::{build, header, outputs, readout, run, run_broken_off};

fn gadget(properties: &[(&str, &str)]) -> AccumulateTrigger {
    build(properties, &Context::new(header([8, 8, 1], [8, 8, 1]))).unwrap()
}

fn line(change: impl FnOnce(&mut AcquisitionHeader)) -> ScannerData {
    let mut acquisition = readout(1, 2, |_, _| Complex32::ONE);
    change(&mut acquisition.header);
    ScannerData::Acquisition(acquisition)
}

fn waveform() -> ScannerData {
    ScannerData::Waveform(Waveform {
        header: WaveformHeader::default(),
        data: Array2::zeros((1, 3)),
    })
}

fn sizes(buckets: &[AcquisitionBucket]) -> Vec<usize> {
    buckets.iter().map(|bucket| bucket.data.len()).collect()
}

#[test]
fn a_changed_counter_completes_the_buckets_before_the_readout() {
    let lines = [0, 0, 1, 1, 1, 0].map(|repetition| line(|h| h.idx.repetition = repetition));
    let buckets = outputs(gadget(&[("trigger_dimension", "Repetition")]), lines.into());
    assert_eq!(sizes(&buckets), [2, 3, 1]);
    assert_eq!(buckets[1].data_stats[0].repetition, [1].into());
}

#[test]
fn buckets_leave_in_the_order_of_the_sorting_counter() {
    let lines = [3, 1, 2, 1].map(|slice| line(|h| h.idx.slice = slice));
    let buckets = outputs(gadget(&[("sorting_dimension", "slice")]), lines.into());
    assert_eq!(sizes(&buckets), [2, 1, 1]);
    let slices: Vec<_> = buckets.iter().map(|bucket| bucket.data[0].header.idx.slice).collect();
    assert_eq!(slices, [1, 2, 3]);
}

#[test]
fn the_first_count_and_the_later_count_are_kept() {
    let properties = [
        ("trigger_dimension", "n_acquisitions"),
        ("n_acquisitions_before_trigger", "3"),
        ("n_acquisitions_before_ongoing_trigger", "2"),
    ];
    let lines = (0..8).map(|_| line(|_| ())).collect();
    assert_eq!(sizes(&outputs(gadget(&properties), lines)), [3, 2, 2, 1]);
}

#[test]
fn flags_decide_between_data_and_reference() {
    let flags = [
        None,
        Some(flag::IS_PARALLEL_CALIBRATION),
        Some(flag::IS_PARALLEL_CALIBRATION_AND_IMAGING),
        Some(flag::IS_PHASECORR_DATA),
        Some(flag::IS_NOISE_MEASUREMENT),
    ];
    let lines = flags.iter().enumerate().map(|(i, flag)| {
        line(|h| {
            h.idx.kspace_encode_step_1 = i as u16;
            flag.iter().for_each(|flag| h.set_flag(*flag));
        })
    });
    let bucket = outputs(gadget(&[]), lines.collect()).remove(0);
    let lines = |acquisitions: &[Acquisition]| -> Vec<u16> {
        acquisitions.iter().map(|a| a.header.idx.kspace_encode_step_1).collect()
    };
    assert_eq!(lines(&bucket.data), [0, 2]);
    assert_eq!(lines(&bucket.reference), [1, 2]);
    assert_eq!(bucket.data_stats[0].kspace_encode_step_1, [0, 2].into());
    assert_eq!(bucket.reference_stats[0].kspace_encode_step_1, [1, 2].into());
}

#[test]
fn waveforms_travel_with_the_first_bucket_and_are_never_lost() {
    let messages = vec![
        waveform(),
        line(|h| h.idx.slice = 1),
        line(|h| h.idx.slice = 0),
        waveform(),
    ];
    let buckets = outputs(gadget(&[("sorting_dimension", "slice")]), messages);
    let counts: Vec<_> = buckets.iter().map(|bucket| bucket.waveforms.len()).collect();
    assert_eq!(counts, [2, 0]);
    let alone = outputs(gadget(&[]), vec![waveform()]);
    assert_eq!((alone.len(), alone[0].waveforms.len(), alone[0].data.len()), (1, 1, 0));
    assert!(outputs(gadget(&[]), vec![]).is_empty());
}

#[test]
fn a_bucket_that_broke_off_is_dropped_unless_the_measurement_was_over() {
    let lines = |last: bool| {
        vec![
            line(|_| ()),
            line(|h| h.idx.repetition = 1),
            line(|h| {
                h.idx.repetition = 1;
                if last {
                    h.set_flag(flag::LAST_IN_MEASUREMENT);
                }
            }),
        ]
    };
    let properties = [("trigger_dimension", "repetition")];
    let (buckets, result) = run_broken_off(gadget(&properties), lines(false));
    assert_eq!(sizes(&buckets), [1]);
    assert!(result.unwrap_err().is::<engine::Interrupted>());
    let (buckets, result) = run_broken_off(gadget(&properties), lines(true));
    assert_eq!(sizes(&buckets), [1, 2]);
    assert!(result.is_err());
}

#[test]
fn unknown_dimensions_and_encodings_are_errors() {
    let context = Context::new(header([8, 8, 1], [8, 8, 1]));
    let error = build::<AccumulateTrigger>(&[("trigger_dimension", "time")], &context).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("user_7, n_acquisitions or none, found \"time\""),
        "{error}"
    );
    let (_, result) = run(gadget(&[]), vec![line(|h| h.encoding_space_ref = 65535)]);
    assert!(result.is_err());
}

proptest! {
    #[test]
    fn no_readout_is_lost_or_reordered_within_its_bucket(counters in proptest::collection::vec((0_u16..4, 0_u16..4), 0..60)) {
        let messages = counters.iter().enumerate().map(|(number, &(repetition, slice))| line(|h| {
            h.idx.repetition = repetition;
            h.idx.slice = slice;
            h.scan_counter = number as u32;
        }));
        let properties = [("trigger_dimension", "repetition"), ("sorting_dimension", "slice")];
        let buckets = outputs(gadget(&properties), messages.collect());
        let mut seen = Vec::new();
        for bucket in &buckets {
            let numbers: Vec<_> = bucket.data.iter().map(|a| a.header.scan_counter).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert_eq!(bucket.data_stats[0].repetition.len(), 1);
            prop_assert_eq!(bucket.data_stats[0].slice.len(), 1);
            seen.extend(numbers);
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..counters.len() as u32).collect::<Vec<_>>());
    }
}
