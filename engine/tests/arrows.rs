//! The engine stays usable by somebody who has never heard of MRI: few dependencies, no sockets, no XML.

use std::{collections::BTreeSet, process::Command};

#[test]
fn the_engine_depends_on_no_field_of_application_no_sockets_and_no_xml() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "engine",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for forbidden in [
        "protocol",
        "gadgets",
        "distributed",
        "gadgetron",
        "quick-xml",
        "mio",
        "socket2",
        "hdf5-metno",
        "ndarray",
    ] {
        assert!(!crates.contains(forbidden), "the engine depends on {forbidden}");
    }
    assert!(crates.len() <= 40, "{} crates: {crates:?}", crates.len());
    let manifest = include_str!("../Cargo.toml");
    let own = manifest
        .split("[dependencies]")
        .nth(1)
        .and_then(|rest| rest.split('[').next())
        .unwrap();
    let own: Vec<_> = own
        .lines()
        .filter_map(|line| line.split(['.', ' ']).next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(
        own,
        [
            "futures",
            "pin-project",
            "proptest",
            "rayon",
            "thiserror",
            "tokio",
            "tokio-util"
        ]
    );
}
