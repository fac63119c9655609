//! The sending half of a connection: what the graph gives, and what the server itself has to say.

use std::{io, time::Duration};

use engine::{Input, Message};
use futures::FutureExt;
use protocol::{codec::Writers, session::Outgoing};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::warn;

use super::unsent::Unsent;

/// What the server itself has to say.
pub(super) enum Say {
    /// The answer to a query: said at once.
    Response { correlation: u64, text: String },
    /// From now on, what the graph gives is sent too.
    Stream { output: Input<Message>, writers: Writers },
    /// Said when the graph's stream ended: these texts, then CLOSE.
    Finish {
        words: Vec<String>,
        done: oneshot::Sender<()>,
    },
}

impl Say {
    /// The answer to a query.
    pub(super) fn answer(correlation: u64, query: &str) -> Self {
        Self::Response {
            correlation,
            text: super::info::information().answer(query),
        }
    }
}

/// How many bytes are gathered before they are written: large writes, little memory.
const WRITE_SIZE: usize = 256 * 1024;

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

pub(super) struct Writer<W> {
    socket: W,
    outgoing: Outgoing,
    stalled: Duration,
    sent: Sent,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(socket: W, outgoing: Outgoing, stalled: Duration) -> Self {
        Self {
            socket,
            outgoing,
            stalled,
            sent: Sent::default(),
        }
    }

    /// Runs until everything was said or the client is gone. Dropping the graph's output then stops the graph.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Say>) -> io::Result<Sent> {
        let mut stream: Option<Input<Message>> = None;
        let mut unsent = Unsent::default();
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Say::Response { correlation, text }) => {
                        self.outgoing.response(correlation, &text);
                        self.flush().await?;
                    }
                    Some(Say::Stream { output, writers }) => {
                        self.outgoing.set_writers(writers);
                        stream = Some(output);
                    }
                    Some(Say::Finish { words, done }) => {
                        if let Some(stream) = stream.take() {
                            self.pump(stream, &mut unsent).await?;
                        }
                        for words in words.into_iter().chain(unsent.words()) {
                            if let Err(error) = self.outgoing.text(&words) {
                                warn!("the client cannot be told: {error}");
                            }
                        }
                        self.outgoing.close();
                        self.flush().await?;
                        self.socket.shutdown().await?;
                        let _ = done.send(());
                        return Ok(self.sent);
                    }
                    None => return Ok(self.sent),
                },
                message = next(&mut stream) => match (message, &mut stream) {
                    (Some(message), Some(stream)) => self.send(message, stream, &mut unsent).await?,
                    _ => stream = None,
                },
            }
        }
    }

    /// Sends all that still comes.
    async fn pump(&mut self, mut stream: Input<Message>, unsent: &mut Unsent) -> io::Result<()> {
        // Whether the stream ended or broke off is told by the graph's own result.
        while let Ok(Some(message)) = stream.next().await {
            self.send(message, &mut stream, unsent).await?;
        }
        Ok(())
    }

    /// Encodes this message and those that wait behind it, then writes them in one go.
    async fn send(&mut self, first: Message, stream: &mut Input<Message>, unsent: &mut Unsent) -> io::Result<()> {
        self.encode(first, unsent);
        while self.outgoing.len() < WRITE_SIZE {
            match stream.next().now_or_never() {
                Some(Ok(Some(message))) => self.encode(message, unsent),
                _ => break,
            }
        }
        self.flush().await
    }

    fn encode(&mut self, mut message: Message, unsent: &mut Unsent) {
        let type_name = message.type_name();
        match self.outgoing.taking(message.payload_mut(), type_name) {
            Ok(()) => self.sent.messages += 1,
            Err(error) => unsent.count(&error),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.sent.bytes += self.outgoing.len() as u64;
        while !self.outgoing.is_empty() {
            let written = timeout(self.stalled, self.socket.write_buf(self.outgoing.segments()))
                .await
                .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing"))??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.socket.flush().await
    }
}

async fn next(stream: &mut Option<Input<Message>>) -> Option<Message> {
    match stream {
        Some(stream) => stream.next().await.ok().flatten(),
        None => std::future::pending().await,
    }
}
