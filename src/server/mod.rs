//! The server: listens, and runs one reconstruction for each connection.
//!
//! The library opens no port and reads no signal by itself: [`serve`] is given its listeners and the shutdown.

pub(crate) mod accept;
mod ahead;
mod connection;
mod ending;
mod house;
pub mod info;
mod limits;
mod listen;
pub(crate) mod read;
mod unsent;
mod write;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use gadgets::context::{NoStorage, Storage};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use accept::accept_all;
pub use connection::handle;
use connection::serve_one;
use house::House;
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

impl Default for Services {
    /// The configurations that come with the program, the field's own message types, no storage, work done here, the default bounds.
    fn default() -> Self {
        Self {
            configurations: Configurations::new(),
            codecs: Arc::new(protocol::codec::Codecs::standard()),
            storage: Arc::new(NoStorage),
            parameters: Arc::default(),
            distribution: Arc::default(),
            limits: ServerLimits::default(),
        }
    }
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

/// Serves until `shutdown` completes; then running connections get [`ServerLimits::drain`] to finish, and those that have not
/// [`ServerLimits::last_words`] to hear that they are cut.
pub async fn serve(listeners: Vec<TcpListener>, services: Arc<Services>, shutdown: impl Future<Output = ()>) {
    let limits = &services.limits;
    let house = House::new(limits.connections, limits.waiting);
    let mut connections = JoinSet::new();
    let places = limits.connections.saturating_mul(2);
    let most = places.saturating_add(limits.waiting).saturating_add(limits.asking);
    let (_acceptors, mut accepted) = accept_all(listeners, most, &house.begun_to_stop);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            socket = accepted.recv() => {
                let Some((socket, peer, place)) = socket else { break };
                let (services, house) = (services.clone(), house.clone());
                connections.spawn(async move {
                    let _place = place;
                    serve_one(socket, peer, services, house).await;
                });
            }
        }
    }
    house.begun_to_stop.cancel();
    // A socket that was accepted and not yet handed over would be served by nobody: closing it tells its client.
    drop(accepted);
    drain(connections, &services.limits, &house).await;
}

async fn drain(mut connections: JoinSet<()>, limits: &ServerLimits, house: &House) {
    if connections.is_empty() {
        return;
    }
    info!(
        connections = connections.len(),
        "waiting up to {:?} for running connections", limits.drain
    );
    if all_ended(&mut connections, limits.drain).await {
        return;
    }
    warn!(
        connections = connections.len(),
        "the time is up: the remaining connections are cut"
    );
    house.over.cancel();
    // They are told; who does not listen is not waited for.
    all_ended(&mut connections, limits.last_words).await;
    connections.shutdown().await;
}

/// Whether all end within this time.
async fn all_ended(connections: &mut JoinSet<()>, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
    connections.is_empty()
}
