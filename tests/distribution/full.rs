//! A worker that has as many reconstructions as it may: it is full, not lost.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use protocol::{codec::Writers, message_id, session::Outgoing};

use crate::{
    client::{Measurement, close, exchange},
    head::alone,
    process::{Server, eventually},
    reconstruction::Mode,
    wicked::{Deed, Wicked},
};

/// Takes the only place of `server` until it is told to close.
fn occupy(server: &Server, measurement: &Measurement) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.write_all(&measurement.preamble("default.xml")).unwrap();
    // Two repetitions: with the first image that comes, it is sure to have its place.
    socket.write_all(&measurement.readouts().concat()).unwrap();
    socket.read_exact(&mut [0; 1]).unwrap();
    socket
}

#[test]
fn a_full_worker_answers_questions_and_is_waited_for() {
    thread::scope(|both| {
        for mode in Mode::BOTH {
            both.spawn(move || answers_questions_and_is_waited_for(mode));
        }
    });
}

fn answers_questions_and_is_waited_for(mode: Mode) {
    let measurement = Measurement::new(32, 2, 2);
    let worker = Server::with(&["--max-connections", "1", "--place-timeout", "1h"], None);
    let mut holder = occupy(&worker, &measurement);
    let questions = Wicked::new(worker.address, |_| Deed::Pass);
    // One link; asked for longer than the silence that is allowed, of which a third is for the answer.
    let options = ["--worker-silence", "3", "--worker-straggler", "1000000"];
    let head = Server::head(&[questions.address], &options);
    let one = Measurement::new(32, 2, 1);
    let bytes = one.whole(mode.configuration());
    let answer = thread::scope(|scope| {
        let asking = scope.spawn(|| exchange(head.address, &bytes));
        eventually("the worker is asked again", || questions.connections() > 2);
        holder.write_all(&close()).unwrap();
        asking.join().unwrap()
    });
    assert_eq!(answer, alone(&bytes), "{mode:?}");
    let said = head.process.said();
    assert!(!said.contains("WARN"), "{mode:?}: {said}");
}

#[test]
fn work_that_full_workers_decline_is_done_by_the_head() {
    let measurement = Measurement::new(32, 2, 2);
    // More of them than a job may fail on.
    for refusal in [["--place-timeout", "0.1"], ["--max-waiting", "0"]] {
        let workers = [(); 4].map(|()| Server::with(&[["--max-connections", "1"], refusal].concat(), None));
        let holders = workers.each_ref().map(|worker| occupy(worker, &measurement));
        for mode in Mode::BOTH {
            let head = Server::head(&workers.each_ref().map(|worker| worker.address), &[]);
            let bytes = Measurement::new(32, 2, 1).whole(mode.configuration());
            let said = || head.process.said();
            assert_eq!(exchange(head.address, &bytes), alone(&bytes), "{mode:?}: {}", said());
            assert!(said().contains("declined: "), "{}", said());
            assert!(
                said().contains("no worker is left: this machine does the work"),
                "{}",
                said()
            );
        }
        drop(holders);
    }
}

#[test]
fn servers_that_are_each_others_workers_do_not_wait_for_each_other() {
    // The second has more on the way than there is room for, while the first key keeps the only place.
    for (matrix, room) in [(32, "24"), (256, "0")] {
        let bytes = Measurement::new(matrix, 8, 2).whole("distributed_default.xml");
        // It lists itself, and has one place.
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("workers.json");
        let command = format!("cat {}", list.display());
        let options = [
            "--max-connections",
            "1",
            "--place-timeout",
            "1",
            "--look-ahead-mebibytes",
            room,
        ];
        let server = Server::with(&options, Some(&command));
        std::fs::write(&list, format!("[\"{}\"]", server.address)).unwrap();
        let answer = exchange(server.address, &bytes);
        assert_eq!(answer, alone(&bytes), "{}", server.process.said());
    }
}

#[test]
fn a_full_server_says_that_it_is_alive() {
    let measurement = Measurement::new(32, 2, 2);
    let server = Server::with(&["--max-connections", "1"], None);
    let mut holder = occupy(&server, &measurement);
    // A configuration without a header, and a question in the middle of waiting.
    let mut outgoing = Outgoing::new(Writers::none());
    outgoing.configuration_name("isalive.xml").unwrap();
    outgoing.close();
    assert_eq!(exchange(server.address, &outgoing.take()), close());
    let mut waiting = TcpStream::connect(server.address).unwrap();
    outgoing.query(7, "gadgetron::info");
    let question = [measurement.preamble("default.xml"), outgoing.take()].concat();
    waiting.write_all(&question).unwrap();
    let mut start = [0; 2];
    waiting.read_exact(&mut start).unwrap();
    assert_eq!(u16::from_le_bytes(start), message_id::RESPONSE);
    holder.write_all(&close()).unwrap();
}

#[test]
fn who_waits_for_a_place_is_not_idle_and_who_failed_gives_it_back() {
    let measurement = Measurement::new(32, 2, 2);
    let options = [
        "--max-connections",
        "1",
        "--idle-timeout",
        "2",
        "--look-ahead-after",
        "0",
        "--linger",
        "1h",
    ];
    let server = Server::with(&options, None);
    let mut holder = occupy(&server, &measurement);
    let mut waiting = TcpStream::connect(server.address).unwrap();
    waiting.write_all(&measurement.preamble("default.xml")).unwrap();
    // The holder talks all the time, for longer than the other may be silent.
    let mut outgoing = Outgoing::new(Writers::none());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2500) {
        outgoing.query(7, "gadgetron::info");
        holder.write_all(&outgoing.take()).unwrap();
        assert!(holder.read(&mut [0; 4096]).unwrap() > 0);
    }
    // It says something that is out of order, and stays to read for an hour.
    holder.write_all(&measurement.preamble("default.xml")).unwrap();
    waiting.write_all(&measurement.complete(Vec::new())).unwrap();
    let mut answer = Vec::new();
    waiting.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, alone(&measurement.whole("default.xml")));
}

#[test]
fn who_waits_too_long_for_a_place_is_told() {
    let measurement = Measurement::new(32, 2, 2);
    let server = Server::with(&["--max-connections", "1", "--place-timeout", "0.1"], None);
    let mut holder = occupy(&server, &measurement);
    let answer = exchange(server.address, &measurement.whole("default.xml"));
    let words = String::from_utf8_lossy(&answer).into_owned();
    assert!(words.contains("it was full for 100ms"), "{words}");
    holder.write_all(&close()).unwrap();
    holder.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    holder.read_to_end(&mut Vec::new()).unwrap();
    // There is room again.
    let answer = exchange(server.address, &measurement.whole("default.xml"));
    assert!(answer.len() > 1000, "{}", String::from_utf8_lossy(&answer));
}
