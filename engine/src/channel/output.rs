//! The writing end.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;

use super::{
    Closed,
    queue::{Refused, Sender},
};
use crate::{Message, figures::Counters};

enum Kind<T> {
    Typed(Sender<T>),
    Erased {
        sender: Sender<Message>,
        emit: fn(T) -> Message,
    },
}

/// A send that waits for room. Behind a mutex that is never locked, only to be shared between threads by reference.
type Pending = Mutex<Option<BoxFuture<'static, Result<(), Closed>>>>;

/// The writing end of a channel, also a [`futures::Sink`].
///
/// Dropping it ends the stream, after what waits in the channel was read. Dropping it in a panic breaks the stream off.
pub struct Output<T> {
    kind: Kind<T>,
    pending: Pending,
    counters: Option<Arc<Counters>>,
}

impl<T: Send + 'static> Output<T> {
    pub(super) fn typed(sender: Sender<T>) -> Self {
        Self::with(Kind::Typed(sender), None)
    }

    fn with(kind: Kind<T>, counters: Option<Arc<Counters>>) -> Self {
        Self {
            kind,
            pending: Pending::default(),
            counters,
        }
    }

    /// This end, counting what it sends.
    pub(crate) fn counted(mut self, counters: Arc<Counters>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// Sends one message; waits while the channel is full. When the future is dropped before it completes, the message
    /// is dropped with it.
    pub async fn send(&mut self, value: T) -> Result<(), Closed> {
        if let Some(pending) = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            pending.await?;
        }
        match &self.kind {
            Kind::Typed(sender) => deliver(sender, value, self.counters.as_deref()).await,
            Kind::Erased { sender, emit } => deliver(sender, emit(value), self.counters.as_deref()).await,
        }
    }

    /// A second writing end of the same channel. The stream ends when all of them are dropped.
    pub fn another(&self) -> Self {
        let kind = match &self.kind {
            Kind::Typed(sender) => Kind::Typed(sender.clone()),
            Kind::Erased { sender, emit } => Kind::Erased {
                sender: sender.clone(),
                emit: *emit,
            },
        };
        Self::with(kind, self.counters.clone())
    }

    /// Ends the stream as broken off: the reader gets what waits in the channel, then
    /// [`Interrupted`](super::Interrupted).
    pub fn interrupt(self, reason: &str) {
        self.mark_interrupted(reason);
    }

    pub(crate) fn mark_interrupted(&self, reason: &str) {
        match &self.kind {
            Kind::Typed(sender) => sender.interrupt(reason),
            Kind::Erased { sender, .. } => sender.interrupt(reason),
        }
    }

    /// Completes when nobody reads the other end any more.
    pub async fn closed(&self) {
        match &self.kind {
            Kind::Typed(sender) => sender.closed().await,
            Kind::Erased { sender, .. } => sender.closed().await,
        }
    }

    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(send) = pending else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(send.as_mut().poll(context));
        *pending = None;
        Poll::Ready(sent)
    }
}

async fn deliver<T>(sender: &Sender<T>, value: T, counters: Option<&Counters>) -> Result<(), Closed> {
    if let Some(counters) = counters {
        counters.message_out(sender.weight(&value));
    }
    match sender.try_send(value) {
        Ok(()) => Ok(()),
        Err(Refused::Full(value)) => sender.send(value).await,
        Err(Refused::Closed) => Err(Closed),
    }
}

/// Sends `value` now, or gives the future that does when there is room.
pub(super) fn start<T: Send + 'static>(
    sender: &Sender<T>,
    value: T,
    counters: Option<&Counters>,
) -> Result<Option<BoxFuture<'static, Result<(), Closed>>>, Closed> {
    if let Some(counters) = counters {
        counters.message_out(sender.weight(&value));
    }
    match sender.try_send(value) {
        Ok(()) => Ok(None),
        Err(Refused::Full(value)) => {
            let sender = sender.clone();
            Ok(Some(Box::pin(async move { sender.send(value).await })))
        }
        Err(Refused::Closed) => Err(Closed),
    }
}

impl Output<Message> {
    /// This end as one that takes `T`, turned into messages by `emit`.
    pub fn erased<T: Send + 'static>(self, emit: fn(T) -> Message) -> Output<T> {
        let kind = match self.kind {
            Kind::Typed(sender) => Kind::Erased { sender, emit },
            Kind::Erased { .. } => unreachable!("a message is never erased twice"),
        };
        Output {
            kind,
            pending: self.pending,
            counters: self.counters,
        }
    }

    pub(super) fn sender(&self) -> Sender<Message> {
        match &self.kind {
            Kind::Typed(sender) => sender.clone(),
            Kind::Erased { .. } => unreachable!("a message is never erased twice"),
        }
    }
}

impl<T: Send + 'static> futures::Sink<T> for Output<T> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_pending(context)
    }

    fn start_send(mut self: Pin<&mut Self>, value: T) -> Result<(), Closed> {
        let this = &mut *self;
        let pending = match &this.kind {
            Kind::Typed(sender) => start(sender, value, this.counters.as_deref()),
            Kind::Erased { sender, emit } => start(sender, emit(value), this.counters.as_deref()),
        }?;
        *this.pending.get_mut().unwrap_or_else(PoisonError::into_inner) = pending;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_pending(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_pending(context)
    }
}

impl<T> Unpin for Output<T> {}

impl<T> fmt::Debug for Output<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Output<{}>", std::any::type_name::<T>())
    }
}
