//! Noise adjustment: readouts are whitened with the covariance of the receivers' noise.
//!
//! [`Acquisition`] to [`Acquisition`]; noise readouts end here. The covariance comes from the file that the parameter
//! `noisecovariancein` names; or from the storage, where the header names a measurement of type "noise" that this one
//! depends on; or from the noise readouts of this measurement, once the first other readout comes. What was measured is
//! kept in the file that `noisecovarianceout` names, or in the storage. Without any noise, readouts pass unchanged.
//!
//! Answers to Gadgetron's `NoiseAdjustGadget`. Where that goes wrong, this does the following:
//!
//! - Every readout is scaled by its own dwell time (the original: all by the first one's).
//! - `scale_only_channels_by_name` means the channels of these names (the original: the first so many).
//! - `noise_dwell_time_us_preset` counts when the noise readouts give no dwell time (the original ignores it).
//! - A relative receiver noise bandwidth that is not positive counts as not given (the original makes images of zeros).
//! - A stored covariance without, or with too few, coil labels is used as it is (the original measures without whitening).
//! - A stored covariance that does not fit the first readout gives way to this measurement's own noise that does, which the
//!   client is told, as it is told how many readouts were not whitened because they have other channels than the noise.
//! - The measurement's id may have any form, and be absent; storage that fails costs the whitening, not the measurement.

use std::collections::HashSet;

use engine::{BoxError, Gadget, Input, Output};
use protocol::{Acquisition, acquisition::flag};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    sfndam::NoiseCovariance,
    whitening::{DEFAULT_NOISE_BANDWIDTH, NoiseError, NoiseSum, Whitener, reordering},
};
use crate::{Context, registry::Configured};

/// Name of the covariance in the storage.
pub(super) const STORED_AS: &str = "noise_covariance";

/// The parameter that names a file with a covariance.
const COVARIANCE_FILE: &str = "noisecovariancein";

/// What the names of noise scans began with, when each was a file.
pub(super) const FILE_PREFIX: &str = "GadgetronNoiseCovarianceMatrix";

crate::properties! {
    /// Properties of [`NoiseAdjust`].
    pub struct NoiseAdjustProperties {
        /// Accepted and without effect, as in the original.
        "noise_dependency_prefix" => pub noise_dependency_prefix: String = FILE_PREFIX.to_owned(),
        /// Whether to whiten at all; noise readouts end here in any case.
        "perform_noise_adjust" => pub perform: bool = true,
        /// Readouts with another number of channels than the noise pass unchanged; otherwise they are an error.
        "pass_nonconformant_data" => pub pass_nonconformant: bool = true,
        /// Dwell time in microseconds of noise readouts that give none.
        "noise_dwell_time_us_preset" => pub dwell_preset_us: f32 = 0.0,
        /// Names of coils, separated by commas, that are scaled and not mixed with others.
        "scale_only_channels_by_name" => pub scale_only: String = String::new(),
        /// Accepted and without effect, as in the original.
        "noise_dependency_folder" => pub noise_dependency_folder: String = "/tmp/gadgetron".to_owned(),
    }
}

/// Whitens readouts.
#[derive(Debug)]
pub struct NoiseAdjust {
    properties: NoiseAdjustProperties,
    context: Context,
    bandwidth: f32,
    labels: Vec<String>,
    scale_only: Vec<usize>,
}

impl Configured for NoiseAdjust {
    type Properties = NoiseAdjustProperties;

    fn new(properties: NoiseAdjustProperties, context: &Context) -> Result<Self, BoxError> {
        let system = context.header.acquisition_system_information.as_ref();
        let coils = system.map_or(&[][..], |system| &system.coil_label);
        let labels: Vec<_> = coils.iter().map(|coil| coil.coil_name.clone()).collect();
        let stated = system.and_then(|system| system.relative_receiver_noise_bandwidth);
        let usable = |bandwidth: &f32| bandwidth.is_finite() && *bandwidth > 0.0;
        let bandwidth = stated.filter(usable).unwrap_or_else(|| {
            if let Some(unusable) = stated {
                context.notices.add(format!(
                    "relativeReceiverNoiseBandwidth is {unusable}: {DEFAULT_NOISE_BANDWIDTH} is taken"
                ));
            }
            DEFAULT_NOISE_BANDWIDTH
        });
        let names: HashSet<_> = properties.scale_only.split(',').map(str::trim).collect();
        let scale_only = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| names.contains(&label.as_str()));
        Ok(Self {
            bandwidth,
            scale_only: scale_only.map(|(channel, _)| channel).collect(),
            labels,
            properties,
            context: context.clone(),
        })
    }
}

