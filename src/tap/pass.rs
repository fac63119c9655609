//! One direction of a connection.

use std::{path::PathBuf, time::Duration};

use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Bytes that are read at a time.
const PIECE: usize = 256 * 1024;

/// Where one direction is recorded.
pub(super) struct Half {
    pub(super) path: PathBuf,
    /// `None` where it could not be made.
    pub(super) file: Option<File>,
}

/// What went through one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) bytes: u64,
    /// Whether all of it is in the file.
    pub(super) complete: bool,
    /// Whether the receiving side takes no more.
    pub(super) target_broke: bool,
}

/// Passes on what comes until it ends, and then that it ended, so that the other direction can go on.
///
/// Everything is in the file before it is passed on: what the other side reacts to can be looked up.
pub(super) async fn pass<R, W>(mut from: R, mut to: W, half: Half, stopping: &CancellationToken) -> Passed
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Half { path, mut file } = half;
    let mut passed = Passed {
        complete: file.is_some(),
        ..Passed::default()
    };
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            () = stopping.cancelled() => break,
            read = from.read(&mut piece) => read,
        };
        let bytes = match read {
            Ok(0) => break,
            Ok(count) => &piece[..count],
            Err(error) => {
                warn!("{}: the connection broke: {error}", path.display());
                break;
            }
        };
        if let Some(open) = &mut file
            && let Err(error) = open.write_all(bytes).await
        {
            warn!("{}: {error}; the rest is not recorded", path.display());
            file = None;
            passed.complete = false;
        }
        passed.bytes += bytes.len() as u64;
        let written = tokio::select! {
            () = stopping.cancelled() => break,
            written = to.write_all(bytes) => written,
        };
        if written.is_err() {
            passed.target_broke = true;
            break;
        }
    }
    // A receiver that is gone needs not be told.
    let _ = to.shutdown().await;
    if let Some(mut file) = file
        && let Err(error) = file.flush().await
    {
        warn!("{}: {error}", path.display());
        passed.complete = false;
    }
    passed
}

/// Reads and throws away what still comes.
pub(super) async fn discard<R: AsyncRead + Unpin>(from: &mut R, limit: Duration, stopping: &CancellationToken) {
    let mut scratch = vec![0; PIECE];
    let reading = async { while from.read(&mut scratch).await.is_ok_and(|count| count > 0) {} };
    tokio::select! {
        () = stopping.cancelled() => {}
        _ = timeout(limit, reading) => {}
    }
}
