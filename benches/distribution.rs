//! What it costs to spread work, over loopback with real processes: a head and two workers.
//!
//!     cargo bench --bench distribution [-- ROUNDS]
//!
//! 1. `distributed_default.xml` with two workers against the same chain in one server, 84 MB from a client.
//! 2. A pass-through `puredistributed`: four times over a socket (client, head, worker, head, client), so its bytes count
//!    four times, against a plain copy from one socket to another.
//!
//! The best of all rounds counts.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use gadgetron::{
    files::ScannerData,
    phantom::{Phantom, PhantomSettings},
};
use protocol::{codec::Writers, session::Outgoing};

/// Nothing but a way to workers and back.
const PASS_ON: &str = "<configuration><version>2</version>
    <readers><reader><classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader></readers>
    <writers><writer><classname>GadgetIsmrmrdAcquisitionMessageWriter</classname></writer></writers>
    <stream><puredistributed>
        <readers><reader><classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader></readers>
        <writers><writer><classname>GadgetIsmrmrdAcquisitionMessageWriter</classname></writer></writers>
        <purestream/>
    </puredistributed></stream></configuration>";

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(workers: &[&Self]) -> Self {
        let list: Vec<_> = workers.iter().map(|worker| format!("\"{}\"", worker.address)).collect();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gadgetron"))
            .args(["-p", "0", "--bind", "127.0.0.1", "-d"])
            .env(
                "GADGETRON_REMOTE_WORKER_COMMAND",
                format!("echo '[{}]'", list.join(",")),
            )
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
        let address = lines.find_map(|line| line.ok()?.split_once("listens on ")?.1.trim().parse().ok());
        // Its words must be read, or it waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("an address"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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

fn main() {
    let rounds: u32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10);
    let phantom = Phantom::new(PhantomSettings {
        matrix: 256,
        coils: 8,
        repetitions: 10,
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

    let workers = [Server::start(&[]), Server::start(&[])];
    let head = Server::start(&[&workers[0], &workers[1]]);
    let mut best = [Duration::MAX; 4];
    for _ in 0..rounds {
        let times = [
            exchange(head.address, &local).0,
            exchange(head.address, &spread).0,
            {
                let (time, received) = exchange(head.address, &pass_on);
                assert_eq!(received, data.len(), "everything comes back");
                time
            },
            plain(&data),
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = time.min(*best);
        }
    }
    let [local, spread, passed, plain] = best;
    let rate = |times: usize, time: Duration| (times * data.len()) as f64 / 1e6 / time.as_secs_f64();
    println!("{:.1} MB, best of {rounds}", data.len() as f64 / 1e6);
    println!("  one server            {local:?}");
    println!(
        "  two workers           {spread:?}, {:.2} times as long",
        spread.as_secs_f64() / local.as_secs_f64()
    );
    println!("  plain copy            {plain:?}, {:.0} MB/s", rate(1, plain));
    println!(
        "  pass-through and back {passed:?}, {:.0} MB/s over sockets, {:.2} of the plain copy",
        rate(4, passed),
        rate(4, passed) / rate(1, plain)
    );
}
