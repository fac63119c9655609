//! What it costs to spread work, over loopback with real processes: a head and two workers.
//!
//!     cargo bench --bench distribution [-- ROUNDS]
//!
//! 1. `distributed_default.xml` with two workers, 84 MB from a client, against the same chain in one server: `default.xml`, and
//!    `distributed_default.xml` where there are no workers; and against a head that only copies.
//! 2. A pass-through `puredistributed` against a plain copy from one socket to another, and against plain copies over the
//!    path that its bytes take: client, head, worker, head, client.
//!
//! The best of all rounds counts. Workers on the machine of their head have no processor of their own: what is measured is
//! what spreading costs, not what it gains.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bare;
#[expect(dead_code, reason = "what a benchmark does not need of it")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use gadgetron::{
    files::ScannerData,
    phantom::{Phantom, PhantomSettings},
};
use protocol::{codec::Writers, session::Outgoing};
use support::{PASS_ON, process::Server};

/// From the first byte sent to the last received; how many came back.
fn exchange(server: SocketAddr, bytes: &[u8]) -> (Duration, usize) {
    let started = Instant::now();
    let mut socket = TcpStream::connect(server).expect("a server");
    let mut sender = socket.try_clone().expect("a socket");
    let mut received = 0;
    thread::scope(|scope| {
        scope.spawn(move || {
            sender.write_all(bytes).expect("the server reads");
            let _ = sender.shutdown(Shutdown::Write);
        });
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match socket.read(&mut buffer).expect("the server answers") {
                0 => break,
                count => received += count,
            }
        }
    });
    (started.elapsed(), received)
}

/// Bytes from one socket to another, and nothing else.
fn plain(bytes: &[u8]) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let sink = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let mut buffer = vec![0; 256 * 1024];
        while socket.read(&mut buffer).expect("bytes") > 0 {}
    });
    let (time, _) = exchange(address, bytes);
    sink.join().expect("the sink");
    time
}

/// Serves connections one after the other.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || listener.incoming().for_each(|socket| answer(socket.expect("a client"))));
    address
}

/// Copies until the end, and passes the end on.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer).expect("bytes") {
            0 => break,
            count => to.write_all(&buffer[..count]).expect("the other end reads"),
        }
    }
    to.shutdown(Shutdown::Write).expect("the other end is there");
}

/// Where plain copies go the way to a worker and back.
fn plain_path() -> SocketAddr {
    let worker = serve(|socket| copy(&socket, &socket));
    serve(move |client| {
        let worker = TcpStream::connect(worker).expect("the worker");
        thread::scope(|scope| {
            scope.spawn(|| copy(&client, &worker));
            copy(&worker, &client);
        });
    })
}

const REPETITIONS: u16 = 10;

fn main() {
    let rounds: u32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10);
    let phantom = Phantom::new(PhantomSettings {
        matrix: 256,
        coils: 8,
        repetitions: REPETITIONS,
        ..PhantomSettings::default()
    })
    .expect("a phantom");
    let mut outgoing = Outgoing::new(Writers::standard());
    for item in phantom.items() {
        if let ScannerData::Acquisition(readout) = item {
            outgoing
                .message(&readout, "Acquisition")
                .expect("a readout has a writer");
        }
    }
    outgoing.close();
    let data = outgoing.take();
    outgoing.close();
    let close = outgoing.take();
    let whole = |configure: &dyn Fn(&mut Outgoing)| {
        let mut outgoing = Outgoing::new(Writers::none());
        configure(&mut outgoing);
        outgoing.header(&phantom.header().to_xml()).expect("a header");
        [outgoing.take(), data.clone()].concat()
    };
    let named = |name: &'static str| {
        whole(&move |outgoing: &mut Outgoing| outgoing.configuration_name(name).expect("a short name"))
    };
    let (local, spread) = (named("default.xml"), named("distributed_default.xml"));
    let pass_on = whole(&|outgoing: &mut Outgoing| outgoing.configuration(PASS_ON).expect("a short text"));

    let workers = [(); 2].map(|()| Server::start());
    let head = Server::head(&workers.each_ref().map(|worker| worker.address), &[]);
    let alone = Server::start();
    let path = plain_path();
    let bare = {
        let workers = workers.each_ref().map(|worker| worker.address);
        bare::head(
            workers,
            &spread,
            spread.len() - data.len(),
            close,
            usize::from(REPETITIONS),
        )
    };
    let mut best = [Duration::MAX; 7];
    for _ in 0..rounds {
        let times = [
            exchange(alone.address, &local).0,
            exchange(alone.address, &spread).0,
            exchange(head.address, &spread).0,
            exchange(bare, &spread).0,
            {
                let (time, received) = exchange(head.address, &pass_on);
                assert_eq!(received, data.len(), "everything comes back");
                time
            },
            plain(&data),
            exchange(path, &data).0,
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = time.min(*best);
        }
    }
    let [local, unspread, spread, bare, passed, plain, path] = best;
    let rate = |time: Duration| data.len() as f64 / 1e6 / time.as_secs_f64();
    let times = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!("{:.1} MB, best of {rounds}", data.len() as f64 / 1e6);
    println!("  default.xml, one server  {local:?}");
    println!("  distributed, no workers  {unspread:?}");
    println!(
        "  distributed, two workers {spread:?}, {:.2} and {:.2} times as long",
        times(spread, local),
        times(spread, unspread)
    );
    println!(
        "  a head that only copies  {bare:?}, {:.2} and {:.2} times as long",
        times(bare, local),
        times(bare, unspread)
    );
    println!("  plain copy               {plain:?}, {:.0} MB/s", rate(plain));
    println!("  plain copies, same path  {path:?}, {:.0} MB/s", rate(path));
    println!(
        "  pass-through and back    {passed:?}, {:.0} MB/s: {:.2} of the plain copy, {:.2} of those over the same path",
        rate(passed),
        times(plain, passed),
        times(path, passed)
    );
}
