//! Damaged files: every one is an error or the data that are in it, soon, and within the memory of its size.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gadgetron::files::{FileError, RawDataFile, ScannerData};

const MUTATIONS: u64 = 500;
/// Above what the process had before: the files have 40 to 70 kB.
const MOST_MEMORY: u64 = 32 << 20;
const MOST_TIME: Duration = Duration::from_secs(5);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(path: &Path) -> Result<(String, Vec<ScannerData>), FileError> {
    let file = RawDataFile::open(path, "dataset")?;
    let items = file.items().collect::<Result<_, _>>()?;
    Ok((file.header_xml().to_owned(), items))
}

/// SplitMix64: the same mutations on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits % bound as u64) as usize
    }
}

/// Peak of the process's memory in bytes; `None` where the system does not say.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}

/// One to eight bytes of the structure (sparing, mostly, the samples, of which most of a file consists) changed: a bit
/// flipped, a byte set to an extreme, or a number's worth of bytes made huge.
fn mutate(bytes: &mut [u8], structure: &[usize], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let place = match random.below(4) {
            0 => random.below(bytes.len()),
            _ => structure[random.below(structure.len())],
        };
        match random.below(4) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes[place] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes[place] = random.below(256) as u8,
            _ => {
                let end = (place + 8).min(bytes.len());
                bytes[place..end].fill([0, 0xff][random.below(2)]);
            }
        }
    }
}

#[test]
fn five_hundred_mutations_are_errors_or_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.h5");
    for name in ["tiny_wav.h5", "tiny.h5"] {
        let original = std::fs::read(data(name)).unwrap();
        let (header, items) = read(&data(name)).unwrap();
        // Where the file says how it is built: its first kilobytes, and around every signature.
        let signatures: [&[u8]; 4] = [b"TREE", b"SNOD", b"HEAP", b"GCOL"];
        let mut structure: Vec<usize> = (0..2048).collect();
        for (start, window) in original.windows(4).enumerate() {
            if signatures.contains(&window) {
                structure.extend(start..(start + 64).min(original.len()));
            }
        }
        let before = peak_memory();
        let mut random = Random(2026);
        let (mut errors, mut unchanged, mut changed) = (0, 0, 0);
        for mutation in 0..MUTATIONS {
            let mut bytes = original.clone();
            mutate(&mut bytes, &structure, &mut random);
            std::fs::write(&path, &bytes).unwrap();
            let started = Instant::now();
            match read(&path) {
                Err(_) => errors += 1,
                Ok((text, read)) if text == header && read == items => unchanged += 1,
                // A changed sample or counter cannot be told from a measured one; a changed structure can.
                Ok((_, read)) => {
                    assert!(
                        read.len() <= items.len(),
                        "{name}, mutation {mutation}: {} items",
                        read.len()
                    );
                    changed += 1;
                }
            }
            assert!(
                started.elapsed() < MOST_TIME,
                "{name}, mutation {mutation}: {:?}",
                started.elapsed()
            );
        }
        eprintln!("{name}: {errors} errors, {unchanged} unchanged, {changed} changed values");
        assert!(
            errors > MUTATIONS / 10,
            "only {errors} errors: the mutations miss the structure"
        );
        if let (Some(before), Some(after)) = (before, peak_memory()) {
            assert!(after - before < MOST_MEMORY, "{name}: {} bytes more", after - before);
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.h5");
    let original = std::fs::read(data("tiny_wav.h5")).unwrap();
    let whole = read(&data("tiny_wav.h5")).unwrap();
    for length in (0..original.len()).step_by(97) {
        std::fs::write(&path, &original[..length]).unwrap();
        if let Ok(read) = read(&path) {
            assert!(read == whole, "cut to {length} bytes it reads as something else");
        }
    }
}
