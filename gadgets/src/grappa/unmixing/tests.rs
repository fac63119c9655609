use ndarray::Array3;
use protocol::AcquisitionHeader;

use super::*;

fn image(number: u64, slice: u16) -> AliasedImage {
    let mut header = AcquisitionHeader::default();
    header.idx.slice = slice;
    AliasedImage {
        number,
        time_stamp: 0,
        header,
        data: None,
    }
}

/// Weights that can be told apart by their value.
fn update(number: u64, slice: u16, value: Option<f32>) -> WeightsUpdate {
    WeightsUpdate {
        number,
        slice,
        weights: value.map(|value| {
            Arc::new(Weights {
                uncombined: 0,
                sets: vec![Array3::from_elem((1, 1, 1), Complex32::from(value))],
            })
        }),
    }
}

fn drain(meeting: &mut Meeting, complete: bool) -> Vec<(u64, f32)> {
    let mut found = Vec::new();
    while let Some((image, weights)) = meeting.ready(complete).unwrap() {
        found.push((image.number, weights.sets[0][[0, 0, 0]].re));
    }
    found
}

#[test]
fn an_image_gets_the_weights_of_its_own_slice_whoever_comes_first() {
    let expected = [(0, 10.0), (1, 20.0), (2, 12.0), (3, 12.0)];
    let updates = [
        update(0, 0, Some(10.0)),
        update(1, 1, Some(20.0)),
        update(2, 0, Some(12.0)),
        update(3, 0, None),
    ];
    let images = [image(0, 0), image(1, 1), image(2, 0), image(3, 0)];
    // Every order in which the two lanes can interleave.
    for order in 0..1_u32 << 8 {
        if order.count_ones() != 4 {
            continue;
        }
        let mut meeting = Meeting::default();
        let (mut images, mut updates) = (images.clone().into_iter(), updates.clone().into_iter());
        let mut found = Vec::new();
        for step in 0..8 {
            match order >> step & 1 {
                0 => meeting.images.extend(images.next()),
                _ => meeting.updates.extend(updates.next()),
            }
            found.extend(drain(&mut meeting, false));
        }
        assert_eq!(found, expected, "{order:b}");
    }
}

#[test]
fn images_before_the_first_weights_wait_for_them() {
    let mut meeting = Meeting::default();
    meeting.images.extend([image(0, 0), image(1, 0)]);
    meeting.updates.push_back(update(0, 0, None));
    assert_eq!(drain(&mut meeting, false), []);
    meeting.updates.push_back(update(1, 0, Some(5.0)));
    assert_eq!(drain(&mut meeting, false), [(0, 5.0), (1, 5.0)]);
}

#[test]
fn images_without_weights_at_the_end_are_an_error_that_names_the_slice() {
    let mut meeting = Meeting::default();
    meeting.images.extend([image(0, 3), image(1, 3)]);
    meeting.updates.extend([update(0, 3, None), update(1, 3, None)]);
    assert_eq!(
        meeting.ready(true).unwrap_err().to_string(),
        NoWeights {
            slice: 3,
            images: 2,
            megabytes: 0
        }
        .to_string()
    );
}

#[test]
fn what_waits_is_bounded_by_count_and_by_size() {
    let mut meeting = Meeting::default();
    let properties = |waiting: usize, waiting_megabytes: usize| UnmixingProperties {
        waiting,
        waiting_megabytes,
        ..UnmixingProperties::default()
    };
    // 3 MiB each.
    for (number, [by_size, by_count]) in [[false, false], [true, false], [true, true]].into_iter().enumerate() {
        meeting.images.push_back(AliasedImage {
            data: Some(Array3::zeros((3, 128, 1024))),
            ..image(number as u64, 0)
        });
        assert_eq!(
            meeting.is_full(&properties(256, 2)),
            by_size,
            "one may wait always: {number}"
        );
        assert_eq!(meeting.is_full(&properties(2, 1024)), by_count, "{number}");
        assert!(!meeting.is_full(&properties(256, 9)), "{number}");
    }
    assert_eq!(meeting.missing(0).megabytes, 9);
}

#[test]
fn pixels_of_another_height_are_resampled() {
    let wave = |rows: usize, brightness: f32| -> Vec<Complex32> {
        let turn = |row: usize| (row as f32 - (rows / 2) as f32) / rows as f32;
        let row = |row| [Complex32::from_polar(brightness, turn(row) * std::f32::consts::TAU); 2];
        (0..rows).flat_map(row).collect()
    };
    let header = |encoded: f32, rows: u16| {
        let mut header = crate::testing::header([2, 8, 1], [2, rows, 1]);
        let encoding = &mut header.encoding[0];
        encoding.encoded_space.field_of_view_mm = [100.0, encoded, 10.0];
        encoding.recon_space.field_of_view_mm = [100.0, 100.0, 10.0];
        encoding.encoding_limits.kspace_encoding_step_1 = Some(protocol::header::Limit {
            minimum: 0,
            maximum: 7,
            center: 4,
        });
        header
    };
    let weights = Weights {
        uncombined: 0,
        sets: vec![Array3::from_elem((1, 8, 2), Complex32::ONE)],
    };
    // The whole field of view in half as many rows; half of it in as many; its middle half, rounded.
    for (encoded, rows, expected) in [
        (100.0, 4, wave(4, 2_f32.sqrt())),
        (200.0, 4, wave(8, 1.0)[4..12].to_vec()),
        (205.0, 4, wave(8, 1.0)[4..12].to_vec()),
        (100.0, 8, wave(8, 1.0)),
    ] {
        let aliased = AliasedImage {
            data: Some(Array3::from_shape_vec((1, 8, 2), wave(8, 1.0)).unwrap()),
            ..image(0, 0)
        };
        let geometry = Geometry::of(&header(encoded, rows)).unwrap();
        let properties = UnmixingProperties::default();
        let combined = combine(aliased, &weights, geometry, &properties, 1).unwrap();
        let pixels: Vec<Complex32> = combined.data.iter().copied().collect();
        assert_eq!(pixels.len(), expected.len());
        for (found, expected) in pixels.iter().zip(&expected) {
            assert!(
                (found - expected).norm() < 1e-5,
                "{encoded} mm, {rows} rows: {pixels:?}"
            );
        }
    }
}
