use ndarray::Array2;
use proptest::prelude::*;
use protocol::{
    AcquisitionHeader, BufferedData, Complex32, SamplingLimit, Waveform, WaveformHeader,
    header::{CalibrationMode, Limit, ParallelImaging, Trajectory},
};

use super::*;
use crate::{
    acquisition::accumulate_trigger::AccumulateTrigger,
    flow::ScannerData,
    testing::{build, header, outputs, readout},
};

/// A line whose samples say which it is: channel, line, sample.
fn line(e1: u16, change: impl FnOnce(&mut AcquisitionHeader)) -> Acquisition {
    let mut acquisition = readout(2, 8, |c, s| Complex32::new(f32::from(e1) + 1.0, (10 * c + s) as f32));
    acquisition.header.idx.kspace_encode_step_1 = e1;
    change(&mut acquisition.header);
    acquisition
}

fn bucket(header: &IsmrmrdHeader, lines: Vec<Acquisition>) -> AcquisitionBucket {
    let trigger: AccumulateTrigger = build(&[], &Context::new(header.clone())).unwrap();
    outputs(trigger, lines.into_iter().map(ScannerData::Acquisition).collect()).remove(0)
}

fn sort(
    header: &IsmrmrdHeader,
    properties: &[(&str, &str)],
    lines: Vec<Acquisition>,
) -> Result<Vec<ReconData>, BoxError> {
    let gadget: BucketToBuffer = build(properties, &Context::new(header.clone())).unwrap();
    gadget.sort(bucket(header, lines))
}

fn one(header: &IsmrmrdHeader, properties: &[(&str, &str)], lines: Vec<Acquisition>) -> BufferedData {
    let mut buffers = sort(header, properties, lines).unwrap();
    assert_eq!(buffers.len(), 1);
    buffers.remove(0).bits.remove(0).data
}

fn calibration(mut acquisition: Acquisition) -> Acquisition {
    acquisition
        .header
        .set_flag(protocol::acquisition::flag::IS_PARALLEL_CALIBRATION);
    acquisition
}

#[test]
fn every_sample_and_header_comes_to_its_place() {
    let buffer = one(
        &header([8, 4, 1], [8, 4, 1]),
        &[],
        (0..4).map(|e1| line(e1, |_| ())).collect(),
    );
    assert_eq!(buffer.data.shape(), [1, 1, 1, 2, 1, 4, 8]);
    assert_eq!(buffer.headers.shape(), [1, 1, 1, 1, 4]);
    for e1 in 0..4 {
        for c in 0..2 {
            for s in 0..8 {
                let expected = Complex32::new(e1 as f32 + 1.0, (10 * c + s) as f32);
                assert_eq!(buffer.data[[0, 0, 0, c, 0, e1, s]], expected);
            }
        }
        assert_eq!(
            usize::from(buffer.headers[[0, 0, 0, 0, e1]].idx.kspace_encode_step_1),
            e1
        );
    }
    assert_eq!(buffer.sampling.encoded_matrix, [8, 4, 1]);
    let limits = [(0, 4, 7), (0, 2, 3), (0, 0, 0)].map(|(min, center, max)| SamplingLimit { min, center, max });
    assert_eq!(buffer.sampling.sampling_limits, limits);
    assert!(buffer.trajectory.is_none());
}

#[test]
fn later_readouts_of_a_line_replace_earlier_ones() {
    let lines = vec![line(1, |h| h.scan_counter = 1), line(1, |h| h.scan_counter = 2)];
    let buffer = one(&header([8, 4, 1], [8, 4, 1]), &[], lines);
    assert_eq!(buffer.headers[[0, 0, 0, 0, 1]].scan_counter, 2);
    assert_eq!(buffer.headers[[0, 0, 0, 0, 0]], AcquisitionHeader::default());
}

#[test]
fn buffers_leave_in_the_order_of_the_counters_and_share_the_waveforms() {
    let head = header([8, 4, 1], [8, 4, 1]);
    let lines = [(1, 0), (0, 1), (0, 0)].map(|(slice, contrast)| {
        line(0, |h| {
            h.idx.slice = slice;
            h.idx.contrast = contrast;
        })
    });
    let mut bucket = bucket(&head, lines.into());
    bucket.waveforms.push(Waveform {
        header: WaveformHeader::default(),
        data: Array2::zeros((1, 3)),
    });
    let gadget: BucketToBuffer = build(&[("split_slices", "true")], &Context::new(head)).unwrap();
    let buffers = outputs(gadget, vec![bucket]);
    let order: Vec<_> = buffers
        .iter()
        .map(|buffer| {
            let idx = buffer.data.bits[0].data.headers[[0, 0, 0, 0, 0]].idx;
            (idx.slice, idx.contrast)
        })
        .collect();
    assert_eq!(order, [(0, 0), (0, 1), (1, 0)]);
    assert!(buffers.iter().all(|buffer| buffer.waveforms.len() == 1));
}

