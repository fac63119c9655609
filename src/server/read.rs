//! The receiving half of a connection: bytes from the socket through the session, one event at a time.

use std::{io, time::Duration};

use protocol::session::{Event, Incoming};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// What ends reading before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Protocol(#[from] protocol::error::Error),
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("nothing came for {0:?}")]
    Idle(Duration),
}

/// How much room is made for each read: few system calls, and little memory for an idle connection.
const READ_SIZE: usize = 256 * 1024;

pub(crate) struct Reader<R> {
    socket: R,
    pub(crate) session: Incoming,
    pub(crate) idle: Duration,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(socket: R, session: Incoming, idle: Duration) -> Self {
        Self { socket, session, idle }
    }

    /// The next event. Cancel-safe: what was read stays in the session.
    pub(crate) async fn next(&mut self) -> Result<Event, ReadError> {
        self.next_within(self.idle).await
    }

    /// As [`Self::next`], from a client that is itself kept waiting: it may be silent for as long as it likes.
    pub(crate) async fn next_from_the_waiting(&mut self) -> Result<Event, ReadError> {
        self.next_within(Duration::MAX).await
    }

    async fn next_within(&mut self, idle: Duration) -> Result<Event, ReadError> {
        loop {
            if let Some(event) = self.session.poll_event()? {
                return Ok(event);
            }
            let wanted = self.session.needed().clamp(READ_SIZE, 16 * READ_SIZE);
            let buffer = self.session.receive_buffer();
            buffer.reserve(wanted);
            let count = timeout(idle, self.socket.read_buf(buffer))
                .await
                .map_err(|_| ReadError::Idle(idle))??;
            if count == 0 {
                self.session.handle_end();
            }
        }
    }

    /// Waits, after CLOSE, until the connection breaks. That the client says no more is no break: it may still read. What
    /// it says nevertheless is not read.
    pub(crate) async fn broken(&mut self) -> io::Error {
        match self.socket.read(&mut [0]).await {
            Err(error) => error,
            Ok(_) => std::future::pending().await,
        }
    }

    /// Reads and throws away what the client still sends, so that it gets to read our last words: closing a socket
    /// with unread bytes resets the connection and takes those words with it.
    pub(crate) async fn discard(&mut self, limit: Duration) {
        let _ = timeout(limit, self.rest()).await;
    }

    /// Reads and throws away what the client still sends, until it says no more, or its connection breaks.
    pub(crate) async fn rest(&mut self) -> io::Result<()> {
        let mut scratch = vec![0; 64 * 1024];
        while self.socket.read(&mut scratch).await? > 0 {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use protocol::{
        Acquisition, Limits,
        codec::{Readers, Writers},
        session::Outgoing,
    };
    use tokio::io::ReadBuf;

    use super::*;

    /// A socket that always has as much as there is room for; it counts how often it is asked.
    struct Full<'a> {
        bytes: &'a [u8],
        calls: usize,
    }

    impl AsyncRead for Full<'_> {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let (now, later) = self.bytes.split_at(room.remaining().min(self.bytes.len()));
            room.put_slice(now);
            self.bytes = later;
            self.calls += 1;
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn one_receive_call_takes_64_kib_and_more() {
        for (channels, samples, count) in [(8, 512, 400), (1, 128, 10_000), (128, 4096, 3)] {
            let readout = Acquisition::new(ndarray::Array2::default((channels, samples)));
            let mut out = Outgoing::new(Writers::standard());
            (0..count).for_each(|_| out.message(&readout, "Acquisition").unwrap());
            let most = out.len().div_ceil(64 * 1024) + 1;
            let socket = Full {
                bytes: out.buffer(),
                calls: 0,
            };
            let session = Incoming::client(Limits::default(), Readers::standard());
            let mut reader = Reader::new(socket, session, Duration::from_secs(1));
            let mut messages = 0;
            while let Event::Message(_) = reader.next().await.unwrap() {
                messages += 1;
            }
            assert_eq!(messages, count);
            assert!(
                reader.socket.calls <= most,
                "{} calls, at most {most}",
                reader.socket.calls
            );
        }
    }
}
