//! How much the last bit of each number that was measured does to an image of whole numbers: no computation in single
//! precision can be closer to another one than that.

use std::path::Path;

use gadgetron::files::{RawDataFile, RawDataWriter, ScannerData};

use crate::{
    compare::{Tolerance, compare},
    data, reconstruct,
};

const CONFIGURATION: &str = "Generic_Cartesian_FFT";

/// A copy in which the last bit of about half the numbers is another.
fn with_other_last_bits(input: &Path, output: &Path, seed: u64) {
    let input = RawDataFile::open(input, "dataset").unwrap();
    let mut copy = RawDataWriter::create(output, "dataset", input.header_xml()).unwrap();
    // Knuth's linear congruential generator.
    let mut state = seed;
    let mut other = |number: f32| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f32::from_bits(number.to_bits() ^ (state >> 63) as u32)
    };
    for item in input {
        match item.unwrap() {
            ScannerData::Acquisition(mut readout) => {
                for sample in readout.data.iter_mut().filter(|sample| sample.norm_sqr() > 0.0) {
                    (sample.re, sample.im) = (other(sample.re), other(sample.im));
                }
                copy.acquisition(&readout).unwrap();
            }
            ScannerData::Waveform(waveform) => copy.waveform(&waveform).unwrap(),
        }
    }
    copy.finish().unwrap();
}

/// How far the images of copies are from those of the file itself, and from the original's.
async fn apart(input: &str) -> Vec<(f64, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let file = data(&format!("{input}.h5"));
    let (copy, ours) = (folder.path().join("copy.h5"), folder.path().join("ours.h5"));
    reconstruct(&file, CONFIGURATION, &ours).await;
    let golden = data(&format!("{input}.{CONFIGURATION}.h5"));
    let mut apart = Vec::new();
    for seed in 0..5 {
        let output = folder.path().join(format!("{seed}.h5"));
        with_other_last_bits(&file, &copy, seed);
        reconstruct(&copy, CONFIGURATION, &output).await;
        let distance = |other: &Path| compare(&output, other, Tolerance::Relative(f64::INFINITY)).unwrap();
        apart.push((distance(&ours), distance(&golden)));
    }
    apart
}

/// Of the file in which the original has another grey level in one pixel: the same pixel.
#[tokio::test]
async fn the_last_bit_decides_whether_the_phantom_equals_the_original() {
    let apart = apart("shepp_a3").await;
    assert!(apart.iter().any(|(_, golden)| *golden == 0.0), "{apart:?}");
    assert!(apart.iter().any(|(_, golden)| *golden > 2e-3), "{apart:?}");
}

/// Of the file that has 26 and 15 pixels with another grey level than the original.
#[tokio::test]
async fn the_last_bit_does_as_much_to_partial_fourier_as_the_original_is_apart() {
    let apart = apart("brain_a2_pf").await;
    assert!(apart.iter().all(|(own, _)| (1e-4..3e-4).contains(own)), "{apart:?}");
    assert!(apart.iter().all(|(_, golden)| *golden < 3e-4), "{apart:?}");
}
