//! The receiving session: order of messages, chunks of any size, ends in any place.

use proptest::prelude::*;
use protocol::{
    Image, ImageHeader, Limits, Meta,
    codec::{Readers, Writers},
    error::{Error, ErrorKind, Fault},
    fuzzing::transcript,
    session::{Event, Incoming, Outgoing},
};

#[expect(dead_code, reason = "what is particular about recordings matters to others")]
mod common;
use common::{RECORDINGS, incoming, read};

#[test]
fn a_recording_split_at_every_byte_gives_the_same_events() {
    let (name, direction, _) = RECORDINGS[0];
    let bytes = read(name);
    let whole = transcript(incoming(direction), &bytes, || usize::MAX);
    assert!(whole.error.is_none() && whole.clean == Some(true));
    for split in 1..bytes.len() {
        let mut first = Some(split);
        let in_two = transcript(incoming(direction), &bytes, || first.take().unwrap_or(usize::MAX));
        assert!(in_two == whole, "split at {split}");
    }
    assert!(transcript(incoming(direction), &bytes, || 1) == whole, "byte by byte");
}

#[test]
fn a_recording_cut_anywhere_gives_the_complete_messages_and_tells_that_it_was_cut() {
    let (name, direction, _) = RECORDINGS[0];
    let bytes = read(name);
    let boundaries = transcript(incoming(direction), &bytes, || usize::MAX).ends;
    for cut in 0..bytes.len() {
        let mut incoming = incoming(direction);
        incoming.handle_bytes(&bytes[..cut]);
        incoming.handle_end();
        let complete = boundaries.iter().filter(|&&boundary| boundary <= cut as u64).count();
        for _ in 0..complete {
            assert!(
                !matches!(incoming.poll_event(), Ok(Some(Event::End { .. }) | None)),
                "cut at {cut}"
            );
        }
        let at_boundary = cut == 0 || boundaries.contains(&(cut as u64));
        match incoming.poll_event() {
            Ok(Some(Event::End { clean })) => assert_eq!(clean, at_boundary, "cut at {cut}"),
            other => panic!("cut at {cut}: {other:?}"),
        }
        assert!(matches!(incoming.poll_event(), Ok(None)), "nothing comes after the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunking_does_not_matter(recording in 0..RECORDINGS.len(), chunks in prop::collection::vec(1_usize..5000, 1..50)) {
        let (name, direction, _) = RECORDINGS[recording];
        let bytes = read(name);
        let whole = transcript(incoming(direction), &bytes, || usize::MAX);
        let mut lengths = chunks.iter().cycle();
        let chunked = transcript(incoming(direction), &bytes, || lengths.next().copied().unwrap_or(1));
        prop_assert!(whole == chunked);
    }

    #[test]
    fn damaged_recordings_give_events_or_an_error(
        recording in 0..RECORDINGS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (name, direction, _) = RECORDINGS[recording];
        let mut bytes = read(name);
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let whole = transcript(incoming(direction), &bytes, || usize::MAX);
        let chunked = transcript(incoming(direction), &bytes, || 777);
        prop_assert!(whole == chunked);
    }
}

/// Puts one message into a connection.
type Put = fn(&mut Outgoing);

fn first_error(messages: &[Put]) -> Error {
    let mut out = Outgoing::default();
    messages.iter().for_each(|message| message(&mut out));
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(out.buffer());
    loop {
        match incoming.poll_event() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => {
                assert!(matches!(incoming.poll_event(), Ok(None)), "an error ends the session");
                return error;
            }
        }
    }
}

const NAME: Put = |out| out.configuration_name("a.xml").unwrap();
const HEADER: Put = |out| out.header("<ismrmrdHeader/>").unwrap();
const QUERY: Put = |out| out.query(3, "gadgetron::version");
const DATA: Put = |out| out.encoded(&1008_u16.to_le_bytes());

#[test]
fn messages_out_of_order_are_named_with_their_place() {
    let cases: &[(&[Put], ErrorKind, u64)] = &[
        (&[HEADER], ErrorKind::HeaderBeforeConfiguration, 0),
        (&[QUERY, HEADER], ErrorKind::HeaderBeforeConfiguration, 44),
        (&[NAME, NAME], ErrorKind::SecondConfiguration, 1026),
        (&[NAME, HEADER, NAME], ErrorKind::SecondConfiguration, 1048),
        (&[NAME, HEADER, HEADER], ErrorKind::SecondHeader, 1048),
        (&[DATA], ErrorKind::DataBeforeConfiguration { id: 1008 }, 0),
        (&[NAME, DATA], ErrorKind::DataBeforeHeader { id: 1008 }, 1026),
        (&[|out| out.response(0, "")], ErrorKind::WrongSide { id: 7 }, 0),
        (
            &[NAME, HEADER, DATA],
            ErrorKind::UnknownMessage {
                id: 1008,
                known: vec![],
            },
            1048,
        ),
    ];
    for (messages, kind, offset) in cases {
        let error = first_error(messages);
        assert_eq!((&error.kind, error.offset), (kind, *offset));
    }
}

