//! The original's images through a server and clients, one after the other and several at a time on one file.

use std::process::Stdio;

use crate::{
    compare::{Tolerance, compare},
    data,
    process::{Server, succeed},
};

#[test]
fn the_images_are_the_original_s() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    for input in ["tiny", "shepp", "shepp_noise", "brain"] {
        for configuration in ["default", "default_optimized", "default_short"] {
            let golden = data(&format!("{input}.{configuration}.h5"));
            if !golden.exists() {
                assert_eq!(input, "tiny", "{} is missing", golden.display());
                continue;
            }
            let tolerance = match configuration {
                "default_short" => Tolerance::GreyLevels(1.0),
                _ => Tolerance::Relative(1e-5),
            };
            let _ = std::fs::remove_file(&output);
            let mut client = server.client();
            let client = client
                .arg("-f")
                .arg(data(&format!("{input}.h5")))
                .arg("-o")
                .arg(&output);
            succeed(client.args(["-G", "images", "-c", &format!("{configuration}.xml")]));
            if let Err(differences) = compare(&output, &golden, tolerance) {
                panic!("{input}, {configuration}:\n{}", differences.join("\n"));
            }
        }
    }
}

#[test]
fn several_clients_read_one_file_at_a_time() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let outputs: Vec<_> = (0..6).map(|index| folder.path().join(format!("{index}.h5"))).collect();
    let clients: Vec<_> = outputs
        .iter()
        .map(|output| {
            let mut client = server.client();
            client.arg("-f").arg(data("brain.h5")).arg("-o").arg(output);
            client.stderr(Stdio::piped()).spawn().expect("the client starts")
        })
        .collect();
    for (client, output) in clients.into_iter().zip(&outputs) {
        let ended = client.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        compare(output, &data("brain.default.h5"), Tolerance::Relative(1e-5)).unwrap();
    }
}

#[test]
fn images_of_loops_are_added_to_the_file() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    let mut client = server.client();
    client.arg("-f").arg(data("tiny.h5")).arg("-o").arg(&output);
    succeed(client.args(["-l", "3", "-G", "images"]));
    let series = gadgetron::files::ImageReader::open(&output)
        .unwrap()
        .series("images")
        .unwrap();
    let golden = gadgetron::files::ImageReader::open(data("tiny.default.h5")).unwrap();
    let golden = golden.series(&golden.groups().unwrap()[0]).unwrap();
    assert_eq!(series[0].images.len(), 3 * golden[0].images.len());
}
