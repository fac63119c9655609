//! The sending half of a link: set-up, messages, CLOSE.

use std::{io, sync::atomic::Ordering::Relaxed};

use bytes::Buf;
use engine::{BoxError, Input};
use futures::FutureExt;
use protocol::{codec::Writers, session::Outgoing};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::receive::Traffic;
use crate::Parcel;

/// Why sending stopped.
pub(super) enum Stop {
    /// What feeds the link broke off.
    Interrupted,
    /// A message cannot be encoded.
    Unsendable(BoxError),
    /// The connection did.
    Broken(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Up to so many bytes of small messages are gathered for one write.
const GATHERED: usize = 64 * 1024;
/// A message of so many bytes is worth a write of its own: gathering would copy it once more.
const LARGE: usize = 16 * 1024;

pub(super) async fn run<W: AsyncWrite + Unpin>(
    mut socket: W,
    handshake: &[u8],
    mut input: Input<Parcel>,
    traffic: &Traffic,
) -> Result<(), Stop> {
    socket.write_all(handshake).await?;
    let mut gathered = Vec::new();
    loop {
        // What waits already goes out together; nothing waits here for company.
        let next = match input.next().now_or_never() {
            Some(next) => next,
            None => {
                flush(&mut socket, &mut gathered).await?;
                input.next().await
            }
        };
        let Some(message) = next.map_err(|_| Stop::Interrupted)? else {
            break;
        };
        let [first, rest] = message.bytes().map_err(Stop::Unsendable)?;
        traffic.sent.fetch_add(1, Relaxed);
        let length = first.len() + rest.len();
        if length > LARGE || gathered.len() + length > GATHERED {
            flush(&mut socket, &mut gathered).await?;
        }
        if length > LARGE {
            socket.write_all_buf(&mut first.chain(rest)).await?;
        } else {
            gathered.extend_from_slice(&first);
            gathered.extend_from_slice(&rest);
        }
    }
    let mut close = Outgoing::new(Writers::none());
    close.close();
    gathered.extend_from_slice(close.buffer());
    // Before it is written: the worker's own CLOSE may be here before this task runs again.
    traffic.closed.store(true, Relaxed);
    flush(&mut socket, &mut gathered).await?;
    Ok(())
}

async fn flush<W: AsyncWrite + Unpin>(socket: &mut W, gathered: &mut Vec<u8>) -> io::Result<()> {
    socket.write_all(gathered).await?;
    gathered.clear();
    socket.flush().await
}
