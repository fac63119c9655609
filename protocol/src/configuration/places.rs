//! Walks over a configuration's components and positions.

use super::{Component, Configuration, Dialect, Endpoint, Node, Position, Stream};

impl Configuration {
    /// What it means, without how it was written: all positions are removed, the dialect is version 2. Two texts say
    /// the same when these are equal.
    pub fn without_positions(&self) -> Self {
        let mut copy = self.clone();
        copy.dialect = Dialect::Version2;
        forget_endpoints(&mut copy.readers);
        forget_endpoints(&mut copy.writers);
        forget_stream(&mut copy.stream);
        copy
    }
}

fn forget_endpoints(endpoints: &mut [Endpoint]) {
    for endpoint in endpoints {
        endpoint.position = Position::default();
    }
}

fn forget_stream(stream: &mut Stream) {
    stream.position = Position::default();
    for node in &mut stream.nodes {
        match node {
            Node::Gadget(gadget) => forget_component(gadget),
            Node::Parallel(parallel) => {
                parallel.position = Position::default();
                forget_component(&mut parallel.branch);
                forget_component(&mut parallel.merge);
                parallel.streams.iter_mut().for_each(forget_stream);
            }
            Node::Distributed(distributed) => {
                distributed.position = Position::default();
                forget_endpoints(&mut distributed.readers);
                forget_endpoints(&mut distributed.writers);
                forget_component(&mut distributed.distributor);
                forget_stream(&mut distributed.stream);
            }
            Node::PureDistributed(distributed) => {
                distributed.position = Position::default();
                forget_endpoints(&mut distributed.readers);
                forget_endpoints(&mut distributed.writers);
                forget_stream(&mut distributed.stream);
            }
            Node::ParallelProcess(process) => {
                process.position = Position::default();
                forget_stream(&mut process.stream);
            }
            Node::External(external) => {
                external.position = Position::default();
                forget_endpoints(&mut external.readers);
                forget_endpoints(&mut external.writers);
            }
        }
    }
}

fn forget_component(component: &mut Component) {
    component.position = Position::default();
    for property in &mut component.properties {
        property.position = Position::default();
    }
}

/// Calls `visit` for every component, in the order of the nodes.
pub(super) fn components<'a>(stream: &'a Stream, visit: &mut impl FnMut(&'a Component)) {
    for node in &stream.nodes {
        match node {
            Node::Gadget(gadget) => visit(gadget),
            Node::Parallel(parallel) => {
                visit(&parallel.branch);
                visit(&parallel.merge);
                parallel.streams.iter().for_each(|stream| components(stream, visit));
            }
            Node::Distributed(distributed) => {
                visit(&distributed.distributor);
                components(&distributed.stream, visit);
            }
            Node::PureDistributed(distributed) => components(&distributed.stream, visit),
            Node::ParallelProcess(process) => components(&process.stream, visit),
            Node::External(_) => {}
        }
    }
}

/// Calls `visit` for every component, in the order of the nodes.
pub(super) fn components_mut(stream: &mut Stream, visit: &mut impl FnMut(&mut Component)) {
    for node in &mut stream.nodes {
        match node {
            Node::Gadget(gadget) => visit(gadget),
            Node::Parallel(parallel) => {
                visit(&mut parallel.branch);
                visit(&mut parallel.merge);
                parallel
                    .streams
                    .iter_mut()
                    .for_each(|stream| components_mut(stream, visit));
            }
            Node::Distributed(distributed) => {
                visit(&mut distributed.distributor);
                components_mut(&mut distributed.stream, visit);
            }
            Node::PureDistributed(distributed) => components_mut(&mut distributed.stream, visit),
            Node::ParallelProcess(process) => components_mut(&mut process.stream, visit),
            Node::External(_) => {}
        }
    }
}
