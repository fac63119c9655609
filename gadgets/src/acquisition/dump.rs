//! Raw data are written to a file on their way.
//!
//! [`ScannerData`] passes; a copy goes to a file in ISMRMRD's format (whoever assembles the graph provides the writer, see
//! [`DumpFiles`](crate::context::DumpFiles)). Answers to Gadgetron's `IsmrmrdDumpGadget`. Differences: a file that cannot
//! be written is an error, once the data have passed (the original says nothing); characters that do not belong into the
//! name of a file are replaced; where the header gives no date and time, the name has those of UTC.

use std::{
    net::{IpAddr, UdpSocket},
    path::PathBuf,
    time::SystemTime,
};

use engine::{BoxError, Gadget, Input, Output};
use protocol::IsmrmrdHeader;
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::{Context, context::Dump, flow::ScannerData, properties::PropertyValue, registry::Configured};

/// Messages that may wait for the disk.
const WAITING: usize = 32;

crate::properties! {
    /// Properties of [`IsmrmrdDump`].
    pub struct IsmrmrdDumpProperties {
        /// The folder of the file; it is made when it is not there.
        "folder" => pub folder: String = "/tmp/gadgetron_data".to_owned(),
        /// How the name of the file begins; empty: with the name of the protocol.
        "file_prefix" => pub prefix: String = "ISMRMRD_DUMP".to_owned(),
        /// When this machine has one of these addresses, nothing is written.
        "ip_no_data_saving" => pub except_on: Addresses = Addresses::default(),
        /// Only the header is written.
        "save_xml_header_only" => pub header_only: bool = false,
        /// Whether waveforms pass too.
        "pass_waveform_downstream" => pub pass_waveforms: bool = true,
    }
}

/// Addresses of machines, separated by spaces or commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(Vec<String>);

impl Default for Addresses {
    fn default() -> Self {
        Self(vec!["192.168.2.2".into(), "192.168.56.2".into()])
    }
}

impl PropertyValue for Addresses {
    fn read(text: &str) -> Result<Self, String> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Ok(Self(words.filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }

    fn show(&self) -> String {
        self.0.join(" ")
    }
}

impl Addresses {
    /// Whether this machine has one of them: only then can a socket be bound to it.
    fn include_this_machine(&self) -> bool {
        let addresses = self.0.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        addresses
            .into_iter()
            .any(|address| UdpSocket::bind((address, 0)).is_ok())
    }
}

/// Writes raw data to a file.
#[derive(Debug)]
pub struct IsmrmrdDump {
    properties: IsmrmrdDumpProperties,
    context: Context,
}

impl Configured for IsmrmrdDump {
    type Properties = IsmrmrdDumpProperties;

    fn new(properties: IsmrmrdDumpProperties, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            properties,
            context: context.clone(),
        })
    }
}

impl Gadget for IsmrmrdDump {
    type In = ScannerData;
    type Out = ScannerData;

    async fn run(self, mut input: Input<ScannerData>, mut output: Output<ScannerData>) -> Result<(), BoxError> {
        let Self { properties, context } = self;
        let (header_only, pass_waveforms) = (properties.header_only, properties.pass_waveforms);
        let (copies, received) = mpsc::channel(WAITING);
        let writing = spawn_blocking(move || write(&properties, &context, received));
        // Dropped by the writer when it fails: then the data just pass.
        let mut copies = Some(copies).filter(|_| !header_only);
        let end = loop {
            let message = match input.next().await {
                Ok(Some(message)) => message,
                Ok(None) => break Ok(()),
                Err(interrupted) => break Err(interrupted.into()),
            };
            if let Some(writer) = &copies
                && writer.send(message.clone()).await.is_err()
            {
                copies = None;
            }
            if pass_waveforms || matches!(message, ScannerData::Acquisition(_)) {
                output.send(message).await?;
            }
        };
        drop(copies);
        writing.await??;
        end
    }
}

/// Writes what is received, until the senders are gone.
fn write(
    properties: &IsmrmrdDumpProperties,
    context: &Context,
    mut received: mpsc::Receiver<ScannerData>,
) -> Result<(), BoxError> {
    if properties.except_on.include_this_machine() {
        tracing::info!("this machine has one of the addresses of ip_no_data_saving: nothing is written");
        return Ok(());
    }
    let folder = PathBuf::from(&properties.folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("folder {}: {error}", folder.display()))?;
    let path = folder.join(file_name(&properties.prefix, &context.header, SystemTime::now()));
    let mut file = context.dumps.create(&path, &context.header)?;
    let written = append(&mut *file, &mut received);
    written.and_then(|()| file.finish())
}

fn append(file: &mut dyn Dump, received: &mut mpsc::Receiver<ScannerData>) -> Result<(), BoxError> {
    while let Some(message) = received.blocking_recv() {
        match message {
            ScannerData::Acquisition(acquisition) => file.acquisition(&acquisition)?,
            ScannerData::Waveform(waveform) => file.waveform(&waveform)?,
        }
    }
    Ok(())
}

/// `<prefix>_<measurement>_<date>-<time>.h5`.
fn file_name(prefix: &str, header: &IsmrmrdHeader, now: SystemTime) -> String {
    let measurement = header.measurement_information.as_ref();
    let protocol_name = measurement.and_then(|measurement| measurement.protocol_name.as_deref());
    let prefix = match prefix {
        "" => protocol_name.map_or_else(|| "ISMRMRD_DUMP".to_owned(), |name| name.replace(' ', "_")),
        given => given.to_owned(),
    };
    let id = measurement
        .and_then(|measurement| measurement.measurement_id.as_deref())
        .unwrap_or("");
    let study = header.study_information.as_ref();
    let date = study
        .and_then(|study| study.study_date.as_deref())
        .unwrap_or("")
        .replace('-', "");
    let time = study
        .and_then(|study| study.study_time.as_deref())
        .unwrap_or("")
        .replace(':', "");
    let stamp = if date.is_empty() || time.is_empty() {
        time_stamp(now)
    } else {
        format!("{date}-{time}")
    };
    let unfit = |c: char| c == '/' || c == '\\' || c.is_control();
    // The names come over the network: none of them may lead out of the folder.
    format!("{prefix}_{id}_{stamp}.h5").replace(unfit, "_")
}

/// `YYYYMMDD-HHMMSS` in UTC.
fn time_stamp(now: SystemTime) -> String {
    // A clock outside the years -9999 to 9999 is broken; the name is unique enough without it.
    let now = jiff::Timestamp::try_from(now).unwrap_or_default();
    now.strftime("%Y%m%d-%H%M%S").to_string()
}

#[cfg(test)]
mod tests;
