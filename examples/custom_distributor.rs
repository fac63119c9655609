//! A distributor of your own, with a property, named by a configuration: so many repetitions in a row go to one worker.
//!
//!     cargo run --example custom_distributor
//!
//! With workers: GADGETRON_REMOTE_WORKER_COMMAND is for the `gadgetron` program; here a list of addresses would stand
//! in `source`. A worker needs to know nothing of the distributor: it is sent what the distributor chose for it.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::{collections::BTreeMap, sync::Arc};

use engine::distribute::{SelectorNode, by_key};
use gadgetron::{
    configurations::Configurations,
    distribution::{Distribution, Distributors},
    files::{RAW_DATA_GROUP, ReadLimits},
    phantom::{self, PhantomArguments, PhantomSettings},
    recon::Recon,
};
use gadgets::{Flow, context::NoStorage, properties};
use protocol::Acquisition;

gadgets::properties! {
    /// Properties of `RepetitionGroupDistributor`.
    pub struct GroupProperties {
        /// Repetitions that go to one worker together.
        "group" => pub group: u16 = 2,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut distributors = Distributors::standard();
    distributors.register("RepetitionGroupDistributor", |component| {
        let group = properties::parse::<GroupProperties>(component)?.group.max(1);
        let name = component.name.clone();
        Ok(Box::new(move |_context| {
            let group = by_key(move |readout: &Acquisition| u64::from(readout.header.idx.repetition / group));
            Ok(SelectorNode::new(name, group, Acquisition::accept, Acquisition::emit))
        }))
    });

    // The shipped configuration, with this distributor instead of the one by repetition.
    let shipped = Configurations::new().find("distributed_default.xml")?;
    let configuration = shipped
        .replace("AcquisitionDistributor", "RepetitionGroupDistributor")
        .replace(
            r#"name="parallel_dimension" value="repetition""#,
            r#"name="group" value="3""#,
        );

    let folder = tempfile::tempdir()?;
    let raw = folder.path().join("raw.h5");
    phantom::write(&PhantomArguments {
        output: raw.clone(),
        group: RAW_DATA_GROUP.into(),
        settings: PhantomSettings {
            matrix: 32,
            repetitions: 7,
            ..PhantomSettings::default()
        },
    })?;
    let report = Recon {
        input: raw,
        group: RAW_DATA_GROUP.into(),
        read_limits: ReadLimits::default(),
        configuration,
        output: folder.path().join("images.h5"),
        output_group: "images".into(),
        parameters: BTreeMap::new(),
        storage: Arc::new(NoStorage),
        distribution: Arc::new(Distribution {
            distributors,
            ..Distribution::default()
        }),
        capacity: engine::Capacity::default(),
    }
    .run()
    .await?;
    println!(
        "{} readouts in groups of 3 repetitions, {} images",
        report.acquisitions, report.images
    );
    assert_eq!(report.images, 7);
    Ok(())
}
