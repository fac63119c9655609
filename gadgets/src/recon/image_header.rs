//! Headers of images: what a readout says of the image, and which readout of a buffer speaks for it.

use ndarray::{ArrayViewD, Axis};
use protocol::{AcquisitionHeader, BufferedData, ImageHeader, PixelType};

/// Numbers images in the order they are made, from 1; after 65535 comes 0.
#[derive(Debug, Default)]
pub(super) struct ImageCounter(u16);

impl ImageCounter {
    pub(super) fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}

/// The header of the complex image of `buffer` at `place` (index along LOC, S, N), with `channels` channels.
///
/// It speaks of the readout at the centre of the sampling limits, or, when that line was not measured, of the measured
/// line nearest to it.
pub(super) fn image_header(buffer: &BufferedData, place: [usize; 3], channels: u16, image_index: u16) -> ImageHeader {
    let mut headers: ArrayViewD<'_, AcquisitionHeader> = buffer.headers.view();
    for index in place {
        headers = headers.index_axis_move(Axis(0), index);
    }
    let limits = &buffer.sampling.sampling_limits;
    let center = [usize::from(limits[2].center), usize::from(limits[1].center)];
    let readout = nearest(&headers, center).unwrap_or_default();
    let shape = buffer.data.shape();
    ImageHeader {
        image_index,
        ..of_readout(
            &readout,
            buffer.sampling.recon_fov,
            [shape[6], shape[5], shape[4]],
            channels,
        )
    }
}

/// The header of a complex image of which `readout` speaks: sizes along x, y and z, their extent in millimetres.
pub(crate) fn of_readout(
    readout: &AcquisitionHeader,
    field_of_view: [f32; 3],
    matrix: [usize; 3],
    channels: u16,
) -> ImageHeader {
    ImageHeader {
        data_type: PixelType::C32 as u16,
        measurement_uid: readout.measurement_uid,
        // Lengths of a buffer come from counters and matrices of 16 bits.
        matrix_size: matrix.map(|size| u16::try_from(size).unwrap_or(u16::MAX)),
        field_of_view,
        channels,
        position: readout.position,
        read_dir: readout.read_dir,
        phase_dir: readout.phase_dir,
        slice_dir: readout.slice_dir,
        patient_table_position: readout.patient_table_position,
        average: readout.idx.average,
        slice: readout.idx.slice,
        contrast: readout.idx.contrast,
        phase: readout.idx.phase,
        repetition: readout.idx.repetition,
        set: readout.idx.set,
        acquisition_time_stamp: readout.acquisition_time_stamp,
        ..ImageHeader::default()
    }
}

/// The measured readout nearest to `center` in `[E2, E1]`.
fn nearest(headers: &ArrayViewD<'_, AcquisitionHeader>, center: [usize; 2]) -> Option<AcquisitionHeader> {
    let measured = |header: &AcquisitionHeader| header.number_of_samples > 0;
    if let Some(header) = headers.get(&center[..]).filter(|header| measured(header)) {
        return Some(*header);
    }
    let lines = headers.shape().get(1).copied().unwrap_or(1).max(1);
    headers
        .iter()
        .enumerate()
        .filter(|(_, header)| measured(header))
        .min_by_key(|(index, _)| {
            (index / lines).abs_diff(center[0]).pow(2) + (index % lines).abs_diff(center[1]).pow(2)
        })
        .map(|(_, header)| *header)
}
