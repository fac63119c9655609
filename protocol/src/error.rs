//! What can be wrong with bytes that came in, and with values that are to go out.

use crate::message_id;

/// What is wrong with the bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A length beyond a limit.
    #[error("{what}: {size} exceeds the limit of {limit} (`{name}`)")]
    TooLarge {
        /// What the length is of.
        what: &'static str,
        /// What was asked for.
        size: u64,
        /// What is allowed.
        limit: u64,
        /// The limit's name in [`Limits`](crate::Limits).
        name: &'static str,
    },
    /// Bytes that do not follow the layout.
    #[error("{what}: {reason}")]
    Malformed {
        /// The part that is wrong.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// Why a decoder stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not enough bytes yet: a value, not an error. So many are needed at least, from the start of the body on.
    Incomplete {
        /// Bytes of the body that must be there before another try makes sense.
        needed: usize,
    },
    /// The bytes are wrong.
    Fault {
        /// What is wrong.
        fault: Fault,
        /// Where, in bytes from the start of the body.
        position: usize,
    },
}

/// An error of the receiving session, with the place in the connection's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at byte {offset} of the connection)")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where, in bytes from the start of the connection.
    pub offset: u64,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// HEADER before the configuration.
    #[error("the header came before the configuration: send a configuration (message 1 or 2) first")]
    HeaderBeforeConfiguration,
    /// A second configuration.
    #[error("a second configuration came: a connection has exactly one")]
    SecondConfiguration,
    /// A second header.
    #[error("a second header came: a connection has exactly one")]
    SecondHeader,
    /// Data before the configuration.
    #[error("message {id} came before the configuration and the header")]
    DataBeforeConfiguration {
        /// The message.
        id: u16,
    },
    /// Data before the header.
    #[error("message {id} came before the header")]
    DataBeforeHeader {
        /// The message.
        id: u16,
    },
    /// A control message that this side does not take.
    #[error("message {id} ({}) is not for this side of a connection", message_id::name(*.id).unwrap_or("unknown"))]
    WrongSide {
        /// The message.
        id: u16,
    },
    /// No reader has this number.
    #[error("unknown message {id}: {}", readers(.known))]
    UnknownMessage {
        /// The message.
        id: u16,
        /// The numbers that have a reader.
        known: Vec<u16>,
    },
    /// The body is wrong.
    #[error("message {id} ({name}): {fault}")]
    Body {
        /// The message.
        id: u16,
        /// What it carries.
        name: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
}

fn readers(known: &[u16]) -> String {
    match known {
        [] => "no readers are configured".to_owned(),
        ids => {
            let ids: Vec<_> = ids.iter().map(u16::to_string).collect();
            format!("readers are configured for {}", ids.join(", "))
        }
    }
}

/// Why a value was not encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No writer takes a value of this type.
    #[error("no writer is configured for a message of type `{type_name}`; configured: {}", writers(.known))]
    NoWriter {
        /// The value's type.
        type_name: String,
        /// The types that have a writer.
        known: Vec<&'static str>,
    },
    /// The value does not fit the layout.
    #[error("{what}: {reason}")]
    DoesNotFit {
        /// The part that does not fit.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl EncodeError {
    /// A value that does not fit the layout.
    pub fn does_not_fit(what: &'static str, reason: impl ToString) -> Self {
        Self::DoesNotFit {
            what,
            reason: reason.to_string(),
        }
    }
}

fn writers(known: &[&str]) -> String {
    match known {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
