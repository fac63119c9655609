//! What was sent over the links of all keys, kept as long as it may have to be sent again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Event, Observer};

struct Kept<I> {
    messages: Vec<I>,
    bytes: usize,
    complete: bool,
}

struct Store<I> {
    keys: BTreeMap<u64, Kept<I>>,
    bytes: usize,
    said: bool,
}

/// The kept messages of all keys, within a limit of bytes. Past it, the oldest key's are dropped.
pub(super) struct Replay<I> {
    store: Mutex<Store<I>>,
    limit: usize,
    observer: Observer,
}

/// What comes next for a link.
pub(super) enum Next<I> {
    /// A kept message.
    Kept(I),
    /// All that is kept was sent.
    Fresh,
    /// It was kept no longer.
    Gone,
}

impl<I: Clone> Replay<I> {
    pub(super) fn new(limit: usize, observer: Observer) -> Self {
        Self {
            store: Mutex::new(Store {
                keys: BTreeMap::new(),
                bytes: 0,
                said: false,
            }),
            limit,
            observer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store<I>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, key: u64) {
        let kept = Kept {
            messages: Vec::new(),
            bytes: 0,
            complete: true,
        };
        self.lock().keys.insert(key, kept);
    }

    /// The key is done: nothing of it has to be kept.
    pub(super) fn close(&self, key: u64) {
        let mut store = self.lock();
        if let Some(kept) = store.keys.remove(&key) {
            store.bytes = store.bytes.saturating_sub(kept.bytes);
        }
    }

    pub(super) fn keep(&self, key: u64, message: I, weight: usize) {
        let mut store = self.lock();
        let store = &mut *store;
        let Some(kept) = store.keys.get_mut(&key).filter(|kept| kept.complete) else {
            return;
        };
        kept.messages.push(message);
        kept.bytes = kept.bytes.saturating_add(weight);
        store.bytes = store.bytes.saturating_add(weight);
        while store.bytes > self.limit {
            let Some(oldest) = store.keys.values_mut().find(|kept| kept.complete && kept.bytes > 0) else {
                break;
            };
            oldest.complete = false;
            oldest.messages = Vec::new();
            store.bytes = store.bytes.saturating_sub(std::mem::take(&mut oldest.bytes));
            if !std::mem::replace(&mut store.said, true) {
                (self.observer)(&Event::Unrepeatable { limit: self.limit });
            }
        }
    }

    /// What a link that got `sent` messages so far gets next. `fresh` is the number of all messages so far.
    pub(super) fn next(&self, key: u64, sent: usize, fresh: usize) -> Next<I> {
        if sent == fresh {
            return Next::Fresh;
        }
        let store = self.lock();
        let kept = store.keys.get(&key).filter(|kept| kept.complete);
        match kept.and_then(|kept| kept.messages.get(sent)) {
            Some(message) => Next::Kept(message.clone()),
            None => Next::Gone,
        }
    }

    /// What `look` says of the message `index` of the key; `None` when it is kept no longer.
    pub(super) fn look<T>(&self, key: u64, index: usize, look: impl FnOnce(&I) -> T) -> Option<T> {
        let store = self.lock();
        let message = store.keys.get(&key)?.messages.get(index)?;
        Some(look(message))
    }

    /// Whether the key can be repeated from its first message on.
    pub(super) fn is_complete(&self, key: u64) -> bool {
        self.lock().keys.get(&key).is_some_and(|kept| kept.complete)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    #[test]
    fn past_the_limit_the_oldest_key_is_dropped_and_it_is_said_once() {
        let said = Arc::new(AtomicUsize::new(0));
        let count = said.clone();
        let replay = Replay::new(10, Arc::new(move |_: &Event| _ = count.fetch_add(1, Relaxed)));
        for key in 0..4 {
            replay.open(key);
        }
        for key in 0..3 {
            replay.keep(key, key, 4);
        }
        assert_eq!(replay.bytes(), 8);
        assert!(!replay.is_complete(0) && replay.is_complete(1));
        replay.keep(3, 3, 6);
        assert!(!replay.is_complete(1) && replay.is_complete(2));
        assert_eq!((replay.bytes(), said.load(Relaxed)), (10, 1));
        replay.keep(0, 9, 100);
        assert_eq!(replay.bytes(), 10, "a key that was dropped keeps nothing more");
        replay.close(3);
        assert_eq!(replay.bytes(), 4);
        assert!(matches!(replay.next(2, 0, 1), Next::Kept(2)));
        assert!(matches!(replay.next(2, 1, 1), Next::Fresh));
        assert!(matches!(replay.next(0, 0, 1), Next::Gone));
    }
}
