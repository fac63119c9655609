//! The three gadgets that cost the most in `default.xml`, each on one repetition of 256 lines of 8 coils with 512 samples
//! (8.4 MB as it comes from the scanner). Throughput is that of their input.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::{Capacity, Gadget, channel};
use gadgets::{
    Context,
    acquisition::remove_oversampling::RemoveOversampling,
    properties::NoProperties,
    recon::{
        bucket_to_buffer::{BucketToBuffer, BucketToBufferProperties},
        simple_recon::reconstruct,
    },
    registry::Configured,
};
use ndarray::{Array2, ArrayD, IxDyn};
use protocol::{
    Acquisition, AcquisitionBucket, AcquisitionBucketStats, AcquisitionHeader, BufferedData, Complex32, IsmrmrdHeader,
    SamplingDescription,
    header::{Encoding, EncodingSpace},
};

const COILS: usize = 8;
const LINES: usize = 256;
const SAMPLES: usize = 512;

fn header() -> IsmrmrdHeader {
    let space = |x: u16| EncodingSpace {
        matrix_size: [x, LINES as u16, 1],
        field_of_view_mm: [f32::from(x), 256.0, 5.0],
        ..EncodingSpace::default()
    };
    let encoding = Encoding {
        encoded_space: space(SAMPLES as u16),
        recon_space: space(SAMPLES as u16 / 2),
        ..Encoding::default()
    };
    IsmrmrdHeader {
        encoding: vec![encoding],
        ..IsmrmrdHeader::default()
    }
}

fn lines(samples: usize) -> Vec<Acquisition> {
    let line = |line: u16| {
        let mut readout = Acquisition::new(Array2::from_elem(
            (COILS, samples),
            Complex32::new(1.0, f32::from(line)),
        ));
        readout.header.idx.kspace_encode_step_1 = line;
        readout
    };
    (0..LINES as u16).map(line).collect()
}

fn remove_oversampling(criterion: &mut Criterion) {
    let context = Context::new(header());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("RemoveROOversampling");
    group.throughput(Throughput::Bytes((COILS * LINES * SAMPLES * 8) as u64));
    group.bench_function("256 x 8 x 512", |bencher| {
        bencher.to_async(&runtime).iter_batched(
            || lines(SAMPLES),
            |lines| async {
                let (mut feed, input) = channel(Capacity::messages(LINES));
                let (output, mut results) = channel(Capacity::messages(LINES));
                for line in lines {
                    feed.send(line).await.expect("the reader is there");
                }
                drop(feed);
                let gadget = RemoveOversampling::new(NoProperties {}, &context).expect("nothing to fail");
                gadget.run(input, output).await.expect("good data");
                while let Ok(Some(line)) = results.next().await {
                    std::hint::black_box(line);
                }
            },
            BatchSize::LargeInput,
        );
    });
}

fn bucket_to_buffer(criterion: &mut Criterion) {
    let sorter = BucketToBuffer::new(BucketToBufferProperties::default(), &Context::new(header())).expect("defaults");
    let samples = SAMPLES / 2;
    let mut stats = AcquisitionBucketStats::default();
    stats.kspace_encode_step_1.extend(0..LINES as u16);
    let mut group = criterion.benchmark_group("BucketToBuffer");
    group.throughput(Throughput::Bytes((COILS * LINES * samples * 8) as u64));
    group.bench_function("256 x 8 x 256", |bencher| {
        bencher.iter_batched(
            || AcquisitionBucket {
                data: lines(samples),
                data_stats: vec![stats.clone()],
                ..AcquisitionBucket::default()
            },
            |bucket| sorter.sort(bucket).expect("good data"),
            BatchSize::LargeInput,
        );
    });
}

fn simple_recon(criterion: &mut Criterion) {
    let samples = SAMPLES / 2;
    let buffer = BufferedData {
        data: ArrayD::from_elem(IxDyn(&[1, 1, 1, COILS, 1, LINES, samples]), Complex32::new(1.0, -1.0)).into_shared(),
        trajectory: None,
        density: None,
        headers: ArrayD::from_elem(IxDyn(&[1, 1, 1, 1, LINES]), AcquisitionHeader::default()),
        sampling: SamplingDescription::default(),
    };
    let mut group = criterion.benchmark_group("SimpleRecon");
    group.throughput(Throughput::Bytes((COILS * LINES * samples * 8) as u64));
    group.bench_function("256 x 256, 8 coils", |bencher| {
        let own = || BufferedData {
            data: buffer.data.to_owned().into_shared(),
            ..buffer.clone()
        };
        bencher.iter_batched(own, reconstruct, BatchSize::LargeInput);
    });
}

criterion_group!(benches, remove_oversampling, bucket_to_buffer, simple_recon);
criterion_main!(benches);
