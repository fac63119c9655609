use proptest::prelude::*;
use protocol::{
    IsmrmrdHeader,
    header::{AcquisitionSystemInformation, CoilLabel},
};

use super::*;
use crate::testing::{build, noise, outputs, readout, run, run_broken_off};

fn gadget() -> PcaCoil {
    build(&[], &Context::new(IsmrmrdHeader::default())).unwrap()
}

fn line(number: u32, slice: u16, flags: &[u32]) -> Acquisition {
    let mut line = readout(4, 32, |c, s| {
        noise(u64::from(number), c, s) + Complex32::from(noise(99, 0, s).re * c as f32)
    });
    line.header.scan_counter = number;
    line.header.idx.slice = slice;
    flags.iter().for_each(|flag| line.header.set_flag(*flag));
    line
}

fn numbers(readouts: &[Acquisition]) -> Vec<u32> {
    readouts.iter().map(|readout| readout.header.scan_counter).collect()
}

/// Power of every sample over the channels: what a rotation of the channels keeps.
fn power(readout: &Acquisition) -> Vec<f32> {
    readout
        .data
        .columns()
        .into_iter()
        .map(|sample| sample.iter().map(Complex32::norm_sqr).sum())
        .collect()
}

#[test]
fn readouts_are_rotated_into_components_with_the_first_the_strongest() {
    let lines: Vec<_> = (0..20)
        .map(|i| line(i, 0, if i == 19 { &[flag::LAST_IN_SLICE] } else { &[] }))
        .collect();
    let result = outputs(gadget(), lines.clone());
    assert_eq!(numbers(&result), (0..20).collect::<Vec<_>>());
    let mut channels = [0.0; 4];
    for (source, rotated) in lines.iter().zip(&result) {
        for (before, after) in power(source).into_iter().zip(power(rotated)) {
            assert!((before - after).abs() < 1e-3 * before.max(1e-3));
        }
        for (sum, channel) in channels.iter_mut().zip(rotated.data.rows()) {
            *sum += channel.iter().map(Complex32::norm_sqr).sum::<f32>();
        }
    }
    assert!(channels[0] > 2.0 * channels[1], "{channels:?}");
}

#[test]
fn a_slice_is_transformed_by_its_last_readout_or_the_hundredth() {
    let result = outputs(gadget(), (0..250).map(|i| line(i, 0, &[])).collect());
    assert_eq!(numbers(&result), (0..250).collect::<Vec<_>>());
    // What came after the hundredth does not change the components.
    let other = outputs(gadget(), (0..100).chain(500..510).map(|i| line(i, 0, &[])).collect());
    assert_eq!(other[..100], result[..100]);
}

#[test]
fn readouts_keep_their_order_across_slices() {
    let lines = (0..30).map(|i| line(i, (i % 3) as u16, if i == 27 { &[flag::LAST_IN_SLICE] } else { &[] }));
    assert_eq!(
        numbers(&outputs(gadget(), lines.collect())),
        (0..30).collect::<Vec<_>>()
    );
}

#[test]
fn however_many_slices_only_so_many_readouts_wait() {
    let lines = (0..3000).map(|i| line(i, (i % 1000) as u16, &[]));
    assert_eq!(
        numbers(&outputs(gadget(), lines.collect())),
        (0..3000).collect::<Vec<_>>()
    );
}

#[test]
fn noise_ends_here() {
    let lines = vec![line(0, 0, &[flag::IS_NOISE_MEASUREMENT]), line(1, 0, &[])];
    assert_eq!(numbers(&outputs(gadget(), lines)), [1]);
}

#[test]
fn incomplete_slices_leave_at_the_end_but_not_when_the_stream_broke_off() {
    let lines = |flags: &[u32]| vec![line(0, 0, &[]), line(1, 1, flags)];
    assert_eq!(numbers(&outputs(gadget(), lines(&[]))), [0, 1]);
    let (result, end) = run_broken_off(gadget(), lines(&[]));
    assert!(result.is_empty() && end.is_err());
    let (result, end) = run_broken_off(gadget(), lines(&[flag::LAST_IN_MEASUREMENT]));
    assert_eq!(numbers(&result), [0, 1]);
    assert!(end.is_err());
}

#[test]
fn coils_that_are_not_to_be_combined_come_first() {
    let coil_label = ["a", "b", "c", "d"].map(|name| CoilLabel {
        coil_name: name.into(),
        ..CoilLabel::default()
    });
    let header = IsmrmrdHeader {
        acquisition_system_information: Some(AcquisitionSystemInformation {
            coil_label: coil_label.into(),
            ..AcquisitionSystemInformation::default()
        }),
        ..IsmrmrdHeader::default()
    };
    let gadget: PcaCoil = build(&[("uncombined_channels_by_name", "c, a, x")], &Context::new(header)).unwrap();
    let source = line(3, 0, &[]);
    let result = outputs(gadget, vec![source.clone()]).remove(0);
    assert_eq!(result.data.row(0), source.data.row(2));
    assert_eq!(result.data.row(1), source.data.row(0));
}

#[test]
fn a_changing_number_of_channels_is_an_error() {
    let narrow = readout(2, 32, |c, s| noise(1, c, s));
    let (_, end) = run(gadget(), vec![line(0, 0, &[]), narrow]);
    assert_eq!(
        end.unwrap_err().to_string(),
        "a readout with 4 channels in a slice with 2"
    );
}

proptest! {
    #[test]
    fn every_readout_leaves_once_and_in_order(slices in proptest::collection::vec((0_u16..4, 0_u8..8), 0..150)) {
        let lines = slices.iter().enumerate().map(|(number, (slice, last))| {
            line(number as u32, *slice, if *last == 0 { &[flag::LAST_IN_SLICE] } else { &[] })
        });
        prop_assert_eq!(numbers(&outputs(gadget(), lines.collect())), (0..slices.len() as u32).collect::<Vec<_>>());
    }
}
