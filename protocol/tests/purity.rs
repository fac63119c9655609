//! This crate does no IO: neither its own code nor what it depends on.

use std::{collections::BTreeSet, path::Path, process::Command};

/// Everything the crate is made of, macros that run at build time aside.
const DEPENDENCIES: &[&str] = &[
    "autocfg",
    "bincode",
    "bytemuck",
    "bytes",
    "matrixmultiply",
    "memchr",
    "ndarray",
    "num-complex",
    "num-integer",
    "num-traits",
    "protocol",
    "quick-xml",
    "rawpointer",
    "serde",
    "serde_core",
    "thiserror",
    "unty",
];

#[test]
fn the_dependencies_are_those_that_are_known_to_do_no_io() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "protocol",
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
        ])
        .args([
            "--format",
            "{lib}",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let known: BTreeSet<_> = DEPENDENCIES.iter().map(|name| name.replace('-', "_")).collect();
    let listed = String::from_utf8(output.stdout).unwrap();
    let unknown: BTreeSet<_> = listed
        .split_whitespace()
        .filter(|name| *name != "(*)" && !known.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "new dependencies: {unknown:?}");
}

#[test]
fn the_code_uses_no_socket_no_file_no_clock_no_thread_and_no_environment() {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for name in ["net", "fs", "time", "thread", "env", "process"] {
                if code.contains(&format!("std::{name}")) && !path.ends_with("tests.rs") {
                    found.push(format!("{}: std::{name}", path.display()));
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
