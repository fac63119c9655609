//! Through a server and a client: what comes over the connection is what one process makes.

use std::{path::Path, sync::Arc};

use gadgetron::{
    client::{ConfigurationChoice, OutputFiles, Request, Settings},
    files::RawDataFile,
    server::{Services, handle},
};

use crate::{
    compare::{Tolerance, compare},
    data,
};

/// Sends `input`, if any, to a server of these services; what comes back is in `output`.
pub(crate) async fn serve(
    services: &Arc<Services>,
    configuration: ConfigurationChoice,
    input: Option<&Path>,
    output: &Path,
) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(ours);
    let serving = tokio::spawn(handle(theirs, "test".into(), services.clone()));
    let request = Request::Reconstruction {
        configuration,
        measurement: input.map(|input| Box::new(RawDataFile::open(input, "dataset").unwrap())),
    };
    let files = OutputFiles::new(output, "served");
    gadgetron::client::run(reader, writer, request, files, Settings::default(), Arc::default())
        .await
        .unwrap_or_else(|error| panic!("{input:?}: {error}"));
    serving.await.unwrap();
}

#[tokio::test]
async fn a_server_answers_with_the_originals_images() {
    let cases = [
        (
            "brain_a2",
            "Generic_Cartesian_Grappa_Complex",
            Tolerance::Relative(1e-3),
        ),
        ("brain_a2", "Generic_Cartesian_Grappa_SNR", Tolerance::GreyLevels(3.0)),
        ("brain_a2", "grappa_cpu", Tolerance::GreyLevels(3.0)),
        ("shepp_noise", "Generic_Cartesian_FFT", Tolerance::GreyLevels(1.0)),
        ("brain_a2_pf", "Generic_Cartesian_Spirit", Tolerance::GreyLevels(2.0)),
    ];
    let services = Arc::<Services>::default();
    for (input, configuration, tolerance) in cases {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.h5");
        let choice = ConfigurationChoice::Named(format!("{configuration}.xml"));
        serve(&services, choice, Some(&data(&format!("{input}.h5"))), &output).await;
        let golden = data(&format!("{input}.{configuration}.h5"));
        if let Err(differences) = compare(&output, &golden, tolerance) {
            panic!("{input}, {configuration}:\n{}", differences.join("\n"));
        }
    }
}
