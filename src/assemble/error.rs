//! What keeps a configuration from becoming a graph.

use gadgets::PropertyError;
use protocol::{codec::EndpointError, configuration::Position};

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
    /// A node of a kind that cannot stand where it stands.
    #[error("{position}: a {node} node cannot stand here: {reason}")]
    MisplacedNode {
        /// Kind of node.
        node: &'static str,
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
    /// A message type that links to workers cannot carry.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
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

/// Several errors, one line each.
pub(crate) fn lines<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
