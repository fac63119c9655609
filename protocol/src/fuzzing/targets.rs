//! The bodies of this crate's fuzz targets, one function each, so that a plain test can replay a corpus with them.

use super::{READERS, Source, WRITERS, check_bytes, check_value, session::append, transcript};
use crate::{
    Complex32, Complex64, Configuration, IsmrmrdHeader, Limits, Meta,
    codec::{AcquisitionCodec, ErasedCodec, ImageCodec, Precision},
    message_id,
    recording::{Damage, Line, Listing, Side},
    session::{Event, Incoming, Outgoing},
};

/// A target.
pub type Target = fn(&[u8]);

/// All of them by name; the name is that of the target in `fuzz/` and of its folder of seeds.
pub const ALL: &[(&str, Target)] = &[
    ("frame", frame),
    ("readers_raw", readers_raw),
    ("readers_structured", readers_structured),
    ("session_raw", session_raw),
    ("session_operations", session_operations),
    ("ismrmrd_header", ismrmrd_header),
    ("meta", meta),
    ("configuration", configuration),
    ("recording", recording),
];

/// A connection's bytes, handed over exactly as the session asks for them. The first chooses the role.
///
/// A session asks for no byte beyond the message it is at: whoever waits for an answer sends none. Every event goes out
/// as bytes that come in as the same event.
pub fn frame(bytes: &[u8]) {
    let Some((&role, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut incoming = session(role);
    let mut given = 0;
    loop {
        match incoming.poll_event() {
            Ok(Some(Event::End { .. })) | Err(_) => return,
            Ok(Some(event)) => {
                assert_eq!(
                    incoming.offset(),
                    given,
                    "as many bytes were asked for as the message has"
                );
                goes_out_as_it_came_in(role, &event);
            }
            Ok(None) => {
                let needed = incoming.needed();
                // After CLOSE nothing is asked for.
                if needed == 0 || needed > rest.len() {
                    incoming.handle_end();
                    continue;
                }
                let (now, later) = rest.split_at(needed);
                let (last, now) = now.split_last().unwrap_or((&0, &[]));
                if !now.is_empty() {
                    incoming.handle_bytes(now);
                    assert!(matches!(incoming.poll_event(), Ok(None)), "fewer bytes suffice");
                }
                incoming.handle_bytes(&[*last]);
                given += needed as u64;
                rest = later;
            }
        }
    }
}

/// The event's message, decoded again where a message of its kind may come.
fn goes_out_as_it_came_in(role: u8, event: &Event) {
    let written = |event: &Event| {
        let mut out = Outgoing::new(WRITERS.clone());
        append(&mut out, event);
        out.take()
    };
    let bytes = written(event);
    let mut incoming = session(role);
    if matches!(event, Event::Header(_)) && role % 4 < 2 {
        incoming.handle_bytes(&written(&Event::ConfigurationName(String::new())));
    }
    if matches!(event, Event::Message(_)) && role % 4 < 3 {
        incoming = session(3);
    }
    incoming.handle_bytes(&bytes);
    let mut last = None;
    while let Ok(Some(event)) = incoming.poll_event() {
        last = Some(event);
    }
    match last {
        Some(again) => assert!(written(&again) == bytes, "{again:?} came back for {event:?}"),
        None => panic!("{event:?} does not come back"),
    }
}

/// A message: two bytes choose the reader by its number (or any of them), the others are the body.
pub fn readers_raw(bytes: &[u8]) {
    let Some((id, body)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let readers = &*READERS;
    let ids = readers.ids();
    let id = u16::from_le_bytes(*id);
    let id = if ids.contains(&id) {
        id
    } else {
        ids[usize::from(id) % ids.len()]
    };
    if let Some(reader) = readers.get(id) {
        check_bytes(reader, body);
    }
}

/// A value of every type, made of the bytes: encoded, decoded, compared.
pub fn readers_structured(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let readers = &*READERS;
    let with = |id: u16, check: &mut dyn FnMut(&dyn ErasedCodec)| {
        if let Some(codec) = readers.get(id) {
            check(codec);
        }
    };
    match source.below(18) {
        0 => with(message_id::ACQUISITION, &mut |codec| {
            check_value(codec, &source.acquisition())
        }),
        1 => with(message_id::WAVEFORM, &mut |codec| {
            check_value(codec, &source.waveform())
        }),
        2 => check_value(&ImageCodec, &source.image::<u16>()),
        3 => check_value(&ImageCodec, &source.image::<i16>()),
        4 => check_value(&ImageCodec, &source.image::<u32>()),
        5 => check_value(&ImageCodec, &source.image::<i32>()),
        6 => check_value(&ImageCodec, &source.image::<f32>()),
        7 => check_value(&ImageCodec, &source.image::<f64>()),
        8 => check_value(&ImageCodec, &source.image::<Complex32>()),
        9 => check_value(&ImageCodec, &source.image::<Complex64>()),
        10 => with(message_id::RECON_DATA, &mut |codec| {
            check_value(codec, &source.recon_data())
        }),
        11 => with(message_id::IMAGE_ARRAY, &mut |codec| {
            check_value(codec, &source.image_array())
        }),
        12 => with(message_id::BUCKET, &mut |codec| check_value(codec, &source.bucket())),
        13 => with(message_id::DICOM, &mut |codec| check_value(codec, &source.dicom())),
        14 => with(message_id::DEPENDENCY_QUERY, &mut |codec| {
            check_value(codec, &source.dependency_query());
        }),
        15 => with(message_id::TEXT, &mut |codec| check_value(codec, &source.text())),
        _ => compressed(&mut source),
    }
}

/// A compressed readout is read whole, and what was read comes back as it is when it is written uncompressed. (To compress
/// it again may choose another scale.)
fn compressed(source: &mut Source<'_>) {
    let acquisition = source.acquisition();
    let codec = AcquisitionCodec {
        compression: Some(Precision::Bits(source.byte())),
    };
    let mut bytes = Vec::new();
    if let Err(error) = ErasedCodec::encode(&codec, &acquisition, &mut bytes) {
        panic!("does not encode: {error}");
    }
    assert!(
        bytes.is_empty() || check_bytes(&AcquisitionCodec::default(), &bytes) == Some(bytes.len()),
        "not all was taken"
    );
}

/// Bytes into a session of either role: the first chooses it, the second the length of the chunks.
pub fn session_raw(bytes: &[u8]) {
    let Some((&[role, chunk], bytes)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    chunking_does_not_matter(role, bytes, || usize::from(chunk) + 1);
}

/// A connection made of messages, in order and out of order, with garbage between them.
pub fn session_operations(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let role = source.byte();
    let mut out = Outgoing::new(WRITERS.clone());
    while !source.is_empty() {
        operation(&mut source, &mut out);
    }
    let mut chunks = bytes.iter().cycle();
    chunking_does_not_matter(role, out.buffer(), || {
        chunks
            .next()
            .map_or(1, |&chunk| usize::from(chunk) * usize::from(chunk) + 1)
    });
}

fn operation(source: &mut Source<'_>, out: &mut Outgoing) {
    let appended = match source.below(16) {
        0 => out.configuration_name(&source.text()),
        1 => out.configuration(&source.text()),
        2 => out.header(&source.text()),
        3 => out.text(&source.text()),
        4 => {
            out.query(source.byte().into(), &source.text());
            Ok(())
        }
        5 => {
            out.response(source.byte().into(), &source.text());
            Ok(())
        }
        6 => {
            out.error(&source.text());
            Ok(())
        }
        7 => {
            out.close();
            Ok(())
        }
        8 => {
            let length = source.below(24);
            out.encoded(source.slice(length));
            Ok(())
        }
        9 => out.message(&source.waveform(), ""),
        10 => out.message(&source.image::<u16>(), ""),
        11 => out.message(&source.recon_data(), ""),
        12 => out.message(&source.image_array(), ""),
        13 => out.message(&source.dependency_query(), ""),
        _ => out.message(&source.acquisition(), ""),
    };
    if let Err(error) = appended {
        panic!("a message does not encode: {error}");
    }
}

fn chunking_does_not_matter(role: u8, bytes: &[u8], chunk: impl FnMut() -> usize) {
    let whole = transcript(session(role), bytes, || usize::MAX);
    let chunked = transcript(session(role), bytes, chunk);
    assert_eq!(whole, chunked, "another outcome in chunks");
    assert!(
        whole.error.is_some() || whole.clean.is_some(),
        "neither an end nor an error"
    );
}

/// The four kinds of receiving session.
fn session(role: u8) -> Incoming {
    match role % 4 {
        0 => {
            let mut incoming = Incoming::server(Limits::default());
            incoming.set_readers(READERS.clone());
            incoming
        }
        1 => Incoming::server(Limits::default()),
        2 => Incoming::pipe(Limits::default(), READERS.clone()),
        _ => Incoming::client(Limits::default(), READERS.clone()),
    }
}

/// Reading what was written gives the same header.
pub fn ismrmrd_header(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(header) = IsmrmrdHeader::parse(text) {
        let written = header.to_xml();
        match IsmrmrdHeader::parse(&written) {
            Ok(again) => assert_eq!(without_places(&again), without_places(&header)),
            Err(error) => panic!("what was written is not read: {error}\n{written}"),
        }
    }
}

/// Debug text, because NaN is a number that the schema allows and that equals nothing; without the places in the text
/// it was read from, which writing changes.
fn without_places(header: &IsmrmrdHeader) -> String {
    let text = format!("{header:?}");
    let mut parts = text.split("Position { ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        whole + part.split_once('}').map_or(part, |(_, rest)| rest)
    })
}

/// Reading what was written gives the same attributes.
pub fn meta(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(meta) = Meta::parse(text) {
        let written = meta.to_xml();
        assert_eq!(Meta::parse(&written).as_ref(), Ok(&meta), "{written}");
    }
}

/// Reading what was written gives the same configuration, whichever dialect it was.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(configuration) = Configuration::parse(text) {
        let written = configuration.to_xml();
        match Configuration::parse(&written) {
            Ok(again) => assert_eq!(again.without_positions(), configuration.without_positions()),
            Err(errors) => panic!("what was written is not read: {errors:?}\n{written}"),
        }
    }
}

/// A recording: its lines lie one behind the other from its first byte on, a recording that is cut begins with the same
/// lines, and the last word says where it stops making sense.
pub fn recording(bytes: &[u8]) {
    let side = Side::of(bytes);
    let list = |bytes: &[u8]| -> Vec<Result<Line, Damage>> {
        let mut listing = Listing::new(side, Limits::default(), READERS.clone());
        listing.handle_bytes(bytes);
        listing.handle_end();
        listing.collect()
    };
    let whole = list(bytes);
    let mut at = 0;
    for (number, line) in whole.iter().enumerate() {
        match line {
            Ok(line) => {
                assert_eq!(line.offset, at, "a gap before {line}");
                assert!(line.bytes > 0 && !line.to_string().contains('\n'), "{line}");
                at += line.bytes;
            }
            Err(damage) => {
                assert_eq!(number + 1, whole.len(), "lines after {damage}");
                match damage {
                    Damage::Wrong(error) => {
                        assert!(error.offset >= at && error.offset <= bytes.len() as u64, "{error}")
                    }
                    Damage::Cut { offset, bytes: rest } | Damage::AfterClose { offset, bytes: rest } => {
                        assert_eq!((*offset, offset + rest), (at, bytes.len() as u64), "{damage}");
                    }
                }
            }
        }
    }
    if whole.iter().all(Result::is_ok) {
        assert_eq!(at, bytes.len() as u64, "bytes in no line");
    }
    let half = list(&bytes[..bytes.len() / 2]);
    let complete = half.iter().take_while(|line| line.is_ok()).count();
    assert_eq!(half[..complete], whole[..complete], "another beginning when cut");
}