#[test]
fn counters_along_n_s_and_slices_count_from_the_smallest() {
    let lines = [(3, 5), (5, 5), (4, 6)].map(|(phase, set)| {
        line(0, |h| {
            h.idx.phase = phase;
            h.idx.set = set;
            h.idx.slice = phase + 10;
        })
    });
    let properties = [("N_dimension", "phase"), ("S_dimension", "SET")];
    let buffer = one(&header([8, 4, 1], [8, 4, 1]), &properties, lines.into());
    assert_eq!(buffer.data.shape(), [3, 2, 3, 2, 1, 4, 8]);
    for (loc, s, n) in [(0, 0, 0), (2, 0, 2), (1, 1, 1)] {
        assert_eq!(usize::from(buffer.headers[[loc, s, n, 0, 0]].idx.phase), 3 + n);
    }
    assert_eq!(buffer.headers.iter().filter(|h| h.number_of_samples > 0).count(), 3);
}

#[test]
fn segments_and_slices_can_be_sorted_along_too() {
    let lines = || {
        [(0, 0), (1, 1)].map(|(segment, slice)| {
            line(0, |h| {
                h.idx.segment = segment;
                h.idx.slice = slice;
            })
        })
    };
    let head = header([8, 4, 1], [8, 4, 1]);
    assert_eq!(sort(&head, &[], lines().into()).unwrap().len(), 2);
    let properties = [
        ("N_dimension", "segment"),
        ("S_dimension", "slice"),
        ("split_slices", "true"),
    ];
    let buffer = one(&head, &properties, lines().into());
    assert_eq!(buffer.data.shape()[..3], [1, 2, 2]);
    assert_eq!(buffer.headers[[0, 1, 1, 0, 0]].idx.segment, 1);
    let ignoring = sort(&head, &[("ignore_segment", "true")], lines().into()).unwrap();
    assert_eq!(ignoring.len(), 1);
}

#[test]
fn lines_are_shifted_so_that_the_centre_comes_to_the_middle() {
    let mut partial = header([8, 8, 1], [8, 8, 1]);
    partial.encoding[0].parallel_imaging = Some(ParallelImaging {
        acceleration_factor: [1, 1],
        calibration_mode: Some(CalibrationMode::Embedded),
        ..ParallelImaging::default()
    });
    // Partial Fourier: lines 0 to 5, the centre at 2, of an encoded matrix of 8.
    partial.encoding[0].encoding_limits.kspace_encoding_step_1 = Some(Limit {
        minimum: 0,
        maximum: 5,
        center: 2,
    });
    let buffer = one(&partial, &[], vec![line(0, |_| ()), line(5, |_| ())]);
    assert_eq!(buffer.data.shape()[5], 8);
    assert_eq!(buffer.headers[[0, 0, 0, 0, 2]].idx.kspace_encode_step_1, 0);
    assert_eq!(buffer.headers[[0, 0, 0, 0, 7]].idx.kspace_encode_step_1, 5);
    assert_eq!(
        buffer.sampling.sampling_limits[1],
        SamplingLimit {
            min: 2,
            center: 4,
            max: 7
        }
    );
}

#[test]
fn calibration_lines_of_their_own_count_from_the_first() {
    let mut separate = header([8, 8, 1], [8, 8, 1]);
    separate.encoding[0].parallel_imaging = Some(ParallelImaging {
        acceleration_factor: [2, 1],
        calibration_mode: Some(CalibrationMode::Separate),
        ..ParallelImaging::default()
    });
    let lines = vec![
        line(0, |_| ()),
        calibration(line(3, |_| ())),
        calibration(line(5, |_| ())),
    ];
    let bit = sort(&separate, &[], lines).unwrap().remove(0).bits.remove(0);
    assert_eq!(bit.data.data.shape()[5], 8);
    let reference = bit.reference.unwrap();
    assert_eq!(reference.data.shape()[5], 3);
    assert_eq!(reference.headers[[0, 0, 0, 0, 2]].idx.kspace_encode_step_1, 5);
    assert_eq!(
        reference.sampling.sampling_limits[1],
        SamplingLimit {
            min: 0,
            center: 4,
            max: 7
        }
    );
}

#[test]
fn calibration_without_parallel_imaging_is_placed_like_the_image() {
    let lines = vec![calibration(line(2, |_| ()))];
    let bit = sort(&header([8, 4, 1], [8, 4, 1]), &[], lines)
        .unwrap()
        .remove(0)
        .bits
        .remove(0);
    assert!(bit.data.data.is_empty());
    assert_eq!(
        bit.reference.unwrap().headers[[0, 0, 0, 0, 2]].idx.kspace_encode_step_1,
        2
    );
}

