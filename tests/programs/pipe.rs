//! `--from_stream`: standard input and output, files, and several programs in one pipe.

use std::{path::Path, process::Stdio};

use protocol::{
    Limits,
    codec::Readers,
    recording::{Damage, Line, Listing, Side},
};

use crate::{
    command::{run_on, stream_of},
    process::{fail, gadgetron},
};

/// The first half of `default.xml`: what comes out is sorted k-space, which the original cannot send through a pipe.
const TO_SORTED_K_SPACE: &str = r#"<configuration><version>2</version><stream>
    <gadget><dll/><classname>RemoveROOversamplingGadget</classname></gadget>
    <gadget><dll/><classname>AcquisitionAccumulateTriggerGadget</classname>
        <property name="trigger_dimension" value="repetition"/>
        <property name="sorting_dimension" value="slice"/>
    </gadget>
    <gadget><dll/><classname>BucketToBufferGadget</classname>
        <property name="N_dimension" value=""/>
        <property name="S_dimension" value=""/>
        <property name="split_slices" value="true"/>
    </gadget>
</stream></configuration>"#;

/// The second half.
const TO_IMAGES: &str = r#"<configuration><version>2</version><stream>
    <gadget><dll/><classname>SimpleReconGadget</classname></gadget>
    <gadget><dll/><classname>ImageArraySplitGadget</classname></gadget>
    <gadget><dll/><classname>ExtractGadget</classname></gadget>
    <gadget><dll/><classname>ImageFinishGadget</classname></gadget>
</stream></configuration>"#;

/// The two halves as files.
struct Halves {
    folder: tempfile::TempDir,
}

impl Halves {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.xml"), TO_SORTED_K_SPACE).unwrap();
        std::fs::write(folder.path().join("b.xml"), TO_IMAGES).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Both halves in one pipe: what comes out, and whether each of them says that all went well.
    fn run(&self, input: &[u8]) -> (Vec<u8>, [bool; 2]) {
        let (a, b) = (self.path("a.xml"), self.path("b.xml"));
        let input_path = self.path("input");
        std::fs::write(&input_path, input).unwrap();
        let mut first = gadgetron(&["--from_stream", "-c", &a])
            .stdin(std::fs::File::open(input_path).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let second = gadgetron(&["--from_stream", "-c", &b])
            .stdin(first.stdout.take().unwrap())
            .stderr(Stdio::null())
            .output()
            .unwrap();
        (
            second.stdout,
            [first.wait().unwrap().success(), second.status.success()],
        )
    }
}

fn lines(bytes: &[u8]) -> Vec<Result<Line, Damage>> {
    assert!(
        bytes.is_empty() || Side::of(bytes) == Side::Pipe,
        "the header comes first"
    );
    let mut listing = Listing::new(Side::Pipe, Limits::default(), Readers::standard());
    listing.handle_bytes(bytes);
    listing.handle_end();
    listing.collect()
}

fn names(bytes: &[u8]) -> Vec<&'static str> {
    lines(bytes).into_iter().map(|line| line.unwrap().name).collect()
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn two_in_one_pipe_come_to_what_one_comes_to() {
    let input = stream_of("tiny.h5");
    let one = run_on(gadgetron(&["--from_stream", "-c", "default.xml"]), &input);
    assert!(one.status.success(), "{}", String::from_utf8_lossy(&one.stderr));
    assert_eq!(
        names(&one.stdout),
        ["HEADER", "ISMRMRD_IMAGE", "ISMRMRD_IMAGE", "CLOSE"]
    );
    let (two, succeeded) = Halves::new().run(&input);
    assert_eq!(succeeded, [true, true]);
    assert!(two == one.stdout, "two in one pipe give something else");
}

#[test]
fn a_file_is_not_written_over_while_it_is_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let [file, link] = ["a.stream", "b.stream"].map(|name| folder.path().join(name));
    let bytes = stream_of("tiny.h5");
    std::fs::write(&file, &bytes).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for output in [&file, &link] {
        let mut command = gadgetron(&["--from_stream", "-c", "default.xml"]);
        let words = fail(command.arg("-i").arg(&file).arg("-o").arg(output));
        assert!(words.contains("is the input, and would be lost"), "{words}");
        assert!(read(&file) == bytes);
    }
    let mut command = gadgetron(&["--from_stream", "-c", "default.xml"]);
    fail(command.arg("-o").arg(&link).stdin(std::fs::File::open(&file).unwrap()));
    assert!(read(&file) == bytes);
}

#[test]
fn files_serve_as_input_and_output_and_sorted_k_space_goes_through_them() {
    let halves = Halves::new();
    let [a, b, input, middle, output] = ["a.xml", "b.xml", "input", "middle", "output"].map(|name| halves.path(name));
    std::fs::write(&input, stream_of("tiny.h5")).unwrap();
    let first = gadgetron(&["--from_stream", "-c", &a, "-i", &input, "-o", &middle]).output();
    assert!(first.unwrap().status.success());
    assert_eq!(names(&read(&middle)), ["HEADER", "RECONDATA", "RECONDATA", "CLOSE"]);
    let second = gadgetron(&[
        "--from_stream",
        "-c",
        &b,
        "--input_path",
        &middle,
        "--output_path",
        &output,
    ])
    .output();
    let second = second.unwrap();
    assert!(second.status.success());
    assert!(
        second.stdout.is_empty(),
        "with a file for it, nothing goes to standard output"
    );
    let one = run_on(gadgetron(&["--from_stream", "-c", "default.xml"]), &read(&input));
    assert!(read(&output) == one.stdout);
}

/// The first repetition is complete once the second one begins.
#[test]
fn a_cut_input_is_an_error_with_what_was_complete_delivered() {
    let whole = stream_of("tiny.h5");
    let middle_of_the_last_readout = whole.len() - 100;
    let cut = &whole[..middle_of_the_last_readout];
    let one = run_on(gadgetron(&["--from_stream", "-c", "default.xml"]), cut);
    assert!(!one.status.success());
    assert_eq!(names(&one.stdout), ["HEADER", "ISMRMRD_IMAGE", "ERROR", "CLOSE"]);
    let words = String::from_utf8_lossy(&one.stderr);
    assert!(words.contains("ended without CLOSE"), "{words}");

    // The program behind it is told, and does not take the part for the whole either.
    let (two, succeeded) = Halves::new().run(cut);
    assert_eq!(succeeded, [false, false]);
    assert_eq!(names(&two), ["HEADER", "ISMRMRD_IMAGE", "ERROR", "CLOSE"]);
}

#[test]
fn an_input_that_is_no_stream_is_an_error_in_words() {
    for (input, words) in [
        (&b""[..], "header must come first"),
        (b"GET / HTTP/1.1\r\n\r\n", "message 17735 came before the header"),
        (&[3, 0, 1, 0, 0, 0, b'x', 4, 0], "header"),
    ] {
        let one = run_on(gadgetron(&["--from_stream", "-c", "default.xml"]), input);
        let said = String::from_utf8_lossy(&one.stderr);
        assert!(!one.status.success() && said.contains(words), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_program_with_an_error() {
    let folder = Halves::new();
    let input = folder.path("input");
    std::fs::write(&input, stream_of("tiny.h5")).unwrap();
    let mut child = gadgetron(&["--from_stream", "-c", "default.xml", "-i", &input])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(!child.wait().unwrap().success());
}
