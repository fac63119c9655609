//! What a server knows of the noise scan that a measurement depends on.

use std::sync::Arc;

use engine::Message;
use protocol::{
    DependencyQuery, IsmrmrdHeader,
    codec::Payload,
    configuration::{Component, Configuration, Dialect, Endpoint, Node, Position, Stream},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::{ClientError, ConfigurationChoice, Output, Request, Settings, run};

/// The noise of a scan that a server has stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseStatistics {
    /// Standard deviation in the channel that has least, in the units of the samples.
    pub least_sigma: f32,
    /// Time between two samples of the noise scan, in microseconds.
    pub dwell_time_us: f32,
}

/// Asks a server, over a connection of its own, for the noise scan that the measurement of this header depends on, with
/// Gadgetron's `NoiseSummaryGadget`. `None` where the measurement names no noise scan, or the server has none of it.
///
/// The header goes along, because servers keep what belongs to different patients apart.
///
/// # Errors
/// Those of [`run`].
pub async fn noise_statistics<R, W>(
    reader: R,
    writer: W,
    header: &str,
    settings: Settings,
) -> Result<Option<NoiseStatistics>, ClientError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let parsed = IsmrmrdHeader::parse(header).ok();
    let Some(id) = parsed.as_ref().and_then(IsmrmrdHeader::noise_measurement) else {
        return Ok(None);
    };
    let request = Request::Question {
        configuration: ConfigurationChoice::Text(configuration(id)),
        header: header.to_owned(),
    };
    let (answer, answered) = oneshot::channel();
    run(reader, writer, request, Answer(Some(answer)), settings, Arc::default()).await?;
    Ok(answered.await.ok().as_ref().and_then(statistics))
}

fn configuration(id: &str) -> String {
    let file = format!("GadgetronNoiseCovarianceMatrix_{id}");
    let writer = Endpoint {
        slot: None,
        dll: String::new(),
        class: "DependencyQueryWriter".into(),
        position: Position::default(),
    };
    let stream = Stream {
        nodes: vec![Node::Gadget(Component::new(
            "NoiseSummaryGadget",
            &[("noise_file", &file)],
        ))],
        ..Stream::default()
    };
    let configuration = Configuration {
        dialect: Dialect::Version2,
        readers: Vec::new(),
        writers: vec![writer],
        stream,
    };
    configuration.to_xml()
}

fn statistics(answer: &DependencyQuery) -> Option<NoiseStatistics> {
    let number = |name| answer.meta.number(name).map(|number| number as f32);
    if answer.meta.first("status") != Some("success") {
        return None;
    }
    Some(NoiseStatistics {
        least_sigma: number("min_sigma").filter(|sigma| *sigma > 0.0)?,
        dwell_time_us: number("noise_dwell_time_us")?,
    })
}

/// Passes on the one answer.
struct Answer(Option<oneshot::Sender<DependencyQuery>>);

impl Output for Answer {
    fn message(&mut self, payload: Payload) -> Result<bool, ClientError> {
        let message = Message::from_parts(payload.value, payload.type_name, payload.weight);
        let (Some(answer), Some(sender)) = (message.downcast_ref::<DependencyQuery>(), self.0.take()) else {
            return Ok(false);
        };
        Ok(sender.send(answer.clone()).is_ok())
    }

    fn words(&mut self, _: &str) {}

    fn answer(&mut self, _: &str) -> Result<(), ClientError> {
        Ok(())
    }
}
