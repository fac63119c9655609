//! A client made of bytes: what is sent is written byte for byte, what comes back is decoded.

use std::sync::Arc;

use gadgetron::server::{Services, handle};
use protocol::{
    AnyImage, Limits, Pixel,
    codec::{Payload, Readers},
    recording::{Listing, Side},
    session::{Event, Incoming},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// A recorded client: 2 repetitions of 16 x 16, configuration by name.
pub(crate) const CLIENT_DEFAULT: &[u8] = include_bytes!("../data/wire/client_default.0.c2s.bin");
/// What the original answered to it.
pub(crate) const ANSWER_DEFAULT: &[u8] = include_bytes!("../data/wire/client_default.0.s2c.bin");
/// A recorded client: configuration as text, readouts and waveforms that come back.
pub(crate) const CLIENT_WAVEFORMS: &[u8] = include_bytes!("../data/wire/client_waveforms.0.c2s.bin");
/// What the original answered to it.
pub(crate) const ANSWER_WAVEFORMS: &[u8] = include_bytes!("../data/wire/client_waveforms.0.s2c.bin");

/// What a server answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) payloads: Vec<Payload>,
    pub(crate) texts: Vec<String>,
    pub(crate) responses: Vec<(u64, String)>,
    pub(crate) closed: bool,
}

impl Answer {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut incoming = Incoming::client(Limits::default(), Readers::standard());
        incoming.handle_bytes(bytes);
        incoming.handle_end();
        let mut answer = Self::default();
        loop {
            match incoming.poll_event().expect("a server's answer is well formed") {
                Some(Event::Message(payload)) => answer.payloads.push(payload),
                Some(Event::Text(text)) => answer.texts.push(text),
                Some(Event::Response { correlation, text }) => answer.responses.push((correlation, text)),
                Some(Event::Close) => answer.closed = true,
                Some(Event::End { clean }) => {
                    assert!(clean, "the answer ends inside a message");
                    return answer;
                }
                Some(event) => panic!("a server does not send {event:?}"),
                None => return answer,
            }
        }
    }

    /// The images, in order; everything must be one.
    pub(crate) fn images(&self) -> Vec<AnyImage> {
        self.payloads
            .iter()
            .map(|payload| image(payload).expect("an image"))
            .collect()
    }

    /// All that was said to be wrong.
    pub(crate) fn complaint(&self) -> String {
        self.texts.join("\n")
    }
}

fn image(payload: &Payload) -> Option<AnyImage> {
    fn one<T: Pixel>(payload: &Payload) -> Option<AnyImage> {
        payload.value.downcast_ref::<protocol::Image<T>>().cloned().map(T::any)
    }
    one::<f32>(payload)
        .or_else(|| one::<u16>(payload))
        .or_else(|| one::<protocol::Complex32>(payload))
}

/// Sends `chunks`, one write each, ends the sending side, and gathers the whole answer.
pub(crate) async fn exchange(services: &Arc<Services>, chunks: impl IntoIterator<Item = &[u8]>) -> Answer {
    Answer::decode(&exchange_bytes(services, chunks).await)
}

/// [`exchange`] with the answer as it comes.
pub(crate) async fn exchange_bytes(services: &Arc<Services>, chunks: impl IntoIterator<Item = &[u8]>) -> Vec<u8> {
    let (client, server) = duplex(64 * 1024);
    let serving = tokio::spawn(handle(server, "test".into(), services.clone()));
    let (mut read, mut write) = tokio::io::split(client);
    let mut bytes = Vec::new();
    let sending = async {
        for chunk in chunks {
            // A server that gave up reads no more; its words are what counts.
            if write.write_all(chunk).await.is_err() {
                break;
            }
        }
        let _ = write.shutdown().await;
    };
    let (received, ()) = tokio::join!(read.read_to_end(&mut bytes), sending);
    received.expect("reading the answer");
    serving.await.expect("the connection's task");
    bytes
}

/// Where the messages of a client's bytes begin and end: offsets of all boundaries, 0 and the length included.
pub(crate) fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut listing = Listing::new(Side::ToServer, Limits::default(), Readers::standard());
    listing.handle_bytes(bytes);
    listing.handle_end();
    listing
        .map(|message| message.expect("recorded bytes are well formed").offset as usize)
        .chain([bytes.len()])
        .collect()
}
