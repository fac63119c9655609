//! The client's exit status and words tell what happened.

use std::{io::Write, net::TcpStream};

use protocol::{codec::Writers, session::Outgoing};

use crate::{
    data,
    process::{Server, client, fail, gadgetron, succeed},
};

#[test]
fn the_server_s_words_reach_the_user_and_the_server_goes_on() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    let run = |configuration: &str| {
        let mut client = server.client();
        client
            .arg("-f")
            .arg(data("tiny.h5"))
            .arg("-o")
            .arg(&output)
            .args(["-c", configuration]);
        client
    };
    let words = fail(&mut run("no_such.xml"));
    assert!(words.contains("no_such.xml"), "{words}");
    let words = fail(&mut run("../config/default.xml"));
    assert!(words.contains("../config/default.xml"), "{words}");
    assert!(!output.exists(), "a file of images without an image");
    succeed(&mut run("default.xml"));
    let log = server.end();
    assert!(log.contains("no_such.xml"), "the server's log says it too: {log}");
}

#[test]
fn a_run_without_images_fails_unless_it_was_expected() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing.xml");
    let text = std::fs::read_to_string(data("bucketless.xml")).unwrap();
    let text = text.replace("RemoveROOversamplingGadget", "AcquisitionAccumulateTriggerGadget");
    // Waits for a whole measurement, and its bucket has no writer that the client could store.
    std::fs::write(&nothing, text).unwrap();
    let mut client = server.client();
    client.arg("-f").arg(data("tiny.h5")).arg("-C").arg(&nothing);
    client.arg("-o").arg(folder.path().join("out.h5"));
    let words = fail(&mut client);
    assert!(words.contains("Bucket") || words.contains("bucket"), "{words}");
}

#[test]
fn a_run_whose_messages_no_file_holds_fails_unless_it_was_expected() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    // Readouts come back.
    let run = || {
        let mut client = server.client();
        client
            .arg("-f")
            .arg(data("tiny.h5"))
            .arg("-C")
            .arg(data("bucketless.xml"));
        client.arg("-o").arg(&output);
        client
    };
    let words = fail(&mut run());
    assert!(words.contains("nothing was stored"), "{words}");
    succeed(run().arg("--allow-nothing"));
    assert!(!output.exists(), "a file of images without an image");
}

#[test]
fn nobody_listens() {
    // The port was free a moment ago; should somebody take it, they are no Gadgetron.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let words = fail(client(port).arg("-f").arg(data("tiny.h5")).args(["-t", "200"]));
    assert!(words.contains(&port.to_string()), "{words}");
}

#[test]
fn a_file_that_is_missing_or_is_none() {
    let server = Server::start();
    let words = fail(server.client().args(["-f", "/nowhere/raw.h5"]));
    assert!(words.contains("/nowhere/raw.h5"), "{words}");
    let text = data("bucketless.xml");
    let words = fail(server.client().arg("-f").arg(&text));
    assert!(words.contains("bucketless.xml"), "{words}");
}

#[test]
fn questions_are_answered_on_standard_output() {
    let server = Server::start();
    let output = succeed(server.client().args(["-Q", "gadgetron::info"]));
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains(env!("CARGO_PKG_VERSION")), "{answer}");
}

#[test]
fn a_reconstruction_in_this_process_that_gives_no_image_fails() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5");
    let mut recon = gadgetron(&["recon", "-c"]);
    recon.arg(data("bucketless.xml")).arg("-o").arg(&output);
    // Readouts come out.
    let words = fail(recon.arg(data("tiny.h5")));
    assert!(
        words.contains("Acquisition") && words.contains("no image was written"),
        "{words}"
    );
    assert!(!output.exists(), "a file of images without an image");
}

#[test]
fn what_a_client_says_is_logged_only_so_often() {
    let server = Server::with(&["--client-texts", "2"], None);
    let mut outgoing = Outgoing::new(Writers::none());
    (0..5).for_each(|number| outgoing.text(&format!("word {number}")).unwrap());
    outgoing.close();
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.write_all(outgoing.buffer()).unwrap();
    let end = |line: &str| line.contains("connection ended").then(|| line.to_owned());
    let end = server.process.wait_for("end", end);
    assert!(end.contains("texts=5"), "{end}");
    assert_eq!(server.end().matches("the client says: word").count(), 2);
}
