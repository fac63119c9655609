use std::sync::Arc;

use protocol::{
    Complex32,
    header::{AcquisitionSystemInformation, CoilLabel, MeasurementDependency, MeasurementInformation},
};

use super::*;
use crate::{
    context::Storage,
    testing::{Memory, build, header, noise, outputs, readout, run, run_broken_off},
};

/// A measurement with this id, depending on that one, with coils of these names.
fn context(id: &str, depends_on: Option<&str>, coils: &[&str]) -> Context {
    let mut header = header([8, 4, 1], [8, 4, 1]);
    header.measurement_information = Some(MeasurementInformation {
        measurement_id: Some(id.into()),
        measurement_dependency: depends_on
            .into_iter()
            .map(|id| MeasurementDependency {
                dependency_type: "Noise".into(),
                measurement_id: id.into(),
                ..MeasurementDependency::default()
            })
            .collect(),
        ..MeasurementInformation::default()
    });
    header.acquisition_system_information = Some(AcquisitionSystemInformation {
        relative_receiver_noise_bandwidth: Some(0.5),
        coil_label: coils
            .iter()
            .map(|name| CoilLabel {
                coil_name: (*name).into(),
                ..CoilLabel::default()
            })
            .collect(),
        ..AcquisitionSystemInformation::default()
    });
    Context::new(header)
}

/// Noise of standard deviation proportional to 1, 2, 4, ... in the channels of this order.
fn noise_readout(order: &[usize]) -> Acquisition {
    let mut readout = readout(order.len(), 4000, |c, s| noise(5, order[c], s) * (1 << order[c]) as f32);
    readout.header.set_flag(flag::IS_NOISE_MEASUREMENT);
    readout
}

fn ones(channels: usize) -> Acquisition {
    readout(channels, 4, |_, _| Complex32::ONE)
}

fn gadget(properties: &[(&str, &str)], context: &Context) -> NoiseAdjust {
    build(properties, context).unwrap()
}

/// Diagonal of what was applied, from readouts that are one in one channel only.
fn gains(context: &Context, channels: usize, before: Vec<Acquisition>) -> Vec<f32> {
    let units = (0..channels).map(|unit| readout(channels, 4, |c, _| Complex32::from(f32::from(u8::from(c == unit)))));
    let mut messages = before;
    messages.extend(units);
    let whitened = outputs(gadget(&[], context), messages);
    whitened
        .iter()
        .enumerate()
        .map(|(unit, readout)| readout.data[[unit, 0]].norm())
        .collect()
}

#[test]
fn noise_readouts_end_here_and_whiten_the_rest() {
    let context = context("m", None, &["a", "b", "c"]);
    let gains = gains(&context, 3, vec![noise_readout(&[0, 1, 2])]);
    // Variance of the noise: 2 / 12 in the first channel, then 4 and 16 times as much.
    for (gain, expected) in gains.iter().zip([6_f32.sqrt(), 6_f32.sqrt() / 2.0, 6_f32.sqrt() / 4.0]) {
        assert!((gain / expected - 1.0).abs() < 0.05, "{gain} is not {expected}");
    }
}

#[test]
fn a_noise_bandwidth_that_cannot_be_counts_as_not_given() {
    let gains = |bandwidth: Option<f32>| {
        let mut context = context("m", None, &["a"]);
        let header = std::sync::Arc::make_mut(&mut context.header);
        let system = header.acquisition_system_information.as_mut().unwrap();
        system.relative_receiver_noise_bandwidth = bandwidth;
        (gains(&context, 1, vec![noise_readout(&[0])]), context.notices.take())
    };
    let (expected, nothing) = gains(None);
    assert!(expected[0] > 1.0 && nothing.is_empty());
    for bandwidth in [0.0, -1.0, f32::NAN] {
        let (found, notices) = gains(Some(bandwidth));
        assert_eq!(found, expected);
        assert_eq!(
            notices,
            [format!("relativeReceiverNoiseBandwidth is {bandwidth}: 0.793 is taken")]
        );
    }
}

#[test]
fn without_noise_or_when_told_not_to_readouts_pass_unchanged() {
    let context = context("m", None, &[]);
    assert_eq!(outputs(gadget(&[], &context), vec![ones(2)]), [ones(2)]);
    let messages = vec![noise_readout(&[0, 1]), ones(2)];
    assert_eq!(
        outputs(gadget(&[("perform_noise_adjust", "false")], &context), messages),
        [ones(2)]
    );
}

#[test]
fn noise_that_comes_later_whitens_from_then_on() {
    let context = context("m", None, &[]);
    let result = outputs(gadget(&[], &context), vec![ones(2), noise_readout(&[0, 1]), ones(2)]);
    assert_eq!(result[0], ones(2));
    assert_ne!(result[1], ones(2));
}

#[test]
fn other_numbers_of_channels_pass_or_are_an_error() {
    let context = context("m", None, &[]);
    let messages = || vec![noise_readout(&[0, 1]), ones(3)];
    assert_eq!(outputs(gadget(&[], &context), messages()), [ones(3)]);
    let said = "not whitened: 1 readouts, with 3 channels; the noise has 2";
    assert_eq!(context.notices.take(), [said]);
    let strict = gadget(&[("pass_nonconformant_data", "false")], &context);
    let words = run(strict, messages()).1.unwrap_err().to_string();
    assert_eq!(words, "a readout with 3 channels, noise with 2");
    let (_, result) = run(gadget(&[], &context), vec![noise_readout(&[0, 1]), noise_readout(&[0])]);
    assert!(result.is_err());
}