enum State {
    Gathering(NoiseSum),
    /// Noise was stored; this measurement's own serves where that does not fit.
    Loaded {
        whitener: Whitener,
        own: NoiseSum,
    },
    Whitening(Whitener),
    Ignoring,
}

/// Readouts that could not be whitened.
#[derive(Default)]
struct Unlike {
    readouts: u64,
    channels: usize,
    noise: usize,
}

impl Unlike {
    fn count(&mut self, channels: usize, noise: usize) {
        self.readouts += 1;
        (self.channels, self.noise) = (channels, noise);
    }

    fn words(&self) -> Option<String> {
        let Self {
            readouts,
            channels,
            noise,
        } = self;
        (*readouts > 0)
            .then(|| format!("not whitened: {readouts} readouts, with {channels} channels; the noise has {noise}"))
    }
}

type Saving = JoinHandle<Result<(), BoxError>>;

impl Gadget for NoiseAdjust {
    type In = Acquisition;
    type Out = Acquisition;

    async fn run(self, mut input: Input<Acquisition>, mut output: Output<Acquisition>) -> Result<(), BoxError> {
        let mut state = self.begin().await?;
        let mut saving: Option<Saving> = None;
        let mut unlike = Unlike::default();
        while let Some(mut readout) = input.next().await? {
            if readout.header.is_flag_set(flag::IS_NOISE_MEASUREMENT) {
                match &mut state {
                    State::Gathering(sum) => summed(sum, move |sum| sum.add(&readout)).await?,
                    State::Loaded { own, .. } => summed(own, move |own| own.add_or_begin_anew(&readout)).await?,
                    State::Whitening(_) | State::Ignoring => {}
                }
                continue;
            }
            let measured;
            (state, measured) = self.decided(state, readout.data.nrows()).await?;
            if let Some(covariance) = measured {
                saving = Some(self.save(covariance));
            }
            if let State::Whitening(whitener) = &mut state {
                if readout.data.nrows() == whitener.channels() {
                    whitener.apply(&mut readout);
                } else if self.properties.pass_nonconformant {
                    unlike.count(readout.data.nrows(), whitener.channels());
                } else {
                    return Err(format!(
                        "a readout with {} channels, noise with {}",
                        readout.data.nrows(),
                        whitener.channels()
                    )
                    .into());
                }
            }
            output.send(readout).await?;
        }
        if let Some(words) = unlike.words() {
            self.context.notices.add(words);
        }
        if let State::Gathering(sum) = &state
            && !sum.is_empty()
        {
            let (covariance, whitener) = self.whitener(self.covariance(sum)).await;
            if let Err(error) = whitener {
                let notices = &self.context.notices;
                notices.add(format!(
                    "this noise will not serve the measurements that depend on it: {error}"
                ));
            }
            saving = Some(self.save(covariance));
        }
        match saving {
            Some(saving) => saving.await?,
            None => Ok(()),
        }
    }
}

/// Adds to `sum` off the async threads: many channels take long.
async fn summed(
    sum: &mut NoiseSum,
    add: impl FnOnce(&mut NoiseSum) -> Result<(), NoiseError> + Send + 'static,
) -> Result<(), NoiseError> {
    let mut taken = std::mem::take(sum);
    let (added, taken) = engine::compute(move || (add(&mut taken), taken)).await;
    *sum = taken;
    added
}

impl NoiseAdjust {
    fn covariance(&self, sum: &NoiseSum) -> NoiseCovariance {
        sum.covariance(self.labels.clone(), self.bandwidth, self.properties.dwell_preset_us)
    }

    /// With the covariance that it was made from.
    async fn whitener(&self, covariance: NoiseCovariance) -> (NoiseCovariance, Result<Whitener, NoiseError>) {
        let (bandwidth, alone) = (self.bandwidth, self.scale_only.clone());
        engine::compute(move || {
            let whitener = Whitener::new(&covariance, bandwidth, &alone);
            (covariance, whitener)
        })
        .await
    }

