//! The queue under both ends: tokio's, with a budget of bytes and the mark of a stream that broke off.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Capacity, Closed, Interrupted};

struct Envelope<T> {
    value: T,
    // Returns the bytes to the channel's budget when the message is taken out.
    _heavy: Option<OwnedSemaphorePermit>,
}

struct Shared {
    interrupted: OnceLock<Interrupted>,
    // A producer was dropped in a panic. Only the reason if nobody gives a better one.
    panicked: AtomicBool,
    budget: Arc<Semaphore>,
    budget_units: u32,
}

impl Shared {
    fn interrupt(&self, reason: &str) {
        // The first reason stays.
        let _ = self.interrupted.set(Interrupted { reason: reason.into() });
    }
}

pub(super) struct Sender<T> {
    queue: mpsc::Sender<Envelope<T>>,
    shared: Arc<Shared>,
    weigh: fn(&T) -> usize,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            shared: self.shared.clone(),
            weigh: self.weigh,
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // What a panicking producer sent is not all it wanted to send.
        if std::thread::panicking() {
            self.shared.panicked.store(true, Relaxed);
        }
    }
}

/// Why a message was not taken at once.
pub(super) enum Refused<T> {
    /// It has to wait.
    Full(T),
    /// Nobody reads.
    Closed,
}

impl<T> Sender<T> {
    pub(super) fn weight(&self, value: &T) -> usize {
        (self.weigh)(value)
    }

    /// The units of the byte budget that a message of this weight takes; `None` for a light one.
    fn units(&self, weight: usize) -> Option<u32> {
        (weight > Capacity::LIGHT).then(|| {
            let units = u32::try_from(weight.div_ceil(Capacity::LIGHT)).unwrap_or(u32::MAX);
            units.min(self.shared.budget_units)
        })
    }

    pub(super) fn try_send(&self, value: T) -> Result<(), Refused<T>> {
        let heavy = match self.units(self.weight(&value)) {
            None => None,
            Some(units) => match self.shared.budget.clone().try_acquire_many_owned(units) {
                Ok(permit) => Some(permit),
                Err(tokio::sync::TryAcquireError::NoPermits) => return Err(Refused::Full(value)),
                Err(tokio::sync::TryAcquireError::Closed) => return Err(Refused::Closed),
            },
        };
        self.queue
            .try_send(Envelope { value, _heavy: heavy })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(envelope) => Refused::Full(envelope.value),
                mpsc::error::TrySendError::Closed(_) => Refused::Closed,
            })
    }

    pub(super) async fn send(&self, value: T) -> Result<(), Closed> {
        let heavy = match self.units(self.weight(&value)) {
            None => None,
            Some(units) => {
                let permit = self.shared.budget.clone().acquire_many_owned(units).await;
                Some(permit.map_err(|_| Closed)?)
            }
        };
        self.queue
            .send(Envelope { value, _heavy: heavy })
            .await
            .map_err(|_| Closed)
    }

    pub(super) fn interrupt(&self, reason: &str) {
        self.shared.interrupt(reason);
    }

    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }
}

pub(super) struct Receiver<T> {
    queue: mpsc::Receiver<Envelope<T>>,
    shared: Arc<Shared>,
    weigh: fn(&T) -> usize,
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Wakes a sender that waits for the byte budget; the queue wakes the others itself.
        self.shared.budget.close();
    }
}

impl<T> Receiver<T> {
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.queue
            .poll_recv(context)
            .map(|envelope| envelope.map(|envelope| envelope.value))
    }

    pub(super) fn ended(&self) -> Result<(), Interrupted> {
        match self.shared.interrupted.get() {
            None if self.shared.panicked.load(Relaxed) => Err(Interrupted {
                reason: "the producer panicked".into(),
            }),
            None => Ok(()),
            Some(interrupted) => Err(interrupted.clone()),
        }
    }

    pub(super) fn weight(&self, value: &T) -> usize {
        (self.weigh)(value)
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

pub(super) fn open<T>(capacity: Capacity, weigh: fn(&T) -> usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity.messages.clamp(1, Semaphore::MAX_PERMITS));
    let units = u32::try_from(capacity.bytes.div_ceil(Capacity::LIGHT))
        .unwrap_or(u32::MAX / 8)
        .clamp(1, u32::MAX / 8);
    let shared = Arc::new(Shared {
        interrupted: OnceLock::new(),
        panicked: AtomicBool::new(false),
        budget: Arc::new(Semaphore::new(units as usize)),
        budget_units: units,
    });
    (
        Sender {
            queue: sender,
            shared: shared.clone(),
            weigh,
        },
        Receiver {
            queue: receiver,
            shared,
            weigh,
        },
    )
}
