//! The workers known now, and what they carry.

use std::time::Duration;

use tokio::time::Instant;

use crate::link::AnyWorker;

struct Entry<I, O> {
    worker: AnyWorker<I, O>,
    /// Refused or was lost at this time: no new link until the list was refreshed and a refresh's time has passed.
    left_out: Option<Instant>,
    links: usize,
    bytes: usize,
}

/// The workers known now, and what they carry.
pub(super) struct Roster<I, O> {
    entries: Vec<Entry<I, O>>,
    listed: Option<Instant>,
}

impl<I: 'static, O: 'static> Roster<I, O> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            listed: None,
        }
    }

    /// When the list was last asked for in its turn.
    pub(super) fn listed(&self) -> Option<Instant> {
        self.listed
    }

    /// Takes a new list over. An address that comes twice counts once. `in_turn`: who was left out for as long as `refresh`
    /// gets a new chance (a refusal may itself have taken longer than that); after a loss, only new addresses do.
    pub(super) fn update(&mut self, workers: Vec<AnyWorker<I, O>>, in_turn: bool, refresh: Duration) {
        let now = Instant::now();
        if in_turn || self.listed.is_none() {
            self.listed = Some(now);
        }
        let mut old = std::mem::take(&mut self.entries);
        for worker in workers {
            if self
                .entries
                .iter()
                .any(|entry| entry.worker.address() == worker.address())
            {
                continue;
            }
            let known = old.iter().position(|entry| entry.worker.address() == worker.address());
            let (left_out, links, bytes) = match known.map(|index| old.swap_remove(index)) {
                Some(entry) => {
                    let stays = entry.left_out.filter(|since| !in_turn || now - *since < refresh);
                    (stays, entry.links, entry.bytes)
                }
                None => (None, 0, 0),
            };
            self.entries.push(Entry {
                worker,
                left_out,
                links,
                bytes,
            });
        }
        // Links to workers that are no longer listed live on; they get no new ones.
        for entry in old.into_iter().filter(|entry| entry.links > 0) {
            self.entries.push(Entry {
                left_out: Some(now),
                ..entry
            });
        }
    }

    /// The least loaded worker (open links, then bytes sent) that is not `excluded`; counts a link to it.
    pub(super) fn choose(&mut self, excluded: impl Fn(&AnyWorker<I, O>, usize) -> bool) -> Option<AnyWorker<I, O>> {
        let usable = |entry: &&mut Entry<I, O>| entry.left_out.is_none() && !excluded(&entry.worker, entry.links);
        let chosen = self
            .entries
            .iter_mut()
            .filter(usable)
            .min_by_key(|entry| (entry.links, entry.bytes))?;
        chosen.links += 1;
        Some(chosen.worker.clone())
    }

    /// How many there are, also those left out.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether some worker is neither left out nor excluded.
    pub(super) fn has(&self, excluded: impl Fn(&AnyWorker<I, O>, usize) -> bool) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.left_out.is_none() && !excluded(&entry.worker, entry.links))
    }

    pub(super) fn sent(&mut self, address: &str, bytes: usize) {
        if let Some(entry) = self.entry(address) {
            entry.bytes = entry.bytes.saturating_add(bytes);
        }
    }

    /// A link is over, which had carried so many bytes.
    pub(super) fn released(&mut self, address: &str, bytes: usize, leave_out: bool) {
        if let Some(entry) = self.entry(address) {
            entry.links = entry.links.saturating_sub(1);
            entry.bytes = entry.bytes.saturating_sub(bytes);
            if leave_out {
                entry.left_out = Some(Instant::now());
            }
        }
    }

    fn entry(&mut self, address: &str) -> Option<&mut Entry<I, O>> {
        self.entries.iter_mut().find(|entry| entry.worker.address() == address)
    }
}
