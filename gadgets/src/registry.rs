//! The table of all classes a configuration can name.

use engine::{
    BoxError, Branch, BranchNode, Gadget, Merge, MergeNode, Node, PureGadget, PureNode, Selector, SelectorNode,
};
use protocol::configuration::Component;

use crate::{
    Context, Flow,
    properties::{self, Properties, PropertyDescription, PropertyError},
};

/// A gadget that a configuration can name.
pub trait Configured: Sized {
    /// Its properties.
    type Properties: Properties;
    /// Builds it; fails when the header lacks what it needs.
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError>;
}

/// A gadget whose properties were read: builds the node once the header is known.
pub type Build<T> = Box<dyn FnOnce(&Context) -> Result<T, BoxError> + Send>;

/// What a class makes of a component of the configuration.
pub enum Built {
    /// An async transform.
    Gadget(Build<Node>),
    /// A pure function.
    Pure(Build<PureNode>),
    /// What stands before the lanes of a `parallel` node.
    Branch(Build<BranchNode>),
    /// What stands behind the lanes of a `parallel` node.
    Merge(Build<MergeNode>),
    /// What chooses the link of each message in a `distributed` node.
    Distributor(Build<SelectorNode>),
}

impl std::fmt::Debug for Built {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Gadget(_) => "Gadget",
            Self::Pure(_) => "Pure",
            Self::Branch(_) => "Branch",
            Self::Merge(_) => "Merge",
            Self::Distributor(_) => "Distributor",
        })
    }
}

/// One class.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name of the class, as configurations give it.
    pub class: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Reads the properties; all that is wrong with them comes back.
    pub build: fn(&Component) -> Result<Built, Vec<PropertyError>>,
    /// Its properties.
    pub properties: fn() -> Vec<PropertyDescription>,
}

impl Entry {
    /// The entry of an async transform.
    pub const fn gadget<G>(class: &'static str, summary: &'static str) -> Self
    where
        G: Gadget + Configured,
        G::In: Flow,
        G::Out: Flow,
    {
        fn build<G>(component: &Component) -> Result<Built, Vec<PropertyError>>
        where
            G: Gadget + Configured,
            G::In: Flow,
            G::Out: Flow,
        {
            let properties = properties::parse::<G::Properties>(component)?;
            let name = component.name.clone();
            Ok(Built::Gadget(Box::new(move |context| {
                Ok(Node::gadget_with(
                    name,
                    G::new(properties, context)?,
                    G::In::accept,
                    G::Out::emit,
                ))
            })))
        }
        Self {
            class,
            summary,
            build: build::<G>,
            properties: G::Properties::descriptions,
        }
    }

    /// The entry of a pure function.
    pub const fn pure<P>(class: &'static str, summary: &'static str) -> Self
    where
        P: PureGadget + Configured,
        P::In: Flow,
        P::Out: Flow,
    {
        fn build<P>(component: &Component) -> Result<Built, Vec<PropertyError>>
        where
            P: PureGadget + Configured,
            P::In: Flow,
            P::Out: Flow,
        {
            let properties = properties::parse::<P::Properties>(component)?;
            let name = component.name.clone();
            Ok(Built::Pure(Box::new(move |context| {
                Ok(PureNode::new(
                    name,
                    P::new(properties, context)?,
                    P::In::accept,
                    P::Out::emit,
                ))
            })))
        }
        Self {
            class,
            summary,
            build: build::<P>,
            properties: P::Properties::descriptions,
        }
    }

    /// The entry of a branch.
    pub const fn branch<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Branch + Configured,
        T::In: Flow,
        T::Out: Flow,
    {
        fn build<T>(component: &Component) -> Result<Built, Vec<PropertyError>>
        where
            T: Branch + Configured,
            T::In: Flow,
            T::Out: Flow,
        {
            let properties = properties::parse::<T::Properties>(component)?;
            let name = component.name.clone();
            Ok(Built::Branch(Box::new(move |context| {
                Ok(BranchNode::new(
                    name,
                    T::new(properties, context)?,
                    T::In::accept,
                    T::Out::emit,
                ))
            })))
        }
        Self {
            class,
            summary,
            build: build::<T>,
            properties: T::Properties::descriptions,
        }
    }

