//! The client: sends a measurement to a server and takes what comes back.
//!
//! Sending and receiving go on at the same time: a server that answers before it has read everything, with both
//! buffers full, would otherwise wait for us while we wait for it. Files are read and written on threads of their own;
//! bounded queues lie between them and the connection.

mod connect;
mod noise;
mod output;
mod receive;
mod send;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use protocol::{
    Limits,
    codec::{Precision, Readers},
    session::Incoming,
};
use tokio::io::{AsyncRead, AsyncWrite};

pub use connect::{ConnectError, connect};
pub use noise::{NoiseStatistics, noise_statistics};
pub use output::{Discard, Output, OutputFiles};
pub use receive::Received;

use crate::files::{FileError, RawDataFile};

/// What to ask a server.
#[derive(Debug)]
pub enum Request {
    /// A question about the server, such as `gadgetron::info`.
    Query(String),
    /// A configuration that answers from what the server knows of this header's patient; no data are sent.
    Question {
        /// What to ask.
        configuration: ConfigurationChoice,
        /// The header, as XML.
        header: String,
    },
    /// A reconstruction. Without a measurement the server runs the configuration on nothing (the original's `-q`).
    Reconstruction {
        /// What to do with the data.
        configuration: ConfigurationChoice,
        /// The data.
        measurement: Option<Box<RawDataFile>>,
    },
}

/// What a server is to do with the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationChoice {
    /// A configuration the server has.
    Named(String),
    /// The text of a configuration.
    Text(String),
}

/// How far a job is; read it from anywhere.
#[derive(Debug, Default)]
pub struct Progress {
    /// Readouts and waveforms handed to the connection.
    pub items_sent: AtomicU64,
    /// Bytes handed to the connection.
    pub bytes_sent: AtomicU64,
    /// Messages that came back.
    pub messages_received: AtomicU64,
}

/// What a job came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Readouts and waveforms sent.
    pub items_sent: u64,
    /// What came back.
    pub received: Received,
}

/// Why a job failed. What had come back by then has been handed to the output.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke.
    #[error("the connection broke while {while_doing}: {source}")]
    Connection {
        /// Sending or receiving.
        while_doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The connection ended before the server said that it was done.
    #[error("the server closed the connection before it had finished{}", if *.inside_message { ", in the middle of a message" } else { "" })]
    Cut {
        /// Whether a message was cut.
        inside_message: bool,
    },
    /// Nothing came for too long.
    #[error("the server sent nothing for {0:?}")]
    Silent(std::time::Duration),
    /// The server failed.
    #[error("the server reports an error: {}", .0.join("; "))]
    Server(Vec<String>),
    /// What came makes no sense.
    #[error("the server sent something else than Gadgetron messages: {0}")]
    Protocol(#[from] protocol::error::Error),
    /// What is to be sent cannot be expressed.
    #[error("cannot send: {0}")]
    Encode(#[from] protocol::error::EncodeError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is not HDF5.
    #[error("{}: {source}", path.display())]
    Plain {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// How to treat a connection.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Limits for what the server sends.
    pub limits: Limits,
    /// How long the server may send nothing; for ever where there is none (a reconstruction can take long).
    pub silence: Option<std::time::Duration>,
    /// Bytes gathered before they are written to the connection (default 256 KiB).
    pub batch_bytes: usize,
    /// Batches waiting for the connection (default 4).
    pub batches: usize,
    /// How precise readouts are when they go out compressed (flag 54, which not every reader understands); none goes
    /// out compressed by default, and none whose values cannot be.
    pub compression: Option<Precision>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            silence: None,
            batch_bytes: 256 << 10,
            batches: 4,
            compression: None,
        }
    }
}

/// Does one job over a connection, which may be a socket or anything else.
///
/// Holds in memory: [`Settings::batches`] batches on the way out, one message and two more on the way in.
///
/// # Errors
/// The server's own words come first where there are any: they say more than the broken connection that follows them.
pub async fn run<R, W, O>(
    reader: R,
    writer: W,
    request: Request,
    output: O,
    settings: Settings,
    progress: Arc<Progress>,
) -> Result<Outcome, ClientError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    O: Output,
{
    let sending = send::send(writer, request, &settings, Arc::clone(&progress));
    let incoming = Incoming::client(settings.limits, Readers::standard());
    let receiving = receive::receive(reader, incoming, output, settings.silence, Arc::clone(&progress));
    tokio::pin!(sending, receiving);

    // The server's end decides. A failure to send is often only the consequence of what the server is about to say.
    let mut sent = None;
    let received = loop {
        tokio::select! {
            received = &mut receiving => break received,
            result = &mut sending, if sent.is_none() => {
                let own_fault = matches!(result, Err(ClientError::File(_) | ClientError::Encode(_)));
                if own_fault {
                    return Err(result.err().unwrap_or(ClientError::Cut { inside_message: false }));
                }
                sent = Some(result);
            }
        }
    };
    let outcome = Outcome {
        items_sent: progress.items_sent.load(Ordering::Relaxed),
        received: match (received, sent) {
            (Ok(received), Some(Err(_))) if !received.errors.is_empty() => received,
            (Ok(_), Some(Err(error))) => return Err(error),
            (Err(ClientError::Cut { .. }), Some(Err(error))) => return Err(error),
            (received, _) => received?,
        },
    };
    match outcome.received.errors.is_empty() {
        true => Ok(outcome),
        false => Err(ClientError::Server(outcome.received.errors)),
    }
}

#[cfg(test)]
mod tests;
