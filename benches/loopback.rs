//! Readouts over loopback TCP, encoded on one side and decoded on the other, beside the same bytes only copied from socket
//! to socket buffer.
//!
//!     cargo bench --bench loopback [-- ROUNDS]
//!
//! All of the data lie in memory before, readouts for the one, bytes for the other: nothing is sent twice, so neither
//! side sends what is in its processor's cache already. A round is one of each; the ratio is the median of all rounds'.

use std::{
    io::Write as _,
    sync::Arc,
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

fn readout(samples: usize, channels: usize) -> Acquisition {
    Acquisition::new(Array2::from_elem((channels, samples), Complex32::new(1.0, 2.0)))
}

async fn connection() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (sender, accepted) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    Ok((sender?, accepted?.0))
}

/// The same bytes, written and read and nothing else.
async fn copied(bytes: Arc<[u8]>, batch: usize) -> std::io::Result<Duration> {
    let (mut sender, mut receiver) = connection().await?;
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        for batch in bytes.chunks(batch) {
            sender.write_all(batch).await?;
        }
        sender.shutdown().await
    });
    let mut buffer = vec![0; BATCH];
    while receiver.read(&mut buffer).await? > 0 {}
    sending.await??;
    Ok(started.elapsed())
}

/// Encoded, written, read, decoded; gives the number of calls that read as well.
async fn exchanged(readouts: Arc<[Acquisition]>, in_batch: usize) -> std::io::Result<(Duration, usize)> {
    let expected = readouts.len();
    let (mut sender, mut receiver) = connection().await?;
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        let mut out = Outgoing::new(Writers::standard());
        for batch in readouts.chunks(in_batch) {
            for readout in batch {
                out.message(readout, "Acquisition").map_err(std::io::Error::other)?;
            }
            sender.write_all_buf(out.segments()).await?;
        }
        sender.shutdown().await
    });
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let (mut messages, mut calls) = (0, 0);
    loop {
        match incoming.poll_event().map_err(std::io::Error::other)? {
            Some(Event::Message(payload)) => {
                std::hint::black_box(&payload);
                messages += 1;
            }
            Some(_) => break,
            None => {
                let wanted = incoming.needed().max(BATCH);
                let buffer = incoming.receive_buffer();
                buffer.reserve(wanted);
                calls += 1;
                if receiver.read_buf(buffer).await? == 0 {
                    incoming.handle_end();
                }
            }
        }
    }
    sending.await??;
    assert_eq!(messages, expected, "all readouts arrive");
    Ok((started.elapsed(), calls))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    for (samples, channels) in [(512, 8), (256, 32), (128, 1)] {
        let readout = readout(samples, channels);
        let mut out = Outgoing::new(Writers::standard());
        let mut in_batch = 0;
        while out.len() < BATCH {
            out.message(&readout, "Acquisition").map_err(std::io::Error::other)?;
            in_batch += 1;
        }
        let batch = out.take();
        let batches = BYTES / batch.len();
        let readouts: Arc<[Acquisition]> = vec![readout; in_batch * batches].into();
        let bytes: Arc<[u8]> = batch.repeat(batches).into();
        let gigabytes = bytes.len() as f64 / 1e9;
        let (mut copies, mut messages, mut ratios, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            let copy = copied(bytes.clone(), batch.len()).await?;
            let (elapsed, reads) = exchanged(readouts.clone(), in_batch).await?;
            copies.push(gigabytes / copy.as_secs_f64());
            messages.push(gigabytes / elapsed.as_secs_f64());
            ratios.push(100.0 * copy.as_secs_f64() / elapsed.as_secs_f64());
            calls = calls.max(reads);
        }
        writeln!(
            std::io::stdout(),
            "{samples} x {channels}: copied {:.2} GB/s, as messages {:.2} GB/s ({:.0} %), at least {:.0} KiB for each call that reads",
            median(copies),
            median(messages),
            median(ratios),
            bytes.len() as f64 / 1024.0 / calls as f64
        )?;
    }
    Ok(())
}
