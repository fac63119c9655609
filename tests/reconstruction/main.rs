//! Whole reconstructions in this process, held against the original's images and against known objects.

#[expect(dead_code, reason = "these tests start no programs")]
#[path = "../support/mod.rs"]
mod support;

use support::{compare, data};

/// Tests, each of an input and a configuration: the module's own `as_the_original` says what is compared.
macro_rules! golden {
    ($($name:ident: $input:literal, $configuration:literal, $tolerance:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            as_the_original($input, $configuration, $tolerance).await;
        }
    )*};
}

mod cartesian;
mod dependencies;
mod golden;
mod last_bit;
mod left_out;
mod measures;
mod noise;
mod piped;
mod quantitative;
mod real_time;
mod served;
mod streams;
mod unusual;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use gadgetron::{
    configurations::Configurations,
    files::{ImageReader, ImageSeries, ReadLimits},
    recon::{Recon, Report},
};

/// Reconstructs `input` with a shipped configuration; the images are in a group of its name.
async fn reconstruct(input: &Path, configuration: &str, output: &Path) -> Report {
    let text = Configurations::new().find(configuration).unwrap();
    reconstruct_with(input, configuration, text, output).await
}

/// Reconstructs `input` with the configuration `text`; the images are in the group `name`.
async fn reconstruct_with(input: &Path, name: &str, text: String, output: &Path) -> Report {
    let recon = Recon {
        input: input.to_owned(),
        group: "dataset".into(),
        read_limits: ReadLimits::default(),
        configuration: text,
        output: output.to_owned(),
        output_group: name.to_owned(),
        parameters: BTreeMap::new(),
        storage: Arc::new(gadgets::context::NoStorage),
        distribution: Arc::default(),
        capacity: engine::Capacity::default(),
    };
    recon
        .run()
        .await
        .unwrap_or_else(|error| panic!("{}, {name}: {error}", input.display()))
}

fn images(path: &Path, group: &str) -> Vec<ImageSeries> {
    ImageReader::open(path)
        .and_then(|reader| reader.series(group))
        .unwrap_or_else(|error| panic!("{error}"))
}
