//! Files made from good ones: numbers left out, and sizes that nobody has memory for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use gadgetron::{
    configurations::Configurations,
    files::{RawDataFile, RawDataWriter, ReadLimits, ScannerData},
    recon::Recon,
};
use protocol::{Acquisition, IsmrmrdHeader, acquisition::flag, header::EncodingSpace};

use crate::{compare::pixels, data, images};

/// A copy of a file with another header and other readouts.
fn copy(
    folder: &Path,
    input: &str,
    of_header: impl FnOnce(&mut IsmrmrdHeader),
    of_readout: impl FnMut(&mut Acquisition),
) -> PathBuf {
    rewritten(folder, input, |header, mut readouts| {
        of_header(header);
        readouts.iter_mut().for_each(of_readout);
        readouts
    })
}

/// A copy of a file with what `edit` makes of its header and its readouts.
pub(crate) fn rewritten(
    folder: &Path,
    input: &str,
    edit: impl FnOnce(&mut IsmrmrdHeader, Vec<Acquisition>) -> Vec<Acquisition>,
) -> PathBuf {
    let input = RawDataFile::open(data(input), "dataset").unwrap();
    let mut header = IsmrmrdHeader::parse(input.header_xml()).unwrap();
    let readouts = input.into_iter().filter_map(|item| match item.unwrap() {
        ScannerData::Acquisition(readout) => Some(readout),
        _ => None,
    });
    let readouts = edit(&mut header, readouts.collect());
    let path = folder.join("copy.h5");
    let mut copy = RawDataWriter::create(&path, "dataset", &header.to_xml()).unwrap();
    for readout in readouts {
        copy.acquisition(&readout).unwrap();
    }
    copy.finish().unwrap();
    path
}

/// The error's words, if it is one.
pub(crate) async fn reconstruct(input: &Path, configuration: String, output: &Path) -> Result<(), String> {
    let recon = Recon {
        input: input.to_owned(),
        group: "dataset".into(),
        read_limits: ReadLimits::default(),
        configuration,
        output: output.to_owned(),
        output_group: "images".into(),
        parameters: BTreeMap::new(),
        storage: Arc::new(gadgets::context::NoStorage),
        distribution: Arc::default(),
        capacity: engine::Capacity::default(),
    };
    recon.run().await.map(|_| ()).map_err(|error| error.to_string())
}

pub(crate) fn shipped(name: &str) -> String {
    Configurations::new().find(name).unwrap()
}

#[tokio::test]
async fn a_slice_number_that_is_left_out_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gap = copy(
        folder.path(),
        "brain_a2.h5",
        |_| (),
        |readout| readout.header.idx.slice *= 2,
    );
    for name in ["Generic_Cartesian_Grappa", "Generic_Cartesian_FFT", "default"] {
        let (ours, expected) = (folder.path().join("gap.h5"), folder.path().join("whole.h5"));
        reconstruct(&gap, shipped(name), &ours).await.unwrap();
        reconstruct(&data("brain_a2.h5"), shipped(name), &expected)
            .await
            .unwrap();
        let (ours_series, expected_series) = (images(&ours, "images"), images(&expected, "images"));
        assert_eq!(ours_series.len(), expected_series.len(), "{name}");
        for (ours, expected) in ours_series.iter().zip(&expected_series) {
            assert_eq!(ours.images.len(), expected.images.len(), "{name}");
            for (ours, expected) in ours.images.iter().zip(&expected.images) {
                assert_eq!(ours.header().slice, expected.header().slice * 2, "{name}");
                assert_eq!(pixels(ours), pixels(expected), "{name}");
            }
        }
        for file in [ours, expected] {
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn sizes_that_nobody_has_memory_for_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    type Change = fn(&mut EncodingSpace);
    let cases: [(Change, &str); 3] = [
        (
            |space| space.field_of_view_mm[1] = 1e-9,
            "no memory for images of the matrix to reconstruct",
        ),
        (
            |space| space.matrix_size = [65535, 65535, 1],
            "no memory for images of the matrix to reconstruct",
        ),
        (|space| space.matrix_size = [0, 0, 1], "matrix to reconstruct is 0 x 0"),
    ];
    for (change, expected) in cases {
        let change = |header: &mut IsmrmrdHeader| change(&mut header.encoding[0].recon_space);
        let file = copy(folder.path(), "shepp_a3.h5", change, |_| ());
        let result = reconstruct(&file, shipped("Generic_Cartesian_Grappa"), &output).await;
        let words = result.unwrap_err();
        assert!(words.contains(expected), "{words}");
    }
    for matrix_size in [[0, 128, 1], [128, 0, 1]] {
        let change = |header: &mut IsmrmrdHeader| header.encoding[0].recon_space.matrix_size = matrix_size;
        let file = copy(folder.path(), "shepp_a3.h5", change, |_| ());
        let words = reconstruct(&file, shipped("grappa_cpu"), &output).await.unwrap_err();
        let expected = format!("matrix to reconstruct is {} x {}", matrix_size[0], matrix_size[1]);
        assert!(words.contains(&expected), "{words}");
    }
}

#[tokio::test]
async fn more_channels_than_there_can_be_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    for noise in [true, false] {
        let file = copy(
            folder.path(),
            "tiny.h5",
            |_| (),
            |readout| {
                let samples = if noise { 1 } else { readout.data.ncols() };
                readout.data = ndarray::Array2::default((1025, samples));
                if noise {
                    readout.header.set_flag(flag::IS_NOISE_MEASUREMENT);
                }
            },
        );
        let configuration = if noise { "default_optimized" } else { "grappa_cpu" };
        let words = reconstruct(&file, shipped(configuration), &output).await.unwrap_err();
        assert!(words.contains("1025 channels; there can be 1024 at most"), "{words}");
    }
}

