//! Which key a message belongs to.

use std::{fmt, hash::Hash, marker::PhantomData};

use crate::{BoxError, Message};

/// Where a message goes: to one key usually, or in parts to several.
pub type Chosen<K, T> = Vec<(K, T)>;

/// Gives each message the key whose link it travels on.
pub trait Selector: Send + 'static {
    /// What it looks at.
    type In: Send + 'static;
    /// What it chooses by.
    type Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static;

    /// Where `message` goes: usually one key and the message itself; a message may also be split over several keys.
    fn select(&mut self, message: Self::In) -> Result<Chosen<Self::Key, Self::In>, BoxError>;
}

/// A selector from a function that gives the key of a message.
pub fn by_key<T, K, F: FnMut(&T) -> K + Send + 'static>(key: F) -> ByKey<F, T> {
    ByKey(key, PhantomData)
}

/// Made by [`by_key`].
#[derive(Debug)]
pub struct ByKey<F, T>(F, PhantomData<fn(T)>);

impl<F, T, K> Selector for ByKey<F, T>
where
    F: FnMut(&T) -> K + Send + 'static,
    T: Send + 'static,
    K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static,
{
    type In = T;
    type Key = K;

    fn select(&mut self, message: T) -> Result<Chosen<K, T>, BoxError> {
        Ok(vec![((self.0)(&message), message)])
    }
}

type Selected = Result<Chosen<u64, Message>, Message>;

/// A selector over erased messages: what it does not take flows past the links.
pub struct SelectorNode {
    name: String,
    select: Box<dyn FnMut(Message) -> Result<Selected, BoxError> + Send>,
}

impl SelectorNode {
    /// A typed selector over erased messages.
    pub fn new<S: Selector<Key = u64>>(
        name: impl Into<String>,
        mut selector: S,
        accept: fn(Message) -> Result<S::In, Message>,
        emit: fn(S::In) -> Message,
    ) -> Self {
        Self {
            name: name.into(),
            select: Box::new(move |message| match accept(message) {
                Ok(value) => {
                    let selected = selector.select(value)?.into_iter();
                    Ok(Ok(selected.map(|(key, value)| (key, emit(value))).collect()))
                }
                Err(message) => Ok(Err(message)),
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where `message` goes; the message itself when it is not taken.
    pub fn select(&mut self, message: Message) -> Result<Selected, BoxError> {
        (self.select)(message)
    }
}

impl fmt::Debug for SelectorNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SelectorNode({})", self.name)
    }
}
