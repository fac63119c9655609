//! Bounded channels between gadgets, typed at both ends.
//!
//! The queue is `tokio::sync::mpsc`: cancel-safe at both ends and checked with loom by its authors. On top of it lie
//! a bound on bytes, the difference between a stream that ended and one that broke off, and the bypass of the
//! dynamic form.
//!
//! A channel holds at most [`Capacity::messages`] messages. A gadget that waits in `send` has one more in its hand, and
//! an [`Output`] that is used as a `futures::Sink` keeps one more while the channel is full.

mod input;
mod output;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use input::Input;
pub use output::Output;

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
#[error("{NOBODY_READS}")]
pub struct Closed;

/// The words of [`Closed`], also when they reach a gadget through its input.
pub(crate) const NOBODY_READS: &str = "nobody reads this stream any more";

/// The stream broke off: what was gathered from it is incomplete. A gadget passes it on with `?`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off: {reason}")]
pub struct Interrupted {
    /// Why, in words.
    pub reason: Arc<str>,
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
    weighed_channel(capacity, |_| size_of::<T>())
}

/// A bounded channel of erased messages: bounded in messages and in bytes.
pub fn message_channel(capacity: Capacity) -> (Output<Message>, Input<Message>) {
    weighed_channel(capacity, Message::weight)
}

/// A bounded channel whose messages weigh `weigh` bytes: bounded in messages and in bytes.
pub fn weighed_channel<T: Send + 'static>(capacity: Capacity, weigh: fn(&T) -> usize) -> (Output<T>, Input<T>) {
    let (sender, receiver) = queue::open(capacity, weigh);
    (Output::typed(sender), Input::typed(receiver))
}
