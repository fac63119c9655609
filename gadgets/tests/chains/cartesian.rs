//! The generic Cartesian chain on measurements that nobody has recorded: the true image comes out, or a clear error.

use protocol::{Acquisition, Complex32, Image, acquisition::flag};

use crate::{
    chain::{Class, attempt},
    scene::{Calibration, Scene, messages},
};

const FFT: Class = ("GenericReconCartesianFFTGadget", &[]);
const GRAPPA: Class = ("GenericReconCartesianGrappaGadget", &[]);
// The volumes are small: so are the neighbourhoods over which coil maps are constant.
const VOLUME_FFT: Class = (
    "GenericReconCartesianFFTGadget",
    &[
        ("coil_map_kernel_size_readout", "3"),
        ("coil_map_kernel_size_phase", "3"),
    ],
);
const VOLUME_GRAPPA: Class = (
    "GenericReconCartesianGrappaGadget",
    &[
        ("coil_map_kernel_size_readout", "3"),
        ("coil_map_kernel_size_phase", "3"),
    ],
);
const VOLUME_SPIRIT: Class = (
    "GenericReconCartesianSpiritGadget",
    &[
        ("coil_map_kernel_size_readout", "3"),
        ("coil_map_kernel_size_phase", "3"),
        ("spirit_kSize_RO", "5"),
        ("spirit_kSize_E1", "5"),
        ("spirit_kSize_E2", "3"),
    ],
);
const SMALL_GRAPPA: Class = (
    "GenericReconCartesianGrappaGadget",
    &[("grappa_kSize_RO", "3"), ("grappa_kSize_E1", "2")],
);
const SPIRIT: Class = (
    "GenericReconCartesianSpiritGadget",
    &[("spirit_kSize_RO", "5"), ("spirit_kSize_E1", "5")],
);
const COMPRESSED: Class = (
    "GenericReconEigenChannelGadget",
    &[
        ("average_all_ref_S", "true"),
        ("upstream_coil_compression_thres", "0.002"),
    ],
);

/// The chain around the gadgets that reconstruct: N is repetition, S is set.
fn chain(reconstructing: &[Class]) -> Vec<Class> {
    let mut chain: Vec<Class> = vec![
        ("AsymmetricEchoAdjustROGadget", &[]),
        ("RemoveROOversamplingGadget", &[]),
        ("AcquisitionAccumulateTriggerGadget", &[]),
        (
            "BucketToBufferGadget",
            &[
                ("N_dimension", "repetition"),
                ("S_dimension", "set"),
                ("split_slices", "false"),
                ("ignore_segment", "true"),
            ],
        ),
        (
            "GenericReconCartesianReferencePrepGadget",
            &[("average_all_ref_S", "true")],
        ),
    ];
    chain.extend_from_slice(reconstructing);
    chain.push(("ImageArraySplitGadget", &[]));
    chain
}

/// What the images are held against.
enum Expected {
    /// The true images; the norm of the difference over the norm of the truth is at most this.
    Images(f64),
    /// No images, and these words.
    Error(&'static str),
}
use Expected::{Error, Images};

struct Case {
    what: &'static str,
    scene: Scene,
    reconstructing: &'static [Class],
    /// What happens to the readouts on their way.
    change: fn(&mut Vec<Acquisition>),
    expected: Expected,
}

const fn case(
    what: &'static str,
    scene: Scene,
    reconstructing: &'static [Class],
    change: fn(&mut Vec<Acquisition>),
    expected: Expected,
) -> Case {
    Case {
        what,
        scene,
        reconstructing,
        change,
        expected,
    }
}

impl Case {
    /// Brightness of the images where that of the object is 1: GRAPPA and SPIRiT keep the noise of full sampling.
    fn brightness(&self) -> f64 {
        let frames = self.scene.frames();
        let part = frames.iter().map(|frame| self.scene.sampled_part(*frame)).sum::<f64>() / frames.len() as f64;
        let folds: usize = self.scene.acceleration.iter().product();
        match self.reconstructing {
            _ if folds == 1 => 1.0,
            [.., (name, _)] if name.contains("Grappa") => (1.0 / part).sqrt() / folds as f64,
            [.., (name, _)] if name.contains("Spirit") => (1.0 / part).sqrt(),
            _ => 1.0,
        }
    }

