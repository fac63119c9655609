//! What the server knows about a measurement that others depend on: message 1019.

use crate::Meta;

/// The answer to a query for a dependency, such as whether a noise covariance is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependencyQuery {
    /// The answer.
    pub meta: Meta,
}
