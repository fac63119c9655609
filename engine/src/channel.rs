//! Bounded channels between gadgets, typed at both ends.
//!
//! The queue is `tokio::sync::mpsc`: cancel-safe at both ends and checked with loom by its authors. On top of it lie
//! a bound on bytes, the difference between a stream that ended and one that broke off, and the bypass of the
//! dynamic form.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::Message;

/// How much may wait in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The number of messages, at least 1.
    pub messages: usize,
    /// The number of bytes of heavy messages (those above [`Capacity::LIGHT`]). A message that is heavier than all of
    /// it waits until it has the channel for itself, and passes.
    pub bytes: usize,
}

impl Capacity {
    /// A message up to this weight in bytes counts as one message and nothing else.
    pub const LIGHT: usize = 64 * 1024;

    /// `messages` messages and the default number of bytes.
    pub fn messages(messages: usize) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }
}

impl Default for Capacity {
    /// 32 messages, 16 MiB.
    fn default() -> Self {
        Self {
            messages: 32,
            bytes: 16 * 1024 * 1024,
        }
    }
}

/// Nobody reads the other end any more. A gadget passes it on with `?`: a normal end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads this stream any more")]
pub struct Closed;

/// The stream broke off: what was gathered from it is incomplete. A gadget passes it on with `?`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off: {reason}")]
pub struct Interrupted {
    /// Why, in words.
    pub reason: Arc<str>,
}

struct Envelope<T> {
    value: T,
    // Returns the bytes to the channel's budget when the message is taken out.
    _heavy: Option<OwnedSemaphorePermit>,
}

struct Shared {
    interrupted: OnceLock<Interrupted>,
    budget: Arc<Semaphore>,
    budget_units: u32,
}

struct Sender<T> {
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

impl<T> Sender<T> {
    async fn send(&self, value: T) -> Result<(), Closed> {
        let weight = (self.weigh)(&value);
        let heavy = if weight > Capacity::LIGHT {
            let units = u32::try_from(weight.div_ceil(Capacity::LIGHT)).unwrap_or(u32::MAX);
            let units = units.min(self.shared.budget_units);
            Some(
                self.shared
                    .budget
                    .clone()
                    .acquire_many_owned(units)
                    .await
                    .map_err(|_| Closed)?,
            )
        } else {
            None
        };
        self.queue
            .send(Envelope { value, _heavy: heavy })
            .await
            .map_err(|_| Closed)
    }
}

struct Receiver<T> {
    queue: mpsc::Receiver<Envelope<T>>,
    shared: Arc<Shared>,
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Wakes a sender that waits for the byte budget; the queue wakes the others itself.
        self.shared.budget.close();
    }
}

impl<T> Receiver<T> {
    fn ended(&self) -> Result<(), Interrupted> {
        self.shared
            .interrupted
            .get()
            .map_or(Ok(()), |interrupted| Err(interrupted.clone()))
    }
}

enum OutputKind<T> {
    Typed(Sender<T>),
    Erased {
        sender: Sender<Message>,
        emit: fn(T) -> Message,
    },
}

/// The writing end of a channel, also a [`futures::Sink`].
///
/// Dropping it ends the stream, after what waits in the channel was read.
pub struct Output<T> {
    kind: OutputKind<T>,
    pending: Option<BoxFuture<'static, Result<(), Closed>>>,
}

enum InputKind<T> {
    Typed(Receiver<T>),
    Erased {
        receiver: Receiver<Message>,
        accept: fn(Message) -> Result<T, Message>,
        bypass: Sender<Message>,
    },
}

/// The reading end of a channel, also a [`futures::Stream`].
///
/// Dropping it stops the producer: its next `send` fails with [`Closed`].
pub struct Input<T> {
    kind: InputKind<T>,
    pending: Option<BoxFuture<'static, Result<(), Closed>>>,
}

fn weightless<T>(_: &T) -> usize {
    0
}

fn open<T>(capacity: Capacity, weigh: fn(&T) -> usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity.messages.max(1));
    let units = u32::try_from(capacity.bytes.div_ceil(Capacity::LIGHT))
        .unwrap_or(u32::MAX / 8)
        .clamp(1, u32::MAX / 8);
    let shared = Arc::new(Shared {
        interrupted: OnceLock::new(),
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
        },
    )
}

/// A bounded channel: `capacity.messages` messages may wait in it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use engine::{Capacity, channel};
/// let (mut output, mut input) = channel(Capacity::messages(2));
/// output.send("one").await.unwrap();
/// output.send("two").await.unwrap();
/// drop(output);
/// assert_eq!(input.next().await.unwrap(), Some("one"));
/// assert_eq!(input.next().await.unwrap(), Some("two"));
/// assert_eq!(input.next().await.unwrap(), None);
/// # });
/// ```
pub fn channel<T: Send + 'static>(capacity: Capacity) -> (Output<T>, Input<T>) {
    let (sender, receiver) = open(capacity, weightless);
    (
        Output::typed(sender),
        Input {
            kind: InputKind::Typed(receiver),
            pending: None,
        },
    )
}

