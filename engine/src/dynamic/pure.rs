//! A pure function over erased messages.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{BoxError, Capacity, Input, Message, Node, Output, PureGadget, compute};

/// Above this time a message is worth a hop to the numeric pool.
const WORTH_A_HOP: Duration = Duration::from_micros(500);

type Function = dyn Fn(Message) -> Result<Message, BoxError> + Send + Sync;

/// A pure function over erased messages: what it does not take, it gives back unchanged. Cloning shares it.
#[derive(Clone)]
pub struct PureNode {
    name: String,
    function: Arc<Function>,
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
            function: Arc::new(function),
        }
    }

    /// Pure nodes one after the other as one; none at all gives everything back unchanged. An error names the node it
    /// comes from.
    pub fn chain(name: impl Into<String>, nodes: Vec<PureNode>) -> Self {
        let function = move |mut message| {
            for node in &nodes {
                message = node.process(message).map_err(|cause| PureChainError {
                    node: node.name.clone(),
                    cause,
                })?;
            }
            Ok(message)
        };
        Self {
            name: name.into(),
            function: Arc::new(function),
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

/// A node of a chain of pure nodes failed.
#[derive(Debug, thiserror::Error)]
#[error("{node}: {cause}")]
pub(crate) struct PureChainError {
    node: String,
    cause: BoxError,
}

impl PureGadget for PureNode {
    type In = Message;
    type Out = Message;

    fn process(&self, input: Message) -> Result<Message, BoxError> {
        (self.function)(input)
    }
}

impl From<PureNode> for Node {
    /// One message at a time: light ones in the task itself, heavy ones (more than [`Capacity::LIGHT`] bytes, or when
    /// the message before took long) on the numeric pool.
    fn from(pure: PureNode) -> Self {
        Self::erased(pure.name.clone(), move |input, output| run_pure(pure, input, output))
    }
}

async fn run_pure(pure: PureNode, mut input: Input<Message>, mut output: Output<Message>) -> Result<(), BoxError> {
    let mut last = Duration::ZERO;
    while let Some(message) = input.next().await? {
        let heavy = message.weight() > Capacity::LIGHT || last > WORTH_A_HOP;
        let pure = pure.clone();
        let work = move || {
            let start = Instant::now();
            (pure.process(message), start.elapsed())
        };
        let (result, time) = if heavy { compute(work).await } else { work() };
        last = time;
        output.send(result?).await?;
    }
    Ok(())
}
