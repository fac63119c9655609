//! Element tree to configuration, both dialects, gathering all errors.

use super::{
    Component, Configuration, ConfigurationError, ConfigurationProblem as Problem, Dialect, Distributed, Endpoint,
    External, ExternalAction, Node, Parallel, ParallelProcess, Position, Property, PureDistributed, Stream, references,
};
use crate::xml::{self, Child, Element, Limits, Scope};

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

#[derive(Default)]
struct Parser {
    errors: Vec<ConfigurationError>,
    scope: Scope,
}

impl Parser {
    fn error(&mut self, position: Position, problem: Problem) {
        self.errors.push(ConfigurationError { position, problem });
    }

    /// The child elements, checked to be `known` ones.
    fn children<'a>(&mut self, parent: &'a Element, known: &[&str]) -> Vec<&'a Element> {
        let mut elements = Vec::new();
        for child in &parent.children {
            match child {
                Child::Element(element) if known.contains(&element.name.as_str()) => elements.push(element),
                Child::Element(element) => self.error(
                    element.position,
                    Problem::UnknownElement {
                        element: element.name.clone(),
                        parent: parent.name.clone(),
                        expected: list(known),
                    },
                ),
                // The original overlooks it, and configurations in use contain some.
                Child::Text(_) => {}
            }
        }
        elements
    }

    /// Checks that there are no attributes but `known` ones and those of XML itself.
    fn attributes(&mut self, element: &Element, known: &[&str]) {
        for (name, _) in &element.attributes {
            if !known.contains(&name.as_str()) && name != "xmlns" && !name.contains(':') {
                self.error(
                    element.position,
                    Problem::UnknownAttribute {
                        attribute: name.clone(),
                        element: element.name.clone(),
                        expected: list(known),
                    },
                );
            }
        }
    }

    /// The one child of this name; a second is an error.
    fn single<'a>(&mut self, parent: &Element, children: &[&'a Element], name: &str) -> Option<&'a Element> {
        let mut found = children.iter().copied().filter(|element| element.name == name);
        let first = found.next();
        for second in found {
            self.error(
                second.position,
                Problem::Second {
                    element: name.to_owned(),
                    parent: parent.name.clone(),
                },
            );
        }
        first
    }

    fn needed<'a>(&mut self, parent: &Element, children: &[&'a Element], name: &'static str) -> Option<&'a Element> {
        let found = self.single(parent, children, name);
        if found.is_none() {
            let parent_name = parent.name.clone();
            self.error(
                parent.position,
                Problem::Missing {
                    element: name,
                    parent: parent_name,
                },
            );
        }
        found
    }

    /// The trimmed text of the one child of this name, empty where there is none.
    fn text(&mut self, parent: &Element, children: &[&Element], name: &str) -> String {
        match self.single(parent, children, name) {
            Some(element) => self.plain(element).trim().to_owned(),
            None => String::new(),
        }
    }

    /// The text of an element that holds nothing else.
    fn plain(&mut self, element: &Element) -> String {
        for child in element.elements() {
            self.error(
                child.position,
                Problem::UnknownElement {
                    element: child.name.clone(),
                    parent: element.name.clone(),
                    expected: "text".to_owned(),
                },
            );
        }
        element.text()
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        position: Position,
        what: &str,
        text: &str,
        expected: &'static str,
    ) -> Option<T> {
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.error(
                position,
                Problem::Value {
                    what: what.to_owned(),
                    found: text.to_owned(),
                    expected,
                },
            );
        }
        number
    }

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

    fn external(&mut self, element: &Element) -> External {
        self.attributes(element, &[]);
        let known = ["execute", "connect", "configuration", "readers", "writers"];
        let children = self.children(element, &known);
        let (readers, writers) = self.endpoints(element, &children);
        let mut configuration = self.single(element, &children, "configuration").cloned();
        if let Some(configuration) = &mut configuration {
            self.scope.detach(configuration);
        }
        External {
            action: self.action(element, &children),
            configuration,
            readers,
            writers,
            position: element.position,
        }
    }

    fn action(&mut self, element: &Element, children: &[&Element]) -> ExternalAction {
        let execute = self.single(element, children, "execute");
        let connect = self.single(element, children, "connect");
        let attribute = |element: &Element, name| element.attribute(name).unwrap_or_default().to_owned();
        match (execute, connect) {
            (Some(execute), None) => {
                self.attributes(execute, &["name", "type", "target"]);
                let target = attribute(execute, "target");
                ExternalAction::Execute {
                    name: attribute(execute, "name"),
                    kind: attribute(execute, "type"),
                    target: (!target.is_empty()).then_some(target),
                }
            }
            (None, Some(connect)) => {
                self.attributes(connect, &["address", "port"]);
                let address = attribute(connect, "address");
                let port = attribute(connect, "port");
                ExternalAction::Connect {
                    address: if address.is_empty() {
                        "localhost".to_owned()
                    } else {
                        address
                    },
                    port: self
                        .number(connect.position, "port", &port, "a port from 0 to 65535")
                        .unwrap_or_default(),
                }
            }
            (execute, second) => {
                let parent = element.name.clone();
                let problem = match (execute, second) {
                    (Some(_), Some(second)) => Problem::Second {
                        element: second.name.clone(),
                        parent,
                    },
                    _ => Problem::Missing {
                        element: "execute> or <connect",
                        parent,
                    },
                };
                self.error(element.position, problem);
                ExternalAction::Connect {
                    address: String::new(),
                    port: 0,
                }
            }
        }
    }

    /// Gadgets that ran Python inside of the server are external programs today; their properties become the
    /// program's configuration.
    fn legacy_python(&mut self, stream: &mut Stream) {
        for node in &mut stream.nodes {
            let Node::Gadget(gadget) = node else { continue };
            if gadget.dll != "gadgetron_python" || gadget.class != "PythonGadget" {
                continue;
            }
            let mut value = |name: &'static str| {
                let property = gadget.properties.iter().rev().find(|property| property.name == name);
                if property.is_none() {
                    let parent = "gadget".to_owned();
                    let problem = Problem::Missing { element: name, parent };
                    self.errors.push(ConfigurationError {
                        position: gadget.position,
                        problem,
                    });
                }
                property.map(|property| property.value.clone()).unwrap_or_default()
            };
            let action = ExternalAction::Execute {
                name: value("python_module"),
                kind: "python".to_owned(),
                target: Some(value("python_class")),
            };
            let mut configuration = Element::new("configuration");
            for Property { name, value, position } in &gadget.properties {
                let mut property = Element::new("property");
                property.attributes = vec![("name".into(), name.clone()), ("value".into(), value.clone())];
                property.position = *position;
                configuration.children.push(Child::Element(property));
            }
            *node = Node::External(External {
                action,
                configuration: Some(configuration),
                readers: Vec::new(),
                writers: Vec::new(),
                position: gadget.position,
            });
        }
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}
