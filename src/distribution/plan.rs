//! From the configuration of a node that spreads work to the node itself.

use std::sync::Arc;

use distributed::link::Setup;
use engine::{BoxError, Node, distribute::SelectorNode};
use gadgets::{Context, registry::Build};
use protocol::{
    codec::{Readers, Writers},
    configuration::{Configuration, Distributed, Endpoint, PureDistributed, Stream},
};

use super::{Nested, distributors::NoDistributor, node::BuildHere};
use crate::assemble::{AssemblyError, Plan, Settings, nearest};

/// A `distributed` or `puredistributed` node whose parts are all understood.
pub(crate) struct SpreadPlan {
    pub(crate) name: &'static str,
    /// `None`: each message is a job for any worker.
    distributor: Option<Build<SelectorNode>>,
    /// What a worker is told; also what is built where there is no worker.
    configuration: Configuration,
    readers: Readers,
    writers: Writers,
    settings: Settings,
    /// All gadgets are pure: every message has exactly one result.
    one_each: bool,
}

impl SpreadPlan {
    /// Understands a `distributed` node. `pure`: all its gadgets are.
    pub(crate) fn keyed(
        node: &Distributed,
        pure: bool,
        settings: &Settings,
        errors: &mut Vec<AssemblyError>,
    ) -> Option<Self> {
        let (component, position) = (&node.distributor, node.distributor.position);
        let (gadget, class) = (component.name.clone(), component.class.clone());
        let distributor = match settings.distribution.distributors.read(component) {
            Ok(distributor) => Some(distributor),
            Err(NoDistributor::Properties(problems)) => {
                errors.extend(problems.into_iter().map(AssemblyError::from));
                None
            }
            Err(NoDistributor::SomethingElse) => {
                let reason = "a distributor is needed";
                errors.push(AssemblyError::Misplaced {
                    gadget,
                    class,
                    reason,
                    position,
                });
                None
            }
            Err(NoDistributor::Unknown) => {
                let nearest = nearest(&class);
                errors.push(AssemblyError::UnknownClass {
                    gadget,
                    class,
                    nearest,
                    position,
                });
                None
            }
        };
        let plan = Self::new(
            "Distributed",
            (&node.readers, &node.writers),
            &node.stream,
            settings,
            errors,
        )?;
        Some(Self {
            distributor: Some(distributor?),
            one_each: pure,
            ..plan
        })
    }

    /// Understands a `puredistributed` node.
    pub(crate) fn pure(node: &PureDistributed, settings: &Settings, errors: &mut Vec<AssemblyError>) -> Option<Self> {
        Self::new(
            "PureDistributed",
            (&node.readers, &node.writers),
            &node.stream,
            settings,
            errors,
        )
    }

    fn new(
        name: &'static str,
        (readers, writers): (&[Endpoint], &[Endpoint]),
        stream: &Stream,
        settings: &Settings,
        errors: &mut Vec<AssemblyError>,
    ) -> Option<Self> {
        let configuration = Configuration::for_worker(readers, writers, stream);
        let readers = Readers::from_endpoints(readers, &settings.codecs);
        let readers = readers
            .map_err(|found| errors.extend(found.into_iter().map(Into::into)))
            .ok();
        let writers = Writers::from_endpoints(writers, &settings.codecs);
        let writers = writers
            .map_err(|found| errors.extend(found.into_iter().map(Into::into)))
            .ok();
        Some(Self {
            name,
            distributor: None,
            configuration,
            readers: readers?,
            writers: writers?,
            settings: settings.clone(),
            one_each: true,
        })
    }

    /// Builds the node. What each worker is told is written here, once.
    pub(crate) fn build(self, context: &Context) -> Result<Node, BoxError> {
        let Settings {
            capacity,
            codecs,
            distribution,
        } = &self.settings;
        let endpoints = (self.readers, self.writers);
        let (configuration, header) = (self.configuration.to_xml(), context.header.to_xml());
        let setup = Setup::new(&configuration, &header, endpoints, codecs)?;
        let distributor = self.distributor.map(|build| build(context)).transpose()?;
        let nested = Nested {
            name: self.name.into(),
            setup: Arc::new(setup),
            build_here: build_here(self.configuration, self.settings.clone(), context.clone()),
            capacity: *capacity,
            one_each: self.one_each,
            notices: context.notices.clone(),
        };
        Ok(match distributor {
            Some(distributor) => distribution.keyed(nested, distributor),
            None => distribution.pure(nested),
        })
    }
}

fn build_here(configuration: Configuration, settings: Settings, context: Context) -> BuildHere {
    Arc::new(move || Ok(Plan::new(&configuration, &settings)?.build(&context)?))
}
