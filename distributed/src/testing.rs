//! Workers over memory, for the tests: every connection is answered by a script.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use engine::Message;
use futures::future::BoxFuture;
use ndarray::Array2;
use protocol::{
    Acquisition, Limits,
    codec::{Codecs, Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::{
    Address,
    link::{Connector, Setup},
};

type Script = Box<dyn Fn(usize, DuplexStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// Every connection is answered by a script, which is told its number.
pub(crate) struct Fake {
    script: Script,
    pub(crate) connections: AtomicUsize,
    refusals: usize,
}

pub(crate) fn fake<F, R>(script: F) -> Arc<Fake>
where
    F: Fn(usize, DuplexStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    refusing(0, script)
}

pub(crate) fn refusing<F, R>(refusals: usize, script: F) -> Arc<Fake>
where
    F: Fn(usize, DuplexStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    Arc::new(Fake {
        script: Box::new(move |number, socket| Box::pin(script(number, socket))),
        connections: AtomicUsize::new(0),
        refusals,
    })
}

impl Connector for Fake {
    type Stream = DuplexStream;
    async fn connect(&self, _: &Address) -> std::io::Result<DuplexStream> {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        if number < self.refusals {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn((self.script)(number, theirs));
        Ok(ours)
    }
}

pub(crate) fn address() -> Address {
    "worker:9002".parse().unwrap()
}

pub(crate) fn set_up(configuration: &str, header: &str, writers: Writers) -> Setup {
    let endpoints = (Readers::standard(), writers);
    Setup::new(configuration, header, endpoints, &Codecs::standard()).unwrap()
}

pub(crate) fn setup() -> Arc<Setup> {
    Arc::new(set_up("<configuration/>", "<header/>", Writers::standard()))
}

pub(crate) fn readout(number: u32) -> Message {
    let mut readout = Acquisition::new(Array2::default((0, 0)));
    readout.header.scan_counter = number;
    Message::new(readout)
}

/// A worker's end of a connection.
pub(crate) struct Peer {
    pub(crate) socket: DuplexStream,
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
}

impl Peer {
    pub(crate) fn new(socket: DuplexStream) -> Self {
        let mut incoming = Incoming::server(Limits::default());
        incoming.set_readers(Readers::standard());
        let outgoing = Outgoing::new(Writers::standard());
        Self {
            socket,
            incoming,
            outgoing,
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.incoming.poll_event().unwrap() {
                return event;
            }
            if self.socket.read_buf(self.incoming.receive_buffer()).await.unwrap_or(0) == 0 {
                self.incoming.handle_end();
            }
        }
    }

    /// The next readout; `None` at the end.
    pub(crate) async fn readout(&mut self) -> Option<Box<Acquisition>> {
        loop {
            match self.next().await {
                Event::Message(payload) => return payload.value.downcast().ok(),
                Event::Close | Event::End { .. } => return None,
                Event::Query { correlation, .. } => {
                    self.outgoing.response(correlation, "here");
                    self.flush().await;
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn answer(&mut self, readout: &Acquisition) {
        self.outgoing.message(readout, "Acquisition").unwrap();
        self.flush().await;
    }

    pub(crate) async fn flush(&mut self) {
        let _ = self.socket.write_all(self.outgoing.buffer()).await;
        self.outgoing.clear();
    }

    /// Sends everything back, then CLOSE.
    pub(crate) async fn echo(mut self) {
        while let Some(readout) = self.readout().await {
            self.answer(&readout).await;
        }
        self.outgoing.close();
        self.flush().await;
    }
}
