//! The workers of one node: the discovery command's list, kept fresh while the node runs.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use engine::{Message, Worker, Workers};
use futures::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use crate::{
    Address, DiscoveryError, DiscoveryLimits, Parcel, Source, discover,
    link::{Connector, LinkLimits, Setup},
    remote::Remote,
};

/// Bounds on everything between this server and its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterLimits {
    /// On the discovery command.
    pub discovery: DiscoveryLimits,
    /// On each link.
    pub link: LinkLimits,
    /// A list younger than this is given again: many losses at once are one question. Default 1 s.
    pub pause: Duration,
}

impl Default for RosterLimits {
    fn default() -> Self {
        Self {
            discovery: DiscoveryLimits::default(),
            link: LinkLimits::default(),
            pause: Duration::from_secs(1),
        }
    }
}

/// The workers of one node: asks anew each time the engine wants to know, which is at the start, when its list is old,
/// and after a loss.
pub struct Roster<C> {
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    source: Source,
    limits: RosterLimits,
    connector: Arc<C>,
    setup: Arc<Setup>,
    /// One question at a time; whoever waits takes the answer.
    list: tokio::sync::Mutex<List<C>>,
}

struct List<C> {
    asked: Option<Instant>,
    addresses: Vec<Address>,
    /// Every worker ever listed: the same worker stays the same.
    known: HashMap<Address, Arc<Remote<C>>>,
    /// Why there was no list, each kind once: that is not said again.
    failed: Vec<DiscoveryError>,
    /// The entries of the last list that are no address, which is not said again.
    skipped: HashSet<String>,
}

impl<C> fmt::Debug for Roster<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Roster")
            .field("source", &self.shared.source)
            .finish_non_exhaustive()
    }
}

impl<C: Connector> Roster<C> {
    /// The workers that `source` lists, with links set up by `setup`.
    pub fn new(source: Source, connector: C, setup: Arc<Setup>, limits: RosterLimits) -> Self {
        let list = tokio::sync::Mutex::new(List {
            asked: None,
            addresses: Vec::new(),
            known: HashMap::new(),
            failed: Vec::new(),
            skipped: HashSet::new(),
        });
        Self {
            shared: Arc::new(Shared {
                source,
                limits,
                connector: Arc::new(connector),
                setup,
                list,
            }),
        }
    }
}

impl<C: Connector> Workers<Parcel, Message> for Roster<C> {
    fn list(&self) -> BoxFuture<'static, Vec<Arc<dyn Worker<Parcel, Message>>>> {
        let shared = self.shared.clone();
        async move { shared.list().await }.boxed()
    }
}

impl<C: Connector> Shared<C> {
    async fn list(&self) -> Vec<Arc<dyn Worker<Parcel, Message>>> {
        let mut list = self.list.lock().await;
        if list.asked.is_none_or(|asked| asked.elapsed() >= self.limits.pause) {
            self.ask(&mut list).await;
        }
        let addresses = list.addresses.clone();
        let worker = |address| self.worker(&mut list, address);
        addresses.into_iter().map(worker).collect()
    }

    async fn ask(&self, list: &mut List<C>) {
        match discover(&self.source, &self.limits.discovery).await {
            Ok(listed) => {
                listed.warn_of_skipped(&list.skipped);
                list.addresses = listed.addresses;
                list.skipped = listed.skipped.into_iter().map(|(entry, _)| entry).collect();
            }
            Err(error) if list.failed.iter().any(|failed| failed.is_like(&error)) => {}
            Err(error) => {
                // Workers that are listed already stay: a command that fails once does not take them away.
                match list.addresses.len() {
                    0 => tracing::warn!("{error}; this machine reconstructs alone"),
                    known => tracing::warn!("{error}; the {known} workers known before are used on"),
                }
                list.failed.push(error);
            }
        }
        list.asked = Some(Instant::now());
    }

    fn worker(&self, list: &mut List<C>, address: Address) -> Arc<dyn Worker<Parcel, Message>> {
        let remote = list.known.entry(address.clone()).or_insert_with(|| {
            let (connector, setup) = (self.connector.clone(), self.setup.clone());
            Arc::new(Remote::new(address, connector, setup, self.limits.link))
        });
        remote.clone()
    }
}

#[cfg(test)]
mod tests;
