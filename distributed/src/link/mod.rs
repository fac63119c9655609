//! A link to a worker: one connection, of which the engine sees an input end, an output end and an outcome.
//!
//! What goes in are parcels, what comes out are decoded messages. The set-up (configuration and header)
//! is written once for all links of a node.
//!
//! ```text
//!          parcels  +--------+  CONFIG HEADER data.. CLOSE   +--------+
//!   Output ------>  |  send  | ----------------------------> |        |
//!                   +--------+                               | worker |
//!   Input  <------  | receive| <---------------------------- |        |
//!          messages +--------+     data.. TEXT ERROR CLOSE   +--------+
//! ```

mod connect;
mod error;
mod query;
mod receive;
mod send;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use engine::{
    Capacity, Input, Message, Output,
    channel::{message_channel, weighed_channel},
};
use protocol::{
    Limits,
    codec::{Codecs, EncodeError, Readers, Writers},
    session::Outgoing,
};

pub use connect::{Connector, Tcp, connect};
pub use error::{DECLINES, LinkError, LinkFault};
pub use query::{Answer, QueryError, query};

use crate::{Address, Parcel};

/// Bounds on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// How often a connection is tried. Default 3.
    pub attempts: u32,
    /// How long one try may take. Default 5 s.
    pub connect: Duration,
    /// The pause after the first try; it doubles after each. Default 100 ms.
    pub pause: Duration,
    /// A worker that owes an answer, sends no byte for so long and answers no query either is given up. Default 30 s.
    pub silence: Duration,
    /// After a write failed: how long the worker's last words are waited for. Default 2 s.
    pub last_words: Duration,
    /// A worker that says so many texts in a row, and gives no answer after any of them, is given up. Default 1000.
    pub texts: usize,
    /// What may wait at either end of a link.
    pub channel: Capacity,
    /// Sizes of messages.
    pub protocol: Limits,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            attempts: 3,
            connect: Duration::from_secs(5),
            pause: Duration::from_millis(100),
            silence: Duration::from_secs(30),
            last_words: Duration::from_secs(2),
            texts: 1000,
            channel: Capacity::default(),
            protocol: Limits::default(),
        }
    }
}

/// How the links of one node are set up, and what they speak.
#[derive(Clone, Debug)]
pub struct Setup {
    /// CONFIG and HEADER, encoded.
    handshake: Bytes,
    /// What comes back.
    pub readers: Readers,
    /// What is sent.
    pub writers: Writers,
    /// What is sent, read back: for the worker in this process.
    pub(crate) own_readers: Readers,
}

impl Setup {
    /// The set-up with these texts, written once.
    ///
    /// `codecs` is the table that readers and writers were looked up in.
    pub fn new(
        configuration: &str,
        header: &str,
        (readers, writers): (Readers, Writers),
        codecs: &Codecs,
    ) -> Result<Self, EncodeError> {
        let mut outgoing = Outgoing::new(Writers::none());
        outgoing.configuration(configuration)?;
        outgoing.header(header)?;
        Ok(Self {
            handshake: outgoing.take().into(),
            readers,
            writers,
            own_readers: Readers::all(codecs),
        })
    }

    /// One message as the bytes a worker gets: the first part, and the rest as it lay in memory. Where it succeeds, the
    /// message is of no more use.
    pub fn encode(&self, message: &mut Message) -> Result<[Bytes; 2], EncodeError> {
        let mut first = Vec::new();
        let type_name = message.type_name();
        let rest = self
            .writers
            .encode_taking(message.payload_mut(), type_name, &mut first)?;
        Ok([first.into(), rest])
    }
}

/// The ends of a link that is open.
#[derive(Debug)]
pub struct Ends {
    /// Takes messages; dropping it says that no more will come. Interrupting it ends the connection.
    pub input: Output<Parcel>,
    /// Gives the worker's messages; it breaks off where the link fails.
    pub output: Input<Message>,
}

/// Connects to a worker. Gives the ends of the link, and the work of it: a future that somebody must run, and whose
/// result is the link's outcome. Dropping that future closes the connection.
pub async fn open<C: Connector>(
    connector: Arc<C>,
    address: Address,
    setup: Arc<Setup>,
    limits: LinkLimits,
) -> Result<(Ends, impl Future<Output = Result<(), LinkError>> + Send + use<C>), LinkError> {
    let fail = |fault| LinkError::new(&address, fault);
    let stream = connect(&*connector, &address, &limits).await.map_err(fail)?;
    let (input, from_engine) = weighed_channel(limits.channel, Parcel::weight);
    let (to_engine, output) = message_channel(limits.channel);
    let work = work(connector, address, stream, setup, limits, from_engine, to_engine);
    Ok((Ends { input, output }, work))
}

async fn work<C: Connector>(
    connector: Arc<C>,
    address: Address,
    stream: C::Stream,
    setup: Arc<Setup>,
    limits: LinkLimits,
    from_engine: Input<Parcel>,
    to_engine: Output<Message>,
) -> Result<(), LinkError> {
    let (read, write) = tokio::io::split(stream);
    let traffic = receive::Traffic::default();
    let keeper = to_engine.another();
    let receiver = receive::Receiver {
        connector: &*connector,
        address: &address,
        limits: &limits,
        traffic: &traffic,
    };
    let conversation = async {
        let receiving = receiver.run(read, setup.readers.clone(), to_engine);
        let sending = send::run(write, &setup.handshake, from_engine, &traffic);
        tokio::pin!(receiving, sending);
        tokio::select! {
            // The worker said CLOSE, or failed.
            received = &mut receiving => received,
            sent = &mut sending => match sent {
                Ok(()) => receiving.await,
                Err(send::Stop::Interrupted) => Err(LinkFault::Cancelled),
                Err(send::Stop::Unsendable(error)) => Err(LinkFault::Unsendable(error)),
                // The worker may have said why before it hung up.
                Err(send::Stop::Broken(error)) => {
                    let last = tokio::time::timeout(limits.last_words, receiving).await;
                    last.unwrap_or(Err(LinkFault::Unwritten(error)))
                }
            },
        }
    };
    let result = tokio::select! {
        biased;
        result = conversation => result,
        () = keeper.closed() => Err(LinkFault::Unwanted),
    };
    let result = result.map_err(|fault| LinkError::new(&address, fault));
    match &result {
        Ok(()) => drop(keeper),
        Err(error) => keeper.interrupt(&error.to_string()),
    }
    result
}
