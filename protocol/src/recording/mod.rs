//! What is in a recorded connection: a line for each message, for people and for other programs.
//!
//! ```
//! use protocol::{Limits, codec::{Readers, Writers}, recording::{Listing, Side}, session::Outgoing};
//! let mut out = Outgoing::new(Writers::none());
//! out.configuration_name("default.xml")?;
//! out.close();
//! let mut listing = Listing::new(Side::of(out.buffer()), Limits::default(), Readers::standard());
//! listing.handle_bytes(out.buffer());
//! listing.handle_end();
//! let lines: Vec<_> = listing.collect::<Result<_, _>>().unwrap();
//! assert_eq!(lines[0].to_string(), "0 FILENAME (1) 1026 bytes, name default.xml");
//! assert_eq!(lines[1].to_string(), "1026 CLOSE (4) 2 bytes");
//! # Ok::<(), protocol::error::EncodeError>(())
//! ```

mod fields;

use std::fmt;

use serde::{Serialize, Serializer};

pub use self::fields::{Field, Fields};
use crate::{
    Limits,
    codec::Readers,
    error::Error,
    message_id,
    session::{Event, Incoming},
};

/// Which way the bytes of a recording went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the client (or a distributor) to the server.
    ToServer,
    /// From the server back.
    ToClient,
    /// From one program of a pipe to the next (`--from_stream`): the header comes first.
    Pipe,
}

impl Side {
    /// The side that a recording's first message belongs to.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.split_first_chunk().map(|(&id, _)| u16::from_le_bytes(id)) {
            Some(message_id::FILENAME | message_id::CONFIGURATION | message_id::QUERY) => Self::ToServer,
            Some(message_id::HEADER) => Self::Pipe,
            _ => Self::ToClient,
        }
    }
}

/// One message of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its place in the bytes.
    pub offset: u64,
    /// Its length, number included.
    pub bytes: u64,
    /// Its number.
    pub id: u16,
    /// The name of that number; `USER` for users' own.
    pub name: &'static str,
    /// What its header says; an object in serialised form.
    #[serde(serialize_with = "as_object")]
    pub fields: Fields,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} ({}) {} bytes",
            self.offset, self.name, self.id, self.bytes
        )?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(formatter, ", {name} {value}"))
    }
}

fn as_object<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

/// Where a recording stops making sense, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Bytes that are no message, or one that has no place there.
    #[error("byte {}: {}", .0.offset, .0.kind)]
    Wrong(Error),
    /// The recording ends inside a message.
    #[error("byte {offset}: the recording ends inside a message, of which it has {bytes} bytes")]
    Cut {
        /// Where the message begins.
        offset: u64,
        /// Bytes of it that are there.
        bytes: u64,
    },
    /// After CLOSE nothing may come.
    #[error("byte {offset}: {bytes} bytes follow CLOSE")]
    AfterClose {
        /// Where they begin.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
}

/// Lists the messages of a recording, which is handed over in pieces of any size: it holds one message at a time.
///
/// As an iterator it gives the lines that can be given of the bytes so far, and last the damage, if there is any.
#[derive(Debug)]
pub struct Listing {
    incoming: Incoming,
    given: u64,
    over: bool,
}

impl Listing {
    /// Lists a recording of this side, with readers for the messages in it.
    pub fn new(side: Side, limits: Limits, readers: Readers) -> Self {
        let incoming = match side {
            Side::ToServer => {
                let mut incoming = Incoming::server(limits);
                incoming.set_readers(readers);
                incoming
            }
            Side::ToClient => Incoming::client(limits, readers),
            Side::Pipe => Incoming::pipe(limits, readers),
        };
        Self {
            incoming,
            given: 0,
            over: false,
        }
    }

