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
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains("bincode"), "the list is the crate's: {listed}");
    let unknown = unknown(&listed);
    assert!(unknown.is_empty(), "new dependencies: {unknown:?}");
}

/// What is listed, one library a line, and not known.
fn unknown(listed: &str) -> BTreeSet<&str> {
    let known: BTreeSet<_> = DEPENDENCIES.iter().map(|name| name.replace('-', "_")).collect();
    listed
        .split_whitespace()
        .filter(|name| *name != "(*)" && !known.contains(*name))
        .collect()
}

const FORBIDDEN: [&str; 7] = ["net", "fs", "time", "thread", "env", "process", "os"];

#[test]
fn the_code_uses_no_socket_no_file_no_clock_no_thread_and_no_environment() {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let used = forbidden(&text);
                found.extend(used.into_iter().map(|name| format!("{}: std::{name}", path.display())));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

/// The forbidden parts of the standard library that a file's code names, its tests aside.
fn forbidden(text: &str) -> Vec<&'static str> {
    // Tests are the last thing in a file.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut names = Vec::new();
    for (at, _) in code.match_indices("std::") {
        let path = &code[at + "std::".len()..];
        match path.strip_prefix('{') {
            // A group: the first name of each of its members, at whatever depth.
            Some(group) => names.extend(group.split(';').next().unwrap_or_default().split([',', '{', '}'])),
            None => names.push(path),
        }
    }
    let first = |path: &str| {
        path.trim()
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let used: BTreeSet<_> = names.into_iter().map(first).collect();
    FORBIDDEN.into_iter().filter(|name| used.contains(*name)).collect()
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(unknown("bytes\ntokio\nquick_xml (*)\n"), BTreeSet::from(["tokio"]));
    assert_eq!(forbidden("use std::net::TcpStream;"), ["net"]);
    assert_eq!(
        forbidden("use std::{any::Any, fs::File,\n    time::{Duration, Instant}};"),
        ["fs", "time"]
    );
    assert_eq!(forbidden("let now = std::time::Instant::now();"), ["time"]);
    assert_eq!(forbidden("#[cfg(test)]\nmod tests;\nuse std::thread;"), ["thread"]);
    assert_eq!(
        forbidden("use std::fmt;\n#[cfg(test)]\nmod tests {\n use std::fs; }"),
        [""; 0]
    );
}
