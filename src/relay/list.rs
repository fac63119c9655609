//! The list itself, without network and clock.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Workers and when they were heard of last.
#[derive(Debug)]
pub(super) struct Workers {
    expiry: Duration,
    most: usize,
    heard: BTreeMap<SocketAddr, Instant>,
}

impl Workers {
    pub(super) fn new(expiry: Duration, most: usize) -> Self {
        Self {
            expiry,
            most,
            heard: BTreeMap::new(),
        }
    }

    /// Adds or renews a worker; `false` when the list is full.
    pub(super) fn add(&mut self, worker: SocketAddr, now: Instant) -> bool {
        if !self.heard.contains_key(&worker) && self.heard.len() >= self.most {
            self.forget(now);
        }
        if !self.heard.contains_key(&worker) && self.heard.len() >= self.most {
            return false;
        }
        self.heard.insert(worker, now);
        true
    }

    pub(super) fn remove(&mut self, worker: SocketAddr) {
        self.heard.remove(&worker);
    }

    /// Who has been heard of lately, sorted.
    pub(super) fn list(&mut self, now: Instant) -> Vec<SocketAddr> {
        self.forget(now);
        self.heard.keys().copied().collect()
    }

    fn forget(&mut self, now: Instant) {
        self.heard
            .retain(|_, heard| now.saturating_duration_since(*heard) < self.expiry);
    }
}
