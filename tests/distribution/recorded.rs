//! Connections of the original's distributor to its workers: ours says the same, and is content with the answers that
//! the original's workers gave.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
};

use protocol::{
    Acquisition, Limits,
    codec::{Readers, Writers},
    message_id,
    recording::{Line, Listing, Side},
    session::{Event, Incoming, Outgoing},
};

use crate::{
    client::exchange,
    compare::{Tolerance, compare},
    process::{Server, echo},
    reconstruction::run,
    support::data,
};

/// A recorded connection: to the worker, and back.
struct Recording {
    name: &'static str,
    sent: Vec<u8>,
    answered: Vec<u8>,
}

impl Recording {
    fn load(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/tests/data");
        let read = |side: &str| std::fs::read(folder.join(format!("{name}.{side}.bin"))).unwrap();
        Self {
            name,
            sent: read("c2s"),
            answered: read("s2c"),
        }
    }
}

/// The messages, without the lengths of texts, whose spelling is free.
fn messages(bytes: &[u8]) -> Vec<Line> {
    let mut listing = Listing::new(Side::ToServer, Limits::default(), Readers::standard());
    listing.handle_bytes(bytes);
    listing.handle_end();
    listing
        .map(|line| {
            let line = line.unwrap();
            let text = matches!(line.id, message_id::CONFIGURATION | message_id::HEADER);
            Line {
                offset: 0,
                bytes: if text { 0 } else { line.bytes },
                fields: if text { Vec::new() } else { line.fields },
                ..line
            }
        })
        .collect()
}

/// The repetition of the first readout.
fn repetition(bytes: &[u8]) -> Option<u16> {
    let mut incoming = Incoming::server(Limits::default());
    incoming.set_readers(Readers::standard());
    incoming.handle_bytes(bytes);
    while let Ok(Some(event)) = incoming.poll_event() {
        if let Event::Message(payload) = event {
            let readout = payload.value.downcast_ref::<Acquisition>()?;
            return Some(readout.header.idx.repetition);
        }
    }
    None
}

/// Reads until the head's CLOSE; answers as recorded, without CLOSE when `jobs` messages are there, with it at the end.
fn replay(mut head: TcpStream, recordings: &[Recording], jobs: usize) -> (usize, Vec<u8>) {
    let mut incoming = Incoming::server(Limits::default());
    let (mut received, mut messages, mut answered) = (Vec::new(), 0, 0);
    let of = |received: &[u8]| recordings.len().min(1 + usize::from(repetition(received).unwrap_or(0))) - 1;
    loop {
        match incoming.poll_event().unwrap() {
            Some(Event::Configuration(_)) => incoming.set_readers(Readers::standard()),
            Some(Event::Message(_)) => {
                messages += 1;
                if messages == jobs {
                    let answer = &recordings[of(&received)].answered;
                    answered = answer.len() - size_of::<u16>();
                    head.write_all(&answer[..answered]).unwrap();
                }
            }
            Some(Event::Close) => {
                let number = of(&received);
                head.write_all(&recordings[number].answered[answered..]).unwrap();
                return (number, received);
            }
            Some(Event::Header(_)) => {}
            Some(event) => panic!("{event:?}"),
            None => {
                let mut bytes = vec![0; 65536];
                let count = head.read(&mut bytes).unwrap();
                assert!(count > 0, "the head hung up");
                received.extend_from_slice(&bytes[..count]);
                incoming.handle_bytes(&bytes[..count]);
            }
        }
    }
}

/// The recording's name, what our head sent, and what the original's did.
type Conversation = (String, Vec<u8>, Vec<u8>);

/// A worker that answers `recordings.len()` connections as recorded.
fn replaying(recordings: Vec<Recording>, jobs: usize) -> (SocketAddr, mpsc::Receiver<Conversation>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (conversations, received) = mpsc::sync_channel(recordings.len());
    thread::spawn(move || {
        thread::scope(|scope| {
            for head in listener.incoming().take(recordings.len()) {
                let (recordings, conversations) = (&recordings, conversations.clone());
                scope.spawn(move || {
                    let (number, ours) = replay(head.unwrap(), recordings, jobs);
                    let Recording { name, sent, .. } = &recordings[number];
                    let _ = conversations.send(((*name).to_owned(), ours, sent.clone()));
                });
            }
        });
    });
    (address, received)
}

fn as_recorded(configuration: &str, names: &[&'static str], jobs: usize) {
    let recordings = names.iter().map(|name| Recording::load(name)).collect();
    let (worker, conversations) = replaying(recordings, jobs);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    let finished = run(&data("tiny.h5"), configuration, &output, Some(&echo(&[worker])), &[]);
    assert!(finished.status.success(), "{}", finished.said);
    assert_eq!(finished.warnings().len(), 0, "{}", finished.said);
    // The original gives the same images with all three configurations.
    let golden = data("tiny.distributed_default.h5");
    compare(&output, &golden, Tolerance::Relative(1e-5)).unwrap();

    let mut seen: Vec<_> = conversations.iter().collect();
    seen.sort();
    assert_eq!(seen.iter().map(|(name, ..)| name).collect::<Vec<_>>(), names);
    for (name, ours, recorded) in seen {
        assert_eq!(messages(&ours), messages(&recorded), "{name}");
    }
}

#[test]
fn readouts_by_repetition() {
    as_recorded(
        "distributed_default.xml",
        &["worker_acquisition.0", "worker_acquisition.1"],
        0,
    );
}

#[test]
fn buffers_by_encoding_space() {
    as_recorded("distributed_generic_default.xml", &["worker_recondata.0"], 0);
}

#[test]
fn images_to_anyone() {
    as_recorded("distributed_image_default.xml", &["worker_image.0"], 2);
}

/// Nothing but image arrays to workers and back.
const IMAGE_ARRAYS: &str = "<configuration><version>2</version>
    <readers><reader><classname>IsmrmrdImageArrayReader</classname></reader></readers>
    <writers><writer><classname>IsmrmrdImageArrayWriter</classname></writer></writers>
    <stream><puredistributed>
        <readers><reader><classname>IsmrmrdImageArrayReader</classname></reader></readers>
        <writers><writer><classname>IsmrmrdImageArrayWriter</classname></writer></writers>
        <purestream><gadget><classname>GenericReconPartialFourierHandlingFilterGadget</classname></gadget></purestream>
    </puredistributed></stream></configuration>";

/// What the original's distributor said to its worker, as if a client said it.
fn as_client(sent: &[u8]) -> Vec<u8> {
    let mut incoming = Incoming::server(Limits::default());
    incoming.handle_bytes(sent);
    assert!(matches!(incoming.poll_event(), Ok(Some(Event::Configuration(_)))));
    let rest = &sent[usize::try_from(incoming.offset()).unwrap()..];
    let mut client = Outgoing::new(Writers::none());
    client.configuration(IMAGE_ARRAYS).unwrap();
    [client.take().as_slice(), rest].concat()
}

#[test]
fn image_arrays_to_anyone_and_back_byte_by_byte() {
    let recording = Recording::load("worker_imagearray.0");
    let (client, answer) = (as_client(&recording.sent), recording.answered.clone());
    let (worker, conversations) = replaying(vec![recording], 1);
    let head = Server::head(&[worker], &[]);
    assert!(exchange(head.address, &client) == answer, "{}", head.process.said());
    let (_, ours, recorded) = conversations.recv().unwrap();
    assert_eq!(messages(&ours), messages(&recorded));
    let array = recorded.len() - answer.len();
    assert!(ours.ends_with(&recorded[array..]), "the array is another one");
}
