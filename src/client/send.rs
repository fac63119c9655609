//! The way out: configuration, header, data, close.

use std::sync::{Arc, atomic::Ordering};

use bytes::Buf;
use protocol::{
    Acquisition, Waveform,
    codec::Writers,
    error::EncodeError,
    session::{Outgoing, Segments},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

use super::{ClientError, ConfigurationChoice, Progress, Request, Settings};
use crate::files::ScannerData;

/// Sends all of a request. The file is read and encoded on a thread of its own.
pub(super) async fn send<W: AsyncWrite + Unpin>(
    mut writer: W,
    request: Request,
    settings: &Settings,
    progress: Arc<Progress>,
) -> Result<(), ClientError> {
    let (batches, mut ready) = mpsc::channel(settings.batches.max(1));
    let batch_bytes = settings.batch_bytes;
    let writers = match settings.compression {
        Some(precision) => Writers::standard().compressing(precision),
        None => Writers::standard(),
    };
    let counts = Arc::clone(&progress);
    let encoding = tokio::task::spawn_blocking(move || {
        let mut batch = Batch {
            outgoing: Outgoing::new(writers),
            batches,
            batch_bytes,
        };
        encode(&mut batch, request, &counts)
    });
    let broken = |source| ClientError::Connection {
        while_doing: "sending",
        source,
    };
    while let Some(mut batch) = ready.recv().await {
        let bytes = batch.remaining() as u64;
        writer.write_all_buf(&mut batch).await.map_err(broken)?;
        progress.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }
    writer.flush().await.map_err(broken)?;
    match encoding.await {
        Ok(result) => result,
        Err(panic) => Err(broken(std::io::Error::other(panic))),
    }
}

/// Messages gathered until they are worth a write.
struct Batch {
    outgoing: Outgoing,
    batches: mpsc::Sender<Segments>,
    batch_bytes: usize,
}

impl Batch {
    /// Passes on what has been gathered; `false` when nobody takes it any more.
    fn pass_on(&mut self) -> bool {
        self.batches.blocking_send(self.outgoing.take_segments()).is_ok()
    }

    fn pass_on_if_full(&mut self) -> bool {
        self.outgoing.len() < self.batch_bytes || self.pass_on()
    }
}

fn encode(batch: &mut Batch, request: Request, progress: &Progress) -> Result<(), ClientError> {
    match request {
        Request::Query(question) => batch.outgoing.query(0, &question),
        Request::Question { configuration, header } => {
            put(&configuration, &mut batch.outgoing)?;
            batch.outgoing.header(&header)?;
        }
        Request::Reconstruction {
            configuration,
            measurement,
        } => {
            put(&configuration, &mut batch.outgoing)?;
            if let Some(file) = measurement {
                batch.outgoing.header(file.header_xml())?;
                // So that the server can begin to build the graph.
                if !batch.pass_on() {
                    return Ok(());
                }
                for item in file.items() {
                    match item? {
                        ScannerData::Acquisition(mut readout) => {
                            batch
                                .outgoing
                                .taking(&mut readout, std::any::type_name::<Acquisition>())?;
                        }
                        ScannerData::Waveform(waveform) => {
                            batch.outgoing.message(&waveform, std::any::type_name::<Waveform>())?;
                        }
                    }
                    progress.items_sent.fetch_add(1, Ordering::Relaxed);
                    if !batch.pass_on_if_full() {
                        return Ok(());
                    }
                }
            }
        }
    }
    batch.outgoing.close();
    batch.pass_on();
    Ok(())
}

fn put(configuration: &ConfigurationChoice, outgoing: &mut Outgoing) -> Result<(), EncodeError> {
    match configuration {
        ConfigurationChoice::Named(name) => outgoing.configuration_name(name),
        ConfigurationChoice::Text(text) => outgoing.configuration(text),
    }
}
