//! Moves the channels that are not to be combined to the end.
//!
//! [`Acquisition`] to [`AnnotatedAcquisition`]; class `ChannelReorderer`. Channels are named by number, or by `'label'`, which a
//! user parameter `COIL_label` of the header gives a number (the original looks for the label with prefix and quotes, and
//! so never finds one).

use engine::{BoxError, PureGadget};
use ndarray::Axis;
use protocol::{Acquisition, IsmrmrdHeader};

use super::messages::AnnotatedAcquisition;
use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`ChannelReorderer`].
    pub struct ChannelReordererProperties {
        /// Channels that are not to be combined: numbers and 'labels', separated by commas.
        "uncombined_channels" => pub uncombined: String = String::new(),
    }
}

/// An entry of the list is neither a number nor a known label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither the number of a channel nor the 'label' of one the header names")]
pub struct UnknownChannel(pub String);

/// Class `ChannelReorderer`.
#[derive(Debug)]
pub struct ChannelReorderer {
    /// Sorted, each once.
    uncombined: Vec<usize>,
}

impl Configured for ChannelReorderer {
    type Properties = ChannelReordererProperties;
    fn new(properties: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let names = properties
            .uncombined
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let mut uncombined = names
            .map(|name| channel(name, &context.header).ok_or_else(|| UnknownChannel(name.into())))
            .collect::<Result<Vec<_>, _>>()?;
        uncombined.sort_unstable();
        uncombined.dedup();
        Ok(Self { uncombined })
    }
}

fn channel(name: &str, header: &IsmrmrdHeader) -> Option<usize> {
    let Some(label) = name.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) else {
        return name.parse().ok();
    };
    let parameters = &header.user_parameters.as_ref()?.user_parameter_string;
    let known = parameters
        .iter()
        .find(|parameter| parameter.name.strip_prefix("COIL_") == Some(label))?;
    known.value.trim().parse().ok()
}

impl PureGadget for ChannelReorderer {
    type In = Acquisition;
    type Out = AnnotatedAcquisition;
    fn process(&self, mut acquisition: Acquisition) -> Result<AnnotatedAcquisition, BoxError> {
        let channels = acquisition.data.nrows();
        let last: Vec<usize> = self
            .uncombined
            .iter()
            .copied()
            .filter(|channel| *channel < channels)
            .collect();
        let order: Vec<usize> = (0..channels)
            .filter(|channel| !last.contains(channel))
            .chain(last.iter().copied())
            .collect();
        acquisition.data = acquisition.data.select(Axis(0), &order);
        let mask = acquisition.header.channel_mask;
        let active = |channel: usize| {
            mask.get(channel / 64)
                .is_some_and(|bits| bits >> (channel % 64) & 1 == 1)
        };
        for (to, &from) in order.iter().enumerate() {
            if let Some(bits) = acquisition.header.channel_mask.get_mut(to / 64) {
                *bits = *bits & !(1 << (to % 64)) | u64::from(active(from)) << (to % 64);
            }
        }
        Ok(AnnotatedAcquisition {
            acquisition,
            uncombined: last.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use num_complex::Complex32;
    use protocol::header::{UserParameter, UserParameters};

    use super::*;
    use crate::testing;

    #[test]
    fn named_and_numbered_channels_go_to_the_end() {
        let mut header = testing::header([8, 8, 1], [8, 8, 1]);
        header.user_parameters = Some(UserParameters {
            user_parameter_string: vec![UserParameter {
                name: "COIL_needle".into(),
                value: "2".into(),
                ..UserParameter::default()
            }],
            ..UserParameters::default()
        });
        let context = Context::new(header);
        let gadget: ChannelReorderer = testing::build(&[("uncombined_channels", "'needle', 0")], &context).unwrap();
        let mut readout = testing::readout(4, 2, |channel, _| Complex32::from(channel as f32));
        readout.header.channel_mask[0] = 0b0110;
        let result = gadget.process(readout).unwrap();
        assert_eq!(result.uncombined, 2);
        let order: Vec<f32> = result.acquisition.data.column(0).iter().map(|z| z.re).collect();
        assert_eq!(order, [1.0, 3.0, 0.0, 2.0]);
        assert_eq!(result.acquisition.header.channel_mask[0], 0b1001);
    }

    #[test]
    fn an_unknown_label_is_an_error() {
        let context = Context::new(testing::header([8, 8, 1], [8, 8, 1]));
        let error = testing::build::<ChannelReorderer>(&[("uncombined_channels", "'x'")], &context).unwrap_err();
        assert!(error.to_string().contains("'x'"));
    }
}
