//! Slices that not every repetition has, and calibration data of slices that have no data: each image is that of its slice.

use std::path::Path;

use protocol::{Acquisition, acquisition::flag};

use super::unusual::{reconstruct, rewritten, shipped};
use crate::{compare::pixels, images};

const CALIBRATION: [u32; 2] = [flag::IS_PARALLEL_CALIBRATION, flag::IS_PARALLEL_CALIBRATION_AND_IMAGING];

fn is_noise(readout: &Acquisition) -> bool {
    readout.header.is_flag_set(flag::IS_NOISE_MEASUREMENT)
}

/// Slice, repetition and pixels of every image; the pixels are divided by their norm, because arrays are scaled as a whole.
async fn reconstructed(input: &Path, configuration: String) -> Vec<(u16, u16, Vec<f64>)> {
    let output = input.with_extension("images.h5");
    reconstruct(input, configuration, &output).await.unwrap();
    let series = images(&output, "images");
    let all = series.iter().flat_map(|series| &series.images).map(|image| {
        let values: Vec<f64> = pixels(image).1.iter().map(|pixel| pixel.norm()).collect();
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        assert!(norm > 0.0, "an image of nothing");
        let values = values.iter().map(|value| value / norm).collect();
        (image.header().slice, image.header().repetition, values)
    });
    let all = all.collect();
    std::fs::remove_file(output).unwrap();
    all
}

fn difference(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let squares = one.iter().zip(other).map(|(one, other)| (one - other).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Two slices; the same a second time without the first slice.
fn second_time_without_the_first(folder: &Path) -> std::path::PathBuf {
    rewritten(folder, "brain_a2.h5", |header, mut readouts| {
        let limits = &mut header.encoding[0].encoding_limits;
        limits.repetition = limits.slice;
        let again = readouts
            .iter()
            .filter(|readout| !is_noise(readout) && readout.header.idx.slice == 1);
        let again: Vec<Acquisition> = again
            .cloned()
            .map(|mut readout| {
                readout.header.idx.repetition = 1;
                readout
            })
            .collect();
        readouts.extend(again);
        readouts
    })
}

#[tokio::test]
async fn a_slice_that_one_repetition_does_not_have_makes_no_image_and_changes_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = second_time_without_the_first(folder.path());
    let by_repetition = |text: String| {
        let once = text.replace(
            "\"trigger_dimension\" value=\"\"",
            "\"trigger_dimension\" value=\"repetition\"",
        );
        let once = once.replace(
            "\"prepare_ref_always\" value=\"true\"",
            "\"prepare_ref_always\" value=\"false\"",
        );
        assert_eq!(
            once.matches("value=\"repetition\"").count(),
            text.matches("value=\"repetition\"").count() + 1
        );
        assert!(once.contains("\"prepare_ref_always\" value=\"false\""));
        once
    };
    for (name, tolerance) in [
        ("Generic_Cartesian_Grappa", 0.01),
        ("Generic_Cartesian_Spirit", 0.01),
        // Here the numbers of channels and of intensities differ.
        ("Generic_Cartesian_FFT", 0.1),
    ] {
        // All in one bucket; and in two, the second calibrated with the first.
        let calibrated = name != "Generic_Cartesian_FFT";
        let configurations = [Some(shipped(name)), calibrated.then(|| by_repetition(shipped(name)))];
        for configuration in configurations.into_iter().flatten() {
            let images = reconstructed(&file, configuration).await;
            let numbers: Vec<_> = images
                .iter()
                .map(|(slice, repetition, _)| (*slice, *repetition))
                .collect();
            assert_eq!(numbers, [(0, 0), (1, 0), (1, 1)], "{name}");
            let [other, first, second] = [0, 1, 2].map(|index: usize| &images[index].2);
            let (same, another) = (difference(first, second), difference(first, other));
            assert!(
                same < tolerance && another > 3.0 * tolerance,
                "{name}: {same}, {another}"
            );
        }
    }
}

#[tokio::test]
async fn calibration_data_of_a_slice_without_data_calibrate_no_other_slice() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["Generic_Cartesian_Grappa", "Generic_Cartesian_Spirit"] {
        let mut found = Vec::new();
        for alone in [true, false] {
            let file = rewritten(folder.path(), "brain_a2.h5", |_, readouts| {
                let kept = |readout: &Acquisition| match readout.header.idx.slice {
                    _ if is_noise(readout) => true,
                    // Calibration lines only, of something else.
                    0 => !alone && CALIBRATION.iter().any(|flag| readout.header.is_flag_set(*flag)),
                    _ => true,
                };
                let readouts = readouts.into_iter().filter(kept).map(|mut readout| {
                    if !is_noise(&readout) && readout.header.idx.slice == 0 {
                        readout.header.clear_flag(flag::IS_PARALLEL_CALIBRATION_AND_IMAGING);
                        readout.header.set_flag(flag::IS_PARALLEL_CALIBRATION);
                        readout.data.invert_axis(ndarray::Axis(0));
                    }
                    readout
                });
                readouts.collect()
            });
            found.push(reconstructed(&file, shipped(name)).await);
        }
        let [(slice, _, expected)] = &found[0][..] else {
            panic!("one image")
        };
        let [(same, _, ours)] = &found[1][..] else {
            panic!("one image")
        };
        assert_eq!((slice, same), (&1, &1), "{name}");
        assert!(
            difference(expected, ours) < 0.01,
            "{name}: {}",
            difference(expected, ours)
        );
    }
}
