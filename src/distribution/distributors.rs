//! Distributors: what looks at each message of a `distributed` node and chooses its key.
//!
//! The messages of one key travel in order over one link. The classes that are built in are in the table of all classes,
//! [`gadgets::registry`]; a class of your own is registered in a [`Distributors`] table:
//!
//! ```
//! use engine::distribute::{SelectorNode, by_key};
//! use gadgetron::distribution::Distributors;
//! use gadgets::Flow;
//! use protocol::Waveform;
//!
//! let mut distributors = Distributors::standard();
//! // Each kind of waveform to a worker of its own; everything else flows past.
//! distributors.register("WaveformDistributor", |component| {
//!     let name = component.name.clone();
//!     Ok(Box::new(move |_header| {
//!         let kind = by_key(|waveform: &Waveform| u64::from(waveform.header.waveform_id));
//!         Ok(SelectorNode::new(name, kind, Waveform::accept, Waveform::emit))
//!     }))
//! });
//! assert!(distributors.names().any(|name| name == "WaveformDistributor"));
//! ```
//!
//! `examples/custom_distributor.rs` has one with properties, in a configuration.

use std::{collections::BTreeMap, fmt, sync::Arc};

use engine::distribute::SelectorNode;
use gadgets::{
    PropertyError,
    registry::{self, Build, Built},
};
use protocol::configuration::Component;

/// Reads a component's properties, and gives what builds the distributor once the header is known; all that is wrong
/// with the properties comes back.
pub type Read = dyn Fn(&Component) -> Result<Build<SelectorNode>, Vec<PropertyError>> + Send + Sync;

/// Why a component is no distributor.
#[derive(Debug)]
pub enum NoDistributor {
    /// No class has this name.
    Unknown,
    /// The class is something else.
    SomethingElse,
    /// The properties are wrong.
    Properties(Vec<PropertyError>),
}

/// The classes that a `distributor` of a configuration can name: those that are built in, and one's own.
#[derive(Clone, Default)]
pub struct Distributors {
    own: BTreeMap<String, Arc<Read>>,
}

impl fmt::Debug for Distributors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

impl Distributors {
    /// The classes that are built in: `AcquisitionDistributor` and `BufferDistributor`.
    pub fn standard() -> Self {
        Self::default()
    }

    /// Adds a class of one's own; another one of the same name, also one that is built in, is replaced.
    pub fn register<F>(&mut self, class: impl Into<String>, read: F)
    where
        F: Fn(&Component) -> Result<Build<SelectorNode>, Vec<PropertyError>> + Send + Sync + 'static,
    {
        self.own.insert(class.into(), Arc::new(read));
    }

    /// Understands a component.
    pub fn read(&self, component: &Component) -> Result<Build<SelectorNode>, NoDistributor> {
        if let Some(read) = self.own.get(&component.class) {
            return read(component).map_err(NoDistributor::Properties);
        }
        let entry = registry::find(&component.class).ok_or(NoDistributor::Unknown)?;
        match (entry.build)(component).map_err(NoDistributor::Properties)? {
            Built::Distributor(build) => Ok(build),
            _ => Err(NoDistributor::SomethingElse),
        }
    }

    /// The names of one's own classes, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use engine::distribute::by_key;
    use gadgets::Flow;
    use protocol::Waveform;

    use super::*;

    fn component(class: &str) -> Component {
        Component::new(class, &[])
    }

    #[test]
    fn built_in_classes_and_ones_own_are_found_and_gadgets_are_not() {
        let mut distributors = Distributors::standard();
        assert!(distributors.read(&component("AcquisitionDistributor")).is_ok());
        assert!(distributors.read(&component("BufferDistributor")).is_ok());
        let found = distributors.read(&component("FFTGadget"));
        assert!(matches!(found, Err(NoDistributor::SomethingElse)));
        let found = distributors.read(&component("OwnDistributor"));
        assert!(matches!(found, Err(NoDistributor::Unknown)));
        distributors.register("OwnDistributor", |_| {
            Ok(Box::new(|_| {
                let all = by_key(|_: &Waveform| 0_u64);
                Ok(SelectorNode::new("own", all, Waveform::accept, Waveform::emit))
            }))
        });
        assert!(distributors.read(&component("OwnDistributor")).is_ok());
    }
}
