//! A node over erased messages.

use std::{any::Any, fmt};

use futures::{FutureExt, future::BoxFuture};

use crate::{
    BoxError, Capacity, Error, Gadget, Input, Message, NodePath, Output, Running,
    channel::message_channel,
    crew::Crew,
    place::{Guard, Place, run_at},
};

type Start = Box<dyn FnOnce(NodePath, Input<Message>, Output<Message>) -> BoxFuture<'static, Result<(), Error>> + Send>;

/// A node of a graph that is built and not yet running.
pub struct Node {
    name: String,
    start: Start,
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Node({})", self.name)
    }
}

impl Node {
    /// A node from anything that runs over erased messages.
    pub fn from_fn<F, R>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(NodePath, Input<Message>, Output<Message>) -> R + Send + 'static,
        R: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self {
            name: name.into(),
            start: Box::new(move |path, input, output| run(path, input, output).boxed()),
        }
    }

    /// A typed gadget as a node: it takes the messages of its input type, all others flow past it.
    pub fn gadget<G: Gadget>(name: impl Into<String>, gadget: G) -> Self
    where
        G::In: Any,
        G::Out: Any,
    {
        Self::gadget_with(name, gadget, Message::downcast, Message::new)
    }

    /// As [`Node::gadget`], for input and output types that are made of several message types or know their weight.
    pub fn gadget_with<G: Gadget>(
        name: impl Into<String>,
        gadget: G,
        accept: fn(Message) -> Result<G::In, Message>,
        emit: fn(G::Out) -> Message,
    ) -> Self {
        Self::erased(name, move |input, output| async move {
            let input = input.accepting(accept, &output);
            gadget.run(input, output.erased(emit)).await
        })
    }

    /// A node from anything that runs over erased messages; its errors get the place of the node.
    pub fn erased<F, R>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Input<Message>, Output<Message>) -> R + Send + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self::from_fn(name, move |path, input, output| {
            let running = run(input, output);
            async move { running.await.map_err(|cause| Place::current().at(path).error(cause)) }
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A chain of nodes as one node; `capacity` is that of each channel between two of them. An empty chain passes
    /// everything on.
    pub fn chain(name: impl Into<String>, nodes: Vec<Node>, capacity: Capacity) -> Self {
        Self::from_fn(name, move |path, input, output| {
            run_chain(path, nodes, capacity, input, output)
        })
    }

    /// Runs the node here, in this task. A panic becomes an error with the node's path. When the node fails, or this
    /// future is dropped, its output breaks off with the reason.
    pub fn run(
        self,
        parent: NodePath,
        input: Input<Message>,
        output: Output<Message>,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        // Before the first poll: a run that is cancelled before it began must not look like an empty one that ended.
        let guard = Guard::new(&output);
        async move {
            let place = Place::current().at(parent).child(&self.name);
            let path = place.path.clone();
            let result = run_at(place, input, output, |input, output| (self.start)(path, input, output)).await;
            guard.finish(&result);
            result
        }
    }

    /// Spawns the node as a task of its own.
    pub fn spawn(self, input: Input<Message>, output: Output<Message>) -> Running {
        Running::spawn(self.run(NodePath::root(), input, output))
    }
}

async fn run_chain(
    path: NodePath,
    nodes: Vec<Node>,
    capacity: Capacity,
    input: Input<Message>,
    mut output: Output<Message>,
) -> Result<(), Error> {
    let mut crew = Crew::default();
    let mut nodes = nodes.into_iter().enumerate();
    let Some((_, first)) = nodes.next() else {
        return forward(input, output).await.map_err(|cause| Error::new(path, cause));
    };
    // From the last to the first: each gets the channel to the one behind it.
    for (stage, node) in nodes.rev() {
        let (sender, receiver) = message_channel(capacity);
        crew.spawn(stage, node.run(path.clone(), receiver, output));
        output = sender;
    }
    crew.spawn(0, first.run(path, input, output));
    crew.join().await
}

/// Passes everything on.
pub(crate) async fn forward<T: Send + 'static>(mut input: Input<T>, mut output: Output<T>) -> Result<(), BoxError> {
    while let Some(message) = input.next().await? {
        output.send(message).await?;
    }
    Ok(())
}
