//! Distribution over erased messages: what a configuration is assembled from.

use super::{Distribute, SelectorNode, keyed::KeyLanes};
use crate::{
    BoxError, Capacity, Message, Node, Output,
    channel::weighed_channel,
    compose::Compose,
    crew::Crew,
    place::{Guard, Place, run_gadget, run_guarded},
};

/// What becomes of a message before it is sent over a link.
#[derive(Debug)]
pub enum Packed<I> {
    /// It travels, as something that can be sent again: bytes, usually.
    Taken(I),
    /// It flows past the links.
    Past(Message),
}

impl Node {
    /// Every message is a job for any link, the results in input order: [`Distribute::pure`] over messages. `pack`
    /// makes of each message what travels.
    pub fn distribute_pure<I, F>(name: impl Into<String>, mut pack: F, distribute: Distribute<I, Message>) -> Self
    where
        I: Clone + Send + Sync + 'static,
        F: FnMut(Message) -> Result<Packed<I>, BoxError> + Send + 'static,
    {
        Self::erased(name, move |mut input, output: Output<Message>| async move {
            let (mut jobs, receiver) = weighed_channel(Capacity::messages(1), distribute.weigh);
            let mut past = output.another();
            let mut crew = Crew::default();
            let place = Place::current().child("pack");
            let guards = vec![Guard::new(&jobs)];
            crew.spawn(1, run_gadget(distribute.pure().named("links"), receiver, output));
            crew.spawn(
                0,
                run_guarded(place, guards, |_| async move {
                    while let Some(message) = input.next().await? {
                        match pack(message)? {
                            Packed::Taken(job) => jobs.send(job).await?,
                            Packed::Past(message) => past.send(message).await?,
                        }
                    }
                    Ok::<(), BoxError>(())
                }),
            );
            Ok(crew.join().await?)
        })
    }

    /// Every key has a link of its own: [`Distribute::keyed`] over messages. What `selector` does not take flows past
    /// the links; `pack` makes of the others what travels.
    pub fn distribute_keyed<I, F>(
        name: impl Into<String>,
        mut selector: SelectorNode,
        mut pack: F,
        distribute: Distribute<I, Message>,
    ) -> Self
    where
        I: Clone + Send + Sync + 'static,
        F: FnMut(Message) -> Result<Packed<I>, BoxError> + Send + 'static,
    {
        Self::erased(name, move |mut input, output: Output<Message>| async move {
            let mut past = output.another();
            let mut lanes = KeyLanes::new(distribute, output);
            loop {
                let message = tokio::select! {
                    biased;
                    error = lanes.crew.failure() => return Err(error.into()),
                    message = input.next() => message,
                };
                let message = match message {
                    Ok(Some(message)) => message,
                    Ok(None) => {
                        drop(past);
                        return lanes.finish().await;
                    }
                    Err(interrupted) => {
                        lanes.break_off(&interrupted);
                        lanes.finish().await?;
                        return Err(interrupted.into());
                    }
                };
                match selector.select(message)? {
                    Err(message) => past.send(message).await?,
                    Ok(selected) => {
                        for (key, message) in selected {
                            match pack(message)? {
                                Packed::Taken(job) => lanes.send(key, job).await?,
                                Packed::Past(message) => past.send(message).await?,
                            }
                        }
                    }
                }
            }
        })
    }
}
