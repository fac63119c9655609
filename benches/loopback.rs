//! Readouts over loopback TCP, encoded on one side and decoded on the other, beside the same bytes only copied from socket
//! to socket buffer. Best of several runs each, one after the other, in one process.

use std::{
    io::Write as _,
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
const BATCH: usize = 256 << 10;
const RUNS: usize = 7;

fn readout(samples: usize, channels: usize) -> Acquisition {
    Acquisition::new(Array2::from_elem((channels, samples), Complex32::new(1.0, 2.0)))
}

async fn connection() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (sender, accepted) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    Ok((sender?, accepted?.0))
}

/// The same bytes, written and read and nothing else.
async fn copied(batch: Vec<u8>, batches: usize) -> std::io::Result<Duration> {
    let (mut sender, mut receiver) = connection().await?;
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        for _ in 0..batches {
            sender.write_all(&batch).await?;
        }
        sender.shutdown().await
    });
    let mut buffer = vec![0; BATCH];
    while receiver.read(&mut buffer).await? > 0 {}
    sending.await??;
    Ok(started.elapsed())
}

/// Encoded, written, read, decoded; gives the number of calls that read as well.
async fn exchanged(readout: Acquisition, in_batch: usize, batches: usize) -> std::io::Result<(Duration, usize)> {
    let (mut sender, mut receiver) = connection().await?;
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        let mut out = Outgoing::new(Writers::standard());
        for _ in 0..batches {
            for _ in 0..in_batch {
                out.message(&readout, "Acquisition").map_err(std::io::Error::other)?;
            }
            sender.write_all(out.buffer()).await?;
            out.clear();
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
    assert_eq!(messages, in_batch * batches, "all readouts arrive");
    Ok((started.elapsed(), calls))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    for (samples, channels) in [(512, 8), (256, 32), (128, 1)] {
        let readout = readout(samples, channels);
        let mut out = Outgoing::new(Writers::standard());
        let mut in_batch = 0;
        while out.buffer().len() < BATCH {
            out.message(&readout, "Acquisition").map_err(std::io::Error::other)?;
            in_batch += 1;
        }
        let batch = out.take();
        let batches = BYTES / batch.len();
        let bytes = batch.len() * batches;
        let (mut copy, mut messages, mut calls) = (Duration::MAX, Duration::MAX, 0);
        for _ in 0..RUNS {
            copy = copy.min(copied(batch.clone(), batches).await?);
            let (elapsed, reads) = exchanged(readout.clone(), in_batch, batches).await?;
            messages = messages.min(elapsed);
            calls = calls.max(reads);
        }
        let rate = |elapsed: Duration| bytes as f64 / 1e9 / elapsed.as_secs_f64();
        writeln!(
            std::io::stdout(),
            "{samples} x {channels}: copied {:.2} GB/s, as messages {:.2} GB/s ({:.0} %), {:.0} KiB for each call that reads",
            rate(copy),
            rate(messages),
            100.0 * rate(messages) / rate(copy),
            bytes as f64 / 1024.0 / calls as f64
        )?;
    }
    Ok(())
}
