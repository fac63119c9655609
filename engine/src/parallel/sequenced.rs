//! The merge that restores the input order, and the numbers it goes by.

use std::{collections::BTreeMap, marker::PhantomData};

use super::{Lanes, Merge, merge::AnyLane};
use crate::{BoxError, Input, Output, PureGadget};

/// A message and its place in the input order, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered<T> {
    /// Its place.
    pub number: u64,
    /// The message.
    pub value: T,
}

/// A pure gadget on numbered messages: the numbers stay.
pub fn numbered<P: PureGadget>(gadget: P) -> NumberedGadget<P> {
    NumberedGadget(gadget)
}

/// Made by [`numbered`].
#[derive(Clone, Debug)]
pub struct NumberedGadget<P>(P);

impl<P: PureGadget> PureGadget for NumberedGadget<P> {
    type In = Numbered<P::In>;
    type Out = Numbered<P::Out>;

    fn process(&self, input: Self::In) -> Result<Self::Out, BoxError> {
        let Numbered { number, value } = input;
        let value = self.0.process(value)?;
        Ok(Numbered { number, value })
    }
}

/// Passes the messages of all lanes on in the order of their numbers, without the numbers.
///
/// Every number from 0 on must come exactly once, in whichever lane. Holds at most `window` messages, the one in its hand
/// included, or one for each lane if that is more: lanes that keep the order never need more than one each, and a place
/// is kept free for each; a lane that changes the order may do so within the rest of the window.
///
/// # Errors
/// A number that is missing at the end, or that cannot come any more within the window, or that came twice.
#[derive(Debug)]
pub struct Sequenced<T> {
    window: usize,
    marker: PhantomData<fn(T)>,
}

impl<T> Sequenced<T> {
    /// The merge, with a reorder window of this many messages.
    pub fn window(window: usize) -> Self {
        Self {
            window,
            marker: PhantomData,
        }
    }
}

impl<T: Send + 'static> Merge for Sequenced<T> {
    type In = Numbered<T>;
    type Out = T;

    async fn run(self, lanes: Lanes<Input<Numbered<T>>>, mut output: Output<T>) -> Result<(), BoxError> {
        let mut ready = AnyLane::new(lanes);
        let mut held: BTreeMap<u64, (usize, T)> = BTreeMap::new();
        let mut held_of = vec![0_usize; ready.number()];
        let mut due = 0;
        loop {
            let holds_none = |lane: usize| held_of.get(lane).is_none_or(|held| *held == 0);
            let reserved = |ready: &AnyLane<_>| {
                let lanes = 0..ready.number();
                lanes.filter(|lane| ready.is_open(*lane) && holds_none(*lane)).count()
            };
            let spare = held.len() + reserved(&ready) < self.window;
            let wanted = |lane: usize| spare || holds_none(lane);
            let Some((lane, Numbered { number, value })) = ready.next(wanted).await else {
                if !spare && held.len() + reserved(&ready) < self.window {
                    // A lane ended, and needs its place no more.
                    continue;
                }
                let waiting = (0..ready.number()).any(|lane| ready.is_open(lane));
                ready.ended()?;
                return match held.is_empty() && !waiting {
                    true => Ok(()),
                    false => Err(format!("message {due} did not come back from the lanes").into()),
                };
            };
            if number < due || held.contains_key(&number) {
                return Err(format!("message {number} came back from the lanes twice").into());
            }
            if number > due {
                held.insert(number, (lane, value));
                if let Some(held) = held_of.get_mut(lane) {
                    *held += 1;
                }
                continue;
            }
            output.send(value).await?;
            due += 1;
            while let Some((lane, value)) = held.remove(&due) {
                if let Some(held) = held_of.get_mut(lane) {
                    *held -= 1;
                }
                output.send(value).await?;
                due += 1;
            }
        }
    }
}
