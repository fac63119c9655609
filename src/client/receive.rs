//! The way back: images and words until the server closes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use protocol::{
    codec::Payload,
    session::{Event, Incoming},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};

use super::{ClientError, Output, Progress};

/// Messages waiting for the output's thread.
const WAITING: usize = 2;
/// Words of the server that are kept; the rest is only passed to the output.
const WORDS_KEPT: usize = 64;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Messages the output has kept: images, files, answers.
    pub kept: u64,
    /// Messages the output had no place for.
    pub dropped: u64,
    /// Errors in the server's words.
    pub errors: Vec<String>,
}

/// What the output's thread is handed.
enum Delivery {
    Message(Payload),
    Words(String),
    Answer(String),
}

/// Receives until the server closes; everything goes to `output`, on a thread of its own.
pub(super) async fn receive<R, O>(
    mut reader: R,
    mut incoming: Incoming,
    output: O,
    silence: Option<Duration>,
    progress: Arc<Progress>,
) -> Result<Received, ClientError>
where
    R: AsyncRead + Unpin,
    O: Output,
{
    let (deliveries, inbox) = mpsc::channel(WAITING);
    let delivering = tokio::task::spawn_blocking(move || deliver(inbox, output));
    let mut errors = Vec::new();
    let ended = listen(&mut reader, &mut incoming, &deliveries, silence, &mut errors, &progress).await;
    drop(deliveries);
    let delivered = match delivering.await {
        Ok(delivered) => delivered,
        Err(panic) => Err(ClientError::Connection {
            while_doing: "storing",
            source: std::io::Error::other(panic),
        }),
    };
    // A failing output closes the inbox, which ends listening: its own error is the reason.
    let mut received = delivered?;
    received.errors = errors;
    match ended {
        Ok(()) => Ok(received),
        Err(_) if !received.errors.is_empty() => Ok(received),
        Err(error) => Err(error),
    }
}

async fn listen<R: AsyncRead + Unpin>(
    reader: &mut R,
    incoming: &mut Incoming,
    deliveries: &mpsc::Sender<Delivery>,
    silence: Option<Duration>,
    errors: &mut Vec<String>,
    progress: &Progress,
) -> Result<(), ClientError> {
    loop {
        while let Some(event) = incoming.poll_event()? {
            let delivery = match event {
                Event::Message(payload) => {
                    progress.messages_received.fetch_add(1, Ordering::Relaxed);
                    Delivery::Message(payload)
                }
                Event::Text(words) => {
                    // The original has one kind of text for information and for errors.
                    if words.contains("ERROR") && errors.len() < WORDS_KEPT {
                        errors.push(words.trim_end().to_owned());
                    }
                    Delivery::Words(words)
                }
                Event::RemoteError(words) => {
                    if errors.len() < WORDS_KEPT {
                        errors.push(words.trim_end().to_owned());
                    }
                    Delivery::Words(words)
                }
                Event::Response { text, .. } => Delivery::Answer(text),
                Event::Close => return Ok(()),
                Event::End { clean } => return Err(ClientError::Cut { inside_message: !clean }),
                // The session refuses what only a client sends.
                Event::ConfigurationName(_) | Event::Configuration(_) | Event::Header(_) | Event::Query { .. } => {
                    continue;
                }
            };
            if deliveries.send(delivery).await.is_err() {
                return Ok(());
            }
        }
        let reading = reader.read_buf(incoming.receive_buffer());
        let read = match silence {
            Some(silence) => tokio::time::timeout(silence, reading)
                .await
                .map_err(|_| ClientError::Silent(silence))?,
            None => reading.await,
        };
        match read {
            Ok(0) => incoming.handle_end(),
            Ok(_) => {}
            Err(source) => {
                return Err(ClientError::Connection {
                    while_doing: "receiving",
                    source,
                });
            }
        }
    }
}

fn deliver<O: Output>(mut inbox: mpsc::Receiver<Delivery>, mut output: O) -> Result<Received, ClientError> {
    let mut received = Received::default();
    while let Some(delivery) = inbox.blocking_recv() {
        match delivery {
            Delivery::Message(payload) => match output.message(payload)? {
                true => received.kept += 1,
                false => received.dropped += 1,
            },
            Delivery::Words(words) => output.words(&words),
            Delivery::Answer(text) => {
                output.answer(&text)?;
                received.kept += 1;
            }
        }
    }
    Ok(received)
}
