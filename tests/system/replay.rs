//! Recorded connections of the original's client, in any chunks: the original's answers.

use std::sync::Arc;

use gadgetron::server::Services;
use proptest::prelude::*;
use protocol::{Acquisition, AnyImage, Waveform};

use crate::peer::{ANSWER_DEFAULT, ANSWER_WAVEFORMS, Answer, CLIENT_DEFAULT, CLIENT_WAVEFORMS, exchange};

fn assert_same_images(ours: &Answer, recorded: &Answer) {
    let (ours, recorded) = (ours.images(), recorded.images());
    assert_eq!(ours.len(), recorded.len());
    for (ours, recorded) in ours.iter().zip(&recorded) {
        assert_eq!(ours.header(), recorded.header());
        let (AnyImage::F32(ours), AnyImage::F32(recorded)) = (ours, recorded) else {
            panic!("float images")
        };
        let norm = recorded.data.iter().map(|pixel| pixel * pixel).sum::<f32>().sqrt();
        let difference = ours
            .data
            .iter()
            .zip(&recorded.data)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>()
            .sqrt();
        assert!(difference <= 1e-6 * norm, "relative difference {}", difference / norm);
    }
}

fn assert_same_readouts(ours: &Answer, recorded: &Answer) {
    assert_eq!(ours.payloads.len(), recorded.payloads.len());
    for (ours, recorded) in ours.payloads.iter().zip(&recorded.payloads) {
        assert_eq!(ours.type_name, recorded.type_name);
        if let Some(recorded) = recorded.value.downcast_ref::<Waveform>() {
            assert_eq!(ours.value.downcast_ref::<Waveform>(), Some(recorded));
        }
        if let Some(recorded) = recorded.value.downcast_ref::<Acquisition>() {
            let ours = ours.value.downcast_ref::<Acquisition>().expect("the same type");
            assert_eq!(ours.header, recorded.header);
            let norm = recorded.data.iter().map(|sample| sample.norm_sqr()).sum::<f32>().sqrt();
            let difference = (&ours.data - &recorded.data)
                .iter()
                .map(|d| d.norm_sqr())
                .sum::<f32>()
                .sqrt();
            assert!(difference <= 1e-6 * norm, "relative difference {}", difference / norm);
        }
    }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn every_split_of_the_recorded_client_gives_the_recorded_images() {
    let services = Arc::<Services>::default();
    let recorded = Answer::decode(ANSWER_DEFAULT);
    run(async {
        for at in 0..=CLIENT_DEFAULT.len() {
            let (head, tail) = CLIENT_DEFAULT.split_at(at);
            let ours = exchange(&services, [head, tail]).await;
            assert_eq!(ours.complaint(), "", "split at {at}");
            assert!(ours.closed);
            assert_same_images(&ours, &recorded);
        }
    });
}

#[test]
fn readouts_and_waveforms_come_back_as_recorded() {
    let services = Arc::<Services>::default();
    let recorded = Answer::decode(ANSWER_WAVEFORMS);
    let ours = run(exchange(&services, [CLIENT_WAVEFORMS]));
    assert_eq!(ours.complaint(), "");
    assert_same_readouts(&ours, &recorded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_chunks_make_no_difference(sizes in prop::collection::vec(1_usize..3000, 1..200), waveforms: bool) {
        let services = Arc::<Services>::default();
        let (client, answer) =
            if waveforms { (CLIENT_WAVEFORMS, ANSWER_WAVEFORMS) } else { (CLIENT_DEFAULT, ANSWER_DEFAULT) };
        let mut chunks = Vec::new();
        let mut rest = client;
        for size in sizes {
            let (head, tail) = rest.split_at(size.min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        chunks.push(rest);
        let ours = run(exchange(&services, chunks));
        prop_assert_eq!(ours.complaint(), "");
        let recorded = Answer::decode(answer);
        if waveforms { assert_same_readouts(&ours, &recorded) } else { assert_same_images(&ours, &recorded) }
    }
}