    /// The largest difference of an image, or what is wrong.
    fn check(&self) -> Result<f64, String> {
        let mut readouts = self.scene.readouts();
        (self.change)(&mut readouts);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let chain = chain(self.reconstructing);
        let (images, result) = runtime.block_on(attempt(&chain, self.scene.header(), messages(readouts)));
        match (&self.expected, result) {
            (Error(words), Err(error)) if error.contains(words) && images.is_empty() => Ok(0.0),
            (Error(words), result) => Err(format!(
                "{} images and {result:?} instead of an error \"{words}\"",
                images.len()
            )),
            (Images(_), Err(error)) => Err(error),
            (Images(_), Ok(())) if images.len() != self.scene.frames().len() => Err(format!("{} images", images.len())),
            (Images(tolerance), Ok(())) => {
                let differences = images
                    .into_iter()
                    .map(|image| self.difference(&image.downcast().unwrap()));
                // NaN is no agreement either.
                match differences.reduce(|a, b| if a >= b { a } else { b }) {
                    Some(difference) if difference <= *tolerance => Ok(difference),
                    difference => Err(format!("differs by {difference:.4?}, more than {tolerance}")),
                }
            }
        }
    }

    /// Of an image from the truth, relative.
    fn difference(&self, image: &Image<Complex32>) -> f64 {
        let header = &image.header;
        let truth = self
            .scene
            .truth([header.slice, header.repetition, header.set].map(usize::from));
        assert_eq!(header.matrix_size.map(usize::from), self.scene.matrix, "{}", self.what);
        let scale = self.brightness();
        let pairs = image.data.iter().map(|z| f64::from(z.norm()) / scale).zip(&truth);
        let difference: f64 = pairs.map(|(found, truth)| (found - truth).powi(2)).sum();
        (difference / truth.iter().map(|truth| truth.powi(2)).sum::<f64>()).sqrt()
    }
}

fn check(cases: &[Case]) {
    let wrong = cases.iter().filter_map(|case| match case.check() {
        Ok(difference) => {
            eprintln!("{}: {difference:.1e}", case.what);
            None
        }
        Err(error) => Some(format!("{}: {error}", case.what)),
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn as_they_are(_: &mut Vec<Acquisition>) {}

const SLICE: Scene = Scene::full([32, 36, 1]);
const VOLUME: Scene = Scene {
    coils: 6,
    ..Scene::full([16, 24, 20])
};
const HALF: Scene = SLICE.accelerated([2, 1], Calibration::Embedded([16, 1]));
const QUARTER: Scene = VOLUME.accelerated([2, 2], Calibration::Embedded([14, 14]));

#[test]
fn full_sampling() {
    check(&[
        case("slice, FFT", SLICE, &[FFT], as_they_are, Images(0.03)),
        case("slice, GRAPPA", SLICE, &[GRAPPA], as_they_are, Images(0.03)),
        case("slice, SPIRiT", SLICE, &[SPIRIT], as_they_are, Images(0.03)),
        case("volume, FFT", VOLUME, &[VOLUME_FFT], as_they_are, Images(0.03)),
        case("volume, GRAPPA", VOLUME, &[VOLUME_GRAPPA], as_they_are, Images(0.03)),
        // The original compares E2 with the size of E1.
        case(
            "more partitions than lines",
            Scene {
                coils: 3,
                ..Scene::full([12, 10, 22])
            },
            &[VOLUME_FFT],
            as_they_are,
            Images(0.05),
        ),
    ]);
}

#[test]
fn two_dimensional_acceleration() {
    check(&[
        case("GRAPPA, 2", HALF, &[GRAPPA], as_they_are, Images(0.03)),
        case(
            "GRAPPA, 3",
            SLICE.accelerated([3, 1], Calibration::Embedded([20, 1])),
            &[GRAPPA],
            as_they_are,
            Images(0.03),
        ),
        case("SPIRiT, 2", HALF, &[SPIRIT], as_they_are, Images(0.03)),
        case("compressed, 2", HALF, &[COMPRESSED, GRAPPA], as_they_are, Images(0.03)),
    ]);
}

#[test]
fn three_dimensional_acceleration() {
    let thirds = VOLUME.accelerated([3, 1], Calibration::Embedded([16, 12]));
    check(&[
        case("GRAPPA, 2 x 2", QUARTER, &[VOLUME_GRAPPA], as_they_are, Images(0.05)),
        case("SPIRiT, 2 x 2", QUARTER, &[VOLUME_SPIRIT], as_they_are, Images(0.05)),
        case("GRAPPA, 3 x 1", thirds, &[VOLUME_GRAPPA], as_they_are, Images(0.05)),
        case(
            "GRAPPA, 1 x 2",
            VOLUME.accelerated([1, 2], Calibration::Embedded([12, 14])),
            &[VOLUME_GRAPPA],
            as_they_are,
            Images(0.05),
        ),
        case(
            "2 x 2, calibrated before",
            VOLUME.accelerated([2, 2], Calibration::Separate([14, 14])),
            &[VOLUME_GRAPPA],
            as_they_are,
            Images(0.05),
        ),
    ]);
}

#[test]
fn sets_slices_and_repetitions() {
    let many = Scene {
        slices: 3,
        sets: 3,
        repetitions: 2,
        coils: 6,
        ..SLICE
    };
    check(&[
        case("FFT", many, &[FFT], as_they_are, Images(0.03)),
        case(
            "GRAPPA, embedded",
            many.accelerated([2, 1], HALF.calibration),
            &[GRAPPA],
            as_they_are,
            Images(0.03),
        ),
        case(
            "SPIRiT, embedded",
            many.accelerated([2, 1], HALF.calibration),
            &[SPIRIT],
            as_they_are,
            Images(0.03),
        ),
        case(
            "GRAPPA, calibrated before",
            many.accelerated([2, 1], Calibration::Separate([17, 1])),
            &[GRAPPA],
            as_they_are,
            Images(0.03),
        ),
        case(
            "GRAPPA, interleaved",
            many.accelerated([2, 1], Calibration::Interleaved),
            &[GRAPPA],
            as_they_are,
            Images(0.03),
        ),
    ]);
}

#[test]
fn odd_sizes() {
    let odd = Scene::full([33, 35, 1]);
    check(&[
        case("FFT", odd, &[FFT], as_they_are, Images(0.03)),
        case(
            "oversampled readout",
            Scene { oversampling: 2, ..odd },
            &[FFT],
            as_they_are,
            Images(0.03),
        ),
        case(
            "GRAPPA",
            odd.accelerated([2, 1], Calibration::Embedded([17, 1])),
            &[GRAPPA],
            as_they_are,
            Images(0.03),
        ),
        case(
            "SPIRiT",
            odd.accelerated([2, 1], Calibration::Embedded([17, 1])),
            &[SPIRIT],
            as_they_are,
            Images(0.03),
        ),
        case(
            "volume",
            Scene {
                coils: 4,
                ..Scene::full([15, 17, 11])
            },
            &[VOLUME_FFT],
            as_they_are,
            Images(0.03),
        ),
        case(
            "volume, 2 x 2",
            Scene {
                coils: 6,
                ..Scene::full([15, 25, 21]).accelerated([2, 2], Calibration::Embedded([15, 13]))
            },
            &[VOLUME_GRAPPA],
            as_they_are,
            Images(0.08),
        ),
    ]);
}

#[test]
fn one_coil_and_sixty_four() {
    let one = Scene { coils: 1, ..SLICE };
    let many = Scene {
        coils: 64,
        ..Scene::full([24, 36, 1]).accelerated([2, 1], Calibration::Embedded([24, 1]))
    };
    check(&[
        case("one, FFT", one, &[FFT], as_they_are, Images(1e-5)),
        case("one, GRAPPA", one, &[GRAPPA], as_they_are, Images(1e-5)),
        case("one, SPIRiT", one, &[SPIRIT], as_they_are, Images(1e-5)),
        case(
            "one, volume",
            Scene { coils: 1, ..VOLUME },
            &[GRAPPA],
            as_they_are,
            Images(1e-5),
        ),
        // Nothing tells the pixels apart that lie on each other.
        case(
            "one, accelerated",
            Scene { coils: 1, ..HALF },
            &[GRAPPA],
            as_they_are,
            Error("one channel"),
        ),
        case("64", many, &[SMALL_GRAPPA], as_they_are, Images(0.03)),
        case("64, compressed", many, &[COMPRESSED, GRAPPA], as_they_are, Images(0.03)),
    ]);
}

#[test]
fn silent_coils() {
    let silent = |silent| Scene { silent, ..HALF };
    check(&[
        case("the first, GRAPPA", silent(&[0]), &[GRAPPA], as_they_are, Images(0.03)),
        case("two, GRAPPA", silent(&[3, 7]), &[GRAPPA], as_they_are, Images(0.03)),
        case("the first, SPIRiT", silent(&[0]), &[SPIRIT], as_they_are, Images(0.03)),
        case(
            "the first, compressed",
            silent(&[0]),
            &[COMPRESSED, GRAPPA],
            as_they_are,
            Images(0.03),
        ),
        case(
            "the first, FFT",
            Scene {
                silent: &[0, 4],
                ..SLICE
            },
            &[FFT],
            as_they_are,
            Images(0.03),
        ),
        case(
            "all",
            silent(&[0, 1, 2, 3, 4, 5, 6, 7]),
            &[GRAPPA],
            as_they_are,
            Error("no samples"),
        ),
    ]);
}

#[test]
fn calibration_lines_that_do_not_come() {
    let none = |scene: Scene| scene.accelerated(scene.acceleration, Calibration::None);
    let words = "calibration lines";
    check(&[
        case("GRAPPA", none(HALF), &[GRAPPA], as_they_are, Error(words)),
        case("SPIRiT", none(HALF), &[SPIRIT], as_they_are, Error(words)),
        case("volume", none(QUARTER), &[GRAPPA], as_they_are, Error(words)),
        case(
            "interleaved, but one repetition",
            SLICE.accelerated([2, 1], Calibration::Interleaved),
            &[GRAPPA],
            as_they_are,
            Error(words),
        ),
        case(
            "too few",
            SLICE.accelerated([3, 1], Calibration::Embedded([4, 1])),
            &[GRAPPA],
            as_they_are,
            Error(words),
        ),
    ]);
}

/// Leaves the readouts of this line out.
fn without(readouts: &mut Vec<Acquisition>, line: u16) {
    readouts.retain(|readout| readout.header.idx.kspace_encode_step_1 != line);
}

#[test]
fn lines_that_are_missing() {
    check(&[
        case("at the edge", SLICE, &[FFT], |lines| without(lines, 1), Images(0.03)),
        case(
            "at the edge, GRAPPA",
            HALF,
            &[GRAPPA],
            |lines| without(lines, 2),
            Images(0.05),
        ),
        // Lines 10 to 25 calibrate; 13 is for nothing else.
        case(
            "of the calibration, GRAPPA",
            HALF,
            &[GRAPPA],
            |lines| without(lines, 13),
            Images(0.03),
        ),
        case(
            "of the calibration, SPIRiT",
            SLICE.accelerated([2, 1], Calibration::Embedded([24, 1])),
            &[SPIRIT],
            |lines| without(lines, 13),
            Images(0.03),
        ),
    ]);
}

/// Every line once more, wrong the first time.
fn repeated(readouts: &mut Vec<Acquisition>) {
    let wrong = readouts.iter().cloned().map(|mut readout| {
        readout.data.fill(Complex32::new(3.0, -1.0));
        readout
    });
    *readouts = wrong.chain(readouts.iter().cloned()).collect();
}

/// Every second line measured from its end to its beginning.
fn to_and_fro(readouts: &mut [Acquisition]) {
    for readout in readouts.iter_mut().skip(1).step_by(2) {
        readout.data.invert_axis(ndarray::Axis(1));
        readout.header.set_flag(flag::IS_REVERSE);
    }
}

#[test]
fn lines_that_come_twice_backwards_or_from_their_end() {
    check(&[
        case("twice", HALF, &[GRAPPA], repeated, Images(0.03)),
        case(
            "last line first",
            HALF,
            &[GRAPPA],
            |lines| lines.reverse(),
            Images(0.03),
        ),
        case(
            "last line first, volume",
            QUARTER,
            &[VOLUME_GRAPPA],
            |lines| lines.reverse(),
            Images(0.05),
        ),
        case("to and fro", HALF, &[GRAPPA], |lines| to_and_fro(lines), Images(0.03)),
        case(
            "to and fro, oversampled",
            Scene {
                oversampling: 2,
                ..SLICE
            },
            &[FFT],
            |lines| to_and_fro(lines),
            Images(0.03),
        ),
    ]);
}

/// The first quarter of every readout was not measured.
fn early(readouts: &mut [Acquisition]) {
    for readout in readouts {
        let missing = readout.data.ncols() / 4;
        readout.data = readout.data.slice(ndarray::s![.., missing..]).to_owned();
        readout.header.center_sample -= missing as u16;
    }
}

#[test]
fn echoes_that_come_early() {
    // What the samples that are missing would have told is missing in the image.
    let partial = |readouts: &mut Vec<Acquisition>| early(readouts);
    let oversampled = Scene {
        oversampling: 2,
        ..SLICE
    };
    check(&[
        case("as many samples as pixels", SLICE, &[FFT], partial, Images(0.08)),
        case("oversampled", oversampled, &[FFT], partial, Images(0.08)),
    ]);
}
