//! The reading end.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;

use super::{
    Closed, Interrupted, NOBODY_READS,
    output::{Output, start},
    queue::{Receiver, Sender},
};
use crate::{Message, figures::Counters};

enum Kind<T> {
    Typed(Receiver<T>),
    Erased(Erased<T>),
}

struct Erased<T> {
    receiver: Receiver<Message>,
    accept: fn(Message) -> Result<T, Message>,
    bypass: Sender<Message>,
    // A message that waits for room in the bypass.
    pending: Mutex<Option<BoxFuture<'static, Result<(), Closed>>>>,
    bypass_closed: bool,
}

/// The reading end of a channel, also a [`futures::Stream`].
///
/// Dropping it stops the producer: its next `send` fails with [`Closed`].
pub struct Input<T> {
    kind: Kind<T>,
    counters: Option<Arc<Counters>>,
}

impl<T: Send + 'static> Input<T> {
    pub(super) fn typed(receiver: Receiver<T>) -> Self {
        Self {
            kind: Kind::Typed(receiver),
            counters: None,
        }
    }

    /// This end, counting what it gives.
    pub(crate) fn counted(mut self, counters: Arc<Counters>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// The next message; `None` at the end of the stream; [`Interrupted`] when it broke off.
    ///
    /// Cancel-safe: a message is never lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<T>, Interrupted> {
        std::future::poll_fn(|context| self.poll_message(context)).await
    }

    /// [`Input::next`] for hand-written futures.
    pub fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<T>, Interrupted>> {
        let value = match &mut self.kind {
            Kind::Typed(receiver) => {
                let value = ready!(receiver.poll(context));
                if let (Some(counters), Some(value)) = (&self.counters, &value) {
                    counters.message_in(receiver.weight(value), receiver.waiting());
                }
                value
            }
            Kind::Erased(erased) => ready!(erased.poll(context, self.counters.as_deref())),
        };
        match value {
            Some(value) => Poll::Ready(Ok(Some(value))),
            None => Poll::Ready(self.ended().map(|()| None)),
        }
    }

    /// After the stream gave `None`: whether it ended or broke off.
    pub fn ended(&self) -> Result<(), Interrupted> {
        match &self.kind {
            Kind::Typed(receiver) => receiver.ended(),
            // Not an end: there was more to come, and nobody to pass it to.
            Kind::Erased(erased) if erased.bypass_closed => Err(Interrupted {
                reason: NOBODY_READS.into(),
            }),
            Kind::Erased(erased) => erased.receiver.ended(),
        }
    }

    /// The number of messages that wait in the channel now.
    pub fn waiting(&self) -> usize {
        match &self.kind {
            Kind::Typed(receiver) => receiver.waiting(),
            Kind::Erased(erased) => erased.receiver.waiting(),
        }
    }
}

impl<T> Erased<T> {
    fn poll(&mut self, context: &mut Context<'_>, counters: Option<&Counters>) -> Poll<Option<T>> {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(send) = pending {
                let sent = ready!(send.as_mut().poll(context));
                *pending = None;
                self.bypass_closed |= sent.is_err();
            }
            if self.bypass_closed {
                return Poll::Ready(None);
            }
            let Some(message) = ready!(self.receiver.poll(context)) else {
                return Poll::Ready(None);
            };
            if let Some(counters) = counters {
                counters.message_in(message.weight(), self.receiver.waiting());
            }
            match (self.accept)(message) {
                Ok(value) => return Poll::Ready(Some(value)),
                Err(message) => match start(&self.bypass, message, counters) {
                    Ok(waiting) => *pending = waiting,
                    Err(Closed) => self.bypass_closed = true,
                },
            }
        }
    }
}

impl Input<Message> {
    /// This end as one that gives the messages that `accept` takes; the others flow past into `bypass`, in order.
    pub fn accepting<T: Send + 'static>(
        self,
        accept: fn(Message) -> Result<T, Message>,
        bypass: &Output<Message>,
    ) -> Input<T> {
        let receiver = match self.kind {
            Kind::Typed(receiver) => receiver,
            Kind::Erased(_) => unreachable!("a message is never erased twice"),
        };
        Input {
            kind: Kind::Erased(Erased {
                receiver,
                accept,
                bypass: bypass.sender(),
                pending: Mutex::default(),
                bypass_closed: false,
            }),
            counters: self.counters,
        }
    }
}

impl<T: Send + 'static> futures::Stream for Input<T> {
    type Item = T;

    /// Ends with `None` also when the stream broke off: ask [`Input::ended`].
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_message(context).map(|message| message.unwrap_or(None))
    }
}

impl<T> Unpin for Input<T> {}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Input<{}>", std::any::type_name::<T>())
    }
}
