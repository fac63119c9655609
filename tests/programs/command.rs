//! Programs as parts of a pipe, and what they are given.

use std::{
    io::{Read, Write},
    process::{Command, Output, Stdio},
};

use gadgetron::files::{RawDataFile, ScannerData};
use protocol::{codec::Writers, session::Outgoing};

use crate::data;

/// Runs a program on these bytes of standard input.
pub(crate) fn run_on(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that gives up early reads no more; what it says is what counts.
            let _ = stdin.write_all(input);
        });
        let mut stdout = Vec::new();
        let mut stderr = Vec::new();
        let mut errors = child.stderr.take().unwrap();
        let listening = scope.spawn(move || {
            errors.read_to_end(&mut stderr).unwrap();
            stderr
        });
        child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        Output {
            status: child.wait().unwrap(),
            stdout,
            stderr: listening.join().unwrap(),
        }
    })
}

/// Raw data as they go through a pipe: header, readouts and waveforms, CLOSE.
pub(crate) fn stream_of(name: &str) -> Vec<u8> {
    let file = RawDataFile::open(data(name), "dataset").unwrap();
    let mut out = Outgoing::new(Writers::standard());
    out.header(file.header_xml()).unwrap();
    for item in file.items() {
        match item.unwrap() {
            ScannerData::Acquisition(readout) => out.message(&readout, "Acquisition"),
            ScannerData::Waveform(waveform) => out.message(&waveform, "Waveform"),
        }
        .unwrap();
    }
    out.close();
    out.take()
}
