//! What the original answered to recorded connections, and what our gadgets make of the same bytes.

use std::path::PathBuf;

use gadgets::Flow;
use ndarray::Zip;
use protocol::{
    Acquisition, AnyImage, Image, ImageArray, Limits, ReconData, Waveform, codec::Readers, session::Incoming,
};

use crate::chain::{Class, DEFAULT, decode, reconstruct, sent};

fn recording(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/data");
    std::fs::read(folder.join(name)).unwrap()
}

fn answer(name: &str) -> Vec<engine::Message> {
    decode(
        Incoming::client(Limits::default(), Readers::standard()),
        &recording(name),
    )
    .1
}

fn run(chain: &[Class], name: &str) -> Vec<engine::Message> {
    let (header, messages) = sent(&recording(name));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(reconstruct(chain, header, messages))
}

fn assert_same_images(found: Vec<engine::Message>, expected: Vec<engine::Message>) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.into_iter().zip(expected) {
        let found: Image<f32> = found.downcast().unwrap();
        let AnyImage::F32(expected) = AnyImage::accept(expected).unwrap() else {
            panic!("an f32 image")
        };
        // The length of the attributes is the encoder's business.
        let mut header = found.header;
        header.attribute_string_len = expected.header.attribute_string_len;
        assert_eq!(header, expected.header);
        let largest = expected.data.iter().copied().fold(0.0, f32::max);
        Zip::from(&found.data).and(&expected.data).for_each(|found, expected| {
            assert!((found - expected).abs() <= 1e-6 * largest, "{found} is not {expected}");
        });
    }
}

#[test]
fn the_default_chain_gives_the_recorded_images() {
    let expected = answer("client_default.0.s2c.bin");
    assert!(!expected.is_empty());
    assert_same_images(run(DEFAULT, "client_default.0.c2s.bin"), expected);
}

#[test]
fn readouts_and_waveforms_come_back_as_recorded() {
    let found = run(&[("RemoveROOversamplingGadget", &[])], "client_waveforms.0.c2s.bin");
    let expected = answer("client_waveforms.0.s2c.bin");
    assert_eq!(found.len(), expected.len());
    let split = |messages: Vec<engine::Message>| -> (Vec<Acquisition>, Vec<Waveform>) {
        let (mut readouts, mut waveforms) = (Vec::new(), Vec::new());
        for message in messages {
            match message.downcast() {
                Ok(readout) => readouts.push(readout),
                Err(message) => waveforms.push(message.downcast().unwrap()),
            }
        }
        (readouts, waveforms)
    };
    // Waveforms flow past: their place among the readouts is not promised.
    let (readouts, waveforms) = split(found);
    let (expected_readouts, expected_waveforms) = split(expected);
    assert_eq!(waveforms, expected_waveforms);
    for (found, expected) in readouts.iter().zip(&expected_readouts) {
        assert_eq!(found.header, expected.header);
        let largest = expected.data.iter().map(|z| z.norm()).fold(0.0, f32::max);
        Zip::from(&found.data).and(&expected.data).for_each(|found, expected| {
            assert!((found - expected).norm() <= 1e-6 * largest, "{found} is not {expected}");
        });
    }
}

/// A worker of the original gets buffers of k-space and sends images back.
#[test]
fn a_workers_share_of_buffers_gives_the_recorded_images() {
    let found = run(
        &[("SimpleReconGadget", &[]), ("ImageArraySplitGadget", &[])],
        "worker_recondata.0.c2s.bin",
    );
    let expected = answer("worker_recondata.0.s2c.bin");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.into_iter().zip(expected) {
        let (Ok(AnyImage::C32(found)), Ok(AnyImage::C32(expected))) =
            (AnyImage::accept(found), AnyImage::accept(expected))
        else {
            panic!("complex images")
        };
        assert_eq!(found.header.matrix_size, expected.header.matrix_size);
        assert_eq!(found.header.repetition, expected.header.repetition);
        let largest = expected.data.iter().map(|z| z.norm()).fold(0.0, f32::max);
        Zip::from(&found.data).and(&expected.data).for_each(|found, expected| {
            assert!((found - expected).norm() <= 1e-6 * largest, "{found} is not {expected}");
        });
    }
}

/// What BucketToBuffer of the original made of the same readouts, as its worker received it.
#[test]
fn buffers_are_those_that_the_original_sent_to_its_worker() {
    let chain = &DEFAULT[..3];
    let found: Vec<ReconData> = run(chain, "client_default.0.c2s.bin")
        .into_iter()
        .map(|m| m.downcast().unwrap())
        .collect();
    let (_, expected) = sent(&recording("worker_recondata.0.c2s.bin"));
    let expected: Vec<ReconData> = expected.into_iter().map(|m| m.downcast().unwrap()).collect();
    let mut compared = 0;
    for expected in &expected {
        let header = |data: &ReconData| data.bits[0].data.headers.iter().copied().collect::<Vec<_>>();
        let Some(found) = found.iter().find(|found| header(found) == header(expected)) else {
            continue;
        };
        compared += 1;
        let (found, expected) = (&found.bits[0].data, &expected.bits[0].data);
        assert_eq!(found.sampling, expected.sampling);
        assert_eq!(found.data.shape(), expected.data.shape());
        let largest = expected.data.iter().map(|z| z.norm()).fold(0.0, f32::max);
        Zip::from(&found.data).and(&expected.data).for_each(|found, expected| {
            assert!((found - expected).norm() <= 1e-6 * largest, "{found} is not {expected}");
        });
    }
    assert!(compared > 0, "the recordings have a buffer in common");
}

#[test]
fn everything_that_no_gadget_takes_flows_through_the_chain() {
    let image = ImageArray {
        data: ndarray::ArrayD::zeros(ndarray::IxDyn(&[1, 1, 1, 1, 1, 2, 2])),
        headers: ndarray::Array3::default((1, 1, 1)),
        meta: Vec::new(),
        waveforms: None,
        acquisition_headers: None,
    };
    let messages = vec![engine::Message::new(7_u32), image.emit(), engine::Message::new(8_u32)];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let results = runtime.block_on(reconstruct(DEFAULT, protocol::IsmrmrdHeader::default(), messages));
    let numbers: Vec<u32> = results
        .iter()
        .filter_map(|message| message.downcast_ref().copied())
        .collect();
    assert_eq!(numbers, [7, 8]);
    assert_eq!(results.len(), 3);
}
