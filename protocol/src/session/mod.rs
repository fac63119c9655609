//! One connection, without IO: bytes in, events out ([`Incoming`]); events in, bytes out ([`Outgoing`]).
//!
//! Sockets, files and standard input drive the same two halves. Methods called `handle_*` take something in, `poll_*`
//! gives something out.
//!
//! ```
//! use protocol::{Limits, codec::Writers, session::{Event, Incoming, Outgoing}};
//!
//! let mut client = Outgoing::new(Writers::standard());
//! client.configuration_name("default.xml")?;
//! let mut server = Incoming::server(Limits::default());
//! server.handle_bytes(client.buffer());
//! assert!(matches!(server.poll_event(), Ok(Some(Event::ConfigurationName(name))) if name == "default.xml"));
//! assert!(matches!(server.poll_event(), Ok(None)));
//! # Ok::<(), protocol::error::EncodeError>(())
//! ```

mod control;
mod incoming;
mod outgoing;
mod segments;

pub use self::{incoming::Incoming, outgoing::Outgoing, segments::Segments};
use crate::codec::Payload;

/// What came in.
#[derive(Debug)]
pub enum Event {
    /// 1: the name of a configuration.
    ConfigurationName(String),
    /// 2: a configuration's text.
    Configuration(String),
    /// 3: the text of the ISMRMRD header.
    Header(String),
    /// 4: the other side sends nothing more.
    Close,
    /// 5: text for people.
    Text(String),
    /// 6: a question.
    Query {
        /// Comes back with the answer.
        correlation: u64,
        /// The question.
        text: String,
    },
    /// 7: the answer to a question.
    Response {
        /// As the question had it.
        correlation: u64,
        /// The answer.
        text: String,
    },
    /// 8: the other side failed.
    RemoteError(String),
    /// Data, decoded by one of the readers.
    Message(Payload),
    /// The end of the bytes. It comes once, and nothing comes after it.
    End {
        /// Whether they ended between two messages.
        clean: bool,
    },
}
