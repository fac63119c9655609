//! A client that goes before it has its images: all links close within two seconds, and nothing is left.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use protocol::{codec::Writers, session::Outgoing};
use rustix::net::sockopt;

use crate::{
    client::{Measurement, close, exchange},
    head::{alone, pass_on},
    process::{Server, echo, eventually},
    reconstruction::Mode,
    wicked::{Deed, Moment, Wicked},
};

const LIMIT: Duration = Duration::from_secs(2);

/// Beside the 0.4 s before a head looks; so the limit leaves time for a machine that has other things to do.
const AFTER_BREAK: [&str; 2] = ["--after-break", "0.3"];

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Going {
    /// As a program that ends.
    Ended,
    /// As one that ends with results unread.
    Reset,
}

impl Going {
    const BOTH: [Self; 2] = [Self::Ended, Self::Reset];

    fn go(self, client: TcpStream) {
        if self == Self::Reset {
            sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        }
        drop(client);
    }
}

/// Waits for the end of the connection; fails where that takes too long.
fn ends(head: &Server, gone: Instant, case: &str) {
    let end = |line: &str| {
        ["connection ended", "connection lost"]
            .iter()
            .any(|words| line.contains(words))
            .then_some(())
    };
    head.process.wait_for("end", end);
    let elapsed = gone.elapsed();
    assert!(elapsed < LIMIT, "{case}: {elapsed:?}; {}", head.process.said());
}

#[test]
fn when_the_client_goes_all_links_close_and_nothing_is_left() {
    for mode in Mode::BOTH {
        let worker = Server::start();
        // Slow enough for a second link to be needed.
        let slow = Deed::Slow(Duration::from_millis(200));
        let wicked = [(); 2].map(|()| {
            let slow = slow.clone();
            Wicked::new(worker.address, move |_| slow.clone())
        });
        let head = Server::head(&wicked.each_ref().map(|wicked| wicked.address), &[]);
        let (head_had, worker_had) = (head.process.sockets(), worker.process.sockets());
        let measurement = Measurement::new(32, 2, 6);
        let readouts = measurement.readouts();
        let mut client = TcpStream::connect(head.address).unwrap();
        client.write_all(&measurement.preamble(mode.configuration())).unwrap();
        client.write_all(&readouts[..readouts.len() * 2 / 3].concat()).unwrap();
        for wicked in &wicked {
            wicked.wait_open();
        }
        // With data unread and unsent: the connection is reset.
        drop(client);
        for wicked in &wicked {
            wicked.wait_closed(Duration::from_secs(2));
        }
        for server in [&head, &worker] {
            server
                .process
                .wait_for("end", |line| line.contains("connection ended").then_some(()));
        }
        // Another one is served, and after it nothing is open that was not at the beginning.
        let bytes = measurement.whole(mode.configuration());
        assert_eq!(exchange(head.address, &bytes), alone(&bytes));
        eventually("all sockets are closed", || {
            (head.process.sockets(), worker.process.sockets()) == (head_had, worker_had)
        });
    }
}

#[test]
fn a_client_that_is_gone_after_its_close_takes_its_links_with_it() {
    let worker = Server::start();
    let wicked = Wicked::new(worker.address, |_| Deed::Hold(Moment::Closed));
    let head = Server::head(&[wicked.address], &[]);
    let (repetitions, measurement) = (3, Measurement::new(32, 2, 3));
    let mut client = TcpStream::connect(head.address).unwrap();
    client
        .write_all(&measurement.whole(Mode::Keyed.configuration()))
        .unwrap();
    // The head has read all, CLOSE included, and waits for a worker that lives and says nothing.
    wicked.wait_done(repetitions);
    // The connection is reset, although everything that came was read.
    sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
    drop(client);
    wicked.wait_closed(Duration::from_secs(2));
    let end = |line: &str| {
        line.contains("the connection broke before all results were sent")
            .then_some(())
    };
    head.process.wait_for("end", end);
}

#[test]
fn a_client_that_goes_while_nothing_moves_takes_its_links_with_it() {
    let measurement = Measurement::new(512, 16, 1);
    for (mode, going) in Mode::BOTH
        .into_iter()
        .flat_map(|mode| Going::BOTH.map(|going| (mode, going)))
    {
        let case = format!("{mode:?}, {going:?}");
        // The system accepts for it; nobody reads.
        let worker = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::set_socket_recv_buffer_size(&worker, 1 << 16).unwrap();
        let options = [AFTER_BREAK, ["--channel-mebibytes", "1"], ["--worker-mebibytes", "1"]];
        let head = Server::head(&[worker.local_addr().unwrap()], options.as_flattened());
        let had = head.process.sockets();
        let mut client = TcpStream::connect(head.address).unwrap();
        client
            .write_all(&measurement.preamble_with_text(&pass_on(mode)))
            .unwrap();
        // More than can be on the way to the worker; less than is read ahead.
        for readout in measurement.readouts().iter().cycle().take(160) {
            client.write_all(readout).unwrap();
        }
        let gone = Instant::now();
        going.go(client);
        ends(&head, gone, &case);
        eventually("the links are closed", || head.process.sockets() == had);
        let (mut link, _) = worker.accept().unwrap();
        // To the end, be it one in good order or not.
        let _ = link.read_to_end(&mut Vec::new());
        assert!(gone.elapsed() < 2 * LIMIT, "{case}");
    }
}

