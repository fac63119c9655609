//! How reading from a client ended, and what is left to do.

use std::{fmt::Display, time::Duration};

use tokio::time::sleep;

use super::{ahead::Gone, read::ReadError};

/// How reading ended.
pub(super) enum Ending {
    /// The client said CLOSE: all data are there.
    Complete,
    /// The data stop in the middle; the words say why. Where nobody may be there any more to read them, results have so
    /// much time to be finished.
    BrokenOff { words: String, patience: Option<Duration> },
    /// The graph stopped by itself; its result says why.
    GraphStopped,
}

impl Ending {
    /// The client is there, and is to read everything that is complete and why the rest is missing.
    pub(super) fn broken(words: impl Display) -> Self {
        Self::BrokenOff {
            words: words.to_string(),
            patience: None,
        }
    }

    /// The client says no more: it may have gone, or still read. `patience`: how long results may still be computed, where
    /// there is a limit.
    pub(super) fn ended(clean: bool, patience: Option<Duration>) -> Self {
        let words = match clean {
            true => "the connection ended without CLOSE: the data may be incomplete",
            false => "the connection ended inside a message: the data are incomplete",
        };
        Self::BrokenOff {
            words: words.to_owned(),
            patience,
        }
    }

    /// `blocked`: messages that waited for room, beside those that were read ahead.
    pub(super) fn gone(gone: Gone, blocked: usize, patience: Option<Duration>) -> Self {
        match gone {
            Gone::Broke(error) => error.into(),
            Gone::Ended { clean, unworked } => match Self::ended(clean, patience) {
                Self::BrokenOff { words, patience } if unworked + blocked > 0 => Self::BrokenOff {
                    words: format!("{words}; {} messages that came were not worked on", unworked + blocked),
                    patience,
                },
                ending => ending,
            },
        }
    }

    /// How long results may still be computed, where there is a limit.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Self::BrokenOff { patience, .. } => *patience,
            Self::Complete | Self::GraphStopped => None,
        }
    }
}

impl From<ReadError> for Ending {
    fn from(error: ReadError) -> Self {
        let nobody_reads = matches!(error, ReadError::Io(_));
        Self::BrokenOff {
            words: error.to_string(),
            patience: nobody_reads.then_some(Duration::ZERO),
        }
    }
}

/// Completes when the time is over, if there is a limit.
pub(super) async fn out_of(patience: Option<Duration>) -> Duration {
    match patience {
        Some(time) => {
            sleep(time).await;
            time
        }
        None => std::future::pending().await,
    }
}
