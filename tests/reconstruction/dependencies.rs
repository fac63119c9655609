//! Noise scans that measurements leave behind, and what the configurations that ask for them answer.

use std::sync::Arc;

use gadgetron::{
    client::ConfigurationChoice,
    configurations::Configurations,
    server::Services,
    storage::{BlobStore, Folders, LocalStorage, StoreLimits},
};
use protocol::Meta;

use crate::{data, served::serve};

#[tokio::test]
async fn a_noise_scan_that_was_sent_is_listed_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&Folders::in_one(folder.path()), StoreLimits::default()).unwrap();
    let services = Arc::new(Services {
        storage: Arc::new(LocalStorage(Arc::new(store))),
        ..Services::default()
    });
    // The phantom's own identifier.
    let input = data("shepp_noise.h5");
    let scan = "GadgetronNoiseCovarianceMatrix_3bed8739-2726-40ff-b776-8848e71fb1ef";

    let answer = folder.path().join("answer.xml");
    let read = || Meta::parse(&std::fs::read_to_string(&answer).unwrap()).unwrap();
    // A query may come without a measurement: then it names no subject, and nobody's scans are listed.
    let query = ConfigurationChoice::Named("gtquery.xml".into());
    serve(&services, query, None, &answer).await;
    assert_eq!(read().values("NoiseDependencies"), ["Dummy"]);
    serve(&services, with_reader("gtquery.xml", ""), Some(&input), &answer).await;
    assert_eq!(read().values("NoiseDependencies"), ["Dummy"]);

    let dependencies = ConfigurationChoice::Named("default_measurement_dependencies.xml".into());
    serve(&services, dependencies, Some(&input), &answer).await;
    serve(&services, with_reader("gtquery.xml", ""), Some(&input), &answer).await;
    assert_eq!(read().values("NoiseDependencies"), [scan]);

    serve(&services, with_reader("NoiseSummary.xml", scan), Some(&input), &answer).await;
    let summary = read();
    assert_eq!(summary.first("status"), Some("success"));
    assert_eq!(summary.integer("channels"), Some(8));
    let [least, mean, most] = ["min_sigma", "mean_sigma", "max_sigma"].map(|name| summary.number(name).unwrap());
    assert!(0.0 < least && least <= mean && mean <= most, "{least} {mean} {most}");
}

/// The shipped configuration for a connection that sends readouts too, asking about `scan`.
fn with_reader(configuration: &str, scan: &str) -> ConfigurationChoice {
    let reader = "<readers><reader><slot>1008</slot><dll>gadgetron_mricore</dll>\
                  <classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader></readers><writers>";
    let text = Configurations::new().find(configuration).unwrap();
    ConfigurationChoice::Text(text.replacen("<writers>", reader, 1).replace("NAMEOFNOISEFILE", scan))
}
