//! One body over every way there is: a call in this process, links in memory, faulty links in memory, TCP, and TCP with
//! faults. The same results, each time.

use std::sync::Arc;

use distributed::{
    Address, Parcel, Roster, RosterLimits, Source,
    link::{Setup, Tcp},
};
use engine::{
    BoxError, Compose, Input, MemoryWorker, Message, Output, Workers, by_key, distribute, gadget_fn,
    link::AnyWorker,
    testing::{Fault, FaultyWorker},
};
use futures::stream;
use ndarray::Array2;
use protocol::{
    Acquisition, Limits,
    codec::{Codecs, Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const READOUTS: u32 = 200;
const KEYS: u32 = 3;

fn setup() -> Arc<Setup> {
    let endpoints = (Readers::standard(), Writers::standard());
    let codecs = Codecs::standard();
    Arc::new(Setup::new("<configuration/>", "<header/>", endpoints, &codecs).unwrap())
}

fn readouts(setup: &Arc<Setup>) -> Vec<Parcel> {
    let readout = |number| {
        let mut readout = Acquisition::new(Array2::default((2, 16)));
        readout.header.scan_counter = number;
        readout
    };
    let parcel = |number| Parcel::new(Message::new(readout(number)), setup).unwrap();
    (0..READOUTS).map(parcel).collect()
}

/// What every worker computes.
fn answer(mut readout: Acquisition) -> Acquisition {
    readout.header.measurement_uid = readout.header.scan_counter * 7 + 1;
    readout
}

async fn here(mut input: Input<Parcel>, mut output: Output<Message>) -> Result<(), BoxError> {
    while let Some(parcel) = input.next().await? {
        let readout = parcel.into_message()?.downcast().map_err(|_| "not a readout")?;
        output.send(Message::new(answer(readout))).await?;
    }
    Ok(())
}

/// A server on loopback. Its first connections break after so many answers; those beyond are good.
async fn server(breaks: Vec<usize>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut breaks = breaks.into_iter();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(socket, breaks.next()));
        }
    });
    address.parse().unwrap()
}

async fn serve(mut socket: TcpStream, breaks_after: Option<usize>) {
    let mut incoming = Incoming::server(Limits::default());
    incoming.set_readers(Readers::standard());
    let mut outgoing = Outgoing::new(Writers::standard());
    let mut answered = 0;
    loop {
        match incoming.poll_event() {
            Ok(Some(Event::Message(_))) if breaks_after == Some(answered) => return,
            Ok(Some(Event::Message(payload))) => {
                let readout = payload.value.downcast::<Acquisition>().unwrap();
                outgoing.message(&answer(*readout), "Acquisition").unwrap();
                answered += 1;
            }
            Ok(Some(Event::Close)) => {
                outgoing.close();
                let _ = socket.write_all(outgoing.buffer()).await;
                return;
            }
            Ok(Some(Event::End { .. })) | Err(_) => return,
            Ok(Some(_)) => {}
            Ok(None) => {
                let _ = socket.write_all(outgoing.buffer()).await;
                outgoing.clear();
                if socket.read_buf(incoming.receive_buffer()).await.unwrap_or(0) == 0 {
                    incoming.handle_end();
                }
            }
        }
    }
}

async fn gives_every_result_once_in_order<W: Workers<Parcel, Message>>(
    workers: impl Fn() -> W,
    setup: &Arc<Setup>,
    way: &str,
) {
    let values = |results: Vec<Message>| -> Vec<(u32, u32)> {
        let headers = results
            .into_iter()
            .map(|result| result.downcast::<Acquisition>().unwrap().header);
        headers
            .map(|header| (header.scan_counter, header.measurement_uid))
            .collect()
    };
    let expected: Vec<_> = (0..READOUTS).map(|number| (number, number * 7 + 1)).collect();
    let spread = || distribute(workers()).local(MemoryWorker::from_fn("here", here));

    let mut results = Vec::new();
    let jobs = spread().pure();
    jobs.run_over(stream::iter(readouts(setup)), &mut results)
        .await
        .unwrap();
    assert_eq!(values(results), expected, "jobs, {way}");

    let mut results = Vec::new();
    let mut turn = 0;
    let in_turn = by_key(move |_: &Parcel| {
        turn += 1;
        (turn - 1) % KEYS
    });
    let keys = spread().one_each().keyed(in_turn);
    keys.run_over(stream::iter(readouts(setup)), &mut results)
        .await
        .unwrap();
    let mut results = values(results);
    // Stable: within a key, the order they came in stays.
    results.sort_by_key(|(number, _)| number % KEYS);
    let mut by_key = expected;
    by_key.sort_by_key(|(number, _)| number % KEYS);
    assert_eq!(results, by_key, "keys, {way}");
}

#[tokio::test]
async fn every_way_gives_the_same_results() {
    let setup = setup();
    let memory = |name: &str| -> AnyWorker<Parcel, Message> { Arc::new(MemoryWorker::from_fn(name, here)) };
    let faulty = || -> AnyWorker<Parcel, Message> {
        let faults = vec![Fault::Refuse, Fault::DieAfter(3), Fault::GarbageAfter(0)];
        Arc::new(FaultyWorker::without_repeats("bad", faults, || gadget_fn(here)))
    };
    gives_every_result_once_in_order(Vec::new, &setup, "a call").await;
    gives_every_result_once_in_order(|| vec![memory("a"), memory("b")], &setup, "memory").await;
    gives_every_result_once_in_order(|| vec![faulty(), memory("good")], &setup, "faulty memory").await;

    let roster = |addresses: &[Address]| {
        let source = Source::Fixed(addresses.to_vec());
        Roster::new(source, Tcp, setup.clone(), RosterLimits::default())
    };
    let good = [server(vec![]).await, server(vec![]).await];
    gives_every_result_once_in_order(|| roster(&good), &setup, "TCP").await;
    let bad = [
        server(vec![0, 5, 17, 1]).await,
        server(vec![9]).await,
        server(vec![]).await,
    ];
    gives_every_result_once_in_order(|| roster(&bad), &setup, "faulty TCP").await;
}
