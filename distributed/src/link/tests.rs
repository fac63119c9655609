//! One link over memory, against workers that behave and workers that do not. Time is the test's own.

use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use protocol::{
    Acquisition,
    codec::Writers,
    session::{Event, Incoming},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::{Fake, Peer, address, fake, readout, refusing, set_up, setup};

/// Sends `count` readouts and closes; gives the numbers that came back and the outcome.
async fn converse(worker: Arc<Fake>, count: u32) -> (Vec<u32>, Result<(), LinkError>) {
    let setup = setup();
    let (ends, work) = match open(worker, address(), setup.clone(), LinkLimits::default()).await {
        Ok(open) => open,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let Ends { mut input, mut output } = ends;
    let feed = async move {
        for number in 0..count {
            if input.send(Parcel::new(readout(number), &setup).unwrap()).await.is_err() {
                break;
            }
        }
    };
    let read = async move {
        let mut numbers = Vec::new();
        while let Ok(Some(message)) = output.next().await {
            numbers.push(message.downcast::<Acquisition>().unwrap().header.scan_counter);
        }
        numbers
    };
    let ((), numbers, outcome) = tokio::join!(feed, read, work);
    (numbers, outcome)
}

#[tokio::test(start_paused = true)]
async fn everything_comes_back_in_order_through_a_narrow_pipe() {
    let (numbers, outcome) = converse(fake(|_, socket| Peer::new(socket).echo()), 500).await;
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    outcome.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_set_up_comes_first_and_close_last() {
    let (said, heard) = tokio::sync::oneshot::channel();
    let said = Arc::new(std::sync::Mutex::new(Some(said)));
    let worker = fake(move |_, socket| {
        let said = said.clone();
        async move {
            let mut peer = Peer::new(socket);
            let mut names = Vec::new();
            loop {
                match peer.next().await {
                    Event::Configuration(text) => names.push(text),
                    Event::Header(text) => names.push(text),
                    Event::Message(payload) => names.push(payload.type_name.to_owned()),
                    Event::Close => break,
                    other => names.push(format!("{other:?}")),
                }
            }
            peer.outgoing.close();
            peer.flush().await;
            let said = said.lock().unwrap().take();
            said.unwrap().send(names).unwrap();
        }
    });
    converse(worker, 2).await.1.unwrap();
    let readout = std::any::type_name::<Acquisition>();
    assert_eq!(
        heard.await.unwrap(),
        ["<configuration/>", "<header/>", readout, readout]
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_just_starting_gets_another_try() {
    let worker = refusing(2, |_, socket| Peer::new(socket).echo());
    let (numbers, outcome) = converse(worker, 3).await;
    assert_eq!(numbers, [0, 1, 2]);
    outcome.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_refuses_is_unreachable_after_three_tries() {
    let worker = refusing(usize::MAX, |_, _| async {});
    let (_, outcome) = converse(worker.clone(), 3).await;
    assert_eq!(worker.connections.load(Ordering::SeqCst), 3);
    let error = outcome.unwrap_err();
    assert!(matches!(error.fault, LinkFault::Unreachable { attempts: 3, .. }));
    assert!(
        error
            .to_string()
            .starts_with("worker worker:9002: could not be reached"),
        "{error}"
    );
}

/// What a worker does after it answered one readout, and the words of the failure.
async fn after_one(deed: fn(Peer) -> BoxFuture<'static, ()>) -> (Vec<u32>, String) {
    let worker = fake(move |_, socket| async move {
        let mut peer = Peer::new(socket);
        if let Some(readout) = peer.readout().await {
            peer.answer(&readout).await;
        }
        deed(peer).await;
    });
    let (numbers, outcome) = converse(worker, 100).await;
    (numbers, outcome.unwrap_err().to_string())
}

/// Reads on, so that what was written is not lost with the connection.
async fn swallow(mut peer: Peer) {
    let mut sink = Vec::new();
    let _ = peer.socket.read_to_end(&mut sink).await;
}

#[tokio::test(start_paused = true)]
async fn every_lie_is_told_with_the_address_and_the_place() {
    type Deed = fn(Peer) -> BoxFuture<'static, ()>;
    let cases: [(Deed, &[&str]); 9] = [
        (|_| Box::pin(async {}), &["hung up without CLOSE, after"]),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.socket.write_all(&1008_u16.to_le_bytes()).await.unwrap();
                    peer.socket.write_all(&[0; 100]).await.unwrap();
                })
            },
            &["hung up without CLOSE, in the middle of the message at byte"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.socket.write_all(&4711_u16.to_le_bytes()).await.unwrap();
                    swallow(peer).await;
                })
            },
            &["unknown message 4711", "at byte"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.socket.write_all(&[0xff; 4000]).await.unwrap();
                    swallow(peer).await;
                })
            },
            &["unknown message 65535", "at byte"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.outgoing.error("no coils");
                    peer.flush().await;
                    swallow(peer).await;
                })
            },
            &["failed, after 360 bytes: no coils"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.outgoing.text("[Thread] ERROR: no coils").unwrap();
                    peer.outgoing.close();
                    peer.flush().await;
                    swallow(peer).await;
                })
            },
            &["failed, after", "bytes: [Thread] ERROR: no coils"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.outgoing.close();
                    peer.flush().await;
                })
            },
            &["closed the connection while data were still being sent"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    (0..600).for_each(|_| peer.outgoing.text("soon").unwrap());
                    (0..600).for_each(|number| peer.outgoing.response(number, "soon"));
                    peer.flush().await;
                    swallow(peer).await;
                })
            },
            &["said 1000 texts in a row and gave no answer"],
        ),
        (
            |mut peer| {
                Box::pin(async move {
                    peer.outgoing.header("<header/>").unwrap();
                    peer.flush().await;
                    swallow(peer).await;
                })
            },
            &["message 3 (HEADER) is not for this side"],
        ),
    ];
    for (deed, words) in cases {
        let (numbers, error) = after_one(deed).await;
        assert_eq!(numbers, [0], "{error}");
        assert!(error.starts_with("worker worker:9002: "), "{error}");
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn texts_without_error_between_answers_are_no_failure() {
    let worker = fake(|_, socket| async move {
        let mut peer = Peer::new(socket);
        while let Some(readout) = peer.readout().await {
            (0..500).for_each(|_| peer.outgoing.text("good morning").unwrap());
            peer.answer(&readout).await;
        }
        peer.outgoing.close();
        peer.flush().await;
    });
    let (numbers, outcome) = converse(worker, 3).await;
    assert_eq!(numbers, [0, 1, 2]);
    outcome.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_worker_is_given_up_after_thirty_seconds() {
    let worker = fake(|_, socket| async move {
        swallow(Peer::new(socket)).await;
        std::future::pending::<()>().await;
    });
    let start = tokio::time::Instant::now();
    let (_, outcome) = converse(worker.clone(), 3).await;
    assert!(matches!(outcome.unwrap_err().fault, LinkFault::Silent(_)));
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(worker.connections.load(Ordering::SeqCst), 2, "one link, one question");
}

#[tokio::test(start_paused = true)]
async fn a_silent_worker_that_answers_queries_is_waited_for() {
    let worker = fake(|number, socket| async move {
        let mut peer = Peer::new(socket);
        if number == 0 {
            let mut kept = Vec::new();
            while let Some(readout) = peer.readout().await {
                kept.push(readout);
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
            for readout in &kept {
                peer.answer(readout).await;
            }
            peer.outgoing.close();
            peer.flush().await;
        } else {
            peer.echo().await;
        }
    });
    let (numbers, outcome) = converse(worker.clone(), 3).await;
    outcome.unwrap();
    assert_eq!(numbers, [0, 1, 2]);
    assert!(worker.connections.load(Ordering::SeqCst) > 100);
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_worker_that_hung_up_are_heard() {
    // It complains and hangs up while we still write: the write fails, and the reason is in what it sent before.
    let worker = fake(|_, socket| async move {
        let mut peer = Peer::new(socket);
        peer.outgoing.error("out of memory");
        peer.flush().await;
    });
    let (_, outcome) = converse(worker, 10_000).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("failed, after 23 bytes: out of memory"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn results_that_nobody_reads_end_the_connection() {
    let (gone, closed) = tokio::sync::oneshot::channel();
    let gone = Arc::new(std::sync::Mutex::new(Some(gone)));
    let worker = fake(move |_, socket| {
        let gone = gone.clone();
        async move {
            swallow(Peer::new(socket)).await;
            let gone = gone.lock().unwrap().take();
            gone.unwrap().send(()).unwrap();
        }
    });
    let (ends, work) = open(worker, address(), setup(), LinkLimits::default()).await.unwrap();
    drop(ends.output);
    let outcome = work.await;
    assert!(matches!(outcome.unwrap_err().fault, LinkFault::Unwanted));
    closed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_broke_off_is_not_closed_as_if_it_were_whole() {
    let (heard, events) = tokio::sync::oneshot::channel();
    let heard = Arc::new(std::sync::Mutex::new(Some(heard)));
    let worker = fake(move |_, socket| {
        let heard = heard.clone();
        async move {
            let mut peer = Peer::new(socket);
            let last = loop {
                let event = peer.next().await;
                if matches!(event, Event::Close | Event::End { .. }) {
                    break format!("{event:?}");
                }
            };
            let heard = heard.lock().unwrap().take();
            heard.unwrap().send(last).unwrap();
        }
    });
    let setup = setup();
    let (Ends { mut input, output }, work) = open(worker, address(), setup.clone(), LinkLimits::default())
        .await
        .unwrap();
    let feed = async move {
        input.send(Parcel::new(readout(0), &setup).unwrap()).await.unwrap();
        input.interrupt("the client is gone");
    };
    let ((), outcome) = tokio::join!(feed, work);
    assert!(matches!(outcome.unwrap_err().fault, LinkFault::Cancelled));
    assert_eq!(events.await.unwrap(), "End { clean: true }");
    drop(output);
}

#[tokio::test(start_paused = true)]
async fn what_no_writer_takes_is_not_encoded() {
    let setup = Arc::new(set_up("", "", Writers::none()));
    assert!(Parcel::new(readout(1), &setup).is_err());
    assert!(setup.encode(&mut Message::new(7_u8)).is_err());
    assert!(setup.encode(&mut readout(1)).is_err());
}

/// Bytes of the original: a distributor's side of a connection, and what its worker answered.
async fn recorded(sent: &'static [u8], answered: &'static [u8]) -> (Vec<String>, Vec<String>, Vec<&'static str>) {
    let mut original = Incoming::server(Limits::default());
    original.set_readers(Readers::standard());
    original.handle_bytes(sent);
    original.handle_end();
    let (mut expected, mut messages) = (Vec::new(), Vec::new());
    let mut setup = (String::new(), String::new());
    while let Some(event) = original.poll_event().unwrap() {
        expected.push(named(&event));
        match event {
            Event::Configuration(text) => setup.0 = text,
            Event::Header(text) => setup.1 = text,
            Event::Message(payload) => {
                messages.push(Message::from_parts(payload.value, payload.type_name, payload.weight))
            }
            _ => {}
        }
    }
    let setup = Arc::new(set_up(&setup.0, &setup.1, Writers::standard()));
    let (heard, events) = tokio::sync::oneshot::channel();
    let heard = Arc::new(std::sync::Mutex::new(Some(heard)));
    let worker = fake(move |_, socket| {
        let heard = heard.clone();
        async move {
            let mut peer = Peer::new(socket);
            let mut names = Vec::new();
            loop {
                let event = peer.next().await;
                names.push(named(&event));
                if matches!(event, Event::Close | Event::End { .. }) {
                    break;
                }
            }
            peer.socket.write_all(answered).await.unwrap();
            let heard = heard.lock().unwrap().take();
            heard.unwrap().send(names).unwrap();
        }
    });
    let (ends, work) = open(worker, address(), setup.clone(), LinkLimits::default())
        .await
        .unwrap();
    let Ends { mut input, mut output } = ends;
    let feed = async move {
        for message in messages {
            input.send(Parcel::new(message, &setup).unwrap()).await.unwrap();
        }
    };
    let read = async move {
        let mut results = Vec::new();
        while let Some(message) = output.next().await.unwrap() {
            results.push(message.type_name());
        }
        results
    };
    let ((), results, outcome) = tokio::join!(feed, read, work);
    outcome.unwrap();
    expected.truncate(expected.iter().position(|name| name == "Close").unwrap() + 1);
    (expected, events.await.unwrap(), results)
}

fn named(event: &Event) -> String {
    match event {
        Event::Message(payload) => payload.type_name.to_owned(),
        Event::Configuration(_) => "Configuration".into(),
        Event::Header(_) => "Header".into(),
        other => format!("{other:?}"),
    }
}

macro_rules! recording {
    ($name:literal) => {
        recorded(
            include_bytes!(concat!("../../../protocol/tests/data/", $name, ".c2s.bin")),
            include_bytes!(concat!("../../../protocol/tests/data/", $name, ".s2c.bin")),
        )
    };
}

#[tokio::test(start_paused = true)]
async fn the_originals_distributor_is_equalled_and_its_workers_are_understood() {
    for (conversation, results) in [
        (recording!("worker_acquisition.0").await, 1),
        (recording!("worker_acquisition.1").await, 1),
        (recording!("worker_recondata.0").await, 2),
        (recording!("worker_image.0").await, 2),
        (recording!("worker_imagearray.0").await, 1),
    ] {
        let (expected, sent, received) = conversation;
        assert_eq!(sent, expected);
        assert_eq!(received.len(), results);
    }
}
