//! Element tree to configuration, both dialects, gathering all errors.

mod elements;
mod external;

use elements::Parser;

use super::{
    Component, Configuration, ConfigurationError, ConfigurationProblem as Problem, Dialect, Distributed, Endpoint,
    Node, Parallel, ParallelProcess, Property, PureDistributed, Stream, references,
};
use crate::xml::{self, Element, Limits, Scope};

impl Configuration {
    /// Reads a configuration of either dialect; all that is wrong with it comes back.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigurationError>> {
        Self::parse_with(text, &Limits::default())
    }

    /// Reads a configuration within `limits`.
    pub fn parse_with(text: &str, limits: &Limits) -> Result<Self, Vec<ConfigurationError>> {
        let root = xml::parse_with(text, limits).map_err(|error| vec![error.into()])?;
        let mut parser = Parser::default();
        let mut configuration = match root.name.as_str() {
            "configuration" => parser.version_2(&root),
            "gadgetronStreamConfiguration" => parser.legacy(&root),
            _ => {
                let problem = Problem::Root(root.name);
                let position = root.position;
                return Err(vec![ConfigurationError { position, problem }]);
            }
        };
        references::resolve(&mut configuration.stream, &mut parser.errors);
        if configuration.dialect == Dialect::Legacy {
            parser.legacy_python(&mut configuration.stream);
        }
        if parser.errors.is_empty() {
            Ok(configuration)
        } else {
            parser.errors.sort_by_key(|error| error.position);
            Err(parser.errors)
        }
    }
}

const NODES: [&str; 6] = [
    "gadget",
    "parallel",
    "external",
    "distributed",
    "puredistributed",
    "parallelprocess",
];

impl Parser {
    fn version_2(&mut self, root: &Element) -> Configuration {
        self.scope = Scope::default().inside(root);
        let children = self.children(root, &["version", "readers", "writers", "stream"]);
        self.attributes(root, &[]);
        if let Some(version) = self.needed(root, &children, "version") {
            let text = self.plain(version);
            if text.trim() != "2" {
                self.error(version.position, Problem::Version(text));
            }
        }
        let (readers, writers) = self.endpoints(root, &children);
        let stream = self.needed(root, &children, "stream");
        Configuration {
            dialect: Dialect::Version2,
            readers,
            writers,
            stream: stream.map(|stream| self.stream(stream)).unwrap_or_default(),
        }
    }

