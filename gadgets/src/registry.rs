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
        Self::of::<G>(class, summary, |component| {
            let node = |name, gadget: G| Node::gadget_with(name, gadget, G::In::accept, G::Out::emit);
            built(component, node, Built::Gadget)
        })
    }

    /// The entry of a pure function.
    pub const fn pure<P>(class: &'static str, summary: &'static str) -> Self
    where
        P: PureGadget + Configured,
        P::In: Flow,
        P::Out: Flow,
    {
        Self::of::<P>(class, summary, |component| {
            let node = |name, gadget: P| PureNode::new(name, gadget, P::In::accept, P::Out::emit);
            built(component, node, Built::Pure)
        })
    }

    /// The entry of a branch.
    pub const fn branch<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Branch + Configured,
        T::In: Flow,
        T::Out: Flow,
    {
        Self::of::<T>(class, summary, |component| {
            let node = |name, branch: T| BranchNode::new(name, branch, T::In::accept, T::Out::emit);
            built(component, node, Built::Branch)
        })
    }

    /// The entry of a merge.
    pub const fn merge<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Merge + Configured,
        T::In: Flow,
        T::Out: Flow,
    {
        Self::of::<T>(class, summary, |component| {
            let node = |name, merge: T| MergeNode::new(name, merge, T::In::accept, T::Out::emit);
            built(component, node, Built::Merge)
        })
    }

    /// The entry of a distributor.
    pub const fn distributor<T>(class: &'static str, summary: &'static str) -> Self
    where
        T: Selector<Key = u64> + Configured,
        T::In: Flow,
    {
        Self::of::<T>(class, summary, |component| {
            let node = |name, selector: T| SelectorNode::new(name, selector, T::In::accept, T::In::emit);
            built(component, node, Built::Distributor)
        })
    }

    const fn of<T: Configured>(
        class: &'static str,
        summary: &'static str,
        build: fn(&Component) -> Result<Built, Vec<PropertyError>>,
    ) -> Self {
        Self {
            class,
            summary,
            build,
            properties: T::Properties::descriptions,
        }
    }
}

/// Reads the properties at once; the gadget and its node are made when the header is known.
fn built<T: Configured, N>(
    component: &Component,
    node: impl FnOnce(String, T) -> N + Send + 'static,
    kind: fn(Build<N>) -> Built,
) -> Result<Built, Vec<PropertyError>> {
    let properties = properties::parse::<T::Properties>(component)?;
    let name = component.name.clone();
    Ok(kind(Box::new(move |context| {
        Ok(node(name, T::new(properties, context)?))
    })))
}

/// The tables, one for each folder of gadgets.
static TABLES: &[&[Entry]] = &[
    crate::acquisition::ENTRIES,
    crate::recon::ENTRIES,
    crate::image::ENTRIES,
    crate::generic::ENTRIES,
    crate::grappa::ENTRIES,
    crate::parallel::ENTRIES,
    crate::distributor::ENTRIES,
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
            let properties = (entry.properties)();
            let defaults: Vec<_> = properties
                .iter()
                .map(|property| (property.name, property.default.as_str()))
                .collect();
            let component = Component::new(entry.class, &defaults);
            if let Err(errors) = (entry.build)(&component) {
                panic!("{}: {}", entry.class, errors[0]);
            }
        }
    }

    #[test]
    fn what_would_take_nearly_for_ever_is_refused() {
        let kernels = |name: &str| ["RO", "E1", "E2"].map(|direction| (format!("{name}_kSize_{direction}"), 31.0));
        let maps = || {
            let neighbourhood =
                ["coil_map_kernel_size_readout", "coil_map_kernel_size_phase"].map(|name| (name.into(), 63.0));
            let iteration = [("coil_map_num_iter".into(), 1e4), ("coil_map_thres_iter".into(), 1e6)];
            neighbourhood.into_iter().chain(iteration)
        };
        let spirit = [("spirit_iter_max".into(), 1e4), ("spirit_iter_thres".into(), 1e6)];
        let pocs = ["iters", "thres"].map(|name| format!("partial_fourier_POCS_{name}"));
        let cases: [(&str, Vec<(String, f64)>); 5] = [
            ("GenericReconCartesianFFTGadget", maps().collect()),
            (
                "GenericReconCartesianGrappaGadget",
                maps().chain(kernels("grappa")).collect(),
            ),
            (
                "GenericReconCartesianSpiritGadget",
                maps().chain(kernels("spirit")).chain(spirit).collect(),
            ),
            (
                "GenericReconPartialFourierHandlingPOCSGadget",
                pocs.into_iter().zip([1e4, 1e6]).collect(),
            ),
            ("DenoiseGadget", vec![("search_radius".into(), 100.0)]),
        ];
        for (class, properties) in cases {
            let entry = find(class).unwrap();
            for (name, most) in properties {
                let problem = |value: &str| {
                    let component = Component::new(class, &[(name.as_str(), value)]);
                    (entry.build)(&component).err().map(|errors| errors[0].problem.clone())
                };
                assert_eq!(problem(&most.to_string()), None, "{class} {name}");
                let more = (most + 1.0).to_string();
                let expected = format!("expected a number from 0 to {most}, found {more}");
                assert_eq!(problem(&more), Some(expected), "{class} {name}");
                assert!(problem("nan").is_some() && problem("-1").is_some(), "{class} {name}");
            }
        }
    }
}
