//! From the readout that completes an image to that image at the client, over loopback: 128 x 128, 8 coils, a readout
//! every 2.5 ms as from a scanner, `default.xml`. With its trigger an image is complete when the first readout of the
//! next repetition arrives, so the time from the *last readout of the image* is one readout interval more.
//!
//!     cargo bench --bench latency [-- IMAGES]

use std::{sync::Arc, time::Duration};

use gadgetron::{
    phantom::{Phantom, PhantomSettings},
    server::{Services, serve},
};
use gadgets::flow::ScannerData;
use protocol::{
    Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, MissedTickBehavior, interval},
};

const MATRIX: u16 = 128;
const INTERVAL: Duration = Duration::from_micros(2500);

fn main() {
    let images = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(40);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut latencies = runtime.block_on(measure(images));
    let worst = latencies.iter().enumerate().max_by_key(|(_, latency)| **latency);
    let (worst, first) = (worst.map_or(0, |(image, _)| image), latencies[0]);
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share).round() as usize];
    #[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
    {
        println!(
            "latency over {} images, from the completing readout to the image at the client:",
            latencies.len()
        );
        println!("  p50 {:?}   p99 {:?}   max {:?}", at(0.5), at(0.99), at(1.0));
        println!("  the first image {first:?}, the slowest is image {worst}");
        println!("  from the image's last readout: {INTERVAL:?} more (the trigger waits for the next repetition)");
    }
}

async fn measure(images: u16) -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(serve(
        vec![listener],
        Arc::<Services>::default(),
        std::future::pending(),
    ));
    let phantom = Phantom::new(PhantomSettings {
        matrix: MATRIX,
        repetitions: images,
        ..PhantomSettings::default()
    });
    let phantom = phantom.expect("a phantom");
    let mut outgoing = Outgoing::new(Writers::standard());
    outgoing.configuration_name("default.xml").expect("a short name");
    outgoing.header(&phantom.header().to_xml()).expect("a header");
    let socket = TcpStream::connect(address).await.expect("a connection");
    socket.set_nodelay(true).expect("no delay");
    let (read, mut write) = socket.into_split();
    write.write_all(outgoing.buffer()).await.expect("the server listens");
    outgoing.clear();
    let arrivals = tokio::spawn(receive(read));

    let readouts: Vec<_> = phantom.items().collect();
    let mut completed = Vec::new();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (index, item) in readouts.iter().enumerate() {
        ticks.tick().await;
        let ScannerData::Acquisition(readout) = item else {
            continue;
        };
        outgoing
            .message(readout, "Acquisition")
            .expect("a readout has a writer");
        if index > 0 && index % usize::from(MATRIX) == 0 {
            completed.push(Instant::now());
        }
        write.write_all(outgoing.buffer()).await.expect("the server reads");
        outgoing.clear();
    }
    completed.push(Instant::now());
    outgoing.close();
    write.write_all(outgoing.buffer()).await.expect("the server reads");
    let arrivals = arrivals.await.expect("the receiver");
    server.abort();
    assert_eq!(arrivals.len(), completed.len(), "an image for each repetition");
    arrivals
        .into_iter()
        .zip(completed)
        .map(|(arrival, completed)| arrival - completed)
        .collect()
}

async fn receive(mut socket: tokio::net::tcp::OwnedReadHalf) -> Vec<Instant> {
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let mut arrivals = Vec::new();
    loop {
        match incoming.poll_event().expect("a well-formed answer") {
            Some(Event::Message(_)) => arrivals.push(Instant::now()),
            Some(Event::Close) => return arrivals,
            Some(event) => panic!("{event:?}"),
            None => {
                let count = socket
                    .read_buf(incoming.receive_buffer())
                    .await
                    .expect("the server answers");
                assert!(count > 0, "the server closed without CLOSE");
            }
        }
    }
}
