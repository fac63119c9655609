//! What comes out of a session, in a form that can be compared.

use super::WRITERS;
use crate::{
    error::Error,
    session::{Event, Incoming, Outgoing},
};

/// Everything that came out of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The events, encoded again one behind the other.
    pub messages: Vec<u8>,
    /// Where each of them ended in the connection's bytes.
    pub ends: Vec<u64>,
    /// Whether the bytes ended between two messages; `None` after an error.
    pub clean: Option<bool>,
    /// The error.
    pub error: Option<Error>,
}

/// Hands `bytes` to a session in chunks of the lengths that `chunk` gives, and writes down what comes out.
pub fn transcript(incoming: Incoming, bytes: &[u8], chunk: impl FnMut() -> usize) -> Transcript {
    drive(incoming, bytes, chunk, |incoming, bytes| {
        incoming.handle_bytes(bytes);
        bytes.len()
    })
}

/// As [`transcript`], but as a socket gives bytes: into the session's own buffer, as many as there is room for.
pub(super) fn received(incoming: Incoming, bytes: &[u8], chunk: impl FnMut() -> usize) -> Transcript {
    drive(incoming, bytes, chunk, |incoming, bytes| {
        let buffer = incoming.receive_buffer();
        let room = buffer.capacity() - buffer.len();
        assert!(room > 0, "no room to read into");
        let taken = bytes.len().min(room);
        buffer.extend_from_slice(&bytes[..taken]);
        taken
    })
}

/// `give` hands over some of the bytes and tells how many.
fn drive(
    mut incoming: Incoming,
    bytes: &[u8],
    mut chunk: impl FnMut() -> usize,
    give: impl Fn(&mut Incoming, &[u8]) -> usize,
) -> Transcript {
    let mut out = Outgoing::new(WRITERS.clone());
    let mut transcript = Transcript::default();
    let mut rest = bytes;
    loop {
        match incoming.poll_event() {
            Ok(Some(Event::End { clean })) => {
                transcript.clean = Some(clean);
                break;
            }
            Ok(Some(event)) => {
                append(&mut out, &event);
                transcript.ends.push(incoming.offset());
            }
            Ok(None) if rest.is_empty() => incoming.handle_end(),
            Ok(None) => {
                let given = give(&mut incoming, &rest[..chunk().clamp(1, rest.len())]);
                rest = &rest[given..];
            }
            Err(error) => {
                transcript.error = Some(error);
                break;
            }
        }
    }
    transcript.messages = out.take();
    transcript
}

/// Appends the message that an event came from: what came in must go out again.
pub(super) fn append(out: &mut Outgoing, event: &Event) {
    if let Err(error) = out.event(event) {
        panic!("what came in does not go out: {error}");
    }
}
