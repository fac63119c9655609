//! Readouts that are passed on unopened: the bytes that came go out.

use ndarray::Array2;
use proptest::prelude::*;
use protocol::{
    Acquisition, Complex32, Limits, Waveform,
    codec::{EncodeError, Precision, Readers, Writers},
    session::{Event, Incoming, Outgoing},
};

fn readout(number: u32, channels: usize, samples: usize) -> Acquisition {
    let sample = Complex32::new(number as f32, -0.5);
    let mut readout = Acquisition::new(Array2::from_elem((channels, samples), sample));
    readout.header.scan_counter = number;
    readout
}

fn unopened() -> Incoming {
    Incoming::client(Limits::default(), Readers::standard().unopened())
}

/// Reads as from a socket that has up to `most` bytes each time; gives every message to `each`.
fn receive(incoming: &mut Incoming, mut bytes: &[u8], mut most: impl FnMut() -> usize, mut each: impl FnMut(Event)) {
    loop {
        while let Some(event) = incoming.poll_event().unwrap() {
            each(event);
        }
        if bytes.is_empty() {
            return;
        }
        let buffer = incoming.receive_buffer();
        let room = buffer.capacity() - buffer.len();
        let (now, later) = bytes.split_at(most().clamp(1, room).min(bytes.len()));
        buffer.extend_from_slice(now);
        bytes = later;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_came_goes_out_however_it_came(
        sizes in prop::collection::vec((0_usize..12, 0_usize..1200, any::<bool>()), 1..12),
        chunks in prop::collection::vec(1_usize..100_000, 1..8),
    ) {
        let mut out = Outgoing::new(Writers::standard());
        let mut sent = Vec::new();
        for (number, &(channels, samples, waveform)) in sizes.iter().enumerate() {
            let readout = readout(u32::try_from(number).unwrap(), channels, samples);
            out.message(&readout, "").unwrap();
            sent.push(readout);
            if waveform {
                out.message(&Waveform { header: Default::default(), data: Array2::zeros((0, 0)) }, "").unwrap();
            }
        }
        out.close();
        let bytes = out.take();
        let writers = Writers::standard();
        let mut back = Outgoing::new(writers.clone());
        let mut opened = Vec::new();
        let mut chunks = chunks.iter().copied().cycle();
        receive(&mut unopened(), &bytes, || chunks.next().unwrap(), |mut event| {
            if let Event::Message(payload) = &mut event {
                if let Some(Ok(open)) = writers.open(&*payload.value) {
                    opened.push(*open.value.downcast::<Acquisition>().unwrap());
                    assert_eq!(payload.weight, open.weight);
                }
                back.taking(&mut *payload.value, payload.type_name).unwrap();
            } else {
                back.event(&event).unwrap();
            }
        });
        prop_assert!(back.take() == bytes);
        prop_assert_eq!(opened, sent);
    }
}

#[test]
fn a_compressed_readout_is_opened() {
    let readout = readout(1, 4, 500);
    let mut out = Outgoing::new(Writers::standard().compressing(Precision::Tolerance(0.1)));
    out.message(&readout, "").unwrap();
    let (bytes, mut decoded) = (out.take(), 0);
    assert!(bytes.len() < 4000);
    receive(
        &mut unopened(),
        &bytes,
        || usize::MAX,
        |event| match event {
            Event::Message(payload) => {
                decoded += 1;
                assert_eq!(payload.value.downcast::<Acquisition>().unwrap().data.dim(), (4, 500));
            }
            other => panic!("{other:?}"),
        },
    );
    assert_eq!(decoded, 1);
}

#[test]
fn it_counts_as_a_readout_among_readers_and_writers() {
    assert_eq!(Readers::standard().unopened().ids(), Readers::standard().ids());
    let error = Writers::standard().expect(&1_u8, "").unwrap_err();
    let EncodeError::NoWriter { known, .. } = error else {
        panic!("{error}")
    };
    let readouts = known
        .iter()
        .filter(|name| **name == std::any::type_name::<Acquisition>());
    assert_eq!(readouts.count(), 1, "{known:?}");
}
