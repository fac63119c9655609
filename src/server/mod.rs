//! The server: listens, and runs one reconstruction for each connection.
//!
//! The library opens no port and reads no signal by itself: [`serve`] is given its listeners and the shutdown.

mod connection;
pub mod info;
mod limits;
mod listen;
pub(crate) mod read;
mod unsent;
mod write;

use std::{collections::BTreeMap, future::Future, sync::Arc};

use gadgets::context::Storage;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use connection::handle;
pub use limits::ServerLimits;
pub use listen::listen;

use crate::{assemble::Settings, configurations::Configurations, distribution::Distribution};

/// What all connections share.
#[derive(Clone)]
pub struct Services {
    /// Where configurations are found by name.
    pub configurations: Configurations,
    /// The table of message types.
    pub codecs: Arc<protocol::codec::Codecs>,
    /// Where measurements keep what later ones need.
    pub storage: Arc<dyn Storage>,
    /// Parameters for gadgets (`--parameter name=value`).
    pub parameters: Arc<BTreeMap<String, String>>,
    /// How work is spread over workers.
    pub distribution: Arc<Distribution>,
    /// Bounds.
    pub limits: ServerLimits,
}

impl Services {
    /// What the graph of a connection is assembled with.
    pub fn settings(&self) -> Settings {
        Settings {
            capacity: self.limits.channel,
            codecs: self.codecs.clone(),
            distribution: self.distribution.clone(),
        }
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Services")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Serves until `shutdown` completes; then running connections get [`ServerLimits::drain`] to finish.
pub async fn serve(listeners: Vec<TcpListener>, services: Arc<Services>, shutdown: impl Future<Output = ()>) {
    let stopping = CancellationToken::new();
    let places = Arc::new(Semaphore::new(services.limits.connections));
    let mut connections = JoinSet::new();
    let mut acceptors = JoinSet::new();
    // One task for each listener hands over accepted sockets; the channel's single place is the bound.
    let (sockets, mut accepted) = tokio::sync::mpsc::channel(1);
    for listener in listeners {
        acceptors.spawn(accept(listener, sockets.clone(), places.clone(), stopping.clone()));
    }
    drop(sockets);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            socket = accepted.recv() => {
                let Some((socket, peer, place)) = socket else { break };
                let services = services.clone();
                connections.spawn(async move {
                    let _place = place;
                    handle(socket, peer, services).await;
                });
            }
        }
    }
    stopping.cancel();
    // A socket that was accepted and not yet handed over would be served by nobody: closing it tells its client.
    drop(accepted);
    drain(connections, services.limits.drain).await;
}

type Accepted = (tokio::net::TcpStream, String, tokio::sync::OwnedSemaphorePermit);

async fn accept(
    listener: TcpListener,
    sockets: tokio::sync::mpsc::Sender<Accepted>,
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
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
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

async fn drain(mut connections: JoinSet<()>, limit: std::time::Duration) {
    if connections.is_empty() {
        return;
    }
    info!(
        connections = connections.len(),
        "waiting up to {limit:?} for running connections"
    );
    let deadline = Instant::now() + limit;
    while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
    if !connections.is_empty() {
        warn!(
            connections = connections.len(),
            "the time is up: the remaining connections are cut"
        );
        connections.shutdown().await;
    }
}
