//! A server that is told to stop: no new connections, the running ones finish, exit code 0.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use protocol::{
    Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use rustix::process::Signal;

use crate::{
    client::{Measurement, close, exchange},
    head::write_some,
    process::{Server, echo, eventually},
    reconstruction::{Case, LINES, Mode},
    support::PASS_ON,
    wicked::{Deed, Moment, Wicked},
};

/// A server in the middle of a connection that was told to stop.
fn stopping(measurement: &Measurement, options: &[&str]) -> (Server, TcpStream) {
    let server = Server::with(options, None);
    let mut client = TcpStream::connect(server.address).unwrap();
    client.write_all(&measurement.preamble("default.xml")).unwrap();
    let readouts = measurement.readouts();
    client.write_all(&readouts[..readouts.len() / 2].concat()).unwrap();
    server.process.wait_for("configuration", |line| {
        line.contains("configuration by name").then_some(())
    });
    server.process.signal(Signal::TERM);
    server
        .process
        .wait_for("drain", |line| line.contains("waiting up to").then_some(()));
    (server, client)
}

#[test]
fn a_stopping_server_finishes_what_runs_and_takes_nothing_new() {
    let measurement = Measurement::new(32, 2, 2);
    let bytes = measurement.whole("default.xml");
    let expected = exchange(Server::start().address, &bytes);
    let (server, mut client) = stopping(&measurement, &["--drain", "60"]);
    eventually("new connections are refused", || {
        TcpStream::connect(server.address).is_err()
    });
    let readouts = measurement.readouts();
    client.write_all(&readouts[readouts.len() / 2..].concat()).unwrap();
    client.write_all(&close()).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, expected);
    assert_eq!(server.process.wait().code(), Some(0), "{}", server.process.said());
}

#[test]
fn a_server_can_be_stopped_as_soon_as_it_says_that_it_listens() {
    for _ in 0..10 {
        let server = Server::start();
        server.process.signal(Signal::TERM);
        assert_eq!(server.process.wait().code(), Some(0), "{}", server.process.said());
        assert!(server.process.said().contains("told to stop"));
    }
}

/// The texts among what a server answered, which ends with CLOSE.
fn texts(mut client: TcpStream) -> Vec<String> {
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    incoming.handle_bytes(&answer);
    let mut texts = Vec::new();
    loop {
        match incoming.poll_event().unwrap().expect("CLOSE is missing") {
            Event::Text(text) => texts.push(text),
            Event::Message(_) => {}
            Event::Close => return texts,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_has_not_begun_when_the_server_stops_is_told_and_not_waited_for() {
    // A configuration without a header is no beginning.
    for configured in [false, true] {
        let server = Server::with(&["--drain", "600", "--linger", "600"], None);
        let mut client = TcpStream::connect(server.address).unwrap();
        let mut outgoing = Outgoing::new(Writers::none());
        if configured {
            outgoing.configuration_name("default.xml").unwrap();
        }
        // The answer to a question says that all was read.
        outgoing.query(1, "gadgetron::info");
        client.write_all(outgoing.buffer()).unwrap();
        client.read_exact(&mut [0; 20]).unwrap();
        server.process.signal(Signal::TERM);
        let mut words = Vec::new();
        client.read_to_end(&mut words).unwrap();
        assert!(String::from_utf8_lossy(&words).contains("begins nothing new"));
        assert!(words.ends_with(&close()));
        // Although the client stays.
        assert_eq!(server.process.wait().code(), Some(0), "{}", server.process.said());
    }
}

#[test]
fn a_client_that_is_held_up_is_told_when_it_is_cut() {
    // Connections wait in its queue.
    let worker = TcpListener::bind("127.0.0.1:0").unwrap();
    let head = Server::head(&[worker.local_addr().unwrap()], &["--drain", "1"]);
    let measurement = Measurement::new(128, 8, 1);
    let client = TcpStream::connect(head.address).unwrap();
    let mut sender = client.try_clone().unwrap();
    sender.write_all(&measurement.preamble_with_text(PASS_ON)).unwrap();
    sender.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut readouts = measurement.readouts().iter().cycle();
    while readouts
        .next()
        .is_some_and(|readout| write_some(&mut sender, readout) == readout.len())
    {}
    head.process.signal(Signal::TERM);
    let texts = texts(client);
    assert!(
        texts.iter().any(|text| text.contains("results are missing")),
        "{texts:?}"
    );
    drop(sender);
    assert_eq!(head.process.wait().code(), Some(0), "{}", head.process.said());
}

#[test]
fn what_is_not_done_in_time_is_cut_and_told() {
    let (server, client) = stopping(&Measurement::new(32, 2, 2), &["--drain", "1"]);
    let texts = texts(client);
    assert!(
        texts.iter().any(|text| text.contains("results are missing")),
        "{texts:?}"
    );
    assert_eq!(server.process.wait().code(), Some(0), "{}", server.process.said());
    assert!(server.process.said().contains("are cut"));
}

#[test]
fn a_worker_that_is_stopped_in_the_middle_costs_its_head_nothing() {
    for mode in Mode::BOTH {
        let (case, worker, stopped) = (Case::new(mode), Server::start(), Arc::new(Server::start()));
        let told = stopped.clone();
        let moment = match mode {
            Mode::Keyed => Moment::Sent(usize::from(LINES) / 2),
            Mode::Pure => Moment::Sent(1),
        };
        let beside = Wicked::new(stopped.address, move |_| {
            let told = told.clone();
            Deed::Beside(moment, Arc::new(move || told.process.signal(Signal::TERM)))
        });
        let workers = [beside.address, worker.address];
        let finished = case.run(Some(&echo(&workers)), &["--worker-attempts", "1"]);
        case.assert_equal(&finished);
        assert!(beside.done() > 0);
        assert_eq!(stopped.process.wait().code(), Some(0), "{}", stopped.process.said());
        assert!(
            !stopped.process.said().contains("are cut"),
            "{}",
            stopped.process.said()
        );
    }
}
