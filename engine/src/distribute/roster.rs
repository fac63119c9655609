//! The workers known now, and what they carry.

use tokio::time::Instant;

use crate::link::AnyWorker;

struct Entry<I, O> {
    worker: AnyWorker<I, O>,
    /// Refused or was lost: no new link until the list is refreshed.
    left_out: bool,
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

    /// Takes a new list over. An address that comes twice counts once. `in_turn`: who was left out gets a new chance;
    /// after a loss, only new addresses do.
    pub(super) fn update(&mut self, workers: Vec<AnyWorker<I, O>>, in_turn: bool) {
        if in_turn || self.listed.is_none() {
            self.listed = Some(Instant::now());
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
                Some(entry) => (entry.left_out && !in_turn, entry.links, entry.bytes),
                None => (false, 0, 0),
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
                left_out: true,
                ..entry
            });
        }
    }

    /// The least loaded worker (open links, then bytes sent) that is not `excluded`; counts a link to it.
    pub(super) fn choose(&mut self, excluded: impl Fn(&AnyWorker<I, O>, usize) -> bool) -> Option<AnyWorker<I, O>> {
        let usable = |entry: &&mut Entry<I, O>| !entry.left_out && !excluded(&entry.worker, entry.links);
        let chosen = self
            .entries
            .iter_mut()
            .filter(usable)
            .min_by_key(|entry| (entry.links, entry.bytes))?;
        chosen.links += 1;
        Some(chosen.worker.clone())
    }

    /// Whether some worker is neither left out nor excluded.
    pub(super) fn has(&self, excluded: impl Fn(&AnyWorker<I, O>, usize) -> bool) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| !entry.left_out && !excluded(&entry.worker, entry.links))
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
            entry.left_out |= leave_out;
        }
    }

    fn entry(&mut self, address: &str) -> Option<&mut Entry<I, O>> {
        self.entries.iter_mut().find(|entry| entry.worker.address() == address)
    }
}