    /// Takes in the next bytes.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.given += bytes.len() as u64;
        self.incoming.handle_bytes(bytes);
    }

    /// Takes in that the recording ends here.
    pub fn handle_end(&mut self) {
        self.incoming.handle_end();
    }

    fn poll_line(&mut self) -> Result<Option<Line>, Damage> {
        let offset = self.incoming.offset();
        let id = self.incoming.next_id().unwrap_or_default();
        let event = match self.incoming.poll_event().map_err(Damage::Wrong)? {
            Some(Event::End { clean }) => {
                self.over = true;
                let bytes = self.given - offset;
                return match (clean, bytes) {
                    (false, _) => Err(Damage::Cut { offset, bytes }),
                    (true, 0) => Ok(None),
                    (true, _) => Err(Damage::AfterClose { offset, bytes }),
                };
            }
            Some(event) => event,
            None => return Ok(None),
        };
        Ok(Some(Line {
            offset,
            bytes: self.incoming.offset() - offset,
            id,
            name: message_id::name(id).unwrap_or("USER"),
            fields: fields::fields(&event),
        }))
    }
}

impl Iterator for Listing {
    type Item = Result<Line, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let line = self.poll_line().transpose();
        self.over |= matches!(line, Some(Err(_)));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bytes: &[u8]) -> Vec<Result<Line, Damage>> {
        let mut listing = Listing::new(Side::of(bytes), Limits::default(), Readers::standard());
        listing.handle_bytes(bytes);
        listing.handle_end();
        listing.collect()
    }

    #[test]
    fn a_recording_is_listed_with_what_its_headers_say() {
        let bytes = include_bytes!("../../tests/data/client_default.0.s2c.bin");
        assert_eq!(Side::of(bytes), Side::ToClient);
        let lines: Vec<_> = list(bytes).into_iter().collect::<Result<_, _>>().unwrap();
        let names: Vec<_> = lines.iter().map(|line| line.name).collect();
        assert_eq!(names, ["ISMRMRD_IMAGE", "ISMRMRD_IMAGE", "CLOSE"]);
        assert_eq!(lines[0].fields[3], ("size", Field::Text("16x16x1x1".to_owned())));
        assert_eq!(lines[1].fields[1], ("index", Field::Number(2)));
        assert_eq!(lines[1].offset, lines[0].bytes);
    }

    #[test]
    fn pieces_of_any_size_give_the_same_lines() {
        let bytes = include_bytes!("../../tests/data/client_waveforms.0.c2s.bin");
        for size in [1, 7, 1000] {
            let mut listing = Listing::new(Side::of(bytes), Limits::default(), Readers::standard());
            let mut lines = Vec::new();
            for piece in bytes.chunks(size) {
                listing.handle_bytes(piece);
                lines.extend(listing.by_ref());
            }
            listing.handle_end();
            lines.extend(listing.by_ref());
            assert_eq!(lines, list(bytes));
        }
    }

    #[test]
    fn what_a_pipe_carried_is_listed() {
        let mut out = crate::session::Outgoing::default();
        out.header("<ismrmrdHeader/>").unwrap();
        out.close();
        assert_eq!(Side::of(out.buffer()), Side::Pipe);
        assert_eq!(list(out.buffer()).iter().filter(|line| line.is_ok()).count(), 2);
    }

    #[test]
    fn damage_is_the_last_word_and_says_where_it_is() {
        let bytes = include_bytes!("../../tests/data/client_default.0.c2s.bin").as_slice();
        assert_eq!(Side::of(bytes), Side::ToServer);
        let whole = list(bytes);
        assert!(whole.iter().all(Result::is_ok));
        let Some(Ok(last)) = whole.get(whole.len() - 2) else {
            panic!("a readout before CLOSE")
        };
        let (offset, length) = (last.offset, last.bytes);
        let words = |bytes: &[u8]| match list(bytes).pop() {
            Some(Err(damage)) => damage.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            words(&bytes[..bytes.len() - 3]),
            format!(
                "byte {offset}: the recording ends inside a message, of which it has {} bytes",
                length - 1
            )
        );
        assert_eq!(
            words(&[bytes, &[0; 7]].concat()),
            format!("byte {}: 7 bytes follow CLOSE", bytes.len())
        );
        assert!(words(&[bytes.split_at(bytes.len() - 2).0, &[0xff, 0xff]].concat()).contains("unknown message 65535"));
        assert!(words(&[0xff, 0xff]).starts_with("byte 0: unknown message 65535"));
    }
}
