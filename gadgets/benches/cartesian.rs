//! Where the time of the generic Cartesian chain goes: every stage by itself, on one frame of 8 coils and 256 x 256
//! samples, every second line measured and 32 lines to calibrate with.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gadgets::numerics::{
    coil_map::{self, Method},
    filter::{self, Window},
    frames::Extent,
    grappa,
    klt::{Keep, Klt},
    pocs::Pocs,
    resize, spirit,
};
use protocol::Complex32;

const COILS: usize = 8;
const IMAGE: Extent = Extent {
    ro: 256,
    e1: 256,
    e2: 1,
};
const CALIBRATION: Extent = Extent { e1: 32, ..IMAGE };

/// Images of an ellipse that each coil sees from its own side.
fn coil_images() -> Vec<Complex32> {
    let place = |i: usize| i as f32 / 128.0 - 1.0;
    let mut images = Vec::new();
    for coil in 0..COILS {
        let angle = coil as f32 / COILS as f32 * std::f32::consts::TAU;
        for (y, x) in (0..256).flat_map(|y| (0..256).map(move |x| (place(y), place(x)))) {
            let inside = (x / 0.7).powi(2) + (y / 0.9).powi(2) < 1.0;
            let nearness = (x * angle.cos() + y * angle.sin()).exp();
            images.push(match inside {
                true => Complex32::from_polar(nearness * (1.0 + 0.2 * (9.0 * x).sin()), angle + 0.3 * y),
                false => Complex32::new(0.01 * x, 0.01 * y),
            });
        }
    }
    images
}

fn kspace() -> Vec<Complex32> {
    let mut data = coil_images();
    IMAGE.to_kspace(&mut data);
    data
}

fn stages(criterion: &mut Criterion) {
    let (images, full) = (coil_images(), kspace());
    let mut undersampled = full.clone();
    for line in undersampled.chunks_exact_mut(IMAGE.ro).skip(1).step_by(2) {
        line.fill(Complex32::ZERO);
    }
    let calibration = resize::place(full.clone(), IMAGE, CALIBRATION);
    let mut bench = |name: &str, work: &mut dyn FnMut()| {
        criterion.bench_function(name, |bencher| bencher.iter(&mut *work));
    };

    let fit = Klt::of(&full, COILS, true, Keep::All).expect("finite data");
    let mut transformed = full.clone();
    bench("channels: transform from the data", &mut || {
        std::hint::black_box(Klt::of(&full, COILS, true, Keep::All).is_ok());
    });
    bench("channels: applied", &mut || fit.apply(&mut transformed));

    let inati = Method::Inati {
        in_plane: 7,
        through: 5,
        power: 3,
    };
    bench("coil maps: Inati", &mut || {
        std::hint::black_box(coil_map::estimate(&images, COILS, IMAGE, inati));
    });
    let maps = coil_map::estimate(&images, COILS, IMAGE, inati);
    let mut combined = vec![Complex32::ZERO; IMAGE.volume()];
    bench("coil maps: combination", &mut || {
        coil_map::combine(&images, &maps, &mut combined)
    });

    let grappa_fit = grappa::Calibration {
        acceleration: [2, 1],
        kernel: [5, 4, 1],
        lambda: 5e-4,
        over_determination: 0.0,
        fit_measured: true,
    };
    let region = CALIBRATION.sizes().map(|size| 0..size);
    let kernel = || {
        grappa_fit
            .fit(&calibration, &calibration, CALIBRATION, region.clone())
            .expect("a kernel")
    };
    bench("GRAPPA: calibration", &mut || drop(std::hint::black_box(kernel())));
    let fitted = kernel();
    bench("GRAPPA: unmixing coefficients", &mut || {
        std::hint::black_box(grappa::unmixing(&fitted, &maps, IMAGE, 2));
    });
    let coefficients = grappa::unmixing(&fitted, &maps, IMAGE, 2).coefficients;
    bench("GRAPPA: unmixing", &mut || {
        grappa::unmix(&images, &coefficients, &mut combined)
    });

    let spirit_fit = spirit::Calibration {
        kernel: [7, 7, 1],
        lambda: 0.005,
        over_determination: 0.0,
    };
    bench("SPIRiT: calibration", &mut || {
        std::hint::black_box(spirit_fit.fit(&calibration, CALIBRATION).is_ok());
    });
}

/// Stages that change what they are given.
fn in_place(criterion: &mut Criterion) {
    let full = kspace();
    let window = filter::symmetric(256, Window::Gaussian, 1.0, 38);
    let mut bench = |name: &str, work: &mut dyn FnMut(&mut Vec<Complex32>)| {
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched_ref(|| full.clone(), &mut *work, BatchSize::LargeInput);
        });
    };
    bench("Fourier transform", &mut |data| IMAGE.to_image(data));
    bench("k-space filter", &mut |data| {
        filter::apply(data, IMAGE, [&window, &window, &[]])
    });
    let pocs = Pocs {
        iterations: 6,
        tolerance: 0.01,
        transition: [24, 24, 16],
    };
    bench("POCS", &mut |data| {
        pocs.complete(data, IMAGE, [[0, 255], [64, 255], [0, 0]])
    });
    let larger = Extent {
        ro: 320,
        e1: 320,
        e2: 1,
    };
    bench("interpolation", &mut |data| resize::resample(data, IMAGE, larger));

    let calibration = resize::place(full.clone(), IMAGE, CALIBRATION);
    let fit = spirit::Calibration {
        kernel: [7, 7, 1],
        lambda: 0.005,
        over_determination: 0.0,
    };
    let kernel = fit.fit(&calibration, CALIBRATION).expect("a kernel");
    let stopping = spirit::Stopping {
        iterations: 50,
        tolerance: 0.0015,
    };
    bench("SPIRiT: reconstruction", &mut |data| {
        data.chunks_exact_mut(IMAGE.ro)
            .skip(1)
            .step_by(2)
            .for_each(|line| line.fill(Complex32::ZERO));
        spirit::reconstruct(data, &kernel, IMAGE, stopping).unwrap();
    });
}

criterion_group! {
    name = benches;
    // The slowest stages take half a second.
    config = Criterion::default().sample_size(10);
    targets = stages, in_place
}
criterion_main!(benches);
