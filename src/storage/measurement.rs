//! Which tags a measurement's blobs have.
//!
//! As in the original, subject, device and session come from the header, or else from a measurement ID of the form
//! `device_subject_session_measurement`, and the whole measurement ID is the custom tag `measurement`. Two things are
//! different: a measurement ID of any form works (with the subject `$null` where none is known), and a blob is also
//! found when the two headers do not name the same device or session, or when it was stored for the subject that the
//! measurement ID names or for no subject, as long as the measurement ID is the one asked for. Under a third subject it is
//! not looked for: subjects are whom blobs belong to.

use std::collections::BTreeMap;

use protocol::IsmrmrdHeader;

use super::{Search, TIME_TO_LIVE, Tags};

/// What a header and a measurement ID say about where a measurement belongs.
#[derive(Clone, Debug, Default)]
struct Origin {
    device: Option<String>,
    subject: Option<String>,
    session: Option<String>,
}

impl Origin {
    /// What the header says, completed from its own measurement ID.
    fn of_header(header: &IsmrmrdHeader) -> Self {
        let system = header.acquisition_system_information.as_ref();
        let stated = Self {
            device: system.and_then(|system| system.device_id.clone()),
            subject: header
                .subject_information
                .as_ref()
                .and_then(|subject| subject.patient_id.clone()),
            session: header
                .study_information
                .as_ref()
                .and_then(|study| study.study_id.clone()),
        };
        let own_id = header
            .measurement_information
            .as_ref()
            .and_then(|measurement| measurement.measurement_id.as_deref());
        stated.or(own_id.map(Self::of_measurement_id).unwrap_or_default())
    }

    /// What a measurement ID of the form `device_subject_session_measurement` says.
    fn of_measurement_id(id: &str) -> Self {
        let parts: Vec<_> = id.split('_').collect();
        let part = |index: usize| match parts.as_slice() {
            [_, _, _, _] => parts
                .get(index)
                .filter(|part| !part.is_empty())
                .map(|part| (*part).to_owned()),
            _ => None,
        };
        Self {
            device: part(0),
            subject: part(1),
            session: part(2),
        }
    }

    fn or(self, other: Self) -> Self {
        let chosen = |first: Option<String>, second: Option<String>| {
            first
                .filter(|text| !text.is_empty())
                .or(second)
                .map(|text| short(&text))
        };
        Self {
            device: chosen(self.device, other.device),
            subject: chosen(self.subject, other.subject),
            session: chosen(self.session, other.session),
        }
    }
}

/// The tags of a blob `name` of the measurement `measurement_id`.
pub(super) fn tags(header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Tags {
    let origin = Origin::of_header(header).or(Origin::of_measurement_id(measurement_id));
    let mut tags = measurement_tags(measurement_id, name);
    tags.extend(origin.device.map(|device| ("device".to_owned(), vec![device])));
    tags.extend(origin.session.map(|session| ("session".to_owned(), vec![session])));
    Tags {
        subject: origin.subject.unwrap_or_else(|| "$null".to_owned()),
        tags,
        content_type: None,
        time_to_live: Some(TIME_TO_LIVE),
    }
}

/// Searches for a blob `name` of the measurement `measurement_id`, which `header` refers to: the most particular first.
pub(super) fn searches(header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Vec<Search> {
    let Tags { subject, tags, .. } = tags(header, measurement_id, name);
    let exact = Search {
        tags,
        limit: 1,
        ..Search::new(subject.as_str())
    };
    let other = Origin::of_measurement_id(measurement_id)
        .subject
        .map(|subject| short(&subject));
    let mut searches = vec![exact];
    for subject in [Some(subject), other, Some("$null".to_owned())].into_iter().flatten() {
        let search = Search {
            tags: measurement_tags(measurement_id, name),
            limit: 1,
            ..Search::new(subject)
        };
        if !searches.contains(&search) {
            searches.push(search);
        }
    }
    searches
}

/// A search for the blobs `name` of all measurements of the subject of `header`, one page of them. Their identifiers are
/// found as the tags have them: the long ones shortened.
pub(super) fn all(header: &IsmrmrdHeader, name: &str) -> Search {
    let subject = Origin::of_header(header).subject;
    Search {
        tags: BTreeMap::from([("name".to_owned(), vec![short(name)])]),
        limit: 100,
        ..Search::new(subject.as_deref().unwrap_or("$null"))
    }
}

fn measurement_tags(measurement_id: &str, name: &str) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([
        ("measurement".to_owned(), vec![short(measurement_id)]),
        ("name".to_owned(), vec![short(name)]),
    ])
}

/// A tag's value: as it is, or, where it is too long or has control characters, its beginning and a checksum.
fn short(text: &str) -> String {
    if text.chars().count() <= 128 && !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    // FNV-1a: the checksum keeps two long names apart, it need not withstand an attacker.
    let checksum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let start: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect();
    format!("{start}-{checksum:016x}")
}
