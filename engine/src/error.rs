//! Errors that say where: the path of the node, the worker where there is one, and the first cause.

use std::{fmt, sync::Arc};

use crate::channel::{Closed, Interrupted, NOBODY_READS};

/// What a gadget may fail with: any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The place of a node in a graph: the names from the outermost stream to the gadget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodePath(Vec<String>);

impl NodePath {
    /// The path of the outermost graph.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path, one name longer.
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// Whether this place lies inside the place `outer`.
    pub fn is_within(&self, outer: &Self) -> bool {
        self.0.len() > outer.0.len() && self.0.starts_with(&outer.0)
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

/// The first cause of a failed run, and where it happened.
///
/// Cloning shares the cause: everybody who waits for a run hears the same error.
#[derive(Clone, Debug)]
pub struct Error {
    path: NodePath,
    worker: Option<String>,
    cause: Arc<dyn std::error::Error + Send + Sync + 'static>,
}

impl Error {
    /// An error of the node at `path`.
    pub fn new(path: NodePath, cause: impl Into<BoxError>) -> Self {
        Self {
            path,
            worker: None,
            cause: Arc::from(cause.into()),
        }
    }

    /// The same error, with the address of the worker it happened on.
    pub fn on_worker(mut self, address: impl Into<String>) -> Self {
        self.worker = Some(address.into());
        self
    }

    /// Where it happened.
    pub fn path(&self) -> &NodePath {
        &self.path
    }

    /// The address of the worker it happened on, if it was a remote one.
    pub fn worker(&self) -> Option<&str> {
        self.worker.as_deref()
    }

    /// Whether this is only the news that nobody reads any more.
    pub fn is_closed(&self) -> bool {
        let interrupted = self.cause.downcast_ref::<Interrupted>();
        self.cause.is::<Closed>() || interrupted.is_some_and(|interrupted| &*interrupted.reason == NOBODY_READS)
    }

    /// Whether this only passes on that the stream broke off elsewhere, or that nobody reads any more.
    pub fn is_secondary(&self) -> bool {
        self.cause.is::<Closed>() || self.cause.is::<Interrupted>()
    }

    /// What happened.
    pub fn cause(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.names().is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        if let Some(worker) = &self.worker {
            write!(formatter, "worker {worker}: ")?;
        }
        write!(formatter, "{}", self.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}
