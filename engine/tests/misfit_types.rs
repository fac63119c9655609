//! Pipelines whose types do not fit do not compile, and the compiler's words are short and name what does not fit.
//!
//! Each file in `misfits/` says in its `//~` lines what its message must contain. A compiler is all this needs, so no
//! package is built a second time for it: the engine that this test is linked with lies beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The longest message that is still read, in lines.
const READABLE: usize = 30;

/// The newest library of a crate beside this test.
fn library(folder: &Path, name: &str) -> PathBuf {
    let prefix = format!("lib{name}-");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let libraries = files.filter(|path| {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        file.starts_with(&prefix) && file.ends_with(".rlib")
    });
    libraries
        .max_by_key(|path| fs::metadata(path).and_then(|file| file.modified()).unwrap())
        .unwrap_or_else(|| panic!("no library {name} in {}", folder.display()))
}

fn compile(case: &Path) -> Output {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let with = |name| format!("{name}={}", library(folder, name).display());
    // Cargo's own compiler lies beside it.
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    let compiler = if beside.exists() { beside } else { "rustc".into() };
    Command::new(compiler)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never"])
        .arg("-o")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("misfit.rmeta"))
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .args(["--extern", &with("engine"), "--extern", &with("futures")])
        .arg(case)
        .output()
        .unwrap()
}

#[test]
fn what_does_not_fit_is_refused_in_readable_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misfits");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 3);
    for case in cases {
        let expected = fs::read_to_string(&case).unwrap();
        let refused = compile(&case);
        let words = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{} compiles", case.display());
        for part in expected.lines().filter_map(|line| line.strip_prefix("//~ ")) {
            assert!(words.contains(part), "no \"{part}\" in:\n{words}");
        }
        assert!(words.lines().count() <= READABLE, "too long to read:\n{words}");
        // The compiler points at the line of the user, and at one mistake.
        assert!(words.contains(&format!("--> {}", case.display())), "{words}");
        assert!(words.contains("aborting due to 1 previous error"), "{words}");
    }
}

#[test]
fn what_fits_is_not_refused() {
    // Otherwise all of the above could fail for another reason.
    let fits = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fits.rs");
    let source = "use engine::{Compose, map};
        pub fn pipeline() { let _ = map(|n: u64| n as u32).then(map(|n: u32| n.to_string())); }
        pub async fn run() { let _ = map(|n: u32| n).run_over(futures::stream::iter([1]), Vec::new()).await; }";
    fs::write(&fits, source).unwrap();
    let compiled = compile(&fits);
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
}