#[test]
fn discarded_samples_are_left_out() {
    let discard = |h: &mut AcquisitionHeader| {
        h.discard_pre = 2;
        h.discard_post = 1;
    };
    let mut acquisition = line(0, discard);
    acquisition.header.center_sample = 4;
    // Readouts that are longer than the matrix: the buffer holds what is kept.
    let buffer = one(&header([5, 4, 1], [5, 4, 1]), &[], vec![acquisition.clone()]);
    assert_eq!(buffer.data.shape()[6], 5);
    assert_eq!(buffer.data[[0, 0, 0, 1, 0, 0, 0]], Complex32::new(1.0, 12.0));
    let [min, center, max] = [0, 2, 4];
    assert_eq!(buffer.sampling.sampling_limits[0], SamplingLimit { min, center, max });
    // An asymmetric echo, whose samples that were not measured have their place.
    let partial = header([8, 4, 1], [8, 4, 1]);
    let mut parallel = partial.clone();
    parallel.encoding[0].parallel_imaging = Some(ParallelImaging::default());
    for header in [partial, parallel] {
        let buffer = one(&header, &[], vec![acquisition.clone()]);
        assert_eq!(buffer.data.shape()[6], 8);
        assert_eq!(buffer.data[[0, 0, 0, 0, 0, 0, 2]], Complex32::new(1.0, 2.0));
        assert_eq!(buffer.data[[0, 0, 0, 0, 0, 0, 1]], Complex32::ZERO);
        assert_eq!(buffer.data[[0, 0, 0, 0, 0, 0, 7]], Complex32::ZERO);
        let [min, center, max] = [2, 4, 6];
        assert_eq!(buffer.sampling.sampling_limits[0], SamplingLimit { min, center, max });
    }
}

#[test]
fn trajectories_are_sorted_with_their_samples() {
    let mut spiral = header([8, 4, 1], [8, 4, 1]);
    spiral.encoding[0].trajectory = Trajectory::Spiral;
    let mut acquisition = line(3, |h| h.trajectory_dimensions = 2);
    acquisition.trajectory = Some(Array2::from_shape_fn((8, 2), |(s, d)| (10 * s + d) as f32));
    let buffer = one(&spiral, &[], vec![acquisition.clone()]);
    let trajectory = buffer.trajectory.unwrap();
    assert_eq!(trajectory.shape(), [1, 1, 1, 1, 4, 8, 2]);
    assert_eq!(trajectory[[0, 0, 0, 0, 3, 5, 1]], 51.0);
    assert_eq!(buffer.sampling.encoded_matrix[0], 8);
    let mut without = acquisition.clone();
    without.trajectory = None;
    assert!(sort(&spiral, &[], vec![acquisition, without]).is_err());
}

#[test]
fn encoding_spaces_have_entries_of_their_own() {
    let mut two = header([8, 4, 1], [8, 4, 1]);
    two.encoding.extend(header([8, 2, 1], [8, 2, 1]).encoding);
    let lines = vec![line(1, |h| h.encoding_space_ref = 1)];
    let data = sort(&two, &[], lines).unwrap().remove(0);
    assert!(data.bits[0].data.data.is_empty());
    assert_eq!(data.bits[1].data.data.shape()[5], 2);
}

#[test]
fn readouts_that_do_not_fit_are_errors_that_say_why() {
    let head = header([8, 4, 1], [8, 4, 1]);
    let words = |lines| sort(&head, &[], lines).unwrap_err().to_string();
    assert_eq!(
        words(vec![line(9, |h| h.scan_counter = 3)]),
        "readout 3: kspace_encode_step_1 9 is outside the encoding's limits"
    );
    let short = readout(2, 6, |_, _| Complex32::ONE);
    assert_eq!(
        words(vec![short, line(0, |_| ())]),
        "readout 0: 8 samples from sample -1 do not fit into 6"
    );
    let narrow = readout(1, 8, |_, _| Complex32::ONE);
    assert_eq!(
        words(vec![line(0, |_| ()), narrow]),
        "readout 0: 1 channels, those before had 2"
    );
    assert_eq!(
        words(vec![line(0, |h| (h.discard_pre, h.discard_post) = (5, 4))]),
        "readout 0: 5 + 4 samples to leave out of 8"
    );
}

#[test]
fn lines_inside_the_limits_but_outside_the_matrix_are_left_out() {
    let mut wide = header([8, 4, 1], [8, 4, 1]);
    wide.encoding[0].parallel_imaging = Some(ParallelImaging::default());
    wide.encoding[0].encoding_limits.kspace_encoding_step_1 = Some(Limit {
        minimum: 0,
        maximum: 6,
        center: 2,
    });
    let buffer = one(&wide, &[], vec![line(1, |_| ()), line(6, |_| ())]);
    assert_eq!(buffer.headers.iter().filter(|h| h.number_of_samples > 0).count(), 1);
}

