//! Headers and meta attributes of reconstructed images, from the headers of the readouts.

use ndarray::{Array3, ArrayD};
use protocol::{AcquisitionHeader, BufferedData, ImageArray, ImageHeader, ImageType, IsmrmrdHeader, Meta, Waveform};

use super::{encodings::EncodingFacts, limits::SAMPLING_LIMITS};
use crate::{
    numerics::frames::{Dims, Frames},
    recon::image_header::of_readout,
};

/// What the header says about patient and measurement, as meta attributes.
#[derive(Clone, Debug)]
pub(super) struct Study(Vec<(&'static str, String)>);

impl Study {
    /// Of this header. A measurement identifier `device_patient_study_measurement` is also taken apart.
    pub(super) fn of(header: &IsmrmrdHeader) -> Self {
        let measurement = header.measurement_information.as_ref();
        let identifier = measurement.and_then(|m| m.measurement_id.clone()).unwrap_or_default();
        let mut parts = identifier.splitn(4, '_').map(str::to_owned).collect::<Vec<_>>();
        parts.resize(4, String::new());
        let [device, patient, study, number] = <[String; 4]>::try_from(parts).unwrap_or_default();
        let protocol = measurement.and_then(|m| m.protocol_name.clone());
        let position = measurement.map(|m| m.patient_position.clone()).unwrap_or_default();
        let single = !identifier.contains('_');
        Self(vec![
            ("measurementID", identifier.clone()),
            ("protocolName", protocol.unwrap_or_else(|| "Unknown".into())),
            ("patientID", patient),
            ("studyID", study),
            ("measurementNumber", number),
            ("deviceID", if single { String::new() } else { device }),
            ("patient_position", position),
        ])
    }
}

/// An image array of `images`, reconstructed from `data` of the encoding space `encoding`.
///
/// The header of an image comes from the readout closest to the centre of k-space. In three dimensions that is the one at
/// the smallest distance; the original asks both E1 and E2 to come closer with each step of its search, and so often ends
/// elsewhere. Positions where nothing was sampled do not count.
pub(super) fn image_array(
    images: Frames,
    data: &BufferedData,
    encoding: usize,
    facts: &EncodingFacts,
    study: &Study,
    waveforms: &[Waveform],
) -> ImageArray {
    let dims = images.dims;
    let mut headers = Vec::with_capacity(dims.frames());
    let mut meta = Vec::with_capacity(dims.frames());
    for frame in 0..dims.frames() {
        let [n, s, loc] = dims.position(frame);
        let readouts = Readouts::of(&data.headers, [loc, s, n], dims, facts);
        let header = image_header(&readouts.central, data, dims);
        meta.push(attributes(&header, &readouts, data, encoding, study));
        headers.push(header);
    }
    ImageArray {
        data: images.into_array(),
        headers: Array3::from_shape_vec((dims.loc, dims.s, dims.n), headers).expect("a header for each frame"),
        meta,
        waveforms: (!waveforms.is_empty()).then(|| waveforms.to_vec()),
        acquisition_headers: Some(data.headers.clone()),
    }
}

/// The same headers and attributes with other pixels, which may have fewer N and S (those of the first remain).
pub(super) fn with_pixels(array: &ImageArray, images: Frames) -> ImageArray {
    let dims = images.dims;
    let [_, old_s, old_n] = <[usize; 3]>::from(array.headers.dim());
    let chosen: Vec<(usize, [usize; 3])> = (0..dims.frames())
        .map(|frame| {
            let [n, s, loc] = dims.position(frame);
            (n + old_n * (s + old_s * loc), [loc, s, n])
        })
        .collect();
    let headers = chosen
        .iter()
        .map(|(_, at)| array.headers.get(*at).copied().unwrap_or_default())
        .collect();
    ImageArray {
        data: images.into_array(),
        headers: Array3::from_shape_vec((dims.loc, dims.s, dims.n), headers).expect("a header for each frame"),
        meta: chosen
            .iter()
            .map(|(index, _)| array.meta.get(*index).cloned().unwrap_or_default())
            .collect(),
        waveforms: None,
        acquisition_headers: None,
    }
}

/// What the readouts of one frame say together.
struct Readouts {
    central: AcquisitionHeader,
    /// First and last time stamp.
    time: [u32; 2],
    physiology: [[u32; 2]; 3],
}

impl Readouts {
    fn of(headers: &ArrayD<AcquisitionHeader>, frame: [usize; 3], dims: Dims, facts: &EncodingFacts) -> Self {
        let mut central: Option<(i64, AcquisitionHeader)> = None;
        let mut time: Option<[u32; 2]> = None;
        let mut physiology: [Option<[u32; 2]>; 3] = [None; 3];
        let [lines, partitions] = match headers.shape() {
            [_, _, _, e2, e1] => [*e1, *e2],
            _ => [0, 0],
        };
        let positions = (0..partitions).flat_map(|z| (0..lines).map(move |y| [frame[0], frame[1], frame[2], z, y]));
        for header in positions.filter_map(|at| headers.get(&at[..])) {
            if header.number_of_samples == 0 {
                continue;
            }
            if header.acquisition_time_stamp > 0 {
                widen(&mut time, header.acquisition_time_stamp);
                for (range, stamp) in physiology.iter_mut().zip(header.physiology_time_stamp) {
                    widen(range, stamp);
                }
            }
            let counters = [header.idx.kspace_encode_step_1, header.idx.kspace_encode_step_2];
            let sizes = [dims.extent.e1, dims.extent.e2];
            let distance: i64 = (0..if sizes[1] > 1 { 2 } else { 1 })
                .map(|d| (i64::from(counters[d]) + facts.offset[d] - sizes[d] as i64 / 2).pow(2))
                .sum();
            if central.as_ref().is_none_or(|(best, _)| distance < *best) {
                central = Some((distance, *header));
            }
        }
        Self {
            central: central.map(|(_, header)| header).unwrap_or_default(),
            time: time.unwrap_or_default(),
            physiology: physiology.map(Option::unwrap_or_default),
        }
    }
}

fn widen(range: &mut Option<[u32; 2]>, stamp: u32) {
    *range = Some(match *range {
        Some([first, last]) => [first.min(stamp), last.max(stamp)],
        None => [stamp, stamp],
    });
}

fn image_header(readout: &AcquisitionHeader, data: &BufferedData, dims: Dims) -> ImageHeader {
    let channels = u16::try_from(dims.cha).unwrap_or(u16::MAX);
    ImageHeader {
        version: readout.version,
        physiology_time_stamp: readout.physiology_time_stamp,
        image_type: ImageType::Magnitude as u16,
        user_int: readout.user_int,
        user_float: readout.user_float,
        ..of_readout(readout, data.sampling.recon_fov, dims.extent.sizes(), channels)
    }
}

fn attributes(header: &ImageHeader, readouts: &Readouts, data: &BufferedData, encoding: usize, study: &Study) -> Meta {
    let mut meta = Meta::new();
    let sampling = &data.sampling;
    meta.set("encoding", i64::try_from(encoding).unwrap_or(i64::MAX));
    numbers(&mut meta, "encoding_FOV", &sampling.encoded_fov);
    numbers(&mut meta, "recon_FOV", &sampling.recon_fov);
    integers(&mut meta, "encoded_matrix", sampling.encoded_matrix.map(i64::from));
    integers(&mut meta, "recon_matrix", sampling.recon_matrix.map(i64::from));
    for (name, limit) in SAMPLING_LIMITS.iter().zip(sampling.sampling_limits) {
        integers(&mut meta, name, [limit.min, limit.center, limit.max].map(i64::from));
    }
    for (name, vector) in [
        ("PatientPosition", header.position),
        ("read_dir", header.read_dir),
        ("phase_dir", header.phase_dir),
        ("slice_dir", header.slice_dir),
        ("patient_table_position", header.patient_table_position),
    ] {
        numbers(&mut meta, name, &vector);
    }
    integers(
        &mut meta,
        "acquisition_time_stamp",
        [i64::from(header.acquisition_time_stamp)],
    );
    integers(
        &mut meta,
        "physiology_time_stamp",
        header.physiology_time_stamp.map(i64::from),
    );
    integers(&mut meta, "acquisition_time_range", readouts.time.map(i64::from));
    integers(
        &mut meta,
        "physiology_time_range",
        readouts.physiology.into_iter().flatten().map(i64::from),
    );
    for (index, value) in header.user_int.iter().enumerate() {
        meta.set(format!("user_int_{index}"), i64::from(*value));
    }
    // The original cuts these to whole numbers.
    for (index, value) in header.user_float.iter().enumerate() {
        meta.set(format!("user_float_{index}"), f64::from(*value));
    }
    meta.set("gadgetron_sha1", concat!("gadgetron-rs ", env!("CARGO_PKG_VERSION")));
    for (name, value) in &study.0 {
        meta.set(*name, value.as_str());
    }
    meta
}

fn numbers(meta: &mut Meta, name: &str, values: &[f32]) {
    values.iter().for_each(|value| meta.append(name, f64::from(*value)));
}

fn integers(meta: &mut Meta, name: &str, values: impl IntoIterator<Item = i64>) {
    values.into_iter().for_each(|value| meta.append(name, value));
}
