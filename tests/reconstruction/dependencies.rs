//! Noise scans that measurements leave behind, and what the configurations that ask for them answer.

use std::sync::Arc;

use gadgetron::{
    client::ConfigurationChoice,
    configurations::Configurations,
    server::Services,
    storage::{BlobStore, Folders, LocalStorage, StoreLimits},
};
use protocol::Meta;

use crate::{
    data,
    served::{serve, services},
};

#[tokio::test]
async fn a_noise_scan_that_was_sent_is_listed_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&Folders::in_one(folder.path()), StoreLimits::default()).unwrap();
    let services = Arc::new(Services {
        storage: Arc::new(LocalStorage(Arc::new(store))),
        ..services()
    });
    // The phantom's own identifier.
    let input = data("shepp_noise.h5");
    let scan = "GadgetronNoiseCovarianceMatrix_3bed8739-2726-40ff-b776-8848e71fb1ef";

    let answer = folder.path().join("answer.xml");
    let named = |name: &str| ConfigurationChoice::Named(name.into());
    let read = || Meta::parse(&std::fs::read_to_string(&answer).unwrap()).unwrap();
    serve(&services, named("gtquery.xml"), &input, &answer).await;
    assert_eq!(read().values("NoiseDependencies"), ["Dummy"]);

    serve(
        &services,
        named("default_measurement_dependencies.xml"),
        &input,
        &answer,
    )
    .await;
    serve(&services, named("gtquery.xml"), &input, &answer).await;
    assert_eq!(read().values("NoiseDependencies"), [scan]);

    let text = Configurations::new().find("NoiseSummary.xml").unwrap();
    let text = text.replace("NAMEOFNOISEFILE", scan);
    serve(&services, ConfigurationChoice::Text(text), &input, &answer).await;
    let summary = read();
    assert_eq!(summary.first("status"), Some("success"));
    assert_eq!(summary.integer("channels"), Some(8));
    let [least, mean, most] = ["min_sigma", "mean_sigma", "max_sigma"].map(|name| summary.number(name).unwrap());
    assert!(0.0 < least && least <= mean && mean <= most, "{least} {mean} {most}");
}
