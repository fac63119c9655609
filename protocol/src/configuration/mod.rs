//! The configuration of a stream: readers, writers and a tree of nodes, with the places they were read from.
//!
//! Both dialects of Gadgetron are read ([`Configuration::parse`]), version 2 is written ([`Configuration::to_xml`]).
//! Reading resolves references: a value `property@gadget` is replaced by the value of that property. All errors of a
//! text come back together.
//!
//! ```
//! use protocol::configuration::{Configuration, Node};
//! let text = "<configuration><version>2</version><stream>
//!     <gadget><name>Scale</name><classname>ScaleGadget</classname><property name='max_value' value='100'/></gadget>
//!   </stream></configuration>";
//! let configuration = Configuration::parse(text).unwrap();
//! let [Node::Gadget(gadget)] = configuration.stream.nodes.as_slice() else { panic!() };
//! assert_eq!(gadget.properties[0].value, "100");
//! ```

use crate::xml::Element;

mod error;
mod parse;
mod places;
mod references;
#[cfg(test)]
mod tests;
mod write;

pub use error::{ConfigurationError, ConfigurationProblem};

/// A place in a configuration's text, both from 1; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// Which of the two dialects a text was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Root `gadgetronStreamConfiguration`.
    Legacy,
    /// Root `configuration`, version 2.
    Version2,
}

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The dialect it was written in.
    pub dialect: Dialect,
    /// What the stream reads.
    pub readers: Vec<Endpoint>,
    /// What the stream writes.
    pub writers: Vec<Endpoint>,
    /// The nodes.
    pub stream: Stream,
}

impl Configuration {
    /// A whole configuration of a nested stream, for the worker that runs it.
    pub fn for_worker(readers: &[Endpoint], writers: &[Endpoint], stream: &Stream) -> Self {
        Self {
            dialect: Dialect::Version2,
            readers: readers.to_vec(),
            writers: writers.to_vec(),
            stream: stream.clone(),
        }
    }
}

/// A reader or a writer.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Message id, where the configuration gives one; only a reader's has a meaning.
    pub slot: Option<u16>,
    /// Library of the original; kept, not needed.
    pub dll: String,
    /// Class.
    pub class: String,
    /// Where it stands.
    pub position: Position,
}

/// Nodes, one behind the other. An empty stream forwards everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// Name: the lane's in a `parallel` node.
    pub key: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Where it stands.
    pub position: Position,
}

/// A node of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// One gadget.
    Gadget(Component),
    /// A branch, named lanes, a merge.
    Parallel(Parallel),
    /// A stream on other servers, chosen by a distributor.
    Distributed(Distributed),
    /// A pure stream on other servers, any of them.
    PureDistributed(PureDistributed),
    /// A pure stream on several threads.
    ParallelProcess(ParallelProcess),
    /// Another program.
    External(External),
}

/// A class with its name and properties: a gadget, a branch, a merge, a distributor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Component {
    /// Name; the class where none is given.
    pub name: String,
    /// Library of the original; kept, not needed.
    pub dll: String,
    /// Class.
    pub class: String,
    /// Properties in the order given; references are resolved already.
    pub properties: Vec<Property>,
    /// Where it stands.
    pub position: Position,
}

impl Component {
    /// A component of this class and name with these properties (name, value), as Rust code puts one together.
    pub fn new(class: &str, properties: &[(&str, &str)]) -> Self {
        let property = |(name, value): &(&str, &str)| Property {
            name: (*name).into(),
            value: (*value).into(),
            position: Position::default(),
        };
        Self {
            name: class.into(),
            class: class.into(),
            properties: properties.iter().map(property).collect(),
            ..Self::default()
        }
    }
}

/// A property and its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Property {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// Where it stands.
    pub position: Position,
}

/// `parallel`: the branch feeds the lanes, the merge reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    /// Chooses the lanes of a message.
    pub branch: Component,
    /// The lanes.
    pub streams: Vec<Stream>,
    /// Brings the lanes together.
    pub merge: Component,
    /// Where it stands.
    pub position: Position,
}

/// `distributed`: a distributor chooses a channel, every channel is a worker that runs the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Distributed {
    /// What the worker's stream reads.
    pub readers: Vec<Endpoint>,
    /// What the worker's stream writes.
    pub writers: Vec<Endpoint>,
    /// Chooses the channel of a message.
    pub distributor: Component,
    /// What the worker runs.
    pub stream: Stream,
    /// Where it stands.
    pub position: Position,
}

/// `puredistributed`: each message is a job for any worker.
#[derive(Clone, Debug, PartialEq)]
pub struct PureDistributed {
    /// What the worker's stream reads.
    pub readers: Vec<Endpoint>,
    /// What the worker's stream writes.
    pub writers: Vec<Endpoint>,
    /// What the worker runs.
    pub stream: Stream,
    /// Where it stands.
    pub position: Position,
}

/// `parallelprocess`: a pure stream on several threads, order kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ParallelProcess {
    /// Number of workers, 0 for one per core.
    pub workers: usize,
    /// What every worker runs.
    pub stream: Stream,
    /// Where it stands.
    pub position: Position,
}

/// `external`: another program, started or connected to.
#[derive(Clone, Debug, PartialEq)]
pub struct External {
    /// How to reach it.
    pub action: ExternalAction,
    /// The `configuration` element for it; the program is sent `configuration.to_xml()`.
    pub configuration: Option<Element>,
    /// What the program gives.
    pub readers: Vec<Endpoint>,
    /// What the program takes.
    pub writers: Vec<Endpoint>,
    /// Where it stands.
    pub position: Position,
}

/// How an external program is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalAction {
    /// Start it.
    Execute {
        /// Module or program.
        name: String,
        /// Kind: `python`, `matlab`, `julia`, ...
        kind: String,
        /// Function in the module.
        target: Option<String>,
    },
    /// Connect to it.
    Connect {
        /// Host name or address.
        address: String,
        /// Port.
        port: u16,
    },
}
