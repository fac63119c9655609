//! The receiving half of a connection.

use bytes::{Buf, Bytes, BytesMut};

use super::{Event, control};
use crate::{
    Limits,
    codec::{Decoder, Progress, Readers},
    error::{Error, ErrorKind, Failure},
    message_id,
};

/// Room the driver finds in the receive buffer: one call of the operating system can take so much.
const ROOM: usize = 256 << 10;

/// More room than this is not made at once, whatever a message announces.
const MOST_ROOM: usize = 16 * ROOM;

/// A message that keeps its bytes and has so many gets a buffer of its own; smaller ones are copied out of a common one.
const LARGE: usize = 16 << 10;

/// Room for the beginning of the next message behind a large one: enough to learn the size of a readout.
const AHEAD: usize = 512;

/// The receiving half of a connection: bytes in, events out.
///
/// The driver reads into [`receive_buffer`](Self::receive_buffer) (or hands bytes to
/// [`handle_bytes`](Self::handle_bytes)), then calls [`poll_event`](Self::poll_event) until it gives `None`, then reads
/// again; at the end of the file it calls [`handle_end`](Self::handle_end) and polls once more. An error ends the
/// session: what follows is not looked at.
#[derive(Debug)]
pub struct Incoming {
    role: Role,
    phase: Phase,
    limits: Limits,
    readers: Readers,
    buffer: BytesMut,
    /// The message before was large and kept its bytes: the next is read into a buffer of its own.
    alone: bool,
    /// The buffer was made for the message at its front.
    fresh: bool,
    /// The place of the buffer's first byte in the connection.
    offset: u64,
    /// Bytes the buffer must hold before the message at its front is worth another look.
    needed: usize,
    progress: Progress,
    ended: bool,
    end_reported: bool,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Configuration,
    Header,
    Streaming,
    Closed,
}

/// Bytes of a message's number.
const ID: usize = size_of::<u16>();

impl Incoming {
    /// The server's side: a configuration, a header, then data. Readers are set once the configuration is understood.
    pub fn server(limits: Limits) -> Self {
        Self::new(Role::Server, Phase::Configuration, limits, Readers::none())
    }

    /// A program in a pipe: no configuration comes, the header is the first message.
    pub fn pipe(limits: Limits, readers: Readers) -> Self {
        Self::new(Role::Server, Phase::Header, limits, readers)
    }

    /// The client's side, which is also a distributor's and an external node's: data, words and errors come back.
    pub fn client(limits: Limits, readers: Readers) -> Self {
        Self::new(Role::Client, Phase::Streaming, limits, readers)
    }

    fn new(role: Role, phase: Phase, limits: Limits, readers: Readers) -> Self {
        Self {
            role,
            phase,
            limits,
            readers,
            buffer: BytesMut::new(),
            alone: false,
            fresh: false,
            offset: 0,
            needed: ID,
            progress: Progress::default(),
            ended: false,
            end_reported: false,
            failed: false,
        }
    }

    /// The readers for the data to come.
    pub fn set_readers(&mut self, readers: Readers) {
        self.readers = readers;
    }

