//! A question to a server, on a connection of its own: whether it is there, and what it is.

use std::{
    io,
    time::{Duration, Instant},
};

use protocol::{
    Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::Connector;
use crate::Address;

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its words.
    pub text: String,
    /// From before the connection until after the answer.
    pub time: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not within the time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// Bytes that are no message.
    #[error("it does not speak the protocol: {0}")]
    Protocol(#[from] protocol::error::Error),
    /// It hung up.
    #[error("it closed the connection without an answer")]
    NoAnswer,
}

/// The number that marks the answer as ours.
const CORRELATION: u64 = 1;

/// Asks `question` (`gadgetron::info`, say) and waits up to `limit` for the answer.
pub async fn query<C: Connector>(
    connector: &C,
    address: &Address,
    question: &str,
    limit: Duration,
) -> Result<Answer, QueryError> {
    let started = Instant::now();
    let text = timeout(limit, ask(connector, address, question))
        .await
        .map_err(|_| QueryError::Silent(limit))??;
    Ok(Answer {
        text,
        time: started.elapsed(),
    })
}

async fn ask<C: Connector>(connector: &C, address: &Address, question: &str) -> Result<String, QueryError> {
    let mut socket = connector.connect(address).await?;
    let mut outgoing = Outgoing::new(Writers::none());
    outgoing.query(CORRELATION, question);
    socket.write_all(outgoing.buffer()).await?;
    let mut incoming = Incoming::client(Limits::default(), Readers::none());
    let text = loop {
        match incoming.poll_event()? {
            Some(Event::Response { correlation, text }) if correlation == CORRELATION => break text,
            Some(Event::Text(_) | Event::Response { .. }) => {}
            Some(_) => return Err(QueryError::NoAnswer),
            None => {
                if socket.read_buf(incoming.receive_buffer()).await? == 0 {
                    incoming.handle_end();
                }
            }
        }
    };
    outgoing.clear();
    outgoing.close();
    // The answer is here: whether the farewell arrives does not matter.
    let _ = socket.write_all(outgoing.buffer()).await;
    let _ = socket.shutdown().await;
    Ok(text)
}
