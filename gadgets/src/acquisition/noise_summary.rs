//! What is known of a stored noise scan.
//!
//! [`Acquisition`]s end here; when the last has come, one [`DependencyQuery`] goes out: `status` is `success`, and
//! `noise_dwell_time_us`, `min_sigma`, `max_sigma`, `mean_sigma` (standard deviations of the channels' noise, in the units
//! of the samples) and `channels` are given; or `status` is `failed`, where nothing is stored under that name. Answers to
//! Gadgetron's `NoiseSummaryGadget`, whose mean is the sum.

use engine::{BoxError, Gadget, Input, Output};
use protocol::{Acquisition, DependencyQuery, Meta};
use tokio::task::spawn_blocking;

use super::{
    noise_adjust::{FILE_PREFIX, STORED_AS},
    sfndam::NoiseCovariance,
};
use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`NoiseSummary`].
    pub struct NoiseSummaryProperties {
        /// The noise measurement's identifier; may begin with `GadgetronNoiseCovarianceMatrix_`.
        "noise_file" => pub noise_file: String = String::new(),
    }
}

/// Answers what is known of a stored noise scan.
#[derive(Debug)]
pub struct NoiseSummary {
    measurement: String,
    context: Context,
}

impl Configured for NoiseSummary {
    type Properties = NoiseSummaryProperties;

    fn new(properties: NoiseSummaryProperties, context: &Context) -> Result<Self, BoxError> {
        let name = properties.noise_file;
        let bare = name.strip_prefix(FILE_PREFIX).and_then(|rest| rest.strip_prefix('_'));
        Ok(Self {
            measurement: bare.unwrap_or(&name).to_owned(),
            context: context.clone(),
        })
    }
}

impl Gadget for NoiseSummary {
    type In = Acquisition;
    type Out = DependencyQuery;

    async fn run(self, mut input: Input<Self::In>, mut output: Output<Self::Out>) -> Result<(), BoxError> {
        while input.next().await?.is_some() {}
        let meta = spawn_blocking(move || self.summary()).await?;
        output.send(DependencyQuery { meta }).await?;
        Ok(())
    }
}

impl NoiseSummary {
    fn summary(&self) -> Meta {
        let mut meta = Meta::new();
        match self.covariance() {
            Ok(Some(covariance)) => {
                describe(&covariance, &mut meta);
                meta.set("status", "success");
            }
            Ok(None) => meta.set("status", "failed"),
            Err(error) => {
                tracing::warn!(id = self.measurement, %error, "the stored noise covariance cannot be read");
                meta.set("status", "failed");
            }
        }
        meta
    }

    fn covariance(&self) -> Result<Option<NoiseCovariance>, BoxError> {
        let stored = self
            .context
            .storage
            .latest(&self.context.header, &self.measurement, STORED_AS)?;
        stored
            .map(|bytes| NoiseCovariance::from_bytes(&bytes).map_err(BoxError::from))
            .transpose()
    }
}

fn describe(covariance: &NoiseCovariance, meta: &mut Meta) {
    let sigmas: Vec<f64> = covariance.matrix.diag().iter().map(|z| z.re.max(0.0).sqrt()).collect();
    let channels = sigmas.len();
    let (least, most) = sigmas.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), sigma| {
        (least.min(*sigma), most.max(*sigma))
    });
    meta.set("noise_dwell_time_us", f64::from(covariance.dwell_time_us));
    meta.set("min_sigma", if channels > 0 { least } else { 0.0 });
    meta.set("max_sigma", most);
    meta.set("mean_sigma", sigmas.iter().sum::<f64>() / channels.max(1) as f64);
    meta.set("channels", i64::try_from(channels).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array2;
    use num_complex::Complex64;
    use protocol::IsmrmrdHeader;

    use super::*;
    use crate::testing::{Memory, build, outputs, readout};

    fn asked(name: &str) -> Meta {
        let matrix = [1.0, 4.0, 9.0];
        let stored = NoiseCovariance {
            matrix: Array2::from_shape_fn((3, 3), |(i, j)| {
                if i == j {
                    Complex64::from(matrix[i])
                } else {
                    Complex64::I
                }
            }),
            labels: Vec::new(),
            sample_count: 256,
            dwell_time_us: 2.5,
            receiver_noise_bandwidth: 0.79,
        };
        let memory = Memory::default();
        memory.put("a_b_c_7", STORED_AS, &stored.to_bytes().unwrap());
        memory.put("torn", STORED_AS, b"no covariance");
        let context = Context {
            storage: Arc::new(memory),
            ..Context::new(IsmrmrdHeader::default())
        };
        let gadget: NoiseSummary = build(&[("noise_file", name)], &context).unwrap();
        let readouts = vec![readout(3, 4, |_, _| num_complex::Complex32::ONE)];
        let mut answers = outputs(gadget, readouts);
        assert_eq!(answers.len(), 1);
        answers.remove(0).meta
    }

    #[test]
    fn a_stored_scan_is_described_by_the_deviations_of_its_channels() {
        for name in ["a_b_c_7", "GadgetronNoiseCovarianceMatrix_a_b_c_7"] {
            let meta = asked(name);
            assert_eq!(meta.first("status"), Some("success"));
            assert_eq!(meta.integer("channels"), Some(3));
            let numbers = ["min_sigma", "mean_sigma", "max_sigma", "noise_dwell_time_us"].map(|name| meta.number(name));
            assert_eq!(numbers, [1.0, 2.0, 3.0, 2.5].map(Some));
        }
    }

    #[test]
    fn what_is_not_stored_or_not_readable_is_said_to_have_failed() {
        for name in ["unheard", "torn", ""] {
            let meta = asked(name);
            assert_eq!(meta.first("status"), Some("failed"));
            assert_eq!(meta.first("channels"), None);
        }
    }
}
