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
        NoWeights { slice: 3, images: 2 }.to_string()
    );
}
