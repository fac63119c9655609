//! `gadgetron tap`: what it records is what went over the wire, and can be sent again.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gadgetron::{
    client::{self, ConfigurationChoice, OutputFiles, Request, Settings},
    files::{ImageReader, RawDataFile},
    server::{self, Services},
    tap::{Format, Recorded, TapOptions, messages, tap},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{data, process::gadgetron};

async fn listener(address: impl Into<std::net::IpAddr>) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((address.into(), 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A running tap.
struct Tap {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<Recorded>>,
}

impl Tap {
    async fn start(listener: TcpListener, to: SocketAddr, folder: &Path, connections: usize) -> Self {
        let address = listener.local_addr().unwrap();
        let folder = folder.to_owned();
        let options = TapOptions {
            connections,
            ..TapOptions::default()
        };
        let (stop, stopped) = oneshot::channel();
        let to = to.to_string().parse().unwrap();
        let running = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            tap(vec![listener], to, &folder, options, shutdown).await
        });
        Self { address, stop, running }
    }

    async fn stop(self) -> Recorded {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap()
    }
}

/// A server that sends back, connection by connection, what came once nothing more comes.
async fn echo(listener: TcpListener, open: Arc<AtomicUsize>, most: Arc<AtomicUsize>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (open, most) = (open.clone(), most.clone());
        tokio::spawn(async move {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).await.unwrap();
            socket.write_all(&bytes).await.unwrap();
            open.fetch_sub(1, Ordering::SeqCst);
            socket.shutdown().await.unwrap();
        });
    }
}

async fn reconstruct(address: SocketAddr, output: &Path) {
    let socket = client::connect(
        &address.ip().to_string(),
        address.port(),
        std::time::Duration::from_secs(10),
    )
    .await
    .unwrap();
    let (reader, writer) = socket.into_split();
    let request = Request::Reconstruction {
        configuration: ConfigurationChoice::Named("default.xml".into()),
        measurement: Some(Box::new(RawDataFile::open(data("tiny.h5"), "dataset").unwrap())),
    };
    let output = OutputFiles::new(output, "images");
    client::run(reader, writer, request, output, Settings::default(), Arc::default())
        .await
        .unwrap();
}

fn listed(path: &Path) -> Vec<String> {
    let mut out = Vec::new();
    messages(std::fs::File::open(path).unwrap(), &mut out, Format::Text).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_reconstruction_through_a_tap_is_recorded_to_the_last_byte_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let (server_listener, server) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(
        vec![server_listener],
        Arc::<Services>::default(),
        async {
            let _ = stopped.await;
        },
    ));
    let (tap_listener, _) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    let tap = Tap::start(tap_listener, server, folder.path(), 4).await;

    let images = folder.path().join("images.h5");
    reconstruct(tap.address, &images).await;
    let images = ImageReader::open(&images).unwrap().series("images").unwrap();
    let direct = folder.path().join("direct.h5");
    reconstruct(server, &direct).await;
    assert!(images == ImageReader::open(&direct).unwrap().series("images").unwrap());

    let recorded = tap.stop().await;
    let [up, down] = ["tap.0.c2s.bin", "tap.0.s2c.bin"].map(|name| folder.path().join(name));
    let [sent, answered] = [&up, &down].map(|path| std::fs::read(path).unwrap());
    let expected = Recorded {
        connections: 1,
        to_server: sent.len() as u64,
        to_client: answered.len() as u64,
        incomplete: 0,
    };
    assert_eq!(recorded, expected);
    // The original's client sent the same for the same file.
    assert!(sent == std::fs::read(data("wire/client_default.0.c2s.bin")).unwrap());
    assert_eq!((listed(&up).len(), listed(&down).len()), (35, 3));

    // Sent again byte for byte, the same comes back.
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.write_all(&sent).await.unwrap();
    let mut again = Vec::new();
    socket.read_to_end(&mut again).await.unwrap();
    assert!(again == answered);
    stop.send(()).unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_end_of_one_direction_is_passed_on_while_the_other_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let both = [
        std::net::IpAddr::from(Ipv4Addr::LOCALHOST),
        std::net::IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let mut connections = 0;
    for address in both {
        let Ok((server_listener, server)) = listener(address).await else {
            // Not `eprintln!`, whose words a test that passes keeps for itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {address} on this machine");
            continue;
        };
        tokio::spawn(echo(server_listener, Arc::default(), Arc::default()));
        let (tap_listener, _) = listener(address).await.unwrap();
        let tap = Tap::start(tap_listener, server, folder.path(), 4).await;
        let mut socket = TcpStream::connect(tap.address).await.unwrap();
        let sent: Vec<u8> = (0..2_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let (mut reader, mut writer) = socket.split();
        let mut back = Vec::new();
        let sending = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let (_, received) = tokio::join!(sending, reader.read_to_end(&mut back));
        received.unwrap();
        assert!(back == sent);
        assert_eq!(tap.stop().await.connections, 1);
        // The second tap goes on behind the numbers that are there.
        for direction in ["c2s", "s2c"] {
            let path = folder.path().join(format!("tap.{connections}.{direction}.bin"));
            assert!(std::fs::read(&path).unwrap() == sent, "{}", path.display());
        }
        connections += 1;
    }
    assert!(connections > 0);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_open_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (server_listener, server) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    tokio::spawn(echo(server_listener, Arc::default(), most.clone()));
    let (tap_listener, _) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    let tap = Tap::start(tap_listener, server, folder.path(), 2).await;
    let clients = (0..10_u8).map(|number| async move {
        let mut socket = TcpStream::connect(tap.address).await.unwrap();
        socket.write_all(&[number; 1000]).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut back = Vec::new();
        socket.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, [number; 1000]);
    });
    futures::future::join_all(clients).await;
    assert_eq!(tap.stop().await.connections, 10);
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_ends_the_connection_and_not_the_tap() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, nowhere) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    drop(gone);
    let (tap_listener, _) = listener(Ipv4Addr::LOCALHOST).await.unwrap();
    let tap = Tap::start(tap_listener, nowhere, folder.path(), 2).await;
    for _ in 0..3 {
        let mut socket = TcpStream::connect(tap.address).await.unwrap();
        let mut back = Vec::new();
        // An end or a reset: either tells the client.
        let _ = socket.read_to_end(&mut back).await;
        assert!(back.is_empty());
    }
    assert_eq!(tap.stop().await, Recorded::default());
}

#[test]
fn the_program_ends_in_order_when_it_is_told_to_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for signal in ["-INT", "-TERM"] {
        let to = server.local_addr().unwrap().to_string();
        let out = folder.path().join(signal);
        let mut program = gadgetron(&["tap", "--listen", "0", "--bind", "127.0.0.1", "--to", &to, "--out"])
            .arg(&out)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(program.stderr.take().unwrap()).lines();
        let said = words
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("listens on"));
        let address = said.unwrap().rsplit(' ').next().unwrap().to_owned();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"half a message").unwrap();
        let (mut passed_on, _) = server.accept().unwrap();
        let mut received = [0; 14];
        passed_on.read_exact(&mut received).unwrap();

        let told = std::process::Command::new("kill")
            .args([signal, &program.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        assert!(program.wait().unwrap().success());
        assert!(
            words
                .map(Result::unwrap)
                .any(|line| line.contains("1 connections recorded"))
        );
        assert_eq!(std::fs::read(out.join("tap.0.c2s.bin")).unwrap(), b"half a message");
    }
}
