//! Several processes behind each other in a pipe (`--from_stream`) make what one configuration makes.

use std::sync::Arc;

use gadgetron::{
    assemble::Plan, client::OutputFiles, configurations::Configurations, files::RawDataFile, server::Services,
    stream_mode,
};
use gadgets::Flow;
use protocol::{
    Limits,
    codec::{Readers, Writers},
    configuration::Configuration,
    session::{Event, Incoming, Outgoing},
};

use crate::{
    cartesian::without_rounding,
    compare::{Tolerance, compare},
    data,
};

/// What a program that reads a file into a pipe writes.
fn stream_of(input: &str) -> Vec<u8> {
    let file = RawDataFile::open(data(input), "dataset").unwrap();
    let mut outgoing = Outgoing::new(Writers::standard());
    outgoing.header(file.header_xml()).unwrap();
    for item in file {
        let message = item.unwrap().emit();
        outgoing.message(message.payload(), message.type_name()).unwrap();
    }
    outgoing.close();
    outgoing.buffer().to_vec()
}

/// One process of the pipe.
async fn through(input: Vec<u8>, configuration: &str) -> Vec<u8> {
    let text = Configurations::new().find(configuration).unwrap();
    through_text(input, &text).await
}

async fn through_text(input: Vec<u8>, text: &str) -> Vec<u8> {
    let services = Arc::<Services>::default();
    let plan = Plan::new(&Configuration::parse(text).unwrap(), &services.settings()).unwrap();
    let mut output = std::io::Cursor::new(Vec::new());
    stream_mode::run(input.as_slice(), &mut output, plan, &services)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    output.into_inner()
}

#[tokio::test]
async fn image_arrays_in_pipes_become_the_originals_images() {
    let chains: [&[&str]; 2] = [
        &[
            "Generic_Cartesian_Grappa_ImageArray",
            "stream_image_array_scaling",
            "stream_image_array_split",
            "stream_complex_to_float",
            "stream_float_to_short",
        ],
        &[
            "Generic_Cartesian_Grappa_Complex",
            "stream_complex_to_float",
            "stream_float_to_short",
        ],
    ];
    for chain in chains {
        let mut bytes = stream_of("brain_a2.h5");
        for configuration in chain {
            bytes = through(bytes, configuration).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.h5");
        write_images(&bytes, OutputFiles::new(&output, "piped"));
        let golden = data("brain_a2.Generic_Cartesian_Grappa.h5");
        if let Err(differences) = compare(&output, &golden, Tolerance::GreyLevels(1.0)) {
            panic!("{chain:?}:\n{}", differences.join("\n"));
        }
    }
}

fn write_images(bytes: &[u8], mut files: impl gadgetron::client::Output) {
    let mut incoming = Incoming::pipe(Limits::default(), Readers::standard());
    incoming.handle_bytes(bytes);
    while let Some(event) = incoming.poll_event().unwrap() {
        match event {
            Event::Message(payload) => assert!(files.message(payload).unwrap()),
            Event::Close => return,
            _ => {}
        }
    }
    panic!("the stream ends without CLOSE");
}

/// The transform keeps the energy: before they are cut to 16 bits, the image chain's magnitudes have that of the complex
/// images.
#[tokio::test]
async fn the_image_chain_transforms_images() {
    let complex = through(stream_of("brain_a2.h5"), "Generic_Cartesian_Grappa_Complex").await;
    let (unrounded, _) = without_rounding("Generic_Cartesian_Image_Chain_FFT").unwrap();
    let transformed = through_text(complex.clone(), &unrounded).await;
    let rounded = through(complex.clone(), "Generic_Cartesian_Image_Chain_FFT").await;
    let energies = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.h5");
        write_images(bytes, OutputFiles::new(&output, "piped"));
        let series = crate::images(&output, "piped");
        let images = series.iter().flat_map(|series| &series.images);
        images.map(crate::measures::energy).collect::<Vec<f64>>()
    };
    let (before, after) = (energies(&complex), energies(&transformed));
    assert_eq!((before.len(), after.len(), energies(&rounded).len()), (2, 2, 2));
    for (before, after) in before.iter().zip(after) {
        assert!((after / before - 1.0).abs() < 1e-5, "{before} {after}");
    }
}
