//! Branches and merges over erased messages: what a registry holds, what a configuration is assembled from.

use std::fmt;

use futures::{FutureExt, future::BoxFuture};

use super::{Branch, LaneBody, Lanes, Merge, Part, run_parallel};
use crate::{
    BoxError, Capacity, Input, Message, Node, Output, PureNode, channel::weighed_channel, compose::Compose,
    par_map::par_map, place::Place,
};

type Running = BoxFuture<'static, Result<(), BoxError>>;
type StartBranch = Box<dyn FnOnce(Input<Message>, Lanes<Output<Message>>, Output<Message>) -> Running + Send>;
type StartMerge = Box<dyn FnOnce(Lanes<Input<Message>>, Output<Message>) -> Running + Send>;

/// A branch over erased messages, built and not yet running. What it does not take flows past all lanes.
pub struct BranchNode {
    name: String,
    start: StartBranch,
}

impl BranchNode {
    /// A typed branch over erased messages.
    pub fn new<B: Branch>(
        name: impl Into<String>,
        branch: B,
        accept: fn(Message) -> Result<B::In, Message>,
        emit: fn(B::Out) -> Message,
    ) -> Self {
        Self::from_fn(name, move |input, lanes, bypass| {
            branch.run(input.accepting(accept, &bypass), lanes.map(|lane| lane.erased(emit)))
        })
    }

    /// A branch from anything that runs between an input, the lanes, and the output behind the merge.
    pub fn from_fn<F, R>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Input<Message>, Lanes<Output<Message>>, Output<Message>) -> R + Send + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            start: Box::new(move |input, lanes, bypass| run(input, lanes, bypass).boxed()),
        }
    }
}

/// A merge over erased messages, built and not yet running. What it does not take flows past it.
pub struct MergeNode {
    name: String,
    start: StartMerge,
}

impl MergeNode {
    /// A typed merge over erased messages.
    pub fn new<M: Merge>(
        name: impl Into<String>,
        merge: M,
        accept: fn(Message) -> Result<M::In, Message>,
        emit: fn(M::Out) -> Message,
    ) -> Self {
        Self::from_fn(name, move |lanes, output| {
            let lanes = lanes.map(|lane| lane.accepting(accept, &output));
            merge.run(lanes, output.erased(emit))
        })
    }

    /// A merge from anything that runs between the lanes and an output.
    pub fn from_fn<F, R>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Lanes<Input<Message>>, Output<Message>) -> R + Send + 'static,
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            start: Box::new(move |lanes, output| run(lanes, output).boxed()),
        }
    }
}

impl fmt::Debug for BranchNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BranchNode({})", self.name)
    }
}

impl fmt::Debug for MergeNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MergeNode({})", self.name)
    }
}

impl Node {
    /// Named lanes side by side, as [`parallel`](super::parallel) of the typed form. Each lane is a chain; an empty one
    /// passes everything on. `capacity` is that of every channel in it.
    pub fn parallel(
        name: impl Into<String>,
        branch: BranchNode,
        lanes: Vec<(String, Vec<Node>)>,
        merge: MergeNode,
        capacity: Capacity,
    ) -> Self {
        Self::erased(name, move |input, output: Output<Message>| async move {
            let lanes = lanes
                .into_iter()
                .map(|(name, nodes)| (name.clone(), lane(name, nodes, capacity)));
            let bypass = output.another();
            let branch = Part {
                name: branch.name,
                run: |input, lanes| (branch.start)(input, lanes, bypass),
            };
            let merge = Part {
                name: merge.name,
                run: merge.start,
            };
            let weigh = Message::weight;
            run_parallel(input, output, branch, lanes.collect(), merge, capacity, weigh, weigh).await?;
            Ok(())
        })
    }

    /// A pure node on `workers` numeric threads at once (0: one per core), the order kept, as
    /// [`par_map`](crate::par_map()) of the typed form.
    pub fn par_map(pure: PureNode, workers: usize) -> Self {
        let name = pure.name().to_owned();
        Self::erased(name, move |input, output| {
            crate::Gadget::run(par_map(workers, pure).named("workers"), input, output)
        })
    }
}

fn lane(name: String, nodes: Vec<Node>, capacity: Capacity) -> LaneBody<Message, Message> {
    if nodes.is_empty() {
        return LaneBody::Empty(weighed_channel);
    }
    LaneBody::Running(Box::new(move |input, output| {
        let parent = Place::current().path;
        Node::chain(name, nodes, capacity).run(parent, input, output).boxed()
    }))
}
