//! What workers can do to a reconstruction, in both modes: the images are those of a run without workers, once each,
//! in order, or the reasons are told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gadgetron::configurations::Configurations;
use protocol::{
    Complex32, Image, Limits,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use rustix::process::Signal;

use crate::{
    client::{Measurement, close, exchange},
    process::{PATIENCE, Server, echo},
    reconstruction::{Case, Finished, LINES, Mode, REPETITIONS},
    wicked::{Deed, Moment, Wicked},
};

/// One try to connect: what refuses here, refuses for good. No second worker helps a slow one out.
const ONE_TRY: &[&str] = &["--worker-attempts", "1", "--worker-straggler", "1000000"];
/// Silence is soon noticed, and no second worker helps out before. On a busy machine good workers take their time too.
const IMPATIENT: &[&str] = &[
    "--worker-attempts",
    "1",
    "--worker-silence",
    "3",
    "--worker-straggler",
    "1000000",
];

fn run(case: &Case, workers: &[SocketAddr], options: &[&str]) -> Finished {
    case.run(Some(&echo(workers)), options)
}

/// A good worker and a wicked one: nothing is lost, and the log says once what was wrong with the wicked one.
fn survives(mode: Mode, options: &[&str], deed: impl Fn(usize) -> Deed + Send + Sync + 'static, reason: &str) {
    let (case, worker) = (Case::new(mode), Server::start());
    let wicked = Wicked::new(worker.address, deed);
    let good = wicked.before(worker.address);
    let finished = run(&case, &[wicked.address, good.address], options);
    case.assert_equal(&finished);
    assert!(wicked.done() > 0, "nothing happened: {}", finished.said);
    assert_warned_once(&finished, wicked.address, reason);
    let quoted = finished
        .warnings()
        .iter()
        .filter(|line| line.contains("worker="))
        .count();
    assert_eq!(finished.warnings().len(), 1 + quoted, "{}", finished.said);
    wicked.wait_closed(PATIENCE);
}

fn assert_warned_once(finished: &Finished, address: SocketAddr, reason: &str) {
    let warnings = finished.warnings();
    let about: Vec<_> = warnings
        .iter()
        .filter(|line| line.contains(&format!("worker {address} is")))
        .collect();
    assert_eq!(about.len(), 1, "{}", finished.said);
    assert!(about[0].contains(reason), "\"{reason}\" is not in: {}", about[0]);
}

/// Some messages of a link: of the readouts of a key, of the images of a worker.
fn some(mode: Mode) -> usize {
    match mode {
        Mode::Keyed => usize::from(LINES) / 2,
        Mode::Pure => 1,
    }
}

#[test]
fn a_worker_that_refuses_is_left_out_with_one_warning() {
    for mode in Mode::BOTH {
        let (case, worker) = (Case::new(mode), Server::start());
        // Nobody listens at a port that was free a moment ago.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let finished = run(&case, &[nobody, worker.address], ONE_TRY);
        case.assert_equal(&finished);
        assert_warned_once(&finished, nobody, "could not be reached");
        assert_eq!(finished.warnings().len(), 1, "{}", finished.said);
    }
}

#[test]
fn a_worker_can_be_killed_at_any_moment() {
    for mode in Mode::BOTH {
        for moment in [
            Moment::Accepted,
            Moment::Configured,
            Moment::Sent(some(mode)),
            Moment::SentHalf(some(mode)),
            Moment::Answered(0),
            Moment::AnsweredHalf(0),
            Moment::Answered(1),
            Moment::BeforeClose,
        ] {
            let (case, worker, victim) = (Case::new(mode), Server::start(), Arc::new(Server::start()));
            let killed = victim.clone();
            let wicked = Wicked::new(victim.address, move |_| {
                let killed = killed.clone();
                Deed::act(moment, move || killed.process.signal(Signal::KILL))
            });
            let good = match moment {
                // The last of all that happens.
                Moment::BeforeClose => Wicked::new(worker.address, |_| Deed::Pass),
                _ => wicked.before(worker.address),
            };
            let finished = run(&case, &[wicked.address, good.address], ONE_TRY);
            case.assert_equal(&finished);
            assert!(wicked.done() > 0, "{mode:?}, {moment:?}: {}", finished.said);
            assert!(
                finished.warnings().len() <= 1,
                "{mode:?}, {moment:?}: {}",
                finished.said
            );
            wicked.wait_closed(PATIENCE);
        }
    }
}

#[test]
fn a_stopped_worker_is_given_up_after_its_silence() {
    for mode in Mode::BOTH {
        let (case, worker, stopped) = (Case::new(mode), Server::start(), Server::start());
        // The system goes on to accept connections for it.
        stopped.process.signal(Signal::STOP);
        let finished = run(&case, &[stopped.address, worker.address], IMPATIENT);
        case.assert_equal(&finished);
        assert_warned_once(&finished, stopped.address, "answers no query");
        assert!(finished.elapsed >= Duration::from_secs(3));
    }
}

#[test]
fn a_worker_that_falls_silent_in_the_middle_is_given_up() {
    for mode in Mode::BOTH {
        let deed = move |number| match number {
            0 => Deed::Hold(Moment::Sent(some(mode))),
            _ => Deed::Hold(Moment::Accepted),
        };
        survives(mode, IMPATIENT, deed, "answers no query");
    }
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    for mode in Mode::BOTH {
        survives(
            mode,
            ONE_TRY,
            |_| Deed::say(Moment::Answered(0), vec![0xab; 300]),
            "at byte 0",
        );
        let unknown = [4321_u16.to_le_bytes().as_slice(), &[0; 600]].concat();
        survives(
            mode,
            ONE_TRY,
            move |_| Deed::say(Moment::Answered(0), unknown.clone()),
            "4321",
        );
        survives(
            mode,
            ONE_TRY,
            |_| Deed::cut(Moment::AnsweredHalf(0)),
            "in the middle of the message at byte 0",
        );
    }
}

#[test]
fn a_worker_that_reports_an_error_is_believed() {
    let mut error = Outgoing::new(Writers::none());
    error.error("out of memory");
    let mut text = Outgoing::new(Writers::none());
    text.text("[Stream/FFT] ERROR: no plan for this size").unwrap();
    text.close();
    let (error, text) = (error.take(), text.take());
    for mode in Mode::BOTH {
        let said = error.clone();
        survives(
            mode,
            ONE_TRY,
            move |_| Deed::say(Moment::Answered(0), said.clone()),
            "out of memory",
        );
        let said = text.clone();
        survives(
            mode,
            ONE_TRY,
            move |_| Deed::say(Moment::Answered(0), said.clone()),
            "no plan for this size",
        );
    }
}

#[test]
fn a_worker_that_closes_before_it_has_answered_all_is_not_believed() {
    let deed = |_| Deed::say(Moment::Answered(1), close());
    survives(Mode::Pure, ONE_TRY, deed, "closed");
}

#[test]
fn a_worker_that_gives_a_key_nothing_in_good_order_is_named() {
    let (case, worker) = (Case::new(Mode::Keyed), Server::start());
    let wicked = Wicked::new(worker.address, |_| Deed::say(Moment::Answered(0), close()));
    let finished = run(&case, &[wicked.address, worker.address], ONE_TRY);
    assert!(finished.status.success(), "{}", finished.said);
    let warnings = finished.lines(&format!("worker {} gave key", wicked.address));
    assert!(
        !warnings.is_empty() && warnings.len() == wicked.done(),
        "{}",
        finished.said
    );
    for warning in warnings {
        assert!(
            warning.contains(&format!("0 results for {LINES} messages")),
            "{warning}"
        );
    }
    assert_eq!(finished.warnings().len(), wicked.done(), "{}", finished.said);
}

#[test]
fn a_client_is_told_that_a_key_has_fewer_results_than_others() {
    let worker = Server::start();
    let wicked = Wicked::new(worker.address, |_| Deed::say(Moment::Answered(0), close()));
    let head = Server::head(&[wicked.address, worker.address], ONE_TRY);
    let bytes = Measurement::new(LINES, 2, REPETITIONS).whole(Mode::Keyed.configuration());
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    incoming.handle_bytes(&exchange(head.address, &bytes));
    let (mut images, mut words) = (0, Vec::new());
    while let Some(event) = incoming.poll_event().unwrap() {
        match event {
            Event::Message(_) => images += 1,
            Event::Text(text) => words.push(text),
            _ => {}
        }
    }
    assert_eq!(images + words.len(), usize::from(REPETITIONS), "{words:?}");
    assert!(wicked.done() > 0 && words.len() == wicked.done(), "{words:?}");
    for words in &words {
        assert!(
            words.starts_with("[Connection Main Thread] WARNING: Distributed: worker "),
            "{words}"
        );
        assert!(words.contains(&format!("0 results for {LINES} messages")), "{words}");
    }
}

#[test]
fn an_answer_given_twice_is_not_taken_for_that_of_the_next_job() {
    survives(Mode::Pure, ONE_TRY, |_| Deed::Twice, "sent a result that");
}

#[test]
fn when_all_workers_die_the_rest_is_done_here() {
    for mode in Mode::BOTH {
        let (case, victims) = (Case::new(mode), [(); 2].map(|()| Arc::new(Server::start())));
        let wicked = victims.clone().map(|victim| {
            let behind = victim.address;
            Wicked::new(behind, move |_| {
                let victim = victim.clone();
                Deed::act(Moment::Sent(some(mode)), move || victim.process.signal(Signal::KILL))
            })
        });
        let finished = run(&case, &wicked.each_ref().map(|wicked| wicked.address), ONE_TRY);
        case.assert_equal(&finished);
        assert_eq!(
            finished.lines("no worker is left: this machine").len(),
            1,
            "{}",
            finished.said
        );
        assert_eq!(finished.warnings().len(), 3, "{}", finished.said);
    }
}

#[test]
fn work_that_takes_three_workers_down_ends_the_node_with_the_three_reasons() {
    for mode in Mode::BOTH {
        // One key, one job.
        let (case, worker) = (Case::of(mode.configuration(), 1), Server::start());
        let wicked = [(); 4].map(|()| Wicked::new(worker.address, move |_| Deed::cut(Moment::Sent(some(mode)))));
        let finished = run(&case, &wicked.each_ref().map(|wicked| wicked.address), ONE_TRY);
        assert!(!finished.status.success(), "{}", finished.said);
        let last = finished.said.lines().last().unwrap();
        assert!(last.contains("failed on 3 workers"), "{last}");
        let named = wicked
            .iter()
            .filter(|wicked| last.contains(&wicked.address.to_string()));
        assert_eq!(named.count(), 3, "{last}");
        assert!(
            last.contains(if mode == Mode::Pure { "job " } else { "key " }),
            "{last}"
        );
    }
}

#[test]
fn a_worker_that_comes_and_goes_costs_no_image() {
    for mode in Mode::BOTH {
        let (case, worker) = (Case::new(mode), Server::start());
        let wicked = Wicked::new(worker.address, move |number| match number % 3 {
            0 => Deed::cut(Moment::Sent(some(mode))),
            1 => Deed::cut(Moment::Accepted),
            _ => Deed::Pass,
        });
        let options = ["--worker-attempts", "1", "--worker-refresh", "0.01"];
        let good = wicked.before(worker.address);
        let finished = run(&case, &[wicked.address, good.address], &options);
        case.assert_equal(&finished);
        assert!(wicked.done() > 0, "{}", finished.said);
    }
}

#[test]
fn the_job_that_holds_up_all_others_is_given_to_a_second_worker() {
    let (case, worker) = (Case::new(Mode::Pure), Server::start());
    const HOURS: Duration = Duration::from_secs(20);
    let slow = Wicked::new(worker.address, |_| Deed::Slow(HOURS));
    let finished = run(&case, &[slow.address, worker.address], &[]);
    case.assert_equal(&finished);
    assert!(finished.elapsed < HOURS, "{:?}", finished.elapsed);
    assert_eq!(finished.warnings().len(), 0, "{}", finished.said);
}

#[test]
fn a_slow_worker_among_fast_ones_costs_little_time() {
    let (case, worker) = (Case::of(Mode::Pure.configuration(), 60), Server::start());
    let paced = |pause| Wicked::new(worker.address, move |_| Deed::Slow(pause));
    let fast = [(); 2].map(|()| paced(Duration::from_millis(40)));
    let slow = paced(Duration::from_millis(400));
    let time = |workers: &[SocketAddr]| {
        let finished = run(&case, workers, &[]);
        case.assert_equal(&finished);
        finished.elapsed
    };
    // Other tests run beside this one: the best of three.
    let ratio = || {
        let alone = time(&[fast[0].address, fast[1].address]);
        let together = time(&[fast[0].address, slow.address, fast[1].address]);
        together.as_secs_f64() / alone.as_secs_f64()
    };
    let ratios: Vec<f64> = std::iter::repeat_with(ratio).take(3).collect();
    assert!(ratios.iter().any(|ratio| *ratio <= 1.2), "{ratios:?}");
}

/// The repetitions of the images in an answer, as they came.
fn repetitions(answer: &[u8]) -> Vec<u16> {
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    incoming.handle_bytes(answer);
    let mut repetitions = Vec::new();
    while let Some(event) = incoming.poll_event().unwrap() {
        if let Event::Message(payload) = event {
            let image = payload.value.downcast_ref::<Image<Complex32>>().unwrap();
            repetitions.push(image.header.repetition);
        }
    }
    repetitions
}

#[test]
fn a_slow_worker_holds_up_its_own_keys_and_no_others() {
    let worker = Server::start();
    // The first key goes to the first worker of the list.
    let slow = Wicked::new(worker.address, |_| Deed::Slow(Duration::from_secs(4)));
    let head = Server::head(&[slow.address, worker.address], &[]);
    let shipped = Configurations::new().find(Mode::Keyed.configuration()).unwrap();
    let (spread, _sorted) = shipped.split_once("</distributed>").unwrap();
    let unsorted = format!("{spread}</distributed></stream></configuration>");
    let measurement = Measurement::new(LINES, 2, 2);
    let answer = exchange(
        head.address,
        &measurement.complete(measurement.preamble_with_text(&unsorted)),
    );
    assert_eq!(repetitions(&answer), [1, 0], "{}", head.process.said());
}
