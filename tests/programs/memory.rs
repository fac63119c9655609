//! How much memory arrays may take is an option of the programs.

use crate::{
    data,
    process::{fail, gadgetron, succeed},
};

#[test]
fn arrays_above_the_option_are_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let recon = |mebibytes: &str| {
        let mut command = gadgetron(&["recon", "-c", "default", "--array-mebibytes", mebibytes, "-o"]);
        command.arg(folder.path().join("out.h5")).arg(data("tiny.h5"));
        command
    };
    succeed(&mut recon("16"));
    let words = fail(&mut recon("0"));
    let expected = "no memory for k-space; 1 MiB are more than the 0 MiB that are allowed (option --array-mebibytes)";
    assert!(words.contains(expected), "{words}");
}