    fn legacy(&mut self, root: &Element) -> Configuration {
        let (mut readers, mut writers, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        for child in self.children(root, &["reader", "writer", "gadget"]) {
            match child.name.as_str() {
                "reader" => readers.push(self.endpoint(child)),
                "writer" => writers.push(self.endpoint(child)),
                _ => nodes.push(Node::Gadget(self.component(child))),
            }
        }
        Configuration {
            dialect: Dialect::Legacy,
            readers,
            writers,
            stream: Stream {
                key: "main".to_owned(),
                nodes,
                position: root.position,
            },
        }
    }

    /// `<readers>` and `<writers>`, either of which can be left out.
    fn endpoints(&mut self, parent: &Element, children: &[&Element]) -> (Vec<Endpoint>, Vec<Endpoint>) {
        let mut list = |container: &str, element: &str| match self.single(parent, children, container) {
            Some(container) => {
                let endpoints = self.children(container, &[element]);
                endpoints.into_iter().map(|child| self.endpoint(child)).collect()
            }
            None => Vec::new(),
        };
        (list("readers", "reader"), list("writers", "writer"))
    }

    fn endpoint(&mut self, element: &Element) -> Endpoint {
        self.attributes(element, &[]);
        let children = self.children(element, &["slot", "dll", "classname"]);
        let slot = self.text(element, &children, "slot");
        Endpoint {
            slot: match slot.as_str() {
                "" => None,
                slot => self.number(element.position, "<slot>", slot, "a message id from 0 to 65535"),
            },
            dll: self.text(element, &children, "dll"),
            class: self.class(element, &children),
            position: element.position,
        }
    }

    fn class(&mut self, element: &Element, children: &[&Element]) -> String {
        match self.needed(element, children, "classname") {
            Some(class) => self.plain(class).trim().to_owned(),
            None => String::new(),
        }
    }

    fn component(&mut self, element: &Element) -> Component {
        self.attributes(element, &[]);
        let children = self.children(element, &["name", "dll", "classname", "property"]);
        let class = self.class(element, &children);
        let name = self.text(element, &children, "name");
        let properties = children.iter().filter(|child| child.name == "property");
        Component {
            name: if name.is_empty() { class.clone() } else { name },
            dll: self.text(element, &children, "dll"),
            properties: properties.filter_map(|child| self.property(child)).collect(),
            class,
            position: element.position,
        }
    }

    fn property(&mut self, element: &Element) -> Option<Property> {
        self.attributes(element, &["name", "value"]);
        let children = self.children(element, &["name", "value"]);
        let attributes = element.attribute("name").zip(element.attribute("value"));
        let elements = self
            .single(element, &children, "name")
            .zip(self.single(element, &children, "value"));
        let (name, value) = match (attributes, elements) {
            (Some((name, value)), None) => (name.to_owned(), value.to_owned()),
            (None, Some((name, value))) => (self.plain(name), self.plain(value)),
            (Some(_), Some(_)) => {
                self.error(element.position, Problem::Property("both"));
                return None;
            }
            (None, None) => {
                self.error(element.position, Problem::Property("no such pair"));
                return None;
            }
        };
        Some(Property {
            name: name.trim().to_owned(),
            value,
            position: element.position,
        })
    }

    fn stream(&mut self, element: &Element) -> Stream {
        self.attributes(element, &["key"]);
        let nodes = self.children(element, &NODES);
        Stream {
            key: element.attribute("key").unwrap_or_default().to_owned(),
            nodes: nodes.into_iter().map(|node| self.node(node)).collect(),
            position: element.position,
        }
    }

    fn node(&mut self, element: &Element) -> Node {
        match element.name.as_str() {
            "parallel" => Node::Parallel(self.parallel(element)),
            "external" => Node::External(self.external(element)),
            "distributed" => Node::Distributed(self.distributed(element)),
            "puredistributed" => Node::PureDistributed(self.pure_distributed(element)),
            "parallelprocess" => Node::ParallelProcess(self.parallel_process(element)),
            _ => Node::Gadget(self.component(element)),
        }
    }

    fn needed_component(&mut self, parent: &Element, children: &[&Element], name: &'static str) -> Component {
        let found = self.needed(parent, children, name);
        found.map(|element| self.component(element)).unwrap_or_default()
    }

    fn needed_stream(&mut self, parent: &Element, children: &[&Element], name: &'static str) -> Stream {
        let found = self.needed(parent, children, name);
        found.map(|element| self.stream(element)).unwrap_or_default()
    }

    fn parallel(&mut self, element: &Element) -> Parallel {
        self.attributes(element, &[]);
        let children = self.children(element, &["branch", "stream", "merge"]);
        let streams = children.iter().filter(|child| child.name == "stream");
        Parallel {
            streams: streams.map(|stream| self.stream(stream)).collect(),
            branch: self.needed_component(element, &children, "branch"),
            merge: self.needed_component(element, &children, "merge"),
            position: element.position,
        }
    }

    fn distributed(&mut self, element: &Element) -> Distributed {
        self.attributes(element, &[]);
        let children = self.children(element, &["readers", "writers", "distributor", "stream"]);
        let (readers, writers) = self.endpoints(element, &children);
        Distributed {
            readers,
            writers,
            distributor: self.needed_component(element, &children, "distributor"),
            stream: self.needed_stream(element, &children, "stream"),
            position: element.position,
        }
    }

    fn pure_distributed(&mut self, element: &Element) -> PureDistributed {
        self.attributes(element, &[]);
        let children = self.children(element, &["readers", "writers", "purestream"]);
        let (readers, writers) = self.endpoints(element, &children);
        PureDistributed {
            readers,
            writers,
            stream: self.needed_stream(element, &children, "purestream"),
            position: element.position,
        }
    }

    fn parallel_process(&mut self, element: &Element) -> ParallelProcess {
        self.attributes(element, &["workers"]);
        let children = self.children(element, &["purestream"]);
        let workers = element.attribute("workers").unwrap_or("0");
        let expected = "a number of workers, 0 for one per core";
        ParallelProcess {
            workers: self
                .number(element.position, "workers", workers, expected)
                .unwrap_or_default(),
            stream: self.needed_stream(element, &children, "purestream"),
            position: element.position,
        }
    }
}
