//! The last words on an image array before it is sent: number, series, role.

use protocol::{ImageArray, ImageHeader, ImageType};

use super::encodings::{Counts, EncodingFacts};

/// What an image array shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The image.
    Image,
    /// The noise amplification of the reconstruction.
    Gfactor,
    /// The image in units of the noise's standard deviation.
    SnrMap,
    /// The standard deviation of SNR maps over repetitions.
    StdMap,
}

/// Attribute that names the role.
pub(super) const DATA_ROLE: &str = "GADGETRON_DataRole";
/// Attribute with comments.
pub(super) const IMAGE_COMMENT: &str = "GADGETRON_ImageComment";
/// Attribute with what is appended to the name of the series.
pub(super) const SEQUENCE_DESCRIPTION: &str = "GADGETRON_SeqDescription";
/// Attribute that keeps later gadgets from changing the pixels.
pub(super) const SKIP_PROCESSING: &str = "Skip_processing_after_recon";

impl Role {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Gfactor => "Gfactor",
            Self::SnrMap => "SNR_MAP",
            Self::StdMap => "STD_MAP",
        }
    }

    /// The role of an array.
    pub(super) fn of(array: &ImageArray) -> Option<Self> {
        let name = array.meta.first()?.first(DATA_ROLE)?;
        [Self::Image, Self::Gfactor, Self::SnrMap, Self::StdMap]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// Numbers the images of `array`, puts them into `series` and says what they show.
pub(super) fn announce(array: &mut ImageArray, facts: &EncodingFacts, partitions: usize, series: u16, role: Role) {
    for header in &mut array.headers {
        header.image_index = image_number(header, facts.counts, partitions);
        header.image_series_index = series;
        header.image_type = ImageType::Magnitude as u16;
    }
    for (meta, header) in array.meta.iter_mut().zip(&array.headers) {
        meta.set("GADGETRON_ImageNumber", i64::from(header.image_index));
        meta.set("GADGETRON_ImageProcessingHistory", "GT");
        match role {
            Role::Image => {
                meta.append(IMAGE_COMMENT, "GT");
                meta.append(SEQUENCE_DESCRIPTION, "_GT");
            }
            other => {
                meta.append(IMAGE_COMMENT, other.name());
                meta.append(SEQUENCE_DESCRIPTION, other.name());
            }
        }
        meta.set(DATA_ROLE, role.name());
        if role == Role::Gfactor {
            meta.set(SKIP_PROCESSING, 1_i64);
        }
    }
}

/// The series of encoding space `encoding`: `image_series + step * (encoding + first)`, cut to 16 bits as the header is.
pub(super) fn series(image_series: i32, step: usize, encoding: usize, first: usize) -> u16 {
    let offset = step.saturating_mul(encoding.saturating_add(first));
    (i64::from(image_series).wrapping_add(offset as i64)) as u16
}

/// Number of an image in its series, from 1; slices count fastest, then contrasts, phases, sets, repetitions, averages.
/// Cut to 16 bits as the header is.
fn image_number(header: &ImageHeader, counts: Counts, partitions: usize) -> u16 {
    let nested = [
        (header.average, 1),
        (header.repetition, counts.repetition),
        (header.set, counts.set),
        (header.phase, counts.phase),
        (header.contrast, counts.contrast),
        (header.slice, counts.slice),
    ];
    let index = nested.iter().fold(0_usize, |number, &(value, count)| {
        number.wrapping_mul(count).wrapping_add(usize::from(value))
    });
    index.wrapping_mul(partitions.max(1)).wrapping_add(1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_fastest_and_averages_slowest() {
        let counts = Counts {
            set: 2,
            repetition: 10,
            phase: 3,
            contrast: 4,
            slice: 5,
        };
        let mut header = ImageHeader::default();
        assert_eq!(image_number(&header, counts, 1), 1);
        (header.slice, header.contrast) = (2, 1);
        assert_eq!(image_number(&header, counts, 1), 1 + 2 + 5);
        (header.repetition, header.set, header.phase, header.average) = (3, 1, 2, 1);
        let expected = 2 + 5 * (1 + 4 * (2 + 3 * (1 + 2 * (3 + 10))));
        assert_eq!(usize::from(image_number(&header, counts, 1)), 1 + expected);
        assert_eq!(usize::from(image_number(&header, counts, 7)), 1 + 7 * expected);
    }

    #[test]
    fn the_series_of_the_first_encoding_are_twenty_three_hundred_and_one() {
        assert_eq!(
            [series(0, 10, 0, 2), series(0, 100, 0, 3), series(0, 1, 0, 1)],
            [20, 300, 1]
        );
    }
}
