//! Connections recorded from the original: every byte decodes, and what was decoded encodes to the same bytes.
//!
//! The padding bytes of a sampling description and of a waveform header are not compared: the original leaves them as
//! they happen to be. Here they are written as zeros.

use protocol::{
    Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};

mod common;
use common::{Direction, RECORDINGS, padding, read};

fn incoming(direction: Direction) -> Incoming {
    match direction {
        Direction::ToServer => {
            let mut incoming = Incoming::server(Limits::default());
            incoming.set_readers(Readers::standard());
            incoming
        }
        Direction::ToClient => Incoming::client(Limits::default(), Readers::standard()),
    }
}

fn put(out: &mut Outgoing, event: &Event) {
    match event {
        Event::ConfigurationName(name) => out.configuration_name(name).unwrap(),
        Event::Configuration(text) => out.configuration(text).unwrap(),
        Event::Header(text) => out.header(text).unwrap(),
        Event::Close => out.close(),
        Event::Text(text) => out.text(text).unwrap(),
        Event::Query { correlation, text } => out.query(*correlation, text),
        Event::Response { correlation, text } => out.response(*correlation, text),
        Event::RemoteError(text) => out.error(text),
        Event::Message(payload) => out.message(&*payload.value, payload.type_name).unwrap(),
        Event::End { clean } => assert!(clean),
    }
}

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
            put(&mut out, &event);
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
