//! Which noise scans are stored.
//!
//! [`Acquisition`]s end here; when the last has come, one [`DependencyQuery`] goes out that lists the noise scans of the
//! subject the header names (a query without a header names nobody), as `GadgetronNoiseCovarianceMatrix_` and the measurement's identifier, or `Dummy` where there
//! are none. Answers to Gadgetron's `DependencyQueryGadget`, which lists the files of a folder and gives no answer at all
//! where none is set. The storage forgets by itself what is too old; no configuration that comes over the network makes
//! this program delete files.

use engine::{BoxError, Gadget, Input, Output};
use protocol::{Acquisition, DependencyQuery, Meta};
use tokio::task::spawn_blocking;

use super::noise_adjust::{FILE_PREFIX, STORED_AS};
use crate::{Context, registry::Configured};

/// What the answer is called, unless said otherwise.
const ATTRIBUTE: &str = "NoiseDependencies";
/// What stands for "none".
const NONE: &str = "Dummy";

crate::properties! {
    /// Properties of [`DependencyQueries`].
    pub struct DependencyQueryProperties {
        /// What the names begin with; `GadgetronNoiseCovarianceMatrix` where empty.
        "noise_dependency_prefix" => pub prefix: String = String::new(),
        /// Name of the attribute that lists them; `NoiseDependencies` where empty.
        "noise_dependency_attrib_name" => pub attribute: String = String::new(),
        /// Accepted and without effect: the storage forgets what is too old.
        "clean_storage_while_query" => pub clean: bool = false,
        /// Accepted and without effect.
        "time_limit_in_storage" => pub time_limit_hours: f32 = 0.0,
    }
}

/// Answers which noise scans are stored.
#[derive(Debug)]
pub struct DependencyQueries {
    prefix: String,
    attribute: String,
    context: Context,
}

impl Configured for DependencyQueries {
    type Properties = DependencyQueryProperties;

    fn new(properties: DependencyQueryProperties, context: &Context) -> Result<Self, BoxError> {
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        Ok(Self {
            prefix: or(properties.prefix, FILE_PREFIX),
            attribute: or(properties.attribute, ATTRIBUTE),
            context: context.clone(),
        })
    }
}

impl Gadget for DependencyQueries {
    type In = Acquisition;
    type Out = DependencyQuery;

    async fn run(self, mut input: Input<Self::In>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        while input.next().await?.is_some() {}
        let context = self.context.clone();
        let found = spawn_blocking(move || context.storage.measurements(&context.header, STORED_AS)).await?;
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "the storage does not say which noise scans it has");
            Vec::new()
        });
        let mut meta = Meta::new();
        for id in &found {
            meta.append(self.attribute.as_str(), format!("{}_{id}", self.prefix));
        }
        if found.is_empty() {
            meta.set(self.attribute.as_str(), NONE);
        }
        output.send(DependencyQuery { meta }).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::IsmrmrdHeader;

    use super::*;
    use crate::testing::{Memory, build, outputs};

    fn asked(memory: Memory, properties: &[(&str, &str)]) -> Meta {
        let context = Context {
            storage: Arc::new(memory),
            ..Context::new(IsmrmrdHeader::default())
        };
        let gadget: DependencyQueries = build(properties, &context).unwrap();
        let mut answers = outputs(gadget, Vec::new());
        assert_eq!(answers.len(), 1);
        answers.remove(0).meta
    }

    #[test]
    fn all_stored_noise_scans_are_listed() {
        let memory = Memory::default();
        memory.put("two", STORED_AS, b"");
        memory.put("one", STORED_AS, b"");
        memory.put("three", "something else", b"");
        let meta = asked(
            memory,
            &[("clean_storage_while_query", "true"), ("time_limit_in_storage", "24.0")],
        );
        let names = [
            "GadgetronNoiseCovarianceMatrix_one",
            "GadgetronNoiseCovarianceMatrix_two",
        ];
        assert_eq!(meta.values("NoiseDependencies"), names);
    }

    #[test]
    fn none_is_a_dummy() {
        let meta = asked(Memory::default(), &[("noise_dependency_attrib_name", "Known")]);
        assert_eq!(meta.values("Known"), ["Dummy"]);
    }
}