#[tokio::test]
async fn a_kernel_larger_than_the_calibration_data_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    let too_few = ("31", "too few calibration data");
    let too_many = ["32", "2000000000", "18446744073709551615"].map(|size| (size, "a number from 0 to 31"));
    for (name, cases) in [
        ("grappa_kSize_RO", &too_many[..]),
        ("grappa_kSize_E1", &[&too_many[..], &[too_few]].concat()),
    ] {
        for (size, expected) in cases {
            let before = "<classname>GenericReconCartesianGrappaGadget</classname>";
            let property = format!("{before}<property name=\"{name}\" value=\"{size}\"/>");
            let text = shipped("Generic_Cartesian_Grappa").replace(before, &property);
            let words = reconstruct(&data("shepp_a3.h5"), text, &output).await.unwrap_err();
            assert!(words.contains(expected), "{name}={size}: {words}");
        }
    }
}

#[tokio::test]
async fn a_neighbourhood_larger_than_the_image_is_the_image() {
    let folder = tempfile::tempdir().unwrap();
    for (name, class, algorithms) in [
        (
            "Generic_Cartesian_Grappa",
            "GenericReconCartesianGrappaGadget",
            ["Inati", "Inati_Iter"],
        ),
        (
            "Generic_Cartesian_FFT",
            "GenericReconCartesianFFTGadget",
            ["Inati", "Inati_Iter"],
        ),
    ] {
        for algorithm in algorithms {
            let mut results = Vec::new();
            for size in ["61", "63"] {
                let output = folder.path().join("out.h5");
                let before = format!("<classname>{class}</classname>");
                let property = |name: &str, value: &str| format!("<property name=\"{name}\" value=\"{value}\"/>");
                let properties =
                    ["coil_map_kernel_size_readout", "coil_map_kernel_size_phase"].map(|name| property(name, size));
                let algorithm = property("coil_map_algorithm", algorithm);
                let text = shipped(name).replace(&before, &format!("{before}{}{algorithm}", properties.concat()));
                reconstruct(&data("tiny.h5"), text, &output).await.unwrap();
                let series = images(&output, "images");
                results.push(
                    series
                        .iter()
                        .flat_map(|one| one.images.iter().map(pixels))
                        .collect::<Vec<_>>(),
                );
                std::fs::remove_file(&output).unwrap();
            }
            assert!(!results[0].is_empty());
            assert!(results[0] == results[1], "{name}, {algorithm}");
        }
    }
}
