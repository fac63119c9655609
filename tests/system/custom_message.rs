//! Users' own messages, in a configuration's readers and writers and over a link to a worker.

use std::sync::Arc;

use distributed::Source;
use gadgetron::{distribution::Distribution, server::Services};
use protocol::{
    Limits,
    codec::{Codecs, Readers, Writers, put_number},
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::peer::{CLIENT_DEFAULT, boundaries, exchange_bytes};

#[path = "../../examples/custom_message.rs"]
#[expect(dead_code, unreachable_pub, reason = "the example is a program of its own")]
mod example;

use example::{NavigatorEcho, NavigatorEchoCodec, ShimUpdate};

const READERS: &str = "<readers>
    <reader><classname>ShimUpdateReader</classname></reader>
    <reader><slot>3000</slot><classname>NavigatorEchoReader</classname></reader>
</readers>";
const WRITERS: &str = "<writers>
    <writer><classname>ShimUpdateWriter</classname></writer>
    <writer><classname>NavigatorEchoWriter</classname></writer>
</writers>";
/// A gadget that lets pass what it does not know.
const GADGET: &str = "<gadget><dll/><classname>ComplexToFloatGadget</classname></gadget>";

fn shim(current: f32) -> ShimUpdate {
    ShimUpdate {
        currents: vec![current, -current],
        reason: "the patient moved".to_owned(),
    }
}

fn echo(displacement: f32) -> NavigatorEcho {
    NavigatorEcho {
        displacements: vec![displacement; 3],
    }
}

/// A connection with this configuration and one message of each type.
fn connection(configuration: &str, codecs: &Codecs) -> Vec<u8> {
    let recorded = boundaries(CLIENT_DEFAULT);
    let mut out = Outgoing::new(Writers::all(codecs));
    out.configuration(configuration).unwrap();
    out.encoded(&CLIENT_DEFAULT[recorded[1]..recorded[2]]);
    out.message(&shim(0.5), "ShimUpdate").unwrap();
    // The configuration's slot, not the table's number.
    let mut body = Vec::new();
    put_number(&mut body, 3000_u16);
    protocol::codec::Codec::encode(&NavigatorEchoCodec, &echo(1.5), &mut body).unwrap();
    out.encoded(&body);
    out.close();
    out.take()
}

/// What came back: the two types, in order, and the words.
fn answer(bytes: &[u8], codecs: &Codecs) -> (Vec<ShimUpdate>, Vec<NavigatorEcho>, Vec<String>) {
    let mut incoming = Incoming::client(Limits::default(), Readers::all(codecs));
    incoming.handle_bytes(bytes);
    let (mut shims, mut echoes, mut words) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(event) = incoming.poll_event().unwrap() {
        match event {
            Event::Message(payload) => match payload.value.downcast() {
                Ok(shim) => shims.push(*shim),
                Err(other) => echoes.push(*other.downcast().unwrap()),
            },
            Event::Text(text) => words.push(text),
            _ => {}
        }
    }
    (shims, echoes, words)
}

#[tokio::test]
async fn they_pass_through_a_server_that_has_their_codecs() {
    let codecs = example::codecs();
    let services = Arc::new(Services {
        codecs: Arc::new(codecs.clone()),
        ..Services::default()
    });
    let configuration =
        format!("<configuration><version>2</version>{READERS}{WRITERS}<stream>{GADGET}</stream></configuration>");
    let bytes = exchange_bytes(&services, [connection(&configuration, &codecs).as_slice()]).await;
    assert_eq!(answer(&bytes, &codecs), (vec![shim(0.5)], vec![echo(1.5)], vec![]));
}

#[tokio::test]
async fn a_server_without_their_codecs_names_the_classes_it_does_not_know() {
    let codecs = example::codecs();
    let configuration =
        format!("<configuration><version>2</version>{READERS}{WRITERS}<stream>{GADGET}</stream></configuration>");
    let bytes = exchange_bytes(&Arc::default(), [connection(&configuration, &codecs).as_slice()]).await;
    let (_, _, words) = answer(&bytes, &codecs);
    let words = words.join("\n");
    for class in [
        "ShimUpdateReader",
        "NavigatorEchoReader",
        "ShimUpdateWriter",
        "NavigatorEchoWriter",
    ] {
        assert!(words.contains(class), "{words}");
    }
}

/// A worker that doubles every number in what it is sent.
async fn double(mut socket: TcpStream, codecs: Codecs) {
    let mut incoming = Incoming::server(Limits::default());
    let mut out = Outgoing::new(Writers::all(&codecs));
    loop {
        match incoming.poll_event().unwrap() {
            Some(Event::Configuration(text)) => {
                let configuration = protocol::Configuration::parse(&text).unwrap();
                incoming.set_readers(Readers::from_configuration(&configuration, &codecs).unwrap());
            }
            Some(Event::Message(payload)) => match payload.value.downcast::<ShimUpdate>() {
                Ok(mut shim) => {
                    shim.currents.iter_mut().for_each(|current| *current *= 2.0);
                    out.message(&*shim, "ShimUpdate").unwrap();
                }
                Err(other) => {
                    let mut echo = other.downcast::<NavigatorEcho>().unwrap();
                    echo.displacements
                        .iter_mut()
                        .for_each(|displacement| *displacement *= 2.0);
                    out.message(&*echo, "NavigatorEcho").unwrap();
                }
            },
            Some(Event::Query { correlation, .. }) => out.response(correlation, "here"),
            Some(Event::Close) => break,
            Some(_) => {}
            None => {
                socket.write_all(out.buffer()).await.unwrap();
                out.clear();
                if socket.read_buf(incoming.receive_buffer()).await.unwrap() == 0 {
                    return;
                }
            }
        }
    }
    out.close();
    socket.write_all(out.buffer()).await.unwrap();
    socket.shutdown().await.unwrap();
}

#[tokio::test]
async fn they_go_to_a_worker_and_come_back() {
    let codecs = example::codecs();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let worker = listener.local_addr().unwrap();
    let workers_codecs = codecs.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(double(socket, workers_codecs.clone()));
        }
    });
    let services = Arc::new(Services {
        codecs: Arc::new(codecs.clone()),
        distribution: Arc::new(Distribution {
            source: Source::Fixed(vec![worker.to_string().parse().unwrap()]),
            ..Distribution::default()
        }),
        ..Services::default()
    });
    // Between the servers the table's own numbers serve.
    let inner = READERS.replace("<slot>3000</slot>", "");
    let configuration = format!(
        "<configuration><version>2</version>{READERS}{WRITERS}<stream>
            <puredistributed>{inner}{WRITERS}<purestream>{GADGET}</purestream></puredistributed>
        </stream></configuration>"
    );
    let bytes = exchange_bytes(&services, [connection(&configuration, &codecs).as_slice()]).await;
    assert_eq!(answer(&bytes, &codecs), (vec![shim(1.0)], vec![echo(3.0)], vec![]));
}
