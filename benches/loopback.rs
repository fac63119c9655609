//! Readouts over loopback TCP, encoded on one side and decoded on the other, beside the same bytes only copied from socket
//! to socket buffer.
//!
//!     cargo bench --bench loopback [-- ROUNDS]
//!
//! The sender is a process of its own. All of its data lie in memory before, readouts for the one, bytes for the other:
//! nothing is sent twice, so neither side sends what is in its processor's cache already. Readouts are taken as they are
//! sent, as the server, its client and its links do. A round is one of each; the ratio is the median of all rounds'.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ndarray::Array2;
use protocol::{
    Acquisition, Complex32, Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const BYTES: usize = 256 << 20;
const BATCH: usize = 512 << 10;
const ROUNDS: usize = 15;
/// What the sender's process is told first.
const SEND: &str = "send";

/// What is sent: readouts, so many at a time.
struct Data {
    readouts: Vec<Acquisition>,
    in_batch: usize,
}

impl Data {
    fn new(samples: usize, channels: usize) -> io::Result<Self> {
        let readout = Acquisition::new(Array2::from_elem((channels, samples), Complex32::new(1.0, 2.0)));
        let mut out = Outgoing::new(Writers::standard());
        let mut in_batch = 0;
        while out.len() < BATCH {
            out.message(&readout, "Acquisition").map_err(io::Error::other)?;
            in_batch += 1;
        }
        let batches = BYTES / out.len();
        Ok(Self {
            readouts: vec![readout; in_batch * batches],
            in_batch,
        })
    }

    fn encoded(&self) -> io::Result<Vec<u8>> {
        let mut out = Outgoing::new(Writers::standard());
        for readout in &self.readouts {
            out.message(readout, "Acquisition").map_err(io::Error::other)?;
        }
        Ok(out.take())
    }
}

/// The sender: the bytes over one connection, the readouts over the next, and again for each round.
async fn send(to: SocketAddr, data: Data, rounds: usize) -> io::Result<()> {
    let bytes = data.encoded()?;
    let batch = bytes.len() / data.readouts.len() * data.in_batch;
    for _ in 0..rounds {
        let mut socket = TcpStream::connect(to).await?;
        for batch in bytes.chunks(batch) {
            socket.write_all(batch).await?;
        }
        socket.shutdown().await?;

        let mut readouts = data.readouts.clone();
        let mut out = Outgoing::new(Writers::standard());
        let mut socket = TcpStream::connect(to).await?;
        for batch in readouts.chunks_mut(data.in_batch) {
            for readout in batch {
                out.taking(readout, "Acquisition").map_err(io::Error::other)?;
            }
            socket.write_all_buf(out.segments()).await?;
        }
        socket.shutdown().await?;
    }
    Ok(())
}

/// Bytes, read and nothing else; how many.
async fn copied(listener: &TcpListener) -> io::Result<(Duration, usize)> {
    let (mut socket, _) = listener.accept().await?;
    let started = Instant::now();
    let mut buffer = vec![0; BATCH];
    let mut bytes = 0;
    loop {
        match socket.read(&mut buffer).await? {
            0 => return Ok((started.elapsed(), bytes)),
            count => bytes += count,
        }
    }
}

/// Readouts, read and decoded: how many, and how many calls read them.
async fn received(listener: &TcpListener) -> io::Result<(Duration, usize, usize)> {
    let (mut socket, _) = listener.accept().await?;
    let started = Instant::now();
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let (mut messages, mut calls) = (0, 0);
    loop {
        match incoming.poll_event().map_err(io::Error::other)? {
            Some(Event::Message(payload)) => {
                std::hint::black_box(&payload);
                messages += 1;
            }
            Some(_) => return Ok((started.elapsed(), messages, calls)),
            None => {
                let wanted = incoming.needed().max(BATCH);
                let buffer = incoming.receive_buffer();
                buffer.reserve(wanted);
                calls += 1;
                if socket.read_buf(buffer).await? == 0 {
                    incoming.handle_end();
                }
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, to, numbers @ ..] = &words[..]
        && word == SEND
    {
        let numbers: Vec<usize> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
        let data = Data::new(numbers[0], numbers[1])?;
        return send(to.parse().map_err(io::Error::other)?, data, numbers[2]).await;
    }
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    for (samples, channels) in [(512, 8), (256, 32), (128, 1)] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut sender = Command::new(std::env::current_exe()?)
            .args([SEND.to_owned(), listener.local_addr()?.to_string()])
            .args([samples, channels, rounds].map(|number: usize| number.to_string()))
            .stdin(Stdio::null())
            .spawn()?;
        let (mut copies, mut messages, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut all_bytes, mut all_calls) = (0, 0);
        for _ in 0..rounds {
            let (copy, bytes) = copied(&listener).await?;
            let (elapsed, readouts, calls) = received(&listener).await?;
            assert!(readouts > 0 && bytes % readouts == 0, "all readouts arrive");
            let gigabytes = bytes as f64 / 1e9;
            copies.push(gigabytes / copy.as_secs_f64());
            messages.push(gigabytes / elapsed.as_secs_f64());
            ratios.push(100.0 * copy.as_secs_f64() / elapsed.as_secs_f64());
            all_bytes += bytes;
            all_calls += calls;
        }
        sender.wait()?;
        writeln!(
            io::stdout(),
            "{samples} x {channels}: copied {:.2} GB/s, as messages {:.2} GB/s ({:.0} %), {} KiB for each call that reads",
            median(copies),
            median(messages),
            median(ratios),
            all_bytes / all_calls / 1024
        )?;
    }
    Ok(())
}
