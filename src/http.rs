//! What the HTTP servers of this program share: a bound on connections, and an end for those that stand still.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::{Listener, ListenerExt, TapIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep_until},
};

use crate::time_span;

/// Bounds on the connections of an HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct HttpLimits {
    /// HTTP connections at a time; more wait in the system's queue. (Ours.)
    #[arg(
        id = "http_connections",
        long = "http-connections",
        value_name = "COUNT",
        default_value_t = 256
    )]
    pub connections: usize,
    /// Time without a byte after which an HTTP connection is closed. (Ours.)
    #[arg(id = "http_idle", long = "http-idle", value_name = "TIME", default_value = "60s", value_parser = time_span::parse)]
    pub idle: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            idle: Duration::from_secs(60),
        }
    }
}

/// A listener with these bounds. Answers are small: they do not wait to fill packets.
pub(crate) fn bounded(listener: TcpListener, limits: HttpLimits) -> TapIo<Bounded, fn(&mut Bytes)> {
    let bounded = Bounded {
        listener,
        places: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
        idle: limits.idle,
    };
    // Without the tap, axum could not tell handlers the client's address.
    bounded.tap_io(|bytes| {
        let _ = bytes.socket.set_nodelay(true);
    })
}

/// A listener that takes no more connections than it has places.
#[derive(Debug)]
pub(crate) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Listener for Bounded {
    type Io = Bytes;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Bytes, SocketAddr) {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            // Nobody closes the semaphore.
            return std::future::pending().await;
        };
        let (socket, peer) = Listener::accept(&mut self.listener).await;
        let moved = Instant::now();
        let bytes = Bytes {
            socket,
            _place: place,
            idle: self.idle,
            moved,
            alarm: Box::pin(sleep_until(moved + self.idle)),
        };
        (bytes, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that has a place, and fails when no byte moves for too long.
#[derive(Debug)]
pub(crate) struct Bytes {
    socket: TcpStream,
    _place: OwnedSemaphorePermit,
    idle: Duration,
    moved: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Bytes {
    /// Notes that bytes moved; or, where they did not, whether that is for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.moved = Instant::now();
            return poll;
        }
        loop {
            ready!(self.alarm.as_mut().poll(context));
            // The alarm is set once for many bytes: it may ring early.
            let due = self.moved + self.idle;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

impl AsyncRead for Bytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.watch(context, poll)
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.watch(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.watch(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
