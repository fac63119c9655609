//! Why a link failed: the worker's address, and what happened.

use std::{io, time::Duration};

use engine::{BoxError, Declined};

use crate::Address;

/// A link that failed.
#[derive(Debug, thiserror::Error)]
#[error("worker {address}: {fault}")]
pub struct LinkError {
    /// The worker.
    pub address: Address,
    /// What happened.
    pub fault: LinkFault,
}

impl LinkError {
    pub(super) fn new(address: &Address, fault: LinkFault) -> Self {
        Self {
            address: address.clone(),
            fault,
        }
    }
}

/// The words in a server's last text by which a head knows that its work is not to blame: the server is full, say, or is being
/// stopped.
pub const DECLINES: &str = "this server takes no more work";

/// What happened on a link.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// No connection.
    #[error("could not be reached in {attempts} tries: {cause}")]
    Unreachable {
        /// Number of tries.
        attempts: u32,
        /// What the last one met.
        cause: io::Error,
    },
    /// The connection broke while something was read.
    #[error("the connection broke{}: {cause}", half_message(*.half, *.offset))]
    Broken {
        /// What the system says.
        cause: io::Error,
        /// Whether a message had begun.
        half: bool,
        /// Where the last message begins, in bytes from the start of the connection.
        offset: u64,
    },
    /// The connection broke while something was written, and the worker said nothing about it.
    #[error("the connection broke: {0}")]
    Unwritten(io::Error),
    /// The bytes ended without CLOSE.
    #[error("hung up without CLOSE{}", half_message(*.half, *.offset))]
    HungUp {
        /// Whether a message had begun.
        half: bool,
        /// Where the last message begins, in bytes from the start of the connection.
        offset: u64,
    },
    /// Neither data nor an answer to a query.
    #[error("sent nothing for {0:?} while it owed an answer, and answers no query")]
    Silent(Duration),
    /// Texts, and nothing else.
    #[error("said {0} texts in a row and gave no answer")]
    Talks(usize),
    /// Bytes that are no message of the protocol; the place is told.
    #[error("sent bytes that were not understood: {0}")]
    Protocol(#[from] protocol::error::Error),
    /// The worker's own words.
    #[error("failed, after {offset} bytes: {words}")]
    Reported {
        /// Its words.
        words: String,
        /// Where they end, in bytes from the start of the connection.
        offset: u64,
    },
    /// It takes no work, for a reason of its own.
    #[error("declined: {0}")]
    Declined(String),
    /// CLOSE before ours.
    #[error("closed the connection while data were still being sent{}", said(.words.as_deref()))]
    ClosedEarly {
        /// The last words for people that came before.
        words: Option<String>,
    },
    /// Something only a client sends.
    #[error("sent {0}, which is not for this side of a connection")]
    Misplaced(&'static str),
    /// A message that cannot be encoded.
    #[error("not sent: {0}")]
    Unsendable(BoxError),
    /// The stream that feeds the link broke off: the worker must not take what came for the whole.
    #[error("given up: the stream that feeds it broke off")]
    Cancelled,
    /// Nobody reads the results any more.
    #[error("given up: nobody reads its results any more")]
    Unwanted,
}

impl LinkFault {
    /// For the engine, which names the worker itself.
    pub(crate) fn into_outcome(self) -> BoxError {
        match self {
            Self::Declined(_) => Declined(self.into()).into(),
            fault => fault.into(),
        }
    }
}

fn half_message(half: bool, offset: u64) -> String {
    if half {
        format!(", in the middle of the message at byte {offset}")
    } else {
        format!(", after {offset} bytes")
    }
}

fn said(words: Option<&str>) -> String {
    words.map_or(String::new(), |words| format!("; it said: {words}"))
}
