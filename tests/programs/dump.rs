//! `ismrmrd_dump.xml`: what passes through the server is in a file, and that file reconstructs to the same images.

use crate::{
    compare::{Tolerance, compare},
    data,
    process::{Server, succeed},
};

#[test]
fn the_dump_reconstructs_to_the_same_images() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let dumps = folder.path().join("dumps");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/ismrmrd_dump.xml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let property = r#"<property name="save_xml_header_only" value="false"/>"#;
    let folder_property = format!(r#"<property name="folder" value="{}"/>"#, dumps.display());
    let text = text.replace(property, &format!("{property}{folder_property}"));
    assert!(text.contains("dumps"), "the shipped configuration has changed");
    let configuration = folder.path().join("dump.xml");
    std::fs::write(&configuration, text).unwrap();

    let mut client = server.client();
    client.arg("-f").arg(data("brain.h5")).arg("-C").arg(&configuration);
    client
        .arg("-o")
        .arg(folder.path().join("none.h5"))
        .arg("--allow-nothing");
    // The shipped chain passes the readouts on and has a writer for images only: said, and no failure.
    let words = String::from_utf8(succeed(&mut client).stderr).unwrap();
    assert!(words.contains("WARNING") && words.contains("Acquisition"), "{words}");

    let dumped: Vec<_> = std::fs::read_dir(&dumps)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [dumped] = dumped.as_slice() else {
        panic!("one file, not {dumped:?}");
    };
    let output = folder.path().join("out.h5");
    succeed(server.client().arg("-f").arg(dumped).arg("-o").arg(&output));
    compare(&output, &data("brain.default.h5"), Tolerance::Relative(1e-5)).unwrap();
}
