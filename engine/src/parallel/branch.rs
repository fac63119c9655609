//! What stands before the lanes: which message goes where.

use std::marker::PhantomData;

use super::{Lanes, Numbered};
use crate::{BoxError, Input, Output, gadget::short_type_name};

/// Distributes the messages of a stream over lanes.
///
/// The contract is that of [`Gadget`](crate::Gadget). A lane whose reader is gone refuses with
/// [`Closed`](crate::Closed); whether the others go on is the branch's choice.
pub trait Branch: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What the lanes read.
    type Out: Send + 'static;

    /// Its name in the paths of errors and in the figures.
    fn name(&self) -> String {
        short_type_name::<Self>()
    }

    /// Distributes the whole stream.
    fn run(
        self,
        input: Input<Self::In>,
        lanes: Lanes<Output<Self::Out>>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Sends a copy of every message to every lane, in the order of the lanes. A lane that reads no more is left out.
pub fn fanout<T: Clone + Send + 'static>() -> Fanout<T> {
    Fanout(PhantomData)
}

/// Made by [`fanout`].
#[derive(Debug)]
pub struct Fanout<T>(PhantomData<fn(T)>);

impl<T: Clone + Send + 'static> Branch for Fanout<T> {
    type In = T;
    type Out = T;

    async fn run(self, mut input: Input<T>, lanes: Lanes<Output<T>>) -> Result<(), BoxError> {
        let mut lanes: Vec<_> = lanes.into_iter().map(|(_, lane)| Some(lane)).collect();
        while let Some(message) = input.next().await? {
            let mut message = Some(message);
            let last = lanes.iter().rposition(Option::is_some);
            for (index, slot) in lanes.iter_mut().enumerate() {
                let Some(lane) = slot else { continue };
                // The last one gets the message itself.
                let copy = if Some(index) == last {
                    message.take()
                } else {
                    message.clone()
                };
                let Some(copy) = copy else { continue };
                if lane.send(copy).await.is_err() {
                    *slot = None;
                }
            }
            if lanes.iter().all(Option::is_none) {
                break;
            }
        }
        Ok(())
    }
}

/// Sends each message to the lane whose number `choose` gives, counted from 0.
pub fn route<T: Send + 'static, F: FnMut(&T) -> usize + Send + 'static>(choose: F) -> Route<F, T> {
    Route(choose, PhantomData)
}

/// Made by [`route`].
#[derive(Debug)]
pub struct Route<F, T>(F, PhantomData<fn(T)>);

impl<F, T> Route<F, T> {
    /// The same choice, with every message numbered, for a [`Sequenced`](super::Sequenced) merge behind the lanes.
    pub fn numbered(self) -> RouteNumbered<F, T> {
        RouteNumbered(self)
    }
}

fn lane_of<E>(lanes: &mut [(String, E)], index: usize) -> Result<&mut E, BoxError> {
    let number = lanes.len();
    match lanes.get_mut(index) {
        Some((_, lane)) => Ok(lane),
        None => Err(format!("lane {index} was chosen, but there are {number}, counted from 0").into()),
    }
}

impl<F, T> Branch for Route<F, T>
where
    T: Send + 'static,
    F: FnMut(&T) -> usize + Send + 'static,
{
    type In = T;
    type Out = T;

    fn name(&self) -> String {
        "route".to_owned()
    }

    async fn run(mut self, mut input: Input<T>, mut lanes: Lanes<Output<T>>) -> Result<(), BoxError> {
        while let Some(message) = input.next().await? {
            let index = (self.0)(&message);
            lane_of(&mut lanes.0, index)?.send(message).await?;
        }
        Ok(())
    }
}

/// Made by [`Route::numbered`].
#[derive(Debug)]
pub struct RouteNumbered<F, T>(Route<F, T>);

impl<F, T> Branch for RouteNumbered<F, T>
where
    T: Send + 'static,
    F: FnMut(&T) -> usize + Send + 'static,
{
    type In = T;
    type Out = Numbered<T>;

    fn name(&self) -> String {
        "route".to_owned()
    }

    async fn run(mut self, mut input: Input<T>, mut lanes: Lanes<Output<Numbered<T>>>) -> Result<(), BoxError> {
        let mut number = 0;
        while let Some(value) = input.next().await? {
            let index = (self.0.0)(&value);
            lane_of(&mut lanes.0, index)?.send(Numbered { number, value }).await?;
            number += 1;
        }
        Ok(())
    }
}
