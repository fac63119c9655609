use super::*;

fn read(store: &BlobStore, blob: &Blob) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    store.data(blob).unwrap()?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn a_restart_keeps_blobs_and_removes_what_was_not_complete() {
    let folder = scratch();
    let clock = HandClock::new();
    let store = open(&folder, StoreLimits::default(), &clock).unwrap();
    let first = store.store(tags("s", "n"), b"first").unwrap();
    let second = store.store(tags("s", "n"), b"second").unwrap();
    drop(store);
    let blobs = folder.path().join("blobs");
    let orphan = blobs.join(uuid::Uuid::nil().to_string());
    for file in [&orphan, &blobs.join(".incoming-x"), &blobs.join("notes.txt")] {
        std::fs::write(file, "x").unwrap();
    }
    let store = open(&folder, StoreLimits::default(), &clock).unwrap();
    assert_eq!(store.search(&Search::new("s")).unwrap().blobs, [second, first.clone()]);
    assert_eq!(read(&store, &first).unwrap(), b"first");
    assert_eq!(std::fs::read_dir(&blobs).unwrap().count(), 3);
    assert!(blobs.join("notes.txt").exists());
}

#[test]
fn one_folder_has_one_store() {
    let folder = scratch();
    let clock = HandClock::new();
    let store = open(&folder, StoreLimits::default(), &clock).unwrap();
    let second = open(&folder, StoreLimits::default(), &clock);
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
    drop(store);
    assert!(open(&folder, StoreLimits::default(), &clock).is_ok());
}

#[test]
fn what_has_expired_is_gone_and_makes_room() {
    let folder = scratch();
    let clock = HandClock::new();
    let limits = StoreLimits {
        total_bytes: 10,
        ..StoreLimits::default()
    };
    let store = open(&folder, limits, &clock).unwrap();
    let short = Tags {
        time_to_live: Some(Duration::from_secs(60)),
        ..tags("s", "n")
    };
    let blob = store.store(short, b"12345678").unwrap();
    let kept = store.store(tags("s", "n"), b"9").unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(store.search(&Search::new("s")).unwrap().blobs.len(), 2);
    assert!(matches!(
        store.store(tags("s", "n"), b"12"),
        Err(StoreError::Full { .. })
    ));
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.search(&Search::new("s")).unwrap().blobs, [kept]);
    assert_eq!(store.get(blob.id, "s").unwrap(), None);
    store.store(tags("s", "n"), b"12").unwrap();
    assert_eq!(read(&store, &blob), None);
    assert_eq!(store.sweep().unwrap(), 0);
    drop(store);
    // The sums survive a restart: there is room for 7 more.
    let store = open(&folder, limits, &clock).unwrap();
    assert!(matches!(
        store.store(tags("s", "n"), b"12345678"),
        Err(StoreError::Full { .. })
    ));
    store.store(tags("s", "n"), b"1234567").unwrap();
}

#[test]
fn an_id_is_found_with_its_subject_only() {
    let folder = scratch();
    let store = open(&folder, StoreLimits::default(), &HandClock::new()).unwrap();
    let blob = store.store(tags("s", "n"), b"").unwrap();
    assert_eq!(store.get(blob.id, "s").unwrap(), Some(blob.clone()));
    assert_eq!(store.get(blob.id, "t").unwrap(), None);
}
