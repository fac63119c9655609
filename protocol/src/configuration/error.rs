//! What can be wrong with a configuration.

use super::Position;
use crate::xml::{XmlError, XmlProblem};

/// Something wrong in a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct ConfigurationError {
    /// Where.
    pub position: Position,
    /// What.
    pub problem: ConfigurationProblem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "every variant is explained by its message")]
pub enum ConfigurationProblem {
    #[error("{0}")]
    Xml(XmlProblem),
    #[error(
        "the root element is <{0}>; a configuration begins with <configuration> and <version>2</version>, \
         or with <gadgetronStreamConfiguration>"
    )]
    Root(String),
    #[error("the version is {0}; this program knows <version>2</version>")]
    Version(String),
    #[error("unknown element <{element}> in <{parent}>; expected {expected}")]
    UnknownElement {
        element: String,
        parent: String,
        expected: String,
    },
    #[error("unknown attribute \"{attribute}\" of <{element}>; expected {expected}")]
    UnknownAttribute {
        attribute: String,
        element: String,
        expected: String,
    },
    #[error("<{parent}> has no <{element}>")]
    Missing { element: &'static str, parent: String },
    #[error("a second <{element}> in <{parent}>; there can be one")]
    Second { element: String, parent: String },
    #[error("{what} is \"{found}\"; expected {expected}")]
    Value {
        what: String,
        found: String,
        expected: &'static str,
    },
    #[error("a property needs name and value, as attributes or as elements; this one has {0}")]
    Property(&'static str),
    #[error("property \"{property}\" refers to \"{reference}\", but {problem}")]
    Reference {
        property: String,
        reference: String,
        problem: String,
    },
}

impl From<XmlError> for ConfigurationError {
    fn from(error: XmlError) -> Self {
        Self {
            position: error.position,
            problem: ConfigurationProblem::Xml(error.problem),
        }
    }
}