#[test]
fn an_unknown_message_is_named_with_those_that_are_known() {
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    incoming.handle_bytes(&7777_u16.to_le_bytes());
    let error = incoming.poll_event().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown message 7777: readers are configured for 5, 1008, 1018, 1019, 1022, 1023, 1024, 1026, 1050 \
         (at byte 0 of the connection)"
    );
}

#[test]
fn text_and_queries_are_understood_in_every_phase() {
    let words: [Put; 2] = [|out| out.text("hello").unwrap(), QUERY];
    let mut out = Outgoing::default();
    for message in [NAME, HEADER] {
        words.iter().for_each(|word| word(&mut out));
        message(&mut out);
    }
    words.iter().for_each(|word| word(&mut out));
    out.close();
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(out.buffer());
    let (mut texts, mut queries, mut all) = (0, 0, 0);
    while let Some(event) = incoming.poll_event().unwrap() {
        all += 1;
        texts += usize::from(matches!(&event, Event::Text(text) if text == "hello"));
        let query = matches!(&event, Event::Query { correlation: 3, text } if text == "gadgetron::version");
        queries += usize::from(query);
    }
    assert_eq!((texts, queries, all), (3, 3, 9));
}

#[test]
fn a_close_before_the_header_is_legal_and_what_follows_a_close_is_not_looked_at() {
    let mut out = Outgoing::default();
    NAME(&mut out);
    out.close();
    out.encoded(&[0xff; 100]);
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(out.buffer());
    incoming.handle_end();
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::ConfigurationName(_)))));
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Close))));
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::End { clean: true }))));
}

#[test]
fn in_a_pipe_the_header_is_the_first_message() {
    let mut out = Outgoing::default();
    HEADER(&mut out);
    out.close();
    let mut incoming = Incoming::pipe(Limits::default(), Readers::standard());
    incoming.handle_bytes(out.buffer());
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Header(text))) if text == "<ismrmrdHeader/>"));
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Close))));
}

#[test]
fn a_configuration_name_that_no_nul_ends_is_an_error() {
    let mut bytes = vec![1, 0];
    bytes.resize(2 + 1024, b'a');
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(&bytes);
    let error = incoming.poll_event().unwrap_err();
    assert!(error.to_string().contains("no NUL ends it"), "{error}");
    bytes[1025] = 0;
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(&bytes);
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::ConfigurationName(name))) if name.len() == 1023));
}

#[test]
fn a_query_with_reserved_bits_is_an_error() {
    let mut out = Outgoing::default();
    out.query(1, "gadgetron::info");
    let mut bytes = out.take();
    bytes[2] = 1;
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(&bytes);
    let error = incoming.poll_event().unwrap_err();
    assert!(matches!(
        error.kind,
        ErrorKind::Body {
            id: 6,
            fault: Fault::Malformed { .. },
            ..
        }
    ));
}

#[test]
fn older_clients_count_the_terminating_nul_and_headers_may_be_latin_1() {
    let mut bytes = vec![2, 0, 4, 0, 0, 0, b'<', b'a', b'>', 0];
    bytes.extend([3, 0, 3, 0, 0, 0, b'M', 0xfc, b'l']);
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(&bytes);
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Configuration(text))) if text == "<a>"));
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Header(text))) if text == "M\u{fc}l"));
}

#[test]
fn the_attributes_of_an_image_may_be_latin_1() {
    let mut meta = Meta::default();
    meta.set("protocolName", "SchXdel");
    let image = Image {
        header: ImageHeader::default(),
        data: ndarray::Array4::<f32>::zeros((1, 1, 2, 3)),
        meta: Some(meta),
    };
    let mut out = Outgoing::new(Writers::standard());
    out.message(&image, "Image").unwrap();
    let mut bytes = out.take();
    let place = bytes.iter().position(|byte| *byte == b'X').unwrap();
    bytes[place] = 0xe4;
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    incoming.handle_bytes(&bytes);
    let Ok(Some(Event::Message(payload))) = incoming.poll_event() else {
        panic!("no image")
    };
    let image = payload.value.downcast::<Image<f32>>().unwrap();
    assert_eq!(image.meta.unwrap().values("protocolName"), ["Sch\u{e4}del"]);
}

#[test]
fn a_value_without_a_writer_is_an_error_that_names_its_type_and_leaves_nothing_behind() {
    let mut out = Outgoing::default();
    let error = out.message(&7_u32, "u32").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no writer is configured for a message of type `u32`; configured: none"
    );
    assert!(out.buffer().is_empty());
    out.message(&"words".to_owned(), "String").unwrap();
    assert_eq!(out.buffer(), [5, 0, 5, 0, 0, 0, b'w', b'o', b'r', b'd', b's']);
}
