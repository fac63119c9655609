//! Connections to workers, over TCP or over anything else that carries bytes both ways.

use std::{future::Future, io, sync::Arc, time::Duration};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{LinkFault, LinkLimits};
use crate::Address;

/// Opens connections.
pub trait Connector: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// Connects once.
    fn connect(&self, address: &Address) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<C: Connector> Connector for Arc<C> {
    type Stream = C::Stream;
    fn connect(&self, address: &Address) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        C::connect(self, address)
    }
}

/// TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

/// When the system asks whether the other machine is there, on a connection that is quiet.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl Connector for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, address: &Address) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((address.host(), address.port())).await?;
        stream.set_nodelay(true)?;
        // A machine that lost its power says nothing, ever; a worker that answers queries may still have lost this
        // connection.
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
        Ok(stream)
    }
}

/// Connects, with retries: a worker that is just starting, or a full queue, gets a second chance.
pub async fn connect<C: Connector>(
    connector: &C,
    address: &Address,
    limits: &LinkLimits,
) -> Result<C::Stream, LinkFault> {
    let mut pause = limits.pause;
    let mut attempt = 1;
    loop {
        let cause = match timeout(limits.connect, connector.connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_elapsed) => io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {:?}", limits.connect),
            ),
        };
        if attempt >= limits.attempts {
            return Err(LinkFault::Unreachable {
                attempts: attempt,
                cause,
            });
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2);
        attempt += 1;
    }
}
