//! The sending half of a link: set-up, messages, CLOSE.

use std::{io, sync::atomic::Ordering::Relaxed};

use bytes::Buf;
use engine::{BoxError, Input};
use futures::FutureExt;
use protocol::{
    codec::Writers,
    session::{Outgoing, Segments},
};
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

/// Up to so many bytes of messages go out in one write.
const GATHERED: usize = 256 * 1024;
/// A message of so many bytes is not copied for that.
const LARGE: usize = 16 * 1024;

pub(super) async fn run<W: AsyncWrite + Unpin>(
    mut socket: W,
    handshake: &[u8],
    mut input: Input<Parcel>,
    traffic: &Traffic,
) -> Result<(), Stop> {
    socket.write_all(handshake).await?;
    let mut gathered = Segments::default();
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
        if first.len() + rest.len() > LARGE {
            gathered.push(first);
            gathered.push(rest);
        } else {
            gathered.gather(&first);
            gathered.gather(&rest);
        }
        if gathered.remaining() >= GATHERED {
            flush(&mut socket, &mut gathered).await?;
        }
    }
    let mut close = Outgoing::new(Writers::none());
    close.close();
    gathered.gather(close.buffer());
    // Before it is written: the worker's own CLOSE may be here before this task runs again.
    traffic.closed.store(true, Relaxed);
    flush(&mut socket, &mut gathered).await?;
    Ok(())
}

async fn flush<W: AsyncWrite + Unpin>(socket: &mut W, gathered: &mut Segments) -> io::Result<()> {
    socket.write_all_buf(gathered).await?;
    socket.flush().await
}
