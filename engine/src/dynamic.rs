//! The dynamic form: gadgets lifted to erased messages, chained and spawned.

use std::{any::Any, fmt, panic::AssertUnwindSafe};

use futures::{FutureExt, future::BoxFuture};
use tokio::task::JoinSet;

use crate::{
    BoxError, Capacity, Closed, Error, Gadget, Input, Interrupted, Message, NodePath, Output, PureGadget,
    channel::message_channel,
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
        Self::from_fn(name, move |path, input, output| async move {
            let input = input.accepting(accept, &output);
            gadget
                .run(input, output.erased(emit))
                .await
                .map_err(|cause| Error::new(path, cause))
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A chain of nodes as one node.
    pub fn chain(name: impl Into<String>, nodes: Vec<Node>, capacity: Capacity) -> Self {
        Self::from_fn(name, move |path, input, output| {
            run_chain(path, nodes, capacity, input, output)
        })
    }

    /// Runs the node here, in this task. A panic becomes an error with the node's path. When the node fails, its
    /// output breaks off with the reason.
    pub async fn run(self, parent: NodePath, input: Input<Message>, output: Output<Message>) -> Result<(), Error> {
        let path = parent.child(self.name);
        // Kept so that the reader behind us cannot mistake a failure for the end of the stream.
        let keeper = output.another();
        let start = self.start;
        let running = AssertUnwindSafe(async { start(path.clone(), input, output).await }).catch_unwind();
        let result = running
            .await
            .unwrap_or_else(|panic| Err(Error::new(path, panic_words(&*panic))));
        match &result {
            Err(error) if !error.is_closed() => keeper.interrupt(&error.to_string()),
            _ => drop(keeper),
        }
        result
    }

    /// Spawns the node as a task of its own.
    pub fn spawn(self, input: Input<Message>, output: Output<Message>) -> Running {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.run(NodePath::root(), input, output));
        Running { tasks }
    }
}

/// A graph that runs. Dropping it cancels the run.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<Result<(), Error>>,
}

impl Running {
    /// Waits for the end; the first cause if it failed.
    pub async fn join(mut self) -> Result<(), Error> {
        match self.tasks.join_next().await {
            Some(Ok(result)) => benign(result),
            Some(Err(join)) => Err(Error::new(NodePath::root(), join.to_string())),
            None => Ok(()),
        }
    }
}

async fn run_chain(
    path: NodePath,
    nodes: Vec<Node>,
    capacity: Capacity,
    mut input: Input<Message>,
    output: Output<Message>,
) -> Result<(), Error> {
    if nodes.is_empty() {
        return forward(path, input, output).await;
    }
    let last = nodes.len() - 1;
    let mut output = Some(output);
    // Dropped with this future: a cancelled run leaves no task behind.
    let mut tasks = JoinSet::new();
    for (index, node) in nodes.into_iter().enumerate() {
        if index == last {
            tasks.spawn(node.run(path.clone(), input, output.take().expect("there is one last node")));
            break;
        }
        let (sender, receiver) = message_channel(capacity);
        tasks.spawn(node.run(path.clone(), input, sender));
        input = receiver;
    }
    let mut first: Result<(), Error> = Ok(());
    while let Some(joined) = tasks.join_next().await {
        let result = joined.unwrap_or_else(|join| Err(Error::new(path.clone(), join.to_string())));
        if let Err(error) = result {
            let better = match &first {
                Ok(()) => true,
                Err(known) => known.is_secondary() && !error.is_secondary(),
            };
            if better {
                first = Err(error);
            }
        }
    }
    first
}

/// Passes everything on.
pub(crate) async fn forward(
    path: NodePath,
    mut input: Input<Message>,
    mut output: Output<Message>,
) -> Result<(), Error> {
    let fail = |cause: BoxError| Error::new(path.clone(), cause);
    while let Some(message) = input.next().await.map_err(|e| fail(e.into()))? {
        output.send(message).await.map_err(|e| fail(e.into()))?;
    }
    Ok(())
}

impl Error {
    /// Whether this is only the news that nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.cause().is::<Closed>()
    }

    /// Whether this only passes on that the stream broke off elsewhere.
    pub fn is_secondary(&self) -> bool {
        self.is_closed() || self.cause().is::<Interrupted>()
    }
}

fn benign(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_closed() => Ok(()),
        other => other,
    }
}

fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", words.unwrap_or("no message"))
}

/// A pure function over erased messages: what it does not take, it gives back unchanged. Cloning shares it.
#[derive(Clone)]
pub struct PureNode {
    name: String,
    function: std::sync::Arc<dyn Fn(Message) -> Result<Message, BoxError> + Send + Sync>,
}

impl fmt::Debug for PureNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PureNode({})", self.name)
    }
}

impl PureNode {
    /// A typed pure gadget over erased messages.
    pub fn new<P: PureGadget>(
        name: impl Into<String>,
        gadget: P,
        accept: fn(Message) -> Result<P::In, Message>,
        emit: fn(P::Out) -> Message,
    ) -> Self {
        let function = move |message| match accept(message) {
            Ok(value) => Ok(emit(gadget.process(value)?)),
            Err(message) => Ok(message),
        };
        Self {
            name: name.into(),
            function: std::sync::Arc::new(function),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Transforms one message.
    pub fn process(&self, message: Message) -> Result<Message, BoxError> {
        (self.function)(message)
    }
}

impl From<PureNode> for Node {
    fn from(pure: PureNode) -> Self {
        let name = pure.name.clone();
        Self::from_fn(name, move |path, mut input, mut output| async move {
            let fail = |cause: BoxError| Error::new(path.clone(), cause);
            while let Some(message) = input.next().await.map_err(|e| fail(e.into()))? {
                let message = pure.process(message).map_err(fail)?;
                output.send(message).await.map_err(|e| fail(e.into()))?;
            }
            Ok(())
        })
    }
}