    /// The buffer to read into, with room for 64 KiB at least and 4 MiB at most, whatever a message announces. Where large
    /// messages keep their bytes (see [`Unopened`](crate::codec::Unopened)), with room for one of them.
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        let missing = self.needed().min(MOST_ROOM);
        if !self.alone {
            // Making room may move what is there: not for every call.
            if self.buffer.capacity() - self.buffer.len() < missing.max(ROOM / 4) {
                self.buffer.reserve(missing.max(ROOM));
            }
        } else if self.fresh {
            self.buffer.reserve(missing);
        } else {
            let mut own = BytesMut::with_capacity(self.buffer.len() + missing + AHEAD);
            own.extend_from_slice(&self.buffer);
            self.buffer = own;
            self.fresh = true;
        }
        &mut self.buffer
    }

    /// Takes in bytes that were read elsewhere.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.fresh = false;
    }

    /// Takes in that no more bytes will come.
    pub fn handle_end(&mut self) {
        self.ended = true;
    }

    /// How many bytes are missing at least before there can be another event; 0 when there may be one now.
    pub fn needed(&self) -> usize {
        self.needed.saturating_sub(self.buffer.len())
    }

    /// The place of the next message in the connection's bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the next message, once its first bytes are here.
    pub fn next_id(&self) -> Option<u16> {
        let (&id, _) = self.buffer.split_first_chunk()?;
        Some(u16::from_le_bytes(id))
    }

    /// The next event; `None` when more bytes are needed.
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        if self.phase == Phase::Closed {
            // Nothing is expected any more; what comes all the same must not pile up.
            self.buffer.clear();
            return Ok(self.end());
        }
        if self.buffer.len() < self.needed {
            return Ok(self.end());
        }
        match self.next_event() {
            Ok((mut event, length)) => {
                self.let_go(&mut event, length);
                self.offset += length as u64;
                self.needed = ID;
                self.progress.clear();
                Ok(Some(event))
            }
            Err(Stop::Incomplete { needed }) => {
                self.needed = needed.max(self.buffer.len() + 1);
                Ok(self.end())
            }
            Err(Stop::Error(kind, position)) => {
                self.phase = Phase::Closed;
                self.failed = true;
                let offset = self.offset + position as u64;
                Err(Error { kind, offset })
            }
        }
    }

    /// Takes the message at the front out of the buffer. A value that keeps its bytes gets them: with the memory they
    /// lie in where nothing else does, so that what is kept holds little more memory than it says.
    fn let_go(&mut self, event: &mut Event, length: usize) {
        let reader = self.next_id().and_then(|id| self.readers.get(id));
        match (event, reader) {
            (Event::Message(payload), Some(reader)) if reader.keeps_body() => {
                let message = if self.fresh && length >= LARGE {
                    let rest = BytesMut::from(&self.buffer[length..]);
                    let mut message = std::mem::replace(&mut self.buffer, rest);
                    message.truncate(length);
                    message.freeze()
                } else {
                    let message = Bytes::copy_from_slice(&self.buffer[..length]);
                    self.buffer.advance(length);
                    message
                };
                reader.keep_body(&mut *payload.value, message.slice(ID..));
                self.alone = length >= LARGE;
            }
            _ => {
                self.buffer.advance(length);
                self.alone = false;
            }
        }
        self.fresh = false;
    }

    fn end(&mut self) -> Option<Event> {
        if !self.ended || self.end_reported {
            return None;
        }
        self.end_reported = true;
        let clean = self.buffer.is_empty() && !self.failed;
        Some(Event::End { clean })
    }

    /// Decodes the message at the front of the buffer; gives its length.
    fn next_event(&mut self) -> Result<(Event, usize), Stop> {
        let Some((&id, body)) = self.buffer.split_first_chunk::<ID>() else {
            return Err(Stop::Incomplete { needed: ID });
        };
        let id = u16::from_le_bytes(id);
        let next_phase = self.admit(id).map_err(|kind| Stop::Error(kind, 0))?;
        let name = message_id::name(id).unwrap_or("a user's type");
        let stop = |failure| match failure {
            Failure::Incomplete { needed } => Stop::Incomplete {
                needed: needed.saturating_add(ID),
            },
            Failure::Fault { fault, position } => Stop::Error(ErrorKind::Body { id, name, fault }, ID + position),
        };
        let mut decoder = Decoder::new(body, &self.limits);
        let event = if id < message_id::FIRST_DATA {
            control::decode(id, &mut decoder).map_err(stop)?
        } else {
            let Some(reader) = self.readers.get(id) else {
                let known = self.readers.ids();
                return Err(Stop::Error(ErrorKind::UnknownMessage { id, known }, 0));
            };
            reader
                .scan(&mut Decoder::resuming(body, &self.limits, &mut self.progress))
                .map_err(stop)?;
            Event::Message(reader.decode(&mut decoder).map_err(stop)?)
        };
        self.phase = next_phase;
        Ok((event, ID + decoder.position()))
    }

    /// Whether this message may come now, and what the session waits for after it.
    fn admit(&self, id: u16) -> Result<Phase, ErrorKind> {
        use Phase::{Closed, Configuration, Header, Streaming};
        use Role::{Client, Server};
        match (id, self.role, self.phase) {
            (message_id::CLOSE, ..) => Ok(Closed),
            (message_id::TEXT | message_id::QUERY | message_id::ERROR, _, phase) => Ok(phase),
            (message_id::RESPONSE, Client, phase) => Ok(phase),
            (message_id::RESPONSE, Server, _) => Err(ErrorKind::WrongSide { id }),
            (message_id::FILENAME..=message_id::HEADER, Client, _) => Err(ErrorKind::WrongSide { id }),
            (message_id::FILENAME | message_id::CONFIGURATION, Server, Configuration) => Ok(Header),
            (message_id::FILENAME | message_id::CONFIGURATION, Server, _) => Err(ErrorKind::SecondConfiguration),
            (message_id::HEADER, Server, Header) => Ok(Streaming),
            (message_id::HEADER, Server, Configuration) => Err(ErrorKind::HeaderBeforeConfiguration),
            (message_id::HEADER, Server, _) => Err(ErrorKind::SecondHeader),
            (0..message_id::FIRST_DATA, ..) => Err(ErrorKind::UnknownMessage {
                id,
                known: self.readers.ids(),
            }),
            (_, _, Configuration) => Err(ErrorKind::DataBeforeConfiguration { id }),
            (_, _, Header) => Err(ErrorKind::DataBeforeHeader { id }),
            (_, _, phase) => Ok(phase),
        }
    }
}

/// Why there is no event.
enum Stop {
    Incomplete { needed: usize },
    Error(ErrorKind, usize),
}
