//! The engine stays usable by somebody who has never heard of MRI: few dependencies, no sockets, no XML. And who depends on
//! whom stays as `ARCHITECTURE.md` draws it.

use std::{collections::BTreeSet, process::Command};

/// The names of all crates that `package` is built from, itself included; tests and benchmarks aside.
fn crates(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", package, "-e", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

const FOREIGN: [&str; 5] = ["quick-xml", "mio", "socket2", "hdf5-metno", "ndarray"];

#[test]
fn the_engine_depends_on_no_field_of_application_no_sockets_and_no_xml() {
    let crates = crates("engine");
    for foreign in FOREIGN {
        assert!(!crates.contains(foreign), "the engine depends on {foreign}");
    }
    assert!(crates.contains("tokio") && crates.len() <= 40, "{crates:?}");
}

#[test]
fn the_crates_depend_on_each_other_in_one_direction() {
    let own = ["distributed", "engine", "gadgetron", "gadgets", "protocol"];
    for (package, allowed) in [
        ("protocol", &[][..]),
        ("engine", &[]),
        ("gadgets", &["engine", "protocol"]),
        ("distributed", &["engine", "protocol"]),
        ("gadgetron", &["distributed", "engine", "gadgets", "protocol"]),
    ] {
        let crates = crates(package);
        let found: Vec<_> = own
            .into_iter()
            .filter(|name| *name != package && crates.contains(*name))
            .collect();
        assert_eq!(found, allowed, "{package}");
    }
    // What is looked for above is found where it is.
    let whole = crates("gadgetron");
    assert!(FOREIGN.iter().all(|foreign| whole.contains(*foreign)), "{whole:?}");
}

#[test]
fn the_engines_own_dependencies_are_these() {
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
