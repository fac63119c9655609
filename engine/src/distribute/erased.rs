//! Distribution over erased messages: what a configuration is assembled from.

use super::{Distribute, SelectorNode, keyed::KeyLanes};
use crate::{
    BoxError, Capacity, Message, Node, Output,
    channel::weighed_channel,
    compose::Compose,
    crew::Crew,
    place::{Guard, Place, run_gadget, run_guarded},
};

impl Node {
    /// Every message is a job for any link, the results in input order: [`Distribute::pure`] over messages. `pack`
    /// makes of each message what travels, as something that can be sent again: bytes, usually. Nothing flows past the links,
    /// so a message that cannot travel is an error of the node.
    pub fn distribute_pure<I, F>(name: impl Into<String>, mut pack: F, distribute: Distribute<I, Message>) -> Self
    where
        I: Clone + Send + Sync + 'static,
        F: FnMut(Message) -> Result<I, BoxError> + Send + 'static,
    {
        Self::erased(name, move |mut input, output: Output<Message>| async move {
            let (mut jobs, receiver) = weighed_channel(Capacity::messages(1), distribute.weigh);
            let mut crew = Crew::default();
            let place = Place::current().child("pack");
            let guards = vec![Guard::new(&jobs)];
            crew.spawn(1, run_gadget(distribute.pure().named("links"), receiver, output));
            crew.spawn(
                0,
                run_guarded(place, guards, |_| async move {
                    while let Some(message) = input.next().await? {
                        jobs.send(pack(message)?).await?;
                    }
                    Ok::<(), BoxError>(())
                }),
            );
            Ok(crew.join().await?)
        })
    }

    /// Every key has a link of its own: [`Distribute::keyed`] over messages. What `selector` does not take flows past
    /// the links; `pack` makes of the others what travels, and one that cannot is an error of the node.
    pub fn distribute_keyed<I, F>(
        name: impl Into<String>,
        mut selector: SelectorNode,
        mut pack: F,
        distribute: Distribute<I, Message>,
    ) -> Self
    where
        I: Clone + Send + Sync + 'static,
        F: FnMut(Message) -> Result<I, BoxError> + Send + 'static,
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
                            lanes.send(key, pack(message)?).await?;
                        }
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        distribute::{by_key, distribute},
        link::{AnyWorker, MemoryWorker},
        map, message_channel,
    };

    /// The erased forms for numbers, the pure one first; what is no number cannot be packed.
    fn erased_forms() -> [Node; 2] {
        let workers = || -> Vec<AnyWorker<u64, Message>> {
            vec![Arc::new(MemoryWorker::new("a", || map(|n: u64| Message::new(n * 2))))]
        };
        let pack = |message: Message| message.downcast::<u64>().map_err(|_| "no number".into());
        let selector = SelectorNode::new("by value", by_key(|n: &u64| *n), Message::downcast, Message::new);
        [
            Node::distribute_pure("pure", pack, distribute(workers())),
            Node::distribute_keyed("keyed", selector, pack, distribute(workers())),
        ]
    }

    /// What comes of 1, something that is no number, and 2.
    async fn with_a_stranger(node: Node) -> (Vec<Option<u64>>, Result<(), String>) {
        let (mut output, input) = message_channel(Capacity::messages(8));
        let (sender, mut results) = message_channel(Capacity::messages(8));
        let running = node.spawn(input, sender);
        for message in [Message::new(1_u64), Message::new("stranger"), Message::new(2_u64)] {
            output.send(message).await.unwrap();
        }
        drop(output);
        let mut seen = Vec::new();
        while let Ok(Some(message)) = results.next().await {
            seen.push(message.downcast::<u64>().ok());
        }
        seen.sort_unstable();
        (seen, running.join().await.map_err(|error| error.to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_erased_forms_flows_only_what_the_selector_does_not_take() {
        let [pure, keyed] = erased_forms();
        let (_, result) = with_a_stranger(pure).await;
        let words = result.unwrap_err();
        assert!(words.contains("pure") && words.contains("no number"), "{words}");
        assert_eq!(with_a_stranger(keyed).await, (vec![None, Some(2), Some(4)], Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_selector_takes_and_cannot_be_packed_is_an_error() {
        let pack = |_: Message| Err::<u64, BoxError>("cannot travel".into());
        let selector = SelectorNode::new("by value", by_key(|n: &u64| *n), Message::downcast, Message::new);
        let workers: Vec<AnyWorker<u64, Message>> = vec![Arc::new(MemoryWorker::new("a", || map(Message::new::<u64>)))];
        let (seen, result) =
            with_a_stranger(Node::distribute_keyed("keyed", selector, pack, distribute(workers))).await;
        assert_eq!(seen, []);
        assert!(result.unwrap_err().contains("cannot travel"));
    }
}