#[test]
fn no_line_of_partial_fourier_without_parallel_imaging_is_left_out() {
    // The last five of eight lines; four in the middle; the first five.
    for (minimum, maximum, center, first) in [(0, 4, 1, 3), (0, 3, 2, 2), (0, 4, 4, 0)] {
        let mut partial = header([8, 8, 1], [8, 8, 1]);
        partial.encoding[0].encoding_limits.kspace_encoding_step_1 = Some(Limit {
            minimum,
            maximum,
            center,
        });
        let lines = (minimum..=maximum).map(|number| line(number, |_| ())).collect();
        let buffer = one(&partial, &[], lines);
        let measured: Vec<usize> = (0..buffer.headers.len())
            .filter(|&at| buffer.headers.as_slice().unwrap()[at].number_of_samples > 0)
            .collect();
        assert_eq!(buffer.headers.len(), 8);
        assert_eq!(measured, (first..=first + usize::from(maximum)).collect::<Vec<_>>());
    }
}

#[test]
fn a_header_that_asks_for_too_much_memory_is_an_error() {
    let mut huge = header([8, 65535, 65535], [8, 65535, 65535]);
    huge.encoding[0].parallel_imaging = Some(ParallelImaging::default());
    let words = sort(&huge, &[], vec![line(0, |_| ())]).unwrap_err().to_string();
    assert!(words.contains("max_buffer_megabytes"), "{words}");
    // The limit of the process is not the client's to set.
    let all = [("max_buffer_megabytes", "1000000000")];
    let words = sort(&huge, &all, vec![line(0, |_| ())]).unwrap_err().to_string();
    assert!(
        words.contains("no memory for k-space") && words.contains("--array-mebibytes"),
        "{words}"
    );
    let head = header([8, 4, 1], [8, 4, 1]);
    assert!(sort(&head, &[("max_buffer_megabytes", "0")], vec![line(0, |_| ())]).is_err());
}

#[test]
fn headers_with_more_encodings_than_are_sorted_by_are_an_error() {
    let mut head = header([8, 4, 1], [8, 4, 1]);
    head.encoding = vec![head.encoding[0].clone(); 64];
    let context = |head: &IsmrmrdHeader| Context::new(head.clone());
    assert!(build::<AccumulateTrigger>(&[], &context(&head)).is_ok());
    assert!(build::<BucketToBuffer>(&[], &context(&head)).is_ok());
    head.encoding.push(head.encoding[0].clone());
    let expected = "the header has 65 encodings; readouts of 64 at most can be gathered and sorted";
    let trigger = build::<AccumulateTrigger>(&[], &context(&head)).unwrap_err();
    assert_eq!(trigger.to_string(), expected);
    let sorter = build::<BucketToBuffer>(&[], &context(&head)).unwrap_err();
    assert_eq!(sorter.to_string(), expected);
}

#[test]
fn data_and_calibration_data_share_what_one_message_may_take() {
    // 4096 lines of 8 samples: 256 KiB, and 1.4 MB of headers.
    let mut head = header([8, 4096, 1], [8, 4096, 1]);
    head.encoding[0].parallel_imaging = Some(ParallelImaging::default());
    let both = || vec![line(0, |_| ()), calibration(line(1, |_| ()))];
    let limit = [("max_buffer_megabytes", "2")];
    assert!(sort(&head, &limit, vec![line(0, |_| ())]).is_ok());
    let words = sort(&head, &limit, both()).unwrap_err();
    assert!(words.to_string().contains("larger than 2 MiB"), "{words}");
    assert!(sort(&head, &[("max_buffer_megabytes", "4")], both()).is_ok());
}

proptest! {
    #[test]
    fn the_order_of_different_lines_does_not_matter(order in Just((0_u16..12).collect::<Vec<_>>()).prop_shuffle()) {
        let head = header([8, 4, 1], [8, 4, 1]);
        let properties = [("N_dimension", "phase")];
        let sorted = |order: &[u16]| {
            let lines = order.iter().map(|number| {
                let mut acquisition = line(number % 4, |h| h.idx.phase = number / 4);
                acquisition.data.fill(Complex32::from(f32::from(*number)));
                acquisition
            });
            one(&head, &properties, lines.collect())
        };
        let found = sorted(&order);
        prop_assert_eq!(&found, &sorted(&(0..12).collect::<Vec<_>>()));
        for number in 0..12_usize {
            let place = [0, 0, number / 4, 1, 0, number % 4, 7];
            prop_assert_eq!(found.data[place], Complex32::from(number as f32));
        }
    }
}
