//! Connections recorded from the original: every byte decodes, and what was decoded encodes to the same bytes.
//!
//! The padding bytes of a sampling description and of a waveform header are not compared: the original leaves them as
//! they happen to be. Here they are written as zeros.

use protocol::{
    codec::Writers,
    query::ServerInformation,
    session::{Event, Outgoing},
};

mod common;
use common::{RECORDINGS, incoming, padding, read};

#[test]
fn every_recording_decodes_to_the_last_byte_and_encodes_to_the_same_bytes() {
    let (mut counts, mut expected) = (Vec::new(), Vec::new());
    for &(name, direction, messages) in RECORDINGS {
        let bytes = read(name);
        let mut incoming = incoming(direction);
        incoming.handle_bytes(&bytes);
        incoming.handle_end();
        let mut out = Outgoing::new(Writers::standard());
        let mut compared = 0;
        let mut count = 0;
        while let Some(event) = incoming.poll_event().unwrap_or_else(|error| panic!("{name}: {error}")) {
            if matches!(event, Event::End { .. }) {
                break;
            }
            let end = usize::try_from(incoming.offset()).unwrap();
            out.event(&event).unwrap();
            let mut original = bytes[compared..end].to_vec();
            for at in padding(&event) {
                original[at] = 0;
            }
            let same = out
                .buffer()
                .iter()
                .zip(&original)
                .take_while(|(ours, theirs)| ours == theirs)
                .count();
            assert_eq!(
                (same, out.buffer().len()),
                (original.len(), original.len()),
                "{name}: {event:?} at byte {compared} differs at byte {same} of the message"
            );
            out.clear();
            compared = end;
            count += 1;
        }
        assert_eq!(compared, bytes.len(), "{name}: bytes left over");
        counts.push((name, count));
        expected.push((name, messages));
    }
    assert_eq!(counts, expected, "messages in each recording");
}

#[test]
fn the_answer_to_the_info_query_has_the_layout_of_the_originals() {
    let (_, direction, _) = RECORDINGS[5];
    let mut incoming = incoming(direction);
    incoming.handle_bytes(&read("client_query.0.s2c.bin"));
    let Ok(Some(Event::Response { text, .. })) = incoming.poll_event() else {
        panic!("no response");
    };
    let information = ServerInformation {
        version: "4.7.2".into(),
        build: "846ed3fb57b235390ab0fb953edd17af86935d61".into(),
        memory_bytes: 24105 << 20,
        ..ServerInformation::default()
    };
    assert_eq!(information.answer("gadgetron::info"), text);
}
