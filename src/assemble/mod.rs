//! From a configuration to a graph: every class looked up, every property read, every node built, before any runs.
//!
//! Two steps, because a client sends the configuration first and the header later: [`Plan::new`] needs the
//! configuration alone and finds all that is wrong with it; [`Plan::build`] needs the header and gives the graph.

mod error;
mod spelling;

use std::sync::Arc;

use distributed::Source;
use engine::{Capacity, Node, PureNode};
use gadgets::{
    Context,
    registry::{self, Build, Built},
};
use protocol::{
    codec::Codecs,
    configuration::{
        self, Component, Configuration, Distributed, Parallel, ParallelProcess, Position, PureDistributed,
    },
};

use crate::distribution::{Distribution, SpreadPlan};

pub(crate) use error::lines;
pub use error::{AssemblyError, AssemblyErrors};
pub(crate) use spelling::nearest;

/// What every graph of a server is assembled with.
#[derive(Clone)]
pub struct Settings {
    /// What may wait between two gadgets.
    pub capacity: Capacity,
    /// The table of message types.
    pub codecs: Arc<Codecs>,
    /// How work is spread over workers.
    pub distribution: Arc<Distribution>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("capacity", &self.capacity)
            .field("distribution", &self.distribution)
            .finish_non_exhaustive()
    }
}

/// A configuration whose classes and properties are all understood.
pub struct Plan {
    steps: Vec<Step>,
    capacity: Capacity,
    spreads: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Plan({} nodes)", self.steps.len())
    }
}

impl Plan {
    /// Looks up every class and reads every property; gathers all that is wrong.
    pub fn new(configuration: &Configuration, settings: &Settings) -> Result<Self, AssemblyErrors> {
        let mut planner = Planner {
            settings,
            errors: Vec::new(),
            spreads: false,
        };
        let steps = planner.stream(&configuration.stream);
        match planner.errors.is_empty() {
            true => Ok(Self {
                steps,
                capacity: settings.capacity,
                spreads: planner.spreads,
            }),
            false => Err(AssemblyErrors(planner.errors)),
        }
    }

    /// Whether some node spreads its work over workers.
    pub fn spreads(&self) -> bool {
        self.spreads
    }

    /// Builds every gadget for this measurement; gathers all that is wrong.
    pub fn build(self, context: &Context) -> Result<Node, AssemblyErrors> {
        let mut errors = Vec::new();
        let nodes = build_all(self.steps, context, &mut errors);
        match errors.is_empty() {
            true => Ok(Node::chain("Stream", nodes, self.capacity)),
            false => Err(AssemblyErrors(errors)),
        }
    }
}

/// Builds a node once the header is known; what is wrong goes to the list.
type BuildNode = Box<dyn FnOnce(&Context, &mut Vec<AssemblyError>) -> Option<Node> + Send>;

enum Step {
    Node(BuildNode),
    Pure { name: String, build: Build<PureNode> },
}

fn build_all(steps: Vec<Step>, context: &Context, errors: &mut Vec<AssemblyError>) -> Vec<Node> {
    let nodes = steps.into_iter().map(|step| match step {
        Step::Node(build) => build(context, errors),
        Step::Pure { name, build } => built(name, build, context, errors).map(Node::from),
    });
    nodes.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn built<T>(name: String, build: Build<T>, context: &Context, errors: &mut Vec<AssemblyError>) -> Option<T> {
    build(context)
        .map_err(|cause| errors.push(AssemblyError::Construction { gadget: name, cause }))
        .ok()
}

fn spread(plan: SpreadPlan) -> Step {
    Step::Node(Box::new(move |context, errors| {
        let gadget = plan.name.to_owned();
        let node = plan.build(context);
        node.map_err(|cause| errors.push(AssemblyError::Construction { gadget, cause }))
            .ok()
    }))
}

/// What a node is called in a configuration, and where it stands.
fn kind(node: &configuration::Node) -> (&'static str, Position) {
    match node {
        configuration::Node::Gadget(node) => ("gadget", node.position),
        configuration::Node::Parallel(node) => ("parallel", node.position),
        configuration::Node::Distributed(node) => ("distributed", node.position),
        configuration::Node::PureDistributed(node) => ("puredistributed", node.position),
        configuration::Node::ParallelProcess(node) => ("parallelprocess", node.position),
        configuration::Node::External(node) => ("external", node.position),
    }
}

struct Planner<'a> {
    settings: &'a Settings,
    errors: Vec<AssemblyError>,
    /// A node that spreads its work was met, and there may be workers.
    spreads: bool,
}

