//! A process that is killed in the middle of storing leaves the old value or the new one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use super::*;

/// In the folder in which the child is to store.
const MARK: &str = "store-until-killed";
const SIZE: usize = 256 << 10;

/// All blobs, newest first.
fn all(store: &BlobStore) -> Vec<Blob> {
    let mut search = Search::new("s");
    let mut blobs = Vec::new();
    loop {
        let page = store.search(&search).expect("a search");
        blobs.extend(page.blobs);
        search.continuation = page.continuation;
        if search.continuation.is_none() {
            return blobs;
        }
    }
}

/// Not a test of its own: what the process does that the test below starts and kills. It does nothing elsewhere.
#[test]
fn child_that_stores_until_it_is_killed() {
    if !Path::new(MARK).exists() {
        return;
    }
    let store = BlobStore::open(&Folders::in_one("."), StoreLimits::default()).expect("a store");
    let mut generation = u64::try_from(all(&store).len()).expect("a small number");
    loop {
        generation += 1;
        let byte = u8::try_from(generation % 251).expect("less than 251");
        store.store(tags("s", "n"), &vec![byte; SIZE]).expect("stored");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nstored {generation}")
            .and_then(|()| out.flush())
            .expect("the parent reads");
    }
}

#[test]
fn killing_the_process_leaves_the_old_value_or_the_new_one() {
    let folder = scratch();
    std::fs::write(folder.path().join(MARK), "").unwrap();
    let mut acknowledged = 0;
    for round in 1..=6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "storage::tests::crash::child_that_stores_until_it_is_killed",
            ])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("stored ")?.parse::<u64>().ok());
        // The kill comes while the next blob is being stored, at another moment every time.
        for _ in 0..round % 3 + 1 {
            acknowledged = stored.next().expect("the child stores");
        }
        for _ in 0..round * 20_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What the child had still said before it died.
        acknowledged = stored.last().unwrap_or(acknowledged);

        let store = BlobStore::open(&Folders::in_one(folder.path()), StoreLimits::default()).unwrap();
        let blobs = all(&store);
        let count = u64::try_from(blobs.len()).unwrap();
        assert!(
            count == acknowledged || count == acknowledged + 1,
            "{count} blobs, {acknowledged} acknowledged"
        );
        for (blob, generation) in blobs.iter().zip((1..=count).rev()) {
            let mut bytes = Vec::new();
            store
                .data(blob)
                .unwrap()
                .expect("its file")
                .read_to_end(&mut bytes)
                .unwrap();
            assert_eq!(bytes.len(), SIZE);
            let expected = u8::try_from(generation % 251).unwrap();
            assert!(bytes == vec![expected; SIZE], "blob {generation} is torn");
        }
        let files = std::fs::read_dir(folder.path().join("blobs")).unwrap().count();
        assert_eq!(files, blobs.len(), "nothing is left behind");
    }
    assert!(acknowledged >= 6);
}
