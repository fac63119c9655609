//! The original's images, pixel by pixel and header by header.

use crate::{
    compare::{Tolerance, compare},
    data, reconstruct,
};

/// Reconstructs `INPUT.h5` and compares with `INPUT.CONFIGURATION.h5`.
async fn as_the_original(input: &str, configuration: &str, tolerance: Tolerance) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    reconstruct(&data(&format!("{input}.h5")), &format!("{configuration}.xml"), &output).await;
    match compare(&output, &data(&format!("{input}.{configuration}.h5")), tolerance) {
        Ok(worst) => eprintln!("{input}, {configuration}: worst difference {worst:.1e}"),
        Err(differences) => panic!("{input}, {configuration}:\n{}", differences.join("\n")),
    }
}

golden! {
    tiny: "tiny", "default", Tolerance::Relative(1e-5);
    shepp: "shepp", "default", Tolerance::Relative(1e-5);
    shepp_optimized: "shepp", "default_optimized", Tolerance::Relative(1e-5);
    shepp_short: "shepp", "default_short", Tolerance::GreyLevels(1.0);
    shepp_with_noise_scan: "shepp_noise", "default", Tolerance::Relative(1e-5);
    shepp_with_noise_scan_optimized: "shepp_noise", "default_optimized", Tolerance::Relative(1e-5);
    shepp_with_noise_scan_short: "shepp_noise", "default_short", Tolerance::GreyLevels(1.0);
    brain: "brain", "default", Tolerance::Relative(1e-5);
    brain_optimized: "brain", "default_optimized", Tolerance::Relative(1e-5);
    brain_short: "brain", "default_short", Tolerance::GreyLevels(1.0);
}
