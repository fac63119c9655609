//! The discovery command, as the documentation has it: a prepared file, and everything that can be wrong.

use crate::{
    process::{Process, Server, echo, gadgetron},
    reconstruction::{Case, Mode},
};

#[test]
fn a_prepared_file_is_found_below_the_home_folder() {
    let (case, workers) = (Case::new(Mode::Keyed), [(); 2].map(|()| Server::start()));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".gadgetron");
    std::fs::create_dir(&folder).unwrap();
    let list = serde_json::json!(workers.each_ref().map(|worker| worker.address.to_string()));
    std::fs::write(folder.join("workers.json"), list.to_string()).unwrap();

    let output = case.path("there.h5");
    let mut command = gadgetron(&["recon", "-c", "distributed_default.xml", "-o"]);
    command
        .args([&output, &case.raw()])
        .env("HOME", home.path())
        .env("GADGETRON_REMOTE_WORKER_COMMAND", "cat ~/.gadgetron/workers.json");
    let head = Process::start(command);
    assert!(head.wait().success(), "{}", head.said());
    case.assert_images(&output, &head.said());
    assert!(!head.said().contains("WARN"), "{}", head.said());
    for worker in &workers {
        worker
            .process
            .wait_for("link", |line| line.contains("connection ended: closed").then_some(()));
    }
}

#[test]
fn every_failure_of_the_command_is_one_warning_and_a_complete_reconstruction() {
    for mode in Mode::BOTH {
        let case = Case::new(mode);
        for (command, warning) in [
            (None, "GADGETRON_REMOTE_WORKER_COMMAND is not set"),
            (Some("no-such-program-anywhere"), "was not found"),
            (
                Some("echo broken >&2; exit 3"),
                "exit status: 3; its error output begins: broken",
            ),
            (
                Some("sleep 86.417 & sleep 86.417"),
                "took longer than 500ms and was ended",
            ),
            (Some("yes"), "printed more than 1048576 bytes and was ended"),
            (
                Some("echo '<html>404</html>'"),
                "no JSON list of addresses: it begins \"<html>404</html>\"",
            ),
            (Some("true"), "it printed nothing"),
            (Some("echo '[]'"), "printed an empty list"),
            (
                Some("echo '[\"http://me:secret@host:1\"]'"),
                "none of its 1 entries is an address",
            ),
        ] {
            let finished = case.run(command, &["--discovery-timeout", "0.5"]);
            case.assert_equal(&finished);
            let warnings = finished.warnings();
            assert_eq!(warnings.len(), 1, "{}", finished.said);
            assert!(warnings[0].contains(warning), "{}", finished.said);
            assert!(!finished.said.contains("secret"), "{}", finished.said);
        }
    }
    let alive = std::fs::read_dir("/proc").unwrap().filter(|process| {
        let path = process.as_ref().unwrap().path();
        let words = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains("86.417")
    });
    assert_eq!(alive.count(), 0, "the command's children are left");
}

#[test]
fn an_entry_that_is_no_address_is_skipped_and_the_rest_is_used() {
    let (case, worker) = (Case::new(Mode::Pure), Server::start());
    // Without inner quotes, as a shell leaves the list of Gadgetron's own test runner.
    let list = format!(
        "echo [nonsense, {0}, localhost:{1}, {0}]",
        worker.address,
        worker.address.port()
    );
    let finished = case.run(Some(&list), &[]);
    case.assert_equal(&finished);
    let warnings = finished.warnings();
    assert_eq!(warnings.len(), 1, "{}", finished.said);
    assert!(warnings[0].contains("\"nonsense\""), "{}", warnings[0]);
}

#[test]
fn what_is_asked_often_is_complained_of_once() {
    // Every key asks anew.
    let often = ["--worker-refresh", "0", "--worker-list-pause", "0"];
    let (case, worker) = (Case::new(Mode::Keyed), Server::start());
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let asked = asked.display();
    for command in [
        format!("echo >> {asked}; echo [http://nonsense:1/, {}]", worker.address),
        // The words differ each time.
        format!("echo >> {asked}; cat {asked} | wc -l >&2; exit 3"),
    ] {
        std::fs::write(folder.path().join("asked"), "").unwrap();
        let finished = case.run(Some(&command), &often);
        case.assert_equal(&finished);
        let lines = std::fs::read_to_string(folder.path().join("asked")).unwrap();
        assert!(lines.lines().count() > 1, "it is asked once: {}", finished.said);
        assert_eq!(finished.warnings().len(), 1, "{}", finished.said);
    }
}

#[test]
fn discover_lists_who_answers_and_fails_when_nobody_does() {
    let worker = Server::start();
    let stopped = Server::start();
    stopped.process.signal(rustix::process::Signal::STOP);
    let discover = |list: &str| {
        let mut command = gadgetron(&["discover", "--json", "--timeout", "2"]);
        command.env("GADGETRON_REMOTE_WORKER_COMMAND", list);
        let output = command.output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (found, output.status.code())
    };
    let (found, code) = discover(&echo(&[worker.address, stopped.address]));
    assert_eq!(code, Some(0));
    assert_eq!(found[0]["address"], worker.address.to_string());
    assert_eq!(found[0]["answer"], true);
    assert_eq!(found[0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found[1]["answer"], false);
    let (found, code) = discover(&echo(&[stopped.address]));
    assert_eq!((found[0]["answer"].as_bool(), code), (Some(false), Some(1)));
    assert_eq!(discover("exit 1"), (serde_json::json!([]), Some(1)));
}
