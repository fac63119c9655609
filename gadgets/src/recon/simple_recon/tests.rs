use protocol::{AcquisitionHeader, ReconBit, ReconData, SamplingDescription, SamplingLimit, Waveform, WaveformHeader};

use super::*;
use crate::{
    numerics::fft::centred,
    recon::{buffer::empty_buffer, fft::Fft},
    testing::{build, header, noise, outputs, run},
};

/// `[LOC, S, N, CHA, E2, E1, E0]` of noise, every readout with its place in its header.
fn buffer(shape: [usize; 7]) -> BufferedData {
    let mut index = 0;
    let data = ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        index += 1;
        noise(11, 0, index)
    });
    let [loc, s, n, _, e2, e1, e0] = shape;
    let headers = ArrayD::from_shape_fn(IxDyn(&[loc, s, n, e2, e1]), |place| {
        let mut header = AcquisitionHeader {
            number_of_samples: e0 as u16,
            measurement_uid: 77,
            acquisition_time_stamp: (100 * place[3] + place[4]) as u32,
            position: [1.0, 2.0, 3.0],
            ..AcquisitionHeader::default()
        };
        header.idx.slice = place[0] as u16;
        header.idx.set = place[1] as u16;
        header.idx.phase = place[2] as u16;
        header
    });
    let limit = |size: usize| SamplingLimit {
        min: 0,
        center: (size / 2) as u16,
        max: size as u16 - 1,
    };
    let sampling = SamplingDescription {
        recon_fov: [300.0, 200.0, 5.0],
        sampling_limits: [limit(e0), limit(e1), limit(e2)],
        ..SamplingDescription::default()
    };
    BufferedData {
        data: data.into_shared(),
        trajectory: None,
        density: None,
        headers,
        sampling,
    }
}

fn message(buffers: Vec<BufferedData>, waveforms: Vec<Waveform>) -> ReconDataWithWaveforms {
    let bits = buffers.into_iter().map(|data| ReconBit { data, reference: None });
    ReconDataWithWaveforms {
        data: ReconData { bits: bits.collect() },
        waveforms,
    }
}

fn gadget() -> SimpleRecon {
    build(&[], &Context::new(header([4, 4, 1], [4, 4, 1]))).unwrap()
}

#[test]
fn images_are_the_root_of_the_sum_of_squares_of_the_transforms() {
    for shape in [[1, 1, 1, 3, 1, 6, 8], [2, 2, 3, 2, 1, 5, 7], [1, 1, 2, 2, 3, 4, 5]] {
        let source = buffer(shape);
        let pixels: usize = shape[4..].iter().product();
        let expected: Vec<f32> = source
            .data
            .as_slice()
            .unwrap()
            .chunks(pixels * shape[3])
            .flat_map(|coils| {
                let mut coils = coils.to_vec();
                centred(&mut coils, &shape[4..], Direction::Inverse);
                (0..pixels).map(move |pixel| {
                    coils
                        .iter()
                        .skip(pixel)
                        .step_by(pixels)
                        .map(Complex32::norm_sqr)
                        .sum::<f32>()
                        .sqrt()
                })
            })
            .collect();
        let images = outputs(gadget(), vec![message(vec![source], Vec::new())]).remove(0);
        assert_eq!(
            images.data.shape(),
            [shape[0], shape[1], shape[2], 1, shape[4], shape[5], shape[6]]
        );
        for (found, expected) in images.data.iter().zip(expected) {
            assert!((found.re - expected).abs() < 1e-5 && found.im == 0.0);
        }
    }
}

#[test]
fn headers_speak_of_the_central_readout_and_images_are_counted() {
    let images = outputs(
        gadget(),
        vec![
            message(vec![buffer([2, 1, 2, 1, 3, 5, 4])], Vec::new()),
            message(vec![buffer([1, 1, 1, 1, 1, 4, 4])], Vec::new()),
        ],
    );
    let header = &images[0].headers[[1, 0, 1]];
    assert_eq!((header.slice, header.phase, header.measurement_uid), (1, 1, 77));
    assert_eq!(header.acquisition_time_stamp, 102);
    assert_eq!(header.matrix_size, [4, 5, 3]);
    assert_eq!(header.field_of_view, [300.0, 200.0, 5.0]);
    assert_eq!(
        (header.channels, header.data_type, header.image_type, header.position[2]),
        (1, 7, 0, 3.0)
    );
    let indices: Vec<_> = images
        .iter()
        .flat_map(|i| i.headers.iter().map(|h| h.image_index))
        .collect();
    assert_eq!(indices, [1, 2, 3, 4, 5]);
}

#[test]
fn where_the_central_line_was_not_measured_the_nearest_one_speaks() {
    let mut sparse = buffer([1, 1, 1, 1, 1, 6, 4]);
    for e1 in [1, 2, 3, 4] {
        sparse.headers[[0, 0, 0, 0, e1]] = AcquisitionHeader::default();
    }
    let images = outputs(gadget(), vec![message(vec![sparse], Vec::new())]);
    assert_eq!(images[0].headers[[0, 0, 0]].acquisition_time_stamp, 5);
    let mut outside = buffer([1, 1, 1, 1, 1, 4, 4]);
    outside.sampling.sampling_limits[1].center = 9;
    let images = outputs(gadget(), vec![message(vec![outside], Vec::new())]);
    assert_eq!(images[0].headers[[0, 0, 0]].acquisition_time_stamp, 3);
}

#[test]
fn empty_encoding_spaces_give_no_image_and_waveforms_stay() {
    let waveform = Waveform {
        header: WaveformHeader::default(),
        data: ndarray::Array2::zeros((1, 2)),
    };
    let images = outputs(
        gadget(),
        vec![message(
            vec![empty_buffer(), buffer([1, 1, 1, 1, 1, 4, 4])],
            vec![waveform.clone()],
        )],
    );
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].waveforms, Some(vec![waveform]));
}

#[test]
fn arrays_of_the_wrong_shape_are_an_error() {
    let mut wrong = buffer([1, 1, 1, 1, 1, 4, 4]);
    wrong.headers = ArrayD::from_elem(IxDyn(&[4]), AcquisitionHeader::default());
    let (_, result) = run(gadget(), vec![message(vec![wrong], Vec::new())]);
    assert!(result.unwrap_err().to_string().contains("readout headers of shape [4]"));
}

#[test]
fn the_plain_transform_gives_every_coil() {
    let source = buffer([1, 2, 2, 3, 1, 5, 4]);
    let mut expected = source.data.as_slice().unwrap().to_vec();
    centred(&mut expected, &[1, 5, 4], Direction::Inverse);
    let gadget: Fft = build(&[], &Context::new(header([4, 4, 1], [4, 4, 1]))).unwrap();
    let images = outputs(gadget, vec![message(vec![source], Vec::new())]);
    let found: Vec<_> = images.iter().flat_map(|image| image.data.iter().copied()).collect();
    assert_eq!(found, expected);
    let headers: Vec<_> = images
        .iter()
        .map(|i| (i.header.set, i.header.phase, i.header.image_index))
        .collect();
    assert_eq!(headers, [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)]);
    assert_eq!((images[0].header.channels, images[0].header.measurement_uid), (3, 77));
}
