//! A worker that has as many reconstructions as it may: it is full, not lost.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

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
    let measurement = Measurement::new(32, 2, 2);
    for mode in Mode::BOTH {
        let worker = Server::with(&["--max-connections", "1"], None);
        let mut holder = occupy(&worker, &measurement);
        let questions = Wicked::new(worker.address, |_| Deed::Pass);
        // One link; longer than the silence that is allowed.
        let options = ["--worker-silence", "0.3", "--worker-straggler", "1000000"];
        let head = Server::head(&[questions.address], &options);
        let one = Measurement::new(32, 2, 1);
        let bytes = one.whole(mode.configuration());
        let answer = thread::scope(|scope| {
            let asking = scope.spawn(|| exchange(head.address, &bytes));
            eventually("the worker is asked again and again", || questions.connections() > 4);
            holder.write_all(&close()).unwrap();
            asking.join().unwrap()
        });
        assert_eq!(answer, alone(&bytes), "{mode:?}");
        assert!(
            !head.process.said().contains("WARN"),
            "{mode:?}: {}",
            head.process.said()
        );
    }
}

#[test]
fn who_waits_too_long_for_a_place_is_told() {
    let measurement = Measurement::new(32, 2, 2);
    let server = Server::with(&["--max-connections", "1", "--place-timeout", "0.1"], None);
    let mut holder = occupy(&server, &measurement);
    let answer = exchange(server.address, &measurement.whole("default.xml"));
    let words = String::from_utf8_lossy(&answer).into_owned();
    assert!(words.contains("this server was full for 100ms"), "{words}");
    holder.write_all(&close()).unwrap();
    holder.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    holder.read_to_end(&mut Vec::new()).unwrap();
    // There is room again.
    let answer = exchange(server.address, &measurement.whole("default.xml"));
    assert!(answer.len() > 1000, "{}", String::from_utf8_lossy(&answer));
}
