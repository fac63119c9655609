//! Decoding and encoding readouts and images from and to memory, beside a plain copy of the same bytes.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Array4};
use protocol::{
    Acquisition, Complex32, Image, ImageHeader, Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};

const MESSAGES: usize = 64;

fn readout(samples: usize, channels: usize) -> Acquisition {
    Acquisition::new(Array2::from_elem((channels, samples), Complex32::new(1.0, 2.0)))
}

/// A session whose bytes have arrived: a socket's driver has read into its buffer, which is not the session's work.
fn arrived(bytes: &BytesMut) -> Incoming {
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    *incoming.receive_buffer() = bytes.clone();
    incoming
}

fn decoded(incoming: &mut Incoming) -> usize {
    let mut weight = 0;
    while let Ok(Some(Event::Message(payload))) = incoming.poll_event() {
        weight += payload.weight;
        black_box(&payload);
    }
    weight
}

fn measure(criterion: &mut Criterion, name: &str, put: impl Fn(&mut Outgoing)) {
    let mut out = Outgoing::new(Writers::standard());
    (0..MESSAGES).for_each(|_| put(&mut out));
    let bytes = BytesMut::from(out.buffer());
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    // Every one reads from a buffer of its own, which decoding uses up: as cold as the next one's.
    group.bench_function("copy", |bencher| {
        let mut target = Vec::with_capacity(bytes.len());
        let copy = |bytes: &mut BytesMut| {
            target.clear();
            target.extend_from_slice(black_box(bytes));
            black_box(&target);
        };
        bencher.iter_batched_ref(|| bytes.clone(), copy, BatchSize::SmallInput);
    });
    // A copy into memory of its own for each message, which is what a decoded value needs at least.
    group.bench_function("copy_each", |bencher| {
        let copy = |bytes: &mut BytesMut| {
            for chunk in black_box(&*bytes).chunks_exact(bytes.len() / MESSAGES) {
                black_box(chunk.to_vec());
            }
        };
        bencher.iter_batched_ref(|| bytes.clone(), copy, BatchSize::SmallInput);
    });
    group.bench_function("decode", |bencher| {
        bencher.iter_batched_ref(|| arrived(&bytes), decoded, BatchSize::SmallInput);
    });
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            (0..MESSAGES).for_each(|_| put(&mut out));
            black_box(out.buffer());
        });
    });
    group.finish();
}

fn codecs(criterion: &mut Criterion) {
    for (name, samples, channels) in [
        ("readout_512x8", 512, 8),
        ("readout_256x32", 256, 32),
        ("readout_128x1", 128, 1),
    ] {
        let readout = readout(samples, channels);
        measure(criterion, name, |out| {
            out.message(&readout, "Acquisition").unwrap_or_default()
        });
    }
    let image = Image::<f32> {
        header: ImageHeader::default(),
        data: Array4::zeros((1, 1, 256, 256)),
        meta: None,
    };
    measure(criterion, "image_256x256", |out| {
        out.message(&image, "Image").unwrap_or_default()
    });
}

criterion_group!(benches, codecs);
criterion_main!(benches);
