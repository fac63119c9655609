//! Time and throughput of the whole job in one process, and of decoding and encoding readouts (512 samples, 8 coils).
//!
//!     cargo bench --bench main_job

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gadgetron::{
    configurations::Configurations,
    files::{RAW_DATA_GROUP, ReadLimits},
    phantom::{self, Phantom, PhantomArguments, PhantomSettings},
    recon::Recon,
};
use gadgets::{context::NoStorage, flow::ScannerData};
use protocol::{
    Acquisition, Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};

/// Ten repetitions of 256 x 256 from 8 coils, twice oversampled: 84 MB.
fn settings() -> PhantomSettings {
    PhantomSettings {
        matrix: 256,
        coils: 8,
        repetitions: 10,
        ..PhantomSettings::default()
    }
}

fn recon(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let input = folder.path().join("raw.h5");
    let arguments = PhantomArguments {
        output: input.clone(),
        group: RAW_DATA_GROUP.into(),
        settings: settings(),
    };
    phantom::write(&arguments).expect("a phantom");
    let configuration = Configurations::new().find("default.xml").expect("it is built in");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("recon");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(10 * 256 * 512 * 8 * 8));
    group.bench_function("default, 84 MB from file to file", |bencher| {
        bencher.iter(|| {
            let output = folder.path().join("images.h5");
            let _ = std::fs::remove_file(&output);
            let recon = Recon {
                input: input.clone(),
                group: RAW_DATA_GROUP.into(),
                read_limits: ReadLimits::default(),
                configuration: configuration.clone(),
                output,
                output_group: "default".into(),
                parameters: BTreeMap::new(),
                storage: Arc::new(NoStorage),
                distribution: Arc::default(),
                capacity: engine::Capacity::default(),
            };
            runtime.block_on(recon.run()).expect("a reconstruction")
        });
    });
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    let phantom = Phantom::new(PhantomSettings {
        repetitions: 1,
        ..settings()
    })
    .expect("a phantom");
    let readouts: Vec<Acquisition> = phantom
        .items()
        .filter_map(|item| match item {
            ScannerData::Acquisition(readout) => Some(readout),
            ScannerData::Waveform(_) => None,
        })
        .collect();
    let mut outgoing = Outgoing::new(Writers::standard());
    let encode = |outgoing: &mut Outgoing| {
        for readout in &readouts {
            outgoing
                .message(readout, "Acquisition")
                .expect("a readout has a writer");
        }
    };
    encode(&mut outgoing);
    let bytes = outgoing.take();
    let mut group = criterion.benchmark_group("readouts of 512 x 8");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            outgoing.clear();
            encode(&mut outgoing);
            outgoing.buffer().len()
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut incoming = Incoming::client(Limits::default(), Readers::standard());
            // As a socket gives them: 256 KiB at a time.
            for chunk in bytes.chunks(256 * 1024) {
                incoming.handle_bytes(chunk);
                while let Some(Event::Message(payload)) = incoming.poll_event().expect("readouts") {
                    black_box(payload);
                }
            }
        });
    });
    group.bench_function("memcpy of the same bytes", |bencher| {
        let mut copy = vec![0_u8; bytes.len()];
        bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&bytes)));
    });
    group.finish();
}

criterion_group!(benches, recon, codec);
criterion_main!(benches);
