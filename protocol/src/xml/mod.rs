//! A small element tree with places, over quick-xml's events.
//!
//! Every XML text of the protocol (ISMRMRD header, configuration, meta attributes) comes from outside, so reading is
//! bounded by [`Limits`], a document type is refused, and no entity but the five predefined ones is known. Comments
//! and processing instructions are dropped, CDATA is text, white space between elements is not kept.
//!
//! Writing uses the layout of pugixml (tabs, `<a />`, no indentation around text), which is what the original sends.

use crate::configuration::Position;

mod namespaces;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub(crate) use namespaces::Scope;
pub use parse::{decode, decode_leniently, parse, parse_with};
pub(crate) use write::XmlWriter;

/// An element: name without prefix, attributes, children.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// Namespace prefix, without the colon; empty where there is none.
    pub prefix: String,
    /// Local name.
    pub name: String,
    /// Attributes in the order given, names as written (`xsi:type`, `xmlns:a`).
    pub attributes: Vec<(String, String)>,
    /// Children in the order given.
    pub children: Vec<Child>,
    /// Where it stands; not part of equality.
    pub position: Position,
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.prefix == other.prefix
            && self.name == other.name
            && self.attributes == other.attributes
            && self.children == other.children
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

impl Element {
    /// An element of this name, without attributes and children.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The elements among the children.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    /// The first child element of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    /// The value of the attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text directly inside, without that of child elements.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|child| match child {
                Child::Text(text) => Some(text.as_str()),
                Child::Element(_) => None,
            })
            .collect()
    }

    /// A document with this element as its root.
    pub fn to_xml(&self) -> String {
        let mut out = XmlWriter::document();
        out.element(self);
        out.finish()
    }
}

/// What a text may cost to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text; default 16 MiB.
    pub bytes: usize,
    /// Elements inside each other; default 100, never more than [`Limits::DEEPEST`].
    pub depth: usize,
    /// Elements in all; default 500,000.
    pub elements: usize,
    /// Attributes of one element; default 100.
    pub attributes: usize,
}

impl Limits {
    /// Depth beyond which handling the tree, which recurses, could exhaust a thread's stack.
    pub const DEEPEST: usize = 500;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            depth: 100,
            elements: 500_000,
            attributes: 100,
        }
    }
}

/// Why a text is not the XML it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct XmlError {
    /// Where.
    pub position: Position,
    /// What is wrong there, and what to do.
    pub problem: XmlProblem,
}

/// What can be wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "every variant is explained by its message")]
pub enum XmlProblem {
    #[error("the text is not UTF-8{}; convert it, for instance with iconv", match .0 { Some(name) => format!(" (it says \"{name}\")"), None => String::new() })]
    NotUtf8(Option<String>),
    #[error("there is a zero byte in the text, which XML does not allow; remove it")]
    Zero,
    #[error("{0}")]
    Malformed(String),
    #[error("a document type (<!DOCTYPE>) is not allowed; remove it")]
    DocumentType,
    #[error("the entity &{0}; is unknown; only &lt; &gt; &amp; &quot; &apos; and character numbers are allowed")]
    UnknownEntity(String),
    #[error("there is text outside of the root element; remove it")]
    TextOutside,
    #[error("<{0}> is a second root element; a document has one")]
    SecondRoot(String),
    #[error("there is no element; the text is empty or cut off")]
    NoRoot,
    #[error("<{0}> is not closed; the text is cut off or a closing tag is missing")]
    Unclosed(String),
    #[error("the text has {bytes} bytes, more than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("elements are nested deeper than the limit of {0}")]
    TooDeep(usize),
    #[error("there are more elements than the limit of {0}")]
    TooManyElements(usize),
    #[error("<{name}> has more attributes than the limit of {limit}")]
    TooManyAttributes { name: String, limit: usize },
}