impl Planner<'_> {
    fn stream(&mut self, stream: &configuration::Stream) -> Vec<Step> {
        stream.nodes.iter().filter_map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &configuration::Node) -> Option<Step> {
        match node {
            configuration::Node::Gadget(component) => self.gadget(component),
            configuration::Node::ParallelProcess(node) => self.parallel_process(node),
            configuration::Node::Parallel(node) => self.parallel(node),
            configuration::Node::Distributed(node) => self.distributed(node),
            configuration::Node::PureDistributed(node) => self.pure_distributed(node),
            configuration::Node::External(_) => self.unserved(node),
        }
    }

    fn gadget(&mut self, component: &Component) -> Option<Step> {
        let name = component.name.clone();
        match self.component(component)? {
            Built::Gadget(build) => Some(Step::Node(Box::new(move |context, errors| {
                built(name, build, context, errors)
            }))),
            Built::Pure(build) => Some(Step::Pure { name, build }),
            Built::Branch(_) | Built::Merge(_) | Built::Distributor(_) => self.misplaced(
                component,
                "a gadget is needed, this class stands before or behind lanes",
            ),
        }
    }

    fn parallel(&mut self, node: &Parallel) -> Option<Step> {
        let branch = match self.component(&node.branch) {
            Some(Built::Branch(build)) => Some(build),
            Some(_) => self.misplaced(&node.branch, "a branch is needed"),
            None => None,
        };
        let merge = match self.component(&node.merge) {
            Some(Built::Merge(build)) => Some(build),
            Some(_) => self.misplaced(&node.merge, "a merge is needed"),
            None => None,
        };
        let lanes: Vec<_> = node
            .streams
            .iter()
            .map(|lane| (lane.key.clone(), self.stream(lane)))
            .collect();
        let (branch, merge) = (branch?, merge?);
        let (branch_name, merge_name) = (node.branch.name.clone(), node.merge.name.clone());
        let capacity = self.settings.capacity;
        Some(Step::Node(Box::new(move |context, errors| {
            let branch = built(branch_name, branch, context, errors);
            let merge = built(merge_name, merge, context, errors);
            let lanes = lanes
                .into_iter()
                .map(|(name, steps)| (name, build_all(steps, context, errors)))
                .collect();
            Some(Node::parallel("Parallel", branch?, lanes, merge?, capacity))
        })))
    }

    fn parallel_process(&mut self, node: &ParallelProcess) -> Option<Step> {
        let functions = self.pure_stream(&node.stream, "a parallelprocess node runs pure gadgets only")?;
        let workers = node.workers;
        Some(Step::Node(Box::new(move |context, errors| {
            let before = errors.len();
            let functions = functions
                .into_iter()
                .filter_map(|(name, build)| built(name, build, context, errors));
            let functions = functions.collect();
            (errors.len() == before).then(|| Node::par_map(PureNode::chain("ParallelProcess", functions), workers))
        })))
    }

    /// A node that spreads its work, where there may be workers to spread it over.
    fn meets_workers(&mut self) {
        self.spreads |= !matches!(self.settings.distribution.source, Source::Unset);
    }

    /// What runs elsewhere is understood here: a worker would find the same errors, late and far away.
    fn distributed(&mut self, node: &Distributed) -> Option<Step> {
        self.meets_workers();
        let before = self.errors.len();
        let steps = self.stream(&node.stream);
        let pure = !steps.is_empty() && steps.iter().all(|step| matches!(step, Step::Pure { .. }));
        let plan = SpreadPlan::keyed(node, pure, self.settings, &mut self.errors);
        (self.errors.len() == before).then_some(spread(plan?))
    }

    fn pure_distributed(&mut self, node: &PureDistributed) -> Option<Step> {
        self.meets_workers();
        let before = self.errors.len();
        self.one_for_one(&node.stream);
        let plan = SpreadPlan::pure(node, self.settings, &mut self.errors);
        (self.errors.len() == before).then_some(spread(plan?))
    }

    /// A stream that has one result for every message: of pure gadgets, and of nodes that spread pure gadgets again.
    fn one_for_one(&mut self, stream: &configuration::Stream) {
        for node in &stream.nodes {
            match (node, self.node(node)) {
                (_, Some(Step::Pure { .. }) | None) => {}
                (configuration::Node::PureDistributed(_) | configuration::Node::ParallelProcess(_), _) => {}
                _ => self.impure(
                    node,
                    "a puredistributed node runs what has one result for every message",
                ),
            }
        }
    }

    /// A stream of pure gadgets; everything else in it is an error.
    fn pure_stream(
        &mut self,
        stream: &configuration::Stream,
        reason: &'static str,
    ) -> Option<Vec<(String, Build<PureNode>)>> {
        let before = self.errors.len();
        let mut functions = Vec::new();
        for node in &stream.nodes {
            match self.node(node) {
                Some(Step::Pure { name, build }) => functions.push((name, build)),
                Some(Step::Node(_)) => self.impure(node, reason),
                None => {}
            }
        }
        (self.errors.len() == before).then_some(functions)
    }

    fn impure(&mut self, node: &configuration::Node, reason: &'static str) {
        if let configuration::Node::Gadget(component) = node {
            let _: Option<()> = self.misplaced(component, reason);
            return;
        }
        let (node, position) = kind(node);
        self.errors
            .push(AssemblyError::MisplacedNode { node, reason, position });
    }

    fn component(&mut self, component: &Component) -> Option<Built> {
        let Some(entry) = registry::find(&component.class) else {
            self.errors.push(AssemblyError::UnknownClass {
                gadget: component.name.clone(),
                class: component.class.clone(),
                nearest: spelling::nearest(&component.class),
                position: component.position,
            });
            return None;
        };
        match (entry.build)(component) {
            Ok(built) => Some(built),
            Err(problems) => {
                self.errors.extend(problems.into_iter().map(AssemblyError::from));
                None
            }
        }
    }

    fn misplaced<T>(&mut self, component: &Component, reason: &'static str) -> Option<T> {
        self.errors.push(AssemblyError::Misplaced {
            gadget: component.name.clone(),
            class: component.class.clone(),
            reason,
            position: component.position,
        });
        None
    }

    fn unserved(&mut self, node: &configuration::Node) -> Option<Step> {
        let (node, position) = kind(node);
        self.errors.push(AssemblyError::Unserved { node, position });
        None
    }
}
