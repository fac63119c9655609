//! The receiving half of a connection.

use bytes::{Buf, BytesMut};

use super::{Event, control};
use crate::{
    Limits,
    codec::{Decoder, Progress, Readers},
    error::{Error, ErrorKind, Failure},
    message_id,
};

/// Room the driver finds in the receive buffer: one call of the operating system can take so much.
const ROOM: usize = 256 << 10;

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

    /// The buffer to read into, with room for at least 64 KiB. It grows with what has arrived, never with what a
    /// message announces.
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < ROOM / 4 {
            self.buffer.reserve(ROOM);
        }
        &mut self.buffer
    }

    /// Takes in bytes that were read elsewhere.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
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
            Ok((event, length)) => {
                self.buffer.advance(length);
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