/// A bounded channel of erased messages: bounded in messages and in bytes.
pub fn message_channel(capacity: Capacity) -> (Output<Message>, Input<Message>) {
    let (sender, receiver) = open(capacity, Message::weight);
    (
        Output::typed(sender),
        Input {
            kind: InputKind::Typed(receiver),
            pending: None,
        },
    )
}

impl<T: Send + 'static> Output<T> {
    fn typed(sender: Sender<T>) -> Self {
        Self {
            kind: OutputKind::Typed(sender),
            pending: None,
        }
    }

    /// Sends one message; waits while the channel is full.
    pub async fn send(&mut self, value: T) -> Result<(), Closed> {
        if let Some(pending) = self.pending.take() {
            pending.await?;
        }
        match &self.kind {
            OutputKind::Typed(sender) => sender.send(value).await,
            OutputKind::Erased { sender, emit } => sender.send(emit(value)).await,
        }
    }

    /// A second writing end of the same channel. The stream ends when all of them are dropped.
    pub fn another(&self) -> Self {
        let kind = match &self.kind {
            OutputKind::Typed(sender) => OutputKind::Typed(sender.clone()),
            OutputKind::Erased { sender, emit } => OutputKind::Erased {
                sender: sender.clone(),
                emit: *emit,
            },
        };
        Self { kind, pending: None }
    }

    /// Ends the stream as broken off: the reader gets what waits in the channel, then [`Interrupted`].
    pub fn interrupt(self, reason: &str) {
        let shared = match &self.kind {
            OutputKind::Typed(sender) => &sender.shared,
            OutputKind::Erased { sender, .. } => &sender.shared,
        };
        // The first reason stays.
        let _ = shared.interrupted.set(Interrupted { reason: reason.into() });
    }

    /// Completes when nobody reads the other end any more.
    pub async fn closed(&self) {
        match &self.kind {
            OutputKind::Typed(sender) => sender.queue.closed().await,
            OutputKind::Erased { sender, .. } => sender.queue.closed().await,
        }
    }
}

impl Output<Message> {
    /// This end as one that takes `T`, turned into messages by `emit`.
    pub fn erased<T>(self, emit: fn(T) -> Message) -> Output<T> {
        match self.kind {
            OutputKind::Typed(sender) => Output {
                kind: OutputKind::Erased { sender, emit },
                pending: self.pending,
            },
            OutputKind::Erased { .. } => unreachable!("a message is never erased twice"),
        }
    }
}

impl Input<Message> {
    /// This end as one that gives the messages that `accept` takes; the others flow past into `bypass`, in order.
    pub fn accepting<T>(self, accept: fn(Message) -> Result<T, Message>, bypass: &Output<Message>) -> Input<T> {
        match (self.kind, &bypass.kind) {
            (InputKind::Typed(receiver), OutputKind::Typed(sender)) => Input {
                kind: InputKind::Erased {
                    receiver,
                    accept,
                    bypass: sender.clone(),
                },
                pending: None,
            },
            _ => unreachable!("a message is never erased twice"),
        }
    }
}

impl<T: Send + 'static> Input<T> {
    /// The next message; `None` at the end of the stream; [`Interrupted`] when it broke off.
    pub async fn next(&mut self) -> Result<Option<T>, Interrupted> {
        match std::future::poll_fn(|context| self.poll_next_message(context)).await {
            Some(value) => Ok(Some(value)),
            None => self.ended().map(|()| None),
        }
    }

    /// After the stream gave `None`: whether it ended or broke off.
    pub fn ended(&self) -> Result<(), Interrupted> {
        match &self.kind {
            InputKind::Typed(receiver) => receiver.ended(),
            InputKind::Erased { receiver, .. } => receiver.ended(),
        }
    }

    fn poll_next_message(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            if let Some(pending) = &mut self.pending {
                match pending.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(outcome) => {
                        self.pending = None;
                        if outcome.is_err() {
                            return Poll::Ready(None);
                        }
                    }
                }
            }
            match &mut self.kind {
                InputKind::Typed(receiver) => return receiver.queue.poll_recv(context).map(|e| e.map(|e| e.value)),
                InputKind::Erased {
                    receiver,
                    accept,
                    bypass,
                } => {
                    let Some(envelope) = std::task::ready!(receiver.queue.poll_recv(context)) else {
                        return Poll::Ready(None);
                    };
                    match accept(envelope.value) {
                        Ok(value) => return Poll::Ready(Some(value)),
                        Err(message) => {
                            let bypass = bypass.clone();
                            self.pending = Some(Box::pin(async move { bypass.send(message).await }));
                        }
                    }
                }
            }
        }
    }
}

impl<T: Send + 'static> futures::Stream for Input<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_next_message(context)
    }
}

impl<T> Unpin for Input<T> {}
impl<T> Unpin for Output<T> {}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Input<{}>", std::any::type_name::<T>())
    }
}

impl<T> fmt::Debug for Output<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Output<{}>", std::any::type_name::<T>())
    }
}
