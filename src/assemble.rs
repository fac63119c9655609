//! From a configuration to a graph: every class looked up, every property read, every node built, before any runs.
//!
//! Two steps, because a client sends the configuration first and the header later: [`Plan::new`] needs the
//! configuration alone and finds all that is wrong with it; [`Plan::build`] needs the header and gives the graph.

use engine::{Capacity, Node, PureNode};
use gadgets::{
    Context, PropertyError,
    registry::{self, Build, Built},
};
use protocol::configuration::{self, Component, Configuration, Position};

/// What keeps a configuration from becoming a graph.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// No class of this name.
    #[error("{position}: gadget \"{gadget}\": unknown class \"{class}\"{}", nearest.as_ref().map_or(String::new(), |n| format!("; did you mean \"{n}\"?")))]
    UnknownClass {
        /// Name of the gadget.
        gadget: String,
        /// The class that is not known.
        class: String,
        /// The known class that is spelt most like it.
        nearest: Option<&'static str>,
        /// Where it stands.
        position: Position,
    },
    /// A property is unknown or has a wrong value.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// The class exists, but is of another kind than this place of the configuration needs.
    #[error("{position}: \"{gadget}\" ({class}) cannot stand here: {reason}")]
    Misplaced {
        /// Name of the gadget.
        gadget: String,
        /// Its class.
        class: String,
        /// What this place needs.
        reason: &'static str,
        /// Where it stands.
        position: Position,
    },
    /// A kind of node that this server does not serve.
    #[error("{position}: {node} nodes are not served by this version")]
    Unserved {
        /// Kind of node.
        node: &'static str,
        /// Where it stands.
        position: Position,
    },
    /// A gadget cannot work with this header.
    #[error("gadget \"{gadget}\": {cause}")]
    Construction {
        /// Name of the gadget.
        gadget: String,
        /// Why not.
        cause: engine::BoxError,
    },
}

/// All that keeps a configuration from becoming a graph, one line each.
#[derive(Debug)]
pub struct AssemblyErrors(pub Vec<AssemblyError>);

impl std::fmt::Display for AssemblyErrors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(formatter, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for AssemblyErrors {}

enum Step {
    Gadget { name: String, build: Build<Node> },
    Pure { name: String, build: Build<PureNode> },
}

/// A configuration whose classes and properties are all understood.
pub struct Plan {
    steps: Vec<Step>,
    capacity: Capacity,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Plan({} nodes)", self.steps.len())
    }
}

impl Plan {
    /// Looks up every class and reads every property; gathers all that is wrong.
    pub fn new(configuration: &Configuration, capacity: Capacity) -> Result<Self, AssemblyErrors> {
        let mut errors = Vec::new();
        let steps = plan_stream(&configuration.stream, &mut errors);
        if errors.is_empty() {
            Ok(Self { steps, capacity })
        } else {
            Err(AssemblyErrors(errors))
        }
    }

    /// Builds every gadget for this measurement; gathers all that is wrong.
    pub fn build(self, context: &Context) -> Result<Node, AssemblyErrors> {
        let mut errors = Vec::new();
        let mut nodes = Vec::new();
        for step in self.steps {
            let (name, built) = match step {
                Step::Gadget { name, build } => (name, build(context)),
                Step::Pure { name, build } => (name, build(context).map(Node::from)),
            };
            match built {
                Ok(node) => nodes.push(node),
                Err(cause) => errors.push(AssemblyError::Construction { gadget: name, cause }),
            }
        }
        if errors.is_empty() {
            Ok(Node::chain("Stream", nodes, self.capacity))
        } else {
            Err(AssemblyErrors(errors))
        }
    }
}

fn plan_stream(stream: &configuration::Stream, errors: &mut Vec<AssemblyError>) -> Vec<Step> {
    stream.nodes.iter().filter_map(|node| plan_node(node, errors)).collect()
}

fn plan_node(node: &configuration::Node, errors: &mut Vec<AssemblyError>) -> Option<Step> {
    let unserved = |node, position| AssemblyError::Unserved { node, position };
    match node {
        configuration::Node::Gadget(component) => {
            let name = component.name.clone();
            match plan_component(component, errors)? {
                Built::Gadget(build) => Some(Step::Gadget { name, build }),
                Built::Pure(build) => Some(Step::Pure { name, build }),
            }
        }
        configuration::Node::Parallel(node) => {
            errors.push(unserved("parallel", node.position));
            None
        }
        configuration::Node::ParallelProcess(node) => {
            errors.push(unserved("parallelprocess", node.position));
            None
        }
        configuration::Node::Distributed(node) => {
            errors.push(unserved("distributed", node.position));
            None
        }
        configuration::Node::PureDistributed(node) => {
            errors.push(unserved("puredistributed", node.position));
            None
        }
        configuration::Node::External(node) => {
            errors.push(unserved("external", node.position));
            None
        }
    }
}

fn plan_component(component: &Component, errors: &mut Vec<AssemblyError>) -> Option<Built> {
    let Some(entry) = registry::find(&component.class) else {
        errors.push(AssemblyError::UnknownClass {
            gadget: component.name.clone(),
            class: component.class.clone(),
            nearest: nearest(&component.class),
            position: component.position,
        });
        return None;
    };
    match (entry.build)(component) {
        Ok(built) => Some(built),
        Err(problems) => {
            errors.extend(problems.into_iter().map(AssemblyError::from));
            None
        }
    }
}

/// The known class that is spelt most like `class`, if one is close.
fn nearest(class: &str) -> Option<&'static str> {
    registry::entries()
        .map(|entry| {
            (
                edit_distance(&entry.class.to_lowercase(), &class.to_lowercase()),
                entry.class,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= class.len() / 3)
        .map(|(_, class)| class)
}

fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// Several errors, one line each.
pub(crate) fn lines<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
