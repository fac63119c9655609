//! A small element tree with places, over quick-xml's events.

use crate::configuration::Position;

/// An element: name without prefix, attributes, children.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Attributes in the order given.
    pub attributes: Vec<(String, String)>,
    /// Children in the order given.
    pub children: Vec<Child>,
    /// Where it stands; not part of equality.
    pub position: Position,
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.attributes == other.attributes && self.children == other.children
    }
}

/// A child of an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Child {
    /// An element.
    Element(Element),
    /// Text, entities resolved.
    Text(String),
}
