//! What the golden data do not show: channels of several slices, maps without calibration data.

use ndarray::{ArrayD, IxDyn};
use protocol::{
    AcquisitionHeader, ReconBit, ReconData, SamplingDescription, SamplingLimit,
    header::{CalibrationMode, ParallelImaging},
};

use super::*;
use crate::testing::{build, header, noise, outputs};

const LINES: usize = 24;

/// Data of two coils, shape `[LOC, 1, 1, CHA, 1, E1, RO]`.
fn buffer(slices: usize, sample: impl Fn([usize; 4]) -> Complex32) -> BufferedData {
    let shape = IxDyn(&[slices, 1, 1, 2, 1, LINES, LINES]);
    let limit = SamplingLimit {
        min: 0,
        center: (LINES / 2) as u16,
        max: (LINES - 1) as u16,
    };
    BufferedData {
        data: ArrayD::from_shape_fn(shape, |at| sample([at[0], at[3], at[5], at[6]])).into_shared(),
        trajectory: None,
        density: None,
        headers: ArrayD::from_elem(IxDyn(&[slices, 1, 1, 1, LINES]), AcquisitionHeader::default()),
        sampling: SamplingDescription {
            sampling_limits: [limit; 3],
            ..SamplingDescription::default()
        },
    }
}

fn message(data: BufferedData, reference: Option<BufferedData>) -> ReconDataWithWaveforms {
    ReconDataWithWaveforms {
        data: ReconData {
            bits: vec![ReconBit { data, reference }],
        },
        waveforms: Vec::new(),
    }
}

fn reconstructed(
    acceleration: u16,
    properties: &[(&str, &str)],
    messages: Vec<ReconDataWithWaveforms>,
) -> Vec<ImageArray> {
    let matrix = [LINES as u16, LINES as u16, 1];
    let mut header = header(matrix, matrix);
    header.encoding[0].parallel_imaging = Some(ParallelImaging {
        acceleration_factor: [acceleration, 1],
        calibration_mode: Some(CalibrationMode::Embedded),
        ..ParallelImaging::default()
    });
    let gadget: CartesianGrappa = build(properties, &Context::new(header)).unwrap();
    outputs(gadget, messages)
}

#[test]
fn a_channel_that_another_slice_needs_is_reconstructed() {
    // Each slice is seen by a coil of its own.
    let seen = |[slice, coil, line, sample]: [usize; 4]| {
        let brightness = if slice == coil { 1.0 } else { 1e-3 };
        noise(7, 0, line * LINES + sample) * brightness
    };
    let data = buffer(2, seen);
    let images = reconstructed(1, &[], vec![message(data.clone(), Some(data))]).remove(0);
    let energy = |slice: usize| -> f32 {
        let pixels = images.data.index_axis(ndarray::Axis(0), slice);
        pixels.iter().map(|z| z.norm_sqr()).sum()
    };
    assert!(
        (energy(1) / energy(0) - 1.0).abs() < 0.01,
        "{} of {}",
        energy(1),
        energy(0)
    );
}

#[test]
fn data_with_earlier_calibration_data_have_snr_maps_too() {
    let full = |seed: u64| {
        buffer(1, move |[_, coil, line, sample]| {
            noise(seed, coil, line * LINES + sample)
        })
    };
    let every_other = |seed: u64| {
        let mut data = full(seed);
        let mut lines = data.data.axis_iter_mut(ndarray::Axis(5));
        lines
            .by_ref()
            .skip(1)
            .step_by(2)
            .for_each(|mut line| line.fill(Complex32::ZERO));
        data
    };
    let wanted = [("send_out_snr_map", "true"), ("send_out_gfactor", "true")];
    let both = |second| {
        reconstructed(
            2,
            &wanted,
            vec![message(every_other(1), Some(full(2))), message(every_other(3), second)],
        )
    };
    let mut calibrated_twice = both(Some(full(2)));
    assert_eq!(calibrated_twice.len(), 6, "g-factor, SNR and image of each");
    assert_eq!(calibrated_twice[3].headers[[0, 0, 0]].image_series_index, 20);
    calibrated_twice.remove(3);
    assert_eq!(both(None), calibrated_twice);
}
