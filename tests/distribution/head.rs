//! A server that is the head of workers, with clients of its own.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    client::{Measurement, close, exchange},
    process::{PATIENCE, Server},
    reconstruction::Mode,
    support::PASS_ON,
    wicked::{Deed, Moment, Wicked},
};

/// What the server answers when it is alone.
pub(crate) fn alone(bytes: &[u8]) -> Vec<u8> {
    let answer = exchange(Server::start().address, bytes);
    assert!(answer.len() > 1000, "{}", String::from_utf8_lossy(&answer));
    answer
}

/// The same way for all readouts of a repetition.
pub(crate) fn pass_on(mode: Mode) -> String {
    let distributor = "<distributor><classname>AcquisitionDistributor</classname>
        <property name=\"parallel_dimension\" value=\"repetition\"/></distributor><stream/>";
    match mode {
        Mode::Pure => PASS_ON.to_owned(),
        Mode::Keyed => PASS_ON
            .replace("puredistributed>", "distributed>")
            .replace("<purestream/>", distributor),
    }
}

#[test]
fn a_client_that_reads_nothing_costs_bounded_memory_and_loses_nothing() {
    // 16 coils of 1024 samples: 128 KiB a readout, 256 MiB in all.
    let measurement = Measurement::new(512, 16, 1);
    let readouts = measurement.readouts();
    for mode in Mode::BOTH {
        // What is read ahead counts as taken, and whether it is depends on how long things stand still.
        let ahead = ["--look-ahead-mebibytes", "4"];
        let workers = [(); 2].map(|()| Server::with(&ahead, None));
        let addresses = workers.each_ref().map(|worker| worker.address);
        let options = [
            ahead,
            ["--worker-mebibytes", "4"],
            ["--reorder-mebibytes", "16"],
            ["--replay-mebibytes", "16"],
        ];
        let head = Server::head(&addresses, options.as_flattened());
        let (rounds, before) = (4, head.process.memory().1);
        let mut client = TcpStream::connect(head.address).unwrap();
        client
            .write_all(&measurement.preamble_with_text(&pass_on(mode)))
            .unwrap();
        let mut sender = client.try_clone().unwrap();
        let expected: usize = rounds * readouts.iter().map(Vec::len).sum::<usize>();
        // A write that waits for half a second: everything on the way stands still.
        sender.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut stream = readouts.iter().cycle().take(rounds * readouts.len());
        let mut taken = 0;
        let stuck = loop {
            let readout = stream
                .next()
                .expect("everything was taken from a client that reads nothing");
            match write_some(&mut sender, readout) {
                written if written < readout.len() => break &readout[written..],
                written => taken += written,
            }
        };
        let peak = |server: &Server| server.process.memory().0;
        assert!(taken < 128 << 20, "{mode:?}: {} MiB were taken", taken >> 20);
        assert!(
            peak(&head) < before + 100,
            "{mode:?}: {} MiB, {before} before",
            peak(&head)
        );
        for worker in &workers {
            assert!(peak(worker) < 100, "{mode:?}: {} MiB", peak(worker));
        }
        // From now on everything moves; where it does not, the head's words tell more than a test that never ends.
        sender.set_write_timeout(Some(PATIENCE)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                sender.write_all(stuck).unwrap();
                stream.for_each(|readout| sender.write_all(readout).unwrap());
                sender.write_all(&close()).unwrap();
            });
            let mut buffer = vec![0; 1 << 20];
            let mut received = 0;
            loop {
                match client.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => received += count,
                    Err(error) => panic!(
                        "{mode:?}, {received} of {expected} bytes: {error}; {}",
                        head.process.said()
                    ),
                }
            }
            assert_eq!(received, expected + close().len(), "{mode:?}: {}", head.process.said());
        });
        assert!(
            peak(&head) < before + 100,
            "{mode:?}: {} MiB, {before} before",
            peak(&head)
        );
    }
}

/// Writes until it is done or nothing moves.
pub(crate) fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    written
}

#[test]
fn a_hundred_reconstructions_at_once_over_three_workers_of_which_one_restarts_all_the_time() {
    const CLIENTS: usize = 100;
    let workers = [(); 2].map(|()| Server::start());
    let restarting = Server::start();
    let address = restarting.address;
    let port = address.port().to_string();
    let head = Server::head(
        &[workers[0].address, address, workers[1].address],
        &["--worker-attempts", "1", "--worker-refresh", "0.2"],
    );
    let measurement = Measurement::new(16, 2, 3);
    for mode in Mode::BOTH {
        let bytes = measurement.whole(mode.configuration());
        let expected = alone(&bytes);
        let (done, restarts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| {
                        let answer = exchange(head.address, &bytes);
                        done.fetch_add(1, SeqCst);
                        answer
                    })
                })
                .collect();
            scope.spawn(|| {
                restarting.process.signal(Signal::KILL);
                while !over.load(SeqCst) {
                    let worker = Server::with(&["-p", &port], None);
                    restarts.fetch_add(1, SeqCst);
                    drop(worker);
                }
            });
            let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
            over.store(true, SeqCst);
            for answer in answers {
                assert!(answer == expected, "{}", head.process.said());
            }
        });
        assert_eq!(done.load(SeqCst), CLIENTS);
        assert!(restarts.load(SeqCst) > 0);
    }
}

/// Repetitions to workers, and there each image to a worker's workers, which leave it to theirs; beside it a lane that
/// is not spread.
const NESTED: &str = include_str!("nested.xml");

#[test]
fn nodes_that_spread_work_stand_in_lanes_and_in_each_other() {
    let farthest = Server::start();
    let far = [(); 2].map(|()| Server::head(&[farthest.address], &[]));
    let near = [(); 2].map(|()| Server::head(&far.each_ref().map(|worker| worker.address), &[]));
    let head = Server::head(&near.each_ref().map(|worker| worker.address), &[]);
    let measurement = Measurement::new(32, 2, 4);
    let bytes = measurement.complete(measurement.preamble_with_text(NESTED));
    assert_eq!(exchange(head.address, &bytes), alone(&bytes));
    // A repetition has one image: of the far workers, the first is enough.
    for worker in near.iter().chain([&far[0], &farthest]) {
        worker
            .process
            .wait_for("link", |line| line.contains("connection ended: closed").then_some(()));
    }
}

#[test]
fn a_worker_that_closes_before_it_was_given_all_is_not_believed() {
    let worker = Server::start();
    let wicked = Wicked::new(worker.address, |_| Deed::say(Moment::Sent(16), close()));
    let head = Server::head(&[wicked.address, worker.address], &[]);
    let measurement = Measurement::new(32, 2, 2);
    let (bytes, readouts) = (measurement.whole("distributed_default.xml"), measurement.readouts());
    let mut client = TcpStream::connect(head.address).unwrap();
    let half = measurement.preamble("distributed_default.xml").len() + readouts[..20].concat().len();
    client.write_all(&bytes[..half]).unwrap();
    head.process.wait_for("fault", |line| {
        line.contains("closed the connection while data were still being sent")
            .then_some(())
    });
    client.write_all(&bytes[half..]).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(wicked.done() > 0);
    assert!(answer == alone(&bytes), "{}", head.process.said());
}
