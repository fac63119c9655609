use gadgets::context::Storage;
use protocol::{
    IsmrmrdHeader,
    header::{AcquisitionSystemInformation, MeasurementInformation, StudyInformation, SubjectInformation},
};

use super::*;

fn header(own_id: &str, subject: Option<&str>, device: Option<&str>, study: Option<&str>) -> IsmrmrdHeader {
    let text = |text: Option<&str>| text.map(str::to_owned);
    IsmrmrdHeader {
        subject_information: Some(SubjectInformation {
            patient_id: text(subject),
            ..SubjectInformation::default()
        }),
        study_information: Some(StudyInformation {
            study_id: text(study),
            ..StudyInformation::default()
        }),
        acquisition_system_information: Some(AcquisitionSystemInformation {
            device_id: text(device),
            ..AcquisitionSystemInformation::default()
        }),
        measurement_information: Some(MeasurementInformation {
            measurement_id: Some(own_id.to_owned()),
            ..MeasurementInformation::default()
        }),
        ..IsmrmrdHeader::default()
    }
}

/// Subject, device and study of a header.
type Stated<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

const STRUCTURED: &str = "45387_1079885_1079904_343";
const UNIQUE: &str = "376c73c9-9a23-452f-a8d2-ef5ac307b4e9";
const NOTHING: Stated<'_> = (None, None, None);
const EVERYTHING: Stated<'_> = (Some("P 1"), Some("D"), Some("S"));

/// What the measurement `id` stores, another one finds by its ID, whatever both headers say.
fn found_again(storage: &dyn Storage, id: &str, (subject, device, study): Stated<'_>) {
    let noise = header(id, subject, device, study);
    let content = format!("{id} {subject:?}");
    storage
        .store(&noise, id, "noise_covariance", content.as_bytes())
        .unwrap();
    let known = storage.measurements(&noise, "noise_covariance").unwrap();
    // What is too long for a tag, or has control characters, is listed as its tag says.
    let plain = id.len() <= 128 && !id.contains(char::is_control);
    assert!(
        known.is_sorted() && (!plain || known.contains(&id.to_owned())),
        "{known:?}"
    );
    assert!(storage.measurements(&noise, "other").unwrap().is_empty());
    let same = header("45387_1079885_1079904_349", subject, device, study);
    let other_session = header("own", subject, None, Some("T"));
    for asking in [noise, same, other_session] {
        let found = storage.latest(&asking, id, "noise_covariance").unwrap();
        let found = found.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_ref(), Some(&content), "{asking:?}");
        assert_eq!(storage.latest(&asking, id, "other").unwrap(), None);
        assert_eq!(storage.latest(&asking, "unheard", "noise_covariance").unwrap(), None);
    }
}

#[test]
fn measurements_find_each_other_in_this_process() {
    let folder = scratch();
    let store = open(&folder, StoreLimits::default(), &HandClock::new()).unwrap();
    let storage = LocalStorage(Arc::new(store));
    let long = "8c9b.".repeat(60);
    for id in [STRUCTURED, UNIQUE, "a_b", "___", "é/?&=+ %", "x\ny", &long] {
        found_again(&storage, id, NOTHING);
    }
    found_again(&storage, UNIQUE, EVERYTHING);
    found_again(&storage, "other", (Some(&long), None, None));
    storage
        .store(&header("", None, None, None), "", "noise_covariance", b"lost")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_find_each_other_through_a_server() {
    let served = Served::with_defaults().await;
    let storage = RemoteStorage::new(&format!("{}/", served.server.url()), Duration::from_secs(20));
    tokio::task::spawn_blocking(move || {
        storage.check().unwrap();
        found_again(&storage, STRUCTURED, NOTHING);
        found_again(&storage, "é/?&=+ %", EVERYTHING);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_are_the_originals() {
    let served = Served::with_defaults().await;
    let storage = RemoteStorage::new(&served.server.url(), Duration::from_secs(20));
    let header = header("45387_1079885_1079904_343", None, Some("stated"), None);
    tokio::task::spawn_blocking(move || {
        storage
            .store(&header, "45387_1079885_1079904_343", "noise_covariance", b"x")
            .unwrap()
    })
    .await
    .unwrap();
    let query =
        "subject=1079885&device=stated&session=1079904&name=noise_covariance&measurement=45387_1079885_1079904_343";
    let item = &served.http("GET", &format!("/v1/blobs?{query}"), b"").await.json()["items"][0];
    assert_eq!(item["expires"], "2027-01-17T08:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named() {
    let storage = RemoteStorage::new("http://127.0.0.1:1", Duration::from_secs(20));
    let error = tokio::task::spawn_blocking(move || storage.check().unwrap_err())
        .await
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("the storage server http://127.0.0.1:1 does not answer: "),
        "{error}"
    );
}
