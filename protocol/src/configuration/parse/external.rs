//! `external`: other programs as parts of a stream.

use super::elements::Parser;
use crate::{
    configuration::{
        ConfigurationError, ConfigurationProblem as Problem, External, ExternalAction, Node, Property, Stream,
    },
    xml::{Child, Element},
};

impl Parser {
    pub(super) fn external(&mut self, element: &Element) -> External {
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
    pub(super) fn legacy_python(&mut self, stream: &mut Stream) {
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