    /// The state when a readout of so many channels comes that is no noise, and the covariance that is to be kept.
    async fn decided(&self, state: State, channels: usize) -> Result<(State, Option<NoiseCovariance>), BoxError> {
        let own = match state {
            State::Gathering(sum) if !sum.is_empty() => sum,
            State::Loaded { whitener, own } if whitener.channels() == channels || own.channels() != Some(channels) => {
                return Ok((State::Whitening(whitener), None));
            }
            State::Loaded { whitener, own } => {
                self.context.notices.add(format!(
                    "the stored noise of {} channels is not used: the readouts and this measurement's own noise have {channels}",
                    whitener.channels()
                ));
                own
            }
            other => return Ok((other, None)),
        };
        let (covariance, whitener) = self.whitener(self.covariance(&own)).await;
        Ok((State::Whitening(whitener?), Some(covariance)))
    }

    async fn begin(&self) -> Result<State, BoxError> {
        if !self.properties.perform {
            return Ok(State::Ignoring);
        }
        match self.load().await? {
            None => Ok(State::Gathering(NoiseSum::default())),
            Some(covariance) => match self.whitener(self.in_order(covariance)).await.1 {
                Ok(whitener) => Ok(State::Loaded {
                    whitener,
                    own: NoiseSum::default(),
                }),
                // A file that was asked for must do; what is stored need not.
                Err(error) if self.context.parameters.contains_key(COVARIANCE_FILE) => Err(error.into()),
                Err(error) => {
                    self.context
                        .notices
                        .add(format!("the stored noise is not used: {error}"));
                    Ok(State::Gathering(NoiseSum::default()))
                }
            },
        }
    }

    /// The covariance of an earlier measurement. A file that was asked for must be there; the storage need not.
    async fn load(&self) -> Result<Option<NoiseCovariance>, BoxError> {
        if let Some(file) = self.context.parameters.get(COVARIANCE_FILE) {
            let path = file.clone();
            let bytes = spawn_blocking(move || std::fs::read(path)).await?;
            let bytes = bytes.map_err(|error| format!("noisecovariancein: {file}: {error}"))?;
            let covariance = NoiseCovariance::from_bytes(&bytes);
            return Ok(Some(
                covariance.map_err(|error| format!("noisecovariancein: {file}: {error}"))?,
            ));
        }
        let Some(id) = self.context.header.noise_measurement().map(str::to_owned) else {
            return Ok(None);
        };
        let (storage, header) = (self.context.storage.clone(), self.context.header.clone());
        let measurement = id.clone();
        let found = spawn_blocking(move || storage.latest(&header, &measurement, STORED_AS)).await?;
        let covariance = match found {
            Ok(Some(bytes)) => NoiseCovariance::from_bytes(&bytes).map_err(BoxError::from),
            Ok(None) => {
                tracing::info!(id, "no noise covariance of the noise measurement is stored");
                return Ok(None);
            }
            Err(error) => Err(error),
        };
        match covariance {
            Ok(covariance) => Ok(Some(covariance)),
            Err(error) => {
                tracing::warn!(id, %error, "the noise covariance of the noise measurement cannot be used");
                Ok(None)
            }
        }
    }

    /// Brings the channels into the order of this measurement, as far as their names tell.
    fn in_order(&self, mut covariance: NoiseCovariance) -> NoiseCovariance {
        if covariance.labels == self.labels {
            return covariance;
        }
        let channels = covariance.matrix.nrows();
        match reordering(&covariance.labels, &self.labels) {
            Some(order) if order.len() == channels => {
                let matrix = covariance.matrix.clone();
                covariance.matrix = ndarray::Array2::from_shape_fn(matrix.dim(), |(i, j)| matrix[[order[i], order[j]]]);
                covariance.labels.clone_from(&self.labels);
            }
            _ => tracing::warn!(
                noise = covariance.labels.len(),
                data = self.labels.len(),
                channels,
                "the coils' names do not tell the order of the noise's channels; they are taken as they are"
            ),
        }
        covariance
    }

    /// Keeps the covariance for later measurements, beside the stream. A file that was asked for must be written.
    fn save(&self, covariance: NoiseCovariance) -> Saving {
        let file = self.context.parameters.get("noisecovarianceout").cloned();
        let context = self.context.clone();
        spawn_blocking(move || {
            let bytes = covariance.to_bytes()?;
            if let Some(file) = file {
                return std::fs::write(&file, bytes)
                    .map_err(|error| format!("noisecovarianceout: {file}: {error}").into());
            }
            let information = context.header.measurement_information.as_ref();
            let Some(id) = information.and_then(|information| information.measurement_id.as_deref()) else {
                tracing::debug!("the measurement has no id, its noise covariance is not stored");
                return Ok(());
            };
            if let Err(error) = context.storage.store(&context.header, id, STORED_AS, &bytes) {
                tracing::warn!(id, %error, "the noise covariance could not be stored");
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
