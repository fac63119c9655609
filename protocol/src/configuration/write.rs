//! Configuration to text: version 2, in the original's layout, so that any Gadgetron can be sent it.

use super::{Component, Configuration, Endpoint, External, ExternalAction, Node, Stream};
use crate::xml::XmlWriter;

impl Configuration {
    /// Writes it as a document of version 2. Reading it back gives the same configuration but for the positions
    /// ([`Configuration::without_positions`]), provided that no value contains an `@`, which would be a reference.
    pub fn to_xml(&self) -> String {
        let mut out = XmlWriter::document();
        out.open("configuration", &[]);
        out.leaf("version", "2");
        endpoints(&mut out, &self.readers, &self.writers);
        stream(&mut out, "stream", &self.stream);
        out.close("configuration");
        out.finish()
    }
}

fn endpoints(out: &mut XmlWriter, readers: &[Endpoint], writers: &[Endpoint]) {
    for (container, element, endpoints) in [("readers", "reader", readers), ("writers", "writer", writers)] {
        out.open(container, &[]);
        for endpoint in endpoints {
            out.open(element, &[]);
            if let Some(slot) = endpoint.slot {
                out.leaf("slot", &slot.to_string());
            }
            out.leaf("dll", &endpoint.dll);
            out.leaf("classname", &endpoint.class);
            out.close(element);
        }
        out.close(container);
    }
}

fn stream(out: &mut XmlWriter, element: &str, stream: &Stream) {
    out.open(element, &[("key", &stream.key)]);
    for node in &stream.nodes {
        match node {
            Node::Gadget(gadget) => component(out, "gadget", gadget),
            Node::Parallel(parallel) => {
                out.open("parallel", &[]);
                component(out, "merge", &parallel.merge);
                component(out, "branch", &parallel.branch);
                parallel
                    .streams
                    .iter()
                    .for_each(|lane| self::stream(out, "stream", lane));
                out.close("parallel");
            }
            Node::Distributed(distributed) => {
                out.open("distributed", &[]);
                endpoints(out, &distributed.readers, &distributed.writers);
                component(out, "distributor", &distributed.distributor);
                self::stream(out, "stream", &distributed.stream);
                out.close("distributed");
            }
            Node::PureDistributed(distributed) => {
                out.open("puredistributed", &[]);
                endpoints(out, &distributed.readers, &distributed.writers);
                self::stream(out, "purestream", &distributed.stream);
                out.close("puredistributed");
            }
            Node::ParallelProcess(process) => {
                out.open("parallelprocess", &[("workers", &process.workers.to_string())]);
                self::stream(out, "purestream", &process.stream);
                out.close("parallelprocess");
            }
            Node::External(node) => external(out, node),
        }
    }
    out.close(element);
}

fn component(out: &mut XmlWriter, element: &str, component: &Component) {
    out.open(element, &[]);
    out.leaf("dll", &component.dll);
    out.leaf("classname", &component.class);
    out.leaf("name", &component.name);
    for property in &component.properties {
        out.open("property", &[("name", &property.name), ("value", &property.value)]);
        out.close("property");
    }
    out.close(element);
}

fn external(out: &mut XmlWriter, external: &External) {
    out.open("external", &[]);
    endpoints(out, &external.readers, &external.writers);
    match &external.action {
        ExternalAction::Execute { name, kind, target } => {
            let mut attributes = vec![("name", name.as_str()), ("type", kind.as_str())];
            attributes.extend(target.as_deref().map(|target| ("target", target)));
            out.open("execute", &attributes);
            out.close("execute");
        }
        ExternalAction::Connect { address, port } => {
            out.open("connect", &[("address", address), ("port", &port.to_string())]);
            out.close("connect");
        }
    }
    if let Some(configuration) = &external.configuration {
        out.element(configuration);
    }
    out.close("external");
}
