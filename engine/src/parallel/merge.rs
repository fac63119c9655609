//! What stands behind the lanes: how they become one stream again.

use std::{marker::PhantomData, task::Poll};

use super::Lanes;
use crate::{BoxError, Input, Interrupted, Output, gadget::short_type_name};

/// Makes one stream of several lanes.
///
/// The contract is that of [`Gadget`](crate::Gadget), and one more: read all lanes concurrently, or be sure that the
/// lane that is waited for needs no room in the others. A branch that waits for room in one lane sends to none.
pub trait Merge: Send + 'static {
    /// What the lanes give.
    type In: Send + 'static;
    /// What it writes.
    type Out: Send + 'static;

    /// Its name in the paths of errors and in the figures.
    fn name(&self) -> String {
        short_type_name::<Self>()
    }

    /// Merges the lanes to their ends.
    fn run(
        self,
        lanes: Lanes<Input<Self::In>>,
        output: Output<Self::Out>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Passes on what comes, as it comes: the order is kept within each lane. Holds one message in its hand.
///
/// A lane that breaks off does not keep what the other lanes still have from being passed on.
#[derive(Debug)]
pub struct Unordered<T>(PhantomData<fn(T)>);

impl<T> Unordered<T> {
    /// The merge.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Unordered<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static> Merge for Unordered<T> {
    type In = T;
    type Out = T;

    async fn run(self, lanes: Lanes<Input<T>>, mut output: Output<T>) -> Result<(), BoxError> {
        let mut ready = AnyLane::new(lanes);
        while let Some((_, message)) = ready.next(|_| true).await {
            output.send(message).await?;
        }
        Ok(ready.ended()?)
    }
}

/// Reads whichever lane has something, each in its turn.
pub(super) struct AnyLane<T> {
    lanes: Vec<Option<Input<T>>>,
    turn: usize,
    interrupted: Option<Interrupted>,
}

impl<T: Send + 'static> AnyLane<T> {
    pub(super) fn new(lanes: Lanes<Input<T>>) -> Self {
        Self {
            lanes: lanes.into_iter().map(|(_, lane)| Some(lane)).collect(),
            turn: 0,
            interrupted: None,
        }
    }

    /// The next message of the lanes that `wanted` admits, with the number of its lane; `None` when all of those have
    /// ended.
    pub(super) async fn next(&mut self, wanted: impl Fn(usize) -> bool) -> Option<(usize, T)> {
        std::future::poll_fn(|context| {
            let number = self.lanes.len();
            let mut open = false;
            for step in 0..number {
                let index = (self.turn + step) % number;
                if !wanted(index) {
                    continue;
                }
                let Some(slot) = self.lanes.get_mut(index) else {
                    continue;
                };
                let Some(lane) = slot else { continue };
                match lane.poll_message(context) {
                    Poll::Ready(Ok(Some(message))) => {
                        self.turn = index + 1;
                        return Poll::Ready(Some((index, message)));
                    }
                    Poll::Ready(Ok(None)) => *slot = None,
                    Poll::Ready(Err(interrupted)) => {
                        *slot = None;
                        self.interrupted.get_or_insert(interrupted);
                    }
                    Poll::Pending => open = true,
                }
            }
            if open { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    /// Whether a lane may still give something.
    pub(super) fn is_open(&self, index: usize) -> bool {
        self.lanes.get(index).is_some_and(Option::is_some)
    }

    /// The number of lanes, ended ones included.
    pub(super) fn number(&self) -> usize {
        self.lanes.len()
    }

    /// Whether all lanes ended, or one broke off.
    pub(super) fn ended(self) -> Result<(), Interrupted> {
        self.interrupted.map_or(Ok(()), Err)
    }
}
