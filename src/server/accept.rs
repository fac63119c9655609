//! Accepting connections, a bounded number at a time.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// A connection, who is at its other end, and its place among those that are allowed: keep it as long as the
/// connection lasts.
pub(crate) type Accepted = (TcpStream, String, OwnedSemaphorePermit);

/// Accepts from all listeners, at most `most` connections at a time, until `stopping`.
///
/// The channel holds one connection. Drop it to close one that was accepted and not taken: that tells its client.
pub(crate) fn accept_all(
    listeners: Vec<TcpListener>,
    most: usize,
    stopping: &CancellationToken,
) -> (JoinSet<()>, mpsc::Receiver<Accepted>) {
    let places = Arc::new(Semaphore::new(most));
    let (sockets, accepted) = mpsc::channel(1);
    let mut acceptors = JoinSet::new();
    for listener in listeners {
        acceptors.spawn(accept(listener, sockets.clone(), places.clone(), stopping.clone()));
    }
    (acceptors, accepted)
}

async fn accept(
    listener: TcpListener,
    sockets: mpsc::Sender<Accepted>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
) {
    let one = || async {
        // The place comes first: a full server leaves new clients in the system's queue instead of in memory.
        let place = places.clone().acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((socket, peer)) => {
                if let Err(error) = socket.set_nodelay(true) {
                    warn!(%peer, "the socket keeps its delay: {error}");
                }
                sockets.send((socket, peer.to_string(), place)).await.ok()
            }
            Err(error) => {
                warn!("a connection could not be accepted: {error}");
                // Usually a lack of file descriptors: an immediate retry would spin.
                sleep(Duration::from_millis(100)).await;
                Some(())
            }
        }
    };
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            done = one() => if done.is_none() { return },
        }
    }
}
