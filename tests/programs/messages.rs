//! `gadgetron messages` on the recordings.

use std::path::Path;

use super::{command::run_on, data, process::gadgetron};

fn messages(arguments: &[&str]) -> (bool, Vec<String>, String) {
    let output = gadgetron(&[&["messages"], arguments].concat()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    (
        output.status.success(),
        lines.lines().map(str::to_owned).collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn every_recording_is_listed_to_its_last_byte() {
    let mut recordings = 0;
    // Those of workers are kept with the tests of the protocol.
    let of_workers = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/tests/data");
    let folders = [data("wire"), of_workers].map(|folder| std::fs::read_dir(folder).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let (succeeded, lines, words) = messages(&["--json", path.to_str().unwrap()]);
        assert!(succeeded, "{}: {words}", path.display());
        let mut end = 0;
        for line in &lines {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["offset"], end, "{}", path.display());
            end += line["bytes"].as_u64().unwrap();
            assert!(line["name"].is_string() && line["fields"].is_object());
        }
        assert_eq!(end, std::fs::metadata(&path).unwrap().len(), "{}", path.display());
        recordings += 1;
    }
    assert!(recordings >= 24, "recordings are missing: {recordings}");
}

#[test]
fn a_damaged_tail_has_its_place_in_words_and_an_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.bin");
    let whole = std::fs::read(data("wire/client_default.0.c2s.bin")).unwrap();
    let list = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        messages(&[path.to_str().unwrap()])
    };
    let (_, lines, _) = list(&whole);
    let last: u64 = lines[33].split(' ').next().unwrap().parse().unwrap();

    let (succeeded, cut, words) = list(&whole[..whole.len() - 100]);
    assert!(!succeeded && cut == lines[..33], "{words}");
    assert!(
        words.contains(&format!("byte {last}: the recording ends inside a message")),
        "{words}"
    );

    let (succeeded, garbage, words) = list(&[&whole[..whole.len() - 2], &[0x61, 0x1e, 0]].concat());
    assert!(!succeeded && garbage == lines[..34]);
    assert!(
        words.contains(&format!("byte {}: unknown message 7777", whole.len() - 2)),
        "{words}"
    );
}

#[test]
fn a_file_that_is_not_there_and_a_list_nobody_reads() {
    let (succeeded, _, words) = messages(&["no such file"]);
    assert!(!succeeded && words.contains("no such file"), "{words}");
    let output = run_on(gadgetron(&["messages", "/dev/null"]), b"");
    assert!(output.status.success() && output.stdout.is_empty());
}