    /// The entry of a merge.
    pub const fn merge<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Merge + Configured,
        T::In: Flow,
        T::Out: Flow,
    {
        fn build<T>(component: &Component) -> Result<Built, Vec<PropertyError>>
        where
            T: Merge + Configured,
            T::In: Flow,
            T::Out: Flow,
        {
            let properties = properties::parse::<T::Properties>(component)?;
            let name = component.name.clone();
            Ok(Built::Merge(Box::new(move |context| {
                Ok(MergeNode::new(
                    name,
                    T::new(properties, context)?,
                    T::In::accept,
                    T::Out::emit,
                ))
            })))
        }
        Self {
            class,
            summary,
            build: build::<T>,
            properties: T::Properties::descriptions,
        }
    }

    /// The entry of a distributor.
    pub const fn distributor<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Selector + Configured,
        T: Selector<Key = u64>,
        T::In: Flow,
    {
        fn build<T>(component: &Component) -> Result<Built, Vec<PropertyError>>
        where
            T: Selector + Configured,
            T: Selector<Key = u64>,
            T::In: Flow,
        {
            let properties = properties::parse::<T::Properties>(component)?;
            let name = component.name.clone();
            Ok(Built::Distributor(Box::new(move |context| {
                Ok(SelectorNode::new(
                    name,
                    T::new(properties, context)?,
                    T::In::accept,
                    T::In::emit,
                ))
            })))
        }
        Self {
            class,
            summary,
            build: build::<T>,
            properties: T::Properties::descriptions,
        }
    }
}

/// The tables, one for each folder of gadgets.
static TABLES: &[&[Entry]] = &[
    crate::acquisition::ENTRIES,
    crate::recon::ENTRIES,
    crate::image::ENTRIES,
    crate::generic::ENTRIES,
    crate::grappa::ENTRIES,
    crate::parallel::ENTRIES,
];

/// All classes.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLES.iter().copied().flatten()
}

/// The class of this name.
pub fn find(class: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.class == class)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_is_there_once_and_says_what_it_does() {
        let mut seen = BTreeSet::new();
        for entry in entries() {
            assert!(seen.insert(entry.class), "{} is there twice", entry.class);
            assert!(entry.summary.ends_with('.'), "{}: {}", entry.class, entry.summary);
            for property in (entry.properties)() {
                assert!(!property.meaning.is_empty(), "{}: {}", entry.class, property.name);
            }
        }
        let main_job = [
            "AcquisitionAccumulateTriggerGadget",
            "AsymmetricEchoAdjustROGadget",
            "AugmentImageMetadataGadget",
            "AutoScaleGadget",
            "BucketToBufferGadget",
            "CoilReductionGadget",
            "CombineGadget",
            "ComplexToFloatGadget",
            "ExtractGadget",
            "FFTGadget",
            "FloatToIntGadget",
            "FloatToShortGadget",
            "FloatToUIntGadget",
            "FloatToUShortGadget",
            "ImageArraySplitGadget",
            "ImageFinishGadget",
            "ImageIndexGadget",
            "ImageSortGadget",
            "IsmrmrdDumpGadget",
            "NoiseAdjustGadget",
            "PCACoilGadget",
            "RemoveROOversamplingGadget",
            "ScaleGadget",
            "SimpleReconGadget",
        ];
        for class in main_job {
            assert!(find(class).is_some(), "{class} is missing");
        }
    }

    #[test]
    fn defaults_read_back_as_themselves() {
        for entry in entries() {
            let properties = (entry.properties)()
                .into_iter()
                .map(|property| protocol::configuration::Property {
                    name: property.name.into(),
                    value: property.default,
                    ..Default::default()
                });
            let component = Component {
                properties: properties.collect(),
                ..Component::default()
            };
            if let Err(errors) = (entry.build)(&component) {
                panic!("{}: {}", entry.class, errors[0]);
            }
        }
    }
}
