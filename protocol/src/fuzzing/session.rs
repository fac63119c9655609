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
pub fn transcript(mut incoming: Incoming, bytes: &[u8], mut chunk: impl FnMut() -> usize) -> Transcript {
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
                let (now, later) = rest.split_at(chunk().clamp(1, rest.len()));
                incoming.handle_bytes(now);
                rest = later;
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
