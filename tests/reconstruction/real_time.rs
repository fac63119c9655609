//! Real-time GRAPPA: which weights an image gets.
//!
//! In the original that depends on how far a thread happened to be. Ours are made with those of the repetitions up to the
//! image's own.

use std::path::Path;

use gadgetron::files::{RawDataFile, RawDataWriter, ScannerData};
use protocol::acquisition::flag;

use crate::{
    compare::{self, Tolerance, compare},
    data, measures, reconstruct,
};

/// The original reads one sample past the end of each line of its calibration data: a sample of the next line. In data of
/// noise outside of the object that is seen.
const PAST_THE_END: f64 = 0.01;

/// How well the figures below are known: where the whole of k-space is calibrated ours takes fewer columns.
const APART: f64 = 0.02;

fn relative(ours: &Path, golden: &Path) -> Vec<f64> {
    let measured = measures::measured(ours, golden, compare::relative_difference);
    measured.into_iter().map(|(_, difference)| difference).collect()
}

#[tokio::test]
async fn slices_and_partial_fourier_are_as_in_the_original() {
    for input in ["brain_a2", "brain_a2_pf"] {
        for (configuration, tolerance) in [
            ("grappa_float_cpu", Tolerance::Relative(2e-3)),
            ("grappa_cpu", Tolerance::Relative(5e-3)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let output = folder.path().join("out.h5");
            reconstruct(&data(&format!("{input}.h5")), configuration, &output).await;
            let golden = data(&format!("{input}.{configuration}.h5"));
            if let Err(differences) = compare(&output, &golden, tolerance) {
                panic!("{input}, {configuration}:\n{}", differences.join("\n"));
            }
        }
    }
}

/// The original's two runs over the same data had different luck: once all images got the weights of the first repetition,
/// once those of the first two together. Of ours the one image agrees that ought to have just these weights; the others
/// are apart by as much as the weights are.
#[tokio::test]
async fn weights_are_those_of_the_repetitions_up_to_the_images_own() {
    let expected = [
        ("grappa_cpu", [0.0, 0.119, 0.188]),
        ("grappa_float_cpu", [0.115, 0.0, 0.190]),
    ];
    for (configuration, expected) in expected {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.h5");
        reconstruct(&data("shepp_a3.h5"), configuration, &output).await;
        let golden = data(&format!("shepp_a3.{configuration}.h5"));
        let headers = compare(&output, &golden, Tolerance::GreyLevels(f64::INFINITY));
        assert!(headers.is_ok(), "{configuration}: {headers:?}");
        let difference = relative(&output, &golden);
        let pairs = difference.iter().zip(expected);
        assert!(
            pairs.clone().all(|(found, expected)| (found - expected).abs() < APART) && pairs.len() == 3,
            "{configuration}: {difference:?}"
        );
    }
}

/// With the third repetition's calibration lines taken away (its slice has moved a little, so that earlier lines do not
/// count either) the third image is made with the weights of the first two repetitions, as the golden one was, and is equal.
#[tokio::test]
async fn with_the_originals_weights_the_images_are_the_originals() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.h5"), folder.path().join("out.h5"));
    let source = RawDataFile::open(data("shepp_a3.h5"), "dataset").unwrap();
    let mut moved = RawDataWriter::create(&input, "dataset", source.header_xml()).unwrap();
    for item in source {
        let ScannerData::Acquisition(mut readout) = item.unwrap() else {
            continue;
        };
        if readout.header.idx.repetition == 2 {
            if readout.header.is_flag_set(flag::IS_PARALLEL_CALIBRATION) {
                continue;
            }
            readout.header.position[0] += 1.0;
        }
        moved.acquisition(&readout).unwrap();
    }
    moved.finish().unwrap();
    reconstruct(&input, "grappa_float_cpu", &output).await;
    let difference = relative(&output, &data("shepp_a3.grappa_float_cpu.h5"));
    assert!(
        difference[1] < PAST_THE_END && difference[2] < PAST_THE_END,
        "{difference:?}"
    );
}