#[test]
fn a_client_that_goes_while_jobs_are_out_takes_its_links_with_it() {
    for mode in Mode::BOTH {
        let worker = Server::start();
        let wicked = Wicked::new(worker.address, |_| Deed::Hold(Moment::Sent(1)));
        let head = Server::head(&[wicked.address], &AFTER_BREAK);
        let measurement = Measurement::new(32, 2, 1);
        let mut client = TcpStream::connect(head.address).unwrap();
        let preamble = measurement.preamble_with_text(&pass_on(mode));
        client.write_all(&preamble).unwrap();
        client.write_all(&measurement.readouts().concat()).unwrap();
        wicked.wait_done(1);
        let gone = Instant::now();
        client.shutdown(Shutdown::Write).unwrap();
        wicked.wait_closed(LIMIT);
        ends(&head, gone, &format!("{mode:?}"));
        // It still reads, and is told.
        let mut words = Vec::new();
        client.read_to_end(&mut words).unwrap();
        let words = String::from_utf8_lossy(&words);
        assert!(words.contains("without CLOSE"), "{mode:?}: {words}");
        // A key that is not whole is given up at once; a job is, and has so much time.
        let given_up = words.contains("what was not computed 300ms after that is missing");
        assert_eq!(given_up, mode == Mode::Pure, "{words}");
    }
}

#[test]
fn a_client_that_made_a_mistake_and_goes_takes_its_links_with_it() {
    let mistakes = [vec![0x67, 0x12], {
        let mut outgoing = Outgoing::new(Writers::none());
        outgoing.error("I give up");
        outgoing.take()
    }];
    for (mistake, going) in mistakes
        .iter()
        .flat_map(|mistake| Going::BOTH.map(|going| (mistake, going)))
    {
        let worker = Server::start();
        let wicked = Wicked::new(worker.address, |_| Deed::Hold(Moment::Sent(1)));
        // Their only place is needed again.
        let options = [
            AFTER_BREAK,
            ["--max-connections", "1"],
            ["--worker-straggler", "1000000"],
        ];
        let head = Server::head(&[wicked.address], options.as_flattened());
        let measurement = Measurement::new(32, 2, 1);
        let mut client = TcpStream::connect(head.address).unwrap();
        let preamble = measurement.preamble_with_text(&pass_on(Mode::Pure));
        client.write_all(&preamble).unwrap();
        client.write_all(&measurement.readouts()[0]).unwrap();
        wicked.wait_done(1);
        client.write_all(mistake).unwrap();
        let gone = Instant::now();
        going.go(client);
        wicked.wait_closed(LIMIT);
        ends(&head, gone, &format!("{mistake:?}, {going:?}"));
    }
}

#[test]
fn what_is_done_here_alone_is_finished_although_the_data_ended_without_close() {
    // Nobody says where workers are.
    let server = Server::with(&["--after-break", "0"], None);
    let measurement = Measurement::new(128, 8, 4);
    let whole = measurement.whole(Mode::Pure.configuration());
    let images = alone(&whole);
    let images = &images[..images.len() - close().len()];
    let answer = exchange(server.address, &whole[..whole.len() - close().len()]);
    assert!(answer.starts_with(images));
    let words = String::from_utf8_lossy(&answer[images.len()..]).into_owned();
    assert!(words.contains("without CLOSE") && !words.contains("missing"), "{words}");
}

#[test]
fn a_client_that_goes_while_workers_are_looked_for_ends_the_search() {
    for mode in Mode::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let command = format!("echo $$ > {}; sleep 86.418; {}", path.display(), echo(&[]));
        let head = Server::with(&AFTER_BREAK, Some(&command));
        let measurement = Measurement::new(32, 2, 2);
        let mut client = TcpStream::connect(head.address).unwrap();
        client.write_all(&measurement.preamble(mode.configuration())).unwrap();
        client.write_all(&measurement.readouts().concat()).unwrap();
        let number = || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'));
        eventually("the command runs", || number().is_some());
        let process = format!("/proc/{}", number().unwrap().trim());
        assert!(Path::new(&process).exists());
        let gone = Instant::now();
        drop(client);
        ends(&head, gone, &format!("{mode:?}"));
        eventually("the command is ended", || !Path::new(&process).exists());
    }
}