#[test]
fn stored_noise_of_other_channels_than_this_measurement_s_own_is_not_used() {
    let storage = Arc::new(Memory::default());
    let mut first = context("first", None, &[]);
    first.storage = storage.clone();
    outputs(gadget(&[], &first), vec![noise_readout(&[0, 1])]);
    let mut second = context("second", Some("first"), &[]);
    second.storage = storage;
    let own = context("third", None, &[]);
    let noise = || vec![noise_readout(&[0, 1, 2])];
    assert_eq!(gains(&second, 3, noise()), gains(&own, 3, noise()));
    let said = "the stored noise of 2 channels is not used: the readouts and this measurement's own noise have 3";
    assert_eq!(
        (second.notices.take(), own.notices.take()),
        (vec![said.to_owned()], vec![])
    );
    // What is stored comes first where it fits, whatever else is measured.
    let expected = gains(&second, 2, vec![]);
    for noise in [&[2, 2][..], &[0, 1, 2]] {
        assert_eq!(gains(&second, 2, vec![noise_readout(noise)]), expected);
    }
    assert!(second.notices.take().is_empty());
}

#[test]
fn a_covariance_is_stored_and_used_by_the_measurement_that_depends_on_it() {
    let storage = Arc::new(Memory::default());
    // An id that is not four words, and no readout but noise.
    let mut first = context("anything at all", None, &["a", "b", "c"]);
    first.storage = storage.clone();
    assert!(outputs(gadget(&[], &first), vec![noise_readout(&[0, 1, 2])]).is_empty());
    let expected = gains(&first, 3, vec![noise_readout(&[0, 1, 2])]);
    for (coils, order) in [
        (&["a", "b", "c"][..], [0, 1, 2]),
        (&["c", "a", "b"], [2, 0, 1]),
        (&[], [0, 1, 2]),
    ] {
        let mut second = context("second", Some("anything at all"), coils);
        second.storage = storage.clone();
        let found = gains(&second, 3, Vec::new());
        for (channel, source) in order.into_iter().enumerate() {
            // Not exactly: channels that happen to be a little alike are mixed in the order they come.
            assert!(
                (found[channel] / expected[source] - 1.0).abs() < 0.02,
                "{coils:?}: {found:?}"
            );
        }
    }
    let mut unknown = context("third", Some("never measured"), &["a", "b", "c"]);
    unknown.storage = storage;
    assert_eq!(gains(&unknown, 3, Vec::new()), [1.0, 1.0, 1.0]);
}

#[test]
fn a_covariance_without_labels_is_used_as_it_is() {
    let storage = Arc::new(Memory::default());
    let mut first = context("noise", None, &[]);
    first.storage = storage.clone();
    outputs(gadget(&[], &first), vec![noise_readout(&[0, 1])]);
    let mut second = context("data", Some("noise"), &["a", "b"]);
    second.storage = storage;
    let gains = gains(&second, 2, Vec::new());
    assert!((gains[0] / gains[1] - 2.0).abs() < 0.1, "{gains:?}");
}

#[test]
fn broken_or_damaged_storage_costs_the_whitening_only() {
    let mut broken = context("m", Some("noise"), &[]);
    broken.storage = Arc::new(Memory {
        broken: true,
        ..Memory::default()
    });
    assert_eq!(
        outputs(gadget(&[], &broken), vec![noise_readout(&[0, 1]), ones(2)]).len(),
        1
    );
    let damaged = Memory::default();
    damaged.store(&broken.header, "noise", STORED_AS, b"SFNDAM").unwrap();
    broken.storage = Arc::new(damaged);
    assert_eq!(outputs(gadget(&[], &broken), vec![ones(2)]), [ones(2)]);
}

#[test]
fn files_are_written_and_read_where_the_parameters_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.sfndam").to_str().unwrap().to_owned();
    let with = |name: &str| {
        let mut context = context("m", None, &["a", "b"]);
        context.parameters = Arc::new([(name.to_owned(), path.clone())].into());
        context
    };
    assert!(run(gadget(&[], &with("noisecovariancein")), vec![ones(2)]).1.is_err());
    let expected = outputs(
        gadget(&[], &with("noisecovarianceout")),
        vec![noise_readout(&[0, 1]), ones(2)],
    );
    let found = outputs(gadget(&[], &with("noisecovariancein")), vec![ones(2)]);
    assert!(
        (&expected[0].data - &found[0].data)
            .iter()
            .all(|difference| difference.norm() < 1e-5)
    );
    let covariance = NoiseCovariance::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (covariance.labels, covariance.sample_count),
        (vec!["a".to_owned(), "b".to_owned()], 4000)
    );
}

#[test]
fn named_channels_are_scaled_only() {
    let context = context("m", None, &["a", "b", "c"]);
    let mut mixed = noise_readout(&[0, 1, 2]);
    let first = mixed.data.row(0).to_owned();
    mixed
        .data
        .rows_mut()
        .into_iter()
        .skip(1)
        .for_each(|mut row| row += &first);
    let properties = [("scale_only_channels_by_name", "c, nobody")];
    let only_first = readout(3, 4, |c, _| Complex32::from(f32::from(u8::from(c == 0))));
    let result = outputs(gadget(&properties, &context), vec![mixed, only_first]).remove(0);
    assert_ne!(result.data[[1, 0]], Complex32::ZERO);
    assert_eq!(result.data[[2, 0]], Complex32::ZERO);
}

#[test]
fn noise_that_broke_off_is_not_kept() {
    let storage = Arc::new(Memory::default());
    let mut context = context("m", None, &[]);
    context.storage = storage.clone();
    let (_, result) = run_broken_off(gadget(&[], &context), vec![noise_readout(&[0, 1])]);
    assert!(result.is_err());
    assert!(storage.latest(&context.header, "m", STORED_AS).unwrap().is_none());
}
