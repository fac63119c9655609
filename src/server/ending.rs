//! How reading from a client ended.

use std::fmt::Display;

use super::{ahead::Gone, read::ReadError};

/// How reading ended.
pub(super) enum Ending {
    /// The client said CLOSE: all data are there.
    Complete,
    /// The data stop in the middle; the words say why.
    BrokenOff {
        words: String,
        /// The connection broke: results are computed for nobody.
        nobody_reads: bool,
    },
    /// The graph stopped by itself; its result says why.
    GraphStopped,
}

impl Ending {
    /// The client is to read everything that is complete, and why the rest is missing.
    pub(super) fn broken(words: impl Display) -> Self {
        Self::BrokenOff {
            words: words.to_string(),
            nobody_reads: false,
        }
    }

    /// The client says no more: it may have gone, or still read.
    pub(super) fn ended(clean: bool) -> Self {
        Self::broken(match clean {
            true => "the connection ended without CLOSE: the data may be incomplete",
            false => "the connection ended inside a message: the data are incomplete",
        })
    }

    /// `blocked`: messages that waited for room, beside those that were read ahead.
    pub(super) fn gone(gone: Gone, blocked: usize) -> Self {
        match gone {
            Gone::Broke(error) => error.into(),
            Gone::Ended { clean, unworked } => match Self::ended(clean) {
                Self::BrokenOff { words, .. } if unworked + blocked > 0 => {
                    let unworked = unworked + blocked;
                    Self::broken(format!("{words}; {unworked} messages that came were not worked on"))
                }
                ending => ending,
            },
        }
    }
}

impl From<ReadError> for Ending {
    fn from(error: ReadError) -> Self {
        Self::BrokenOff {
            words: error.to_string(),
            nobody_reads: matches!(error, ReadError::Io(_)),
        }
    }
}
