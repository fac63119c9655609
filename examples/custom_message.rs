//! Messages of your own, in the two ways there are: a type that `serde` knows in one line, and a layout by hand.
//!
//! Run with `cargo run --example custom_message`.

use protocol::{
    Limits,
    codec::{Codec, Codecs, Decoder, EncodeError, Failure, Readers, Writers, put_count, put_number, put_samples},
    configuration::Configuration,
    session::{Event, Incoming, Outgoing},
};

/// First way: derive `serde`'s traits, choose a number from 1000 on. Its layout is described at `codec::SerdeCodec`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ShimUpdate {
    /// Currents of the shim coils in ampere.
    pub currents: Vec<f32>,
    /// Why they change.
    pub reason: String,
}

/// Second way: a layout that is fixed already, here a count of 64 bits and single precision samples.
#[derive(Clone, Debug, PartialEq)]
pub struct NavigatorEcho {
    /// Position of the diaphragm in millimetres.
    pub displacements: Vec<f32>,
}

/// Its codec.
#[derive(Clone, Copy, Debug)]
pub struct NavigatorEchoCodec;

impl Codec for NavigatorEchoCodec {
    type Value = NavigatorEcho;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<NavigatorEcho, Failure> {
        // `count` holds the number against the limits and waits until the samples have arrived.
        let count = decoder.count("the displacements", 4)?;
        let displacements = decoder.samples(count as u64)?;
        Ok(NavigatorEcho { displacements })
    }

    fn encode(&self, value: &NavigatorEcho, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_count(out, value.displacements.len());
        put_samples(out, &ndarray::aview1(&value.displacements));
        Ok(())
    }
}

const CONFIGURATION: &str = "<configuration>
    <version>2</version>
    <readers>
        <reader><classname>ShimUpdateReader</classname></reader>
        <reader><slot>3000</slot><classname>NavigatorEchoReader</classname></reader>
    </readers>
    <writers>
        <writer><classname>ShimUpdateWriter</classname></writer>
        <writer><classname>NavigatorEchoWriter</classname></writer>
    </writers>
    <stream/>
</configuration>";

fn main() {
    exchange();
}

/// The table with both types in it. A server gets it as `Services::codecs`; so do the nodes that spread its work.
pub fn codecs() -> Codecs {
    let mut codecs = Codecs::standard();
    codecs
        .register_serde::<ShimUpdate>(2001, "ShimUpdate")
        .and_then(|codecs| {
            codecs.register(
                2002,
                &["NavigatorEchoReader"],
                &["NavigatorEchoWriter"],
                NavigatorEchoCodec,
            )
        })
        .expect("numbers and names are free");
    codecs
}

/// Sends one of each over a connection in memory, as the configuration says.
pub fn exchange() {
    let codecs = codecs();
    let configuration = Configuration::parse(CONFIGURATION).expect("the configuration is right");
    let readers = Readers::from_configuration(&configuration, &codecs).expect("the readers exist");
    let writers = Writers::from_configuration(&configuration, &codecs).expect("the writers exist");

    let shim = ShimUpdate {
        currents: vec![0.5, -1.25],
        reason: "the patient moved".to_owned(),
    };
    let echo = NavigatorEcho {
        displacements: vec![1.5, 2.5, 2.0],
    };
    let mut sender = Outgoing::new(writers);
    sender.message(&shim, "ShimUpdate").expect("a writer takes it");
    // The configuration reads echoes as message 3000, so this side sends them under that number.
    let mut body = Vec::new();
    put_number(&mut body, 3000_u16);
    NavigatorEchoCodec.encode(&echo, &mut body).expect("it fits");
    sender.encoded(&body);

    let mut receiver = Incoming::client(Limits::default(), readers);
    receiver.handle_bytes(sender.buffer());
    let mut received = Vec::new();
    while let Some(event) = receiver.poll_event().expect("the bytes are right") {
        if let Event::Message(payload) = event {
            received.push(payload.value);
        }
    }
    assert_eq!(received[0].downcast_ref(), Some(&shim));
    assert_eq!(received[1].downcast_ref(), Some(&echo));
}
