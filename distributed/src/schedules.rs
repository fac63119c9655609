//! Schedules of faults, many seeds of them: whatever workers do, the results are those of a local run.
//!
//! The network is memory, time is virtual, and every fault is drawn from the seed; a failure names the seed.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use engine::{
    BoxError, Compose, Input, MemoryWorker, Message, Output,
    distribute::{Distribute, DistributeLimits, by_key, distribute},
};
use futures::stream;
use protocol::Acquisition;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::{
    Address, Parcel, Roster, RosterLimits, Source,
    link::{Connector, Setup},
    testing::{Peer, readout, setup},
};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to draw faults.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// What a worker does with one connection, after so many good answers.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Behave { pause: Duration },
    Refuse,
    Hang { after: u64 },
    Die { after: u64 },
    DieInMessage { after: u64 },
    Garbage { after: u64 },
    Complain { after: u64 },
    CloseEarly { after: u64 },
    DieBeforeClose,
}

fn draw(dice: &mut Dice) -> Deed {
    let after = dice.roll(6);
    match dice.roll(16) {
        0 => Deed::Refuse,
        1 => Deed::Hang { after },
        2 => Deed::Die { after },
        3 => Deed::DieInMessage { after },
        4 => Deed::Garbage { after },
        5 => Deed::Complain { after },
        6 => Deed::CloseEarly { after },
        7 => Deed::DieBeforeClose,
        8 => Deed::Behave {
            pause: Duration::from_millis(2000),
        },
        _ => Deed::Behave {
            pause: Duration::from_millis(dice.roll(20)),
        },
    }
}

/// A network of workers with their faults.
struct World {
    dice: Mutex<Dice>,
    /// Some workers misbehave on every connection, others on some, others never.
    wicked: HashMap<Address, u64>,
    open: Arc<AtomicUsize>,
}

impl World {
    fn new(dice: &mut Dice) -> (Self, Vec<Address>) {
        let count = 1 + dice.roll(5);
        let addresses: Vec<Address> = (1..=count).map(|n| format!("w{n}:9002").parse().unwrap()).collect();
        let wicked = addresses
            .iter()
            .map(|address| (address.clone(), dice.roll(3)))
            .collect();
        let world = Self {
            dice: Mutex::new(Dice(dice.roll(u64::MAX))),
            wicked,
            open: Arc::default(),
        };
        (world, addresses)
    }
}

/// Counts connections that are served.
struct Served(Arc<AtomicUsize>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connector for World {
    type Stream = DuplexStream;

    async fn connect(&self, address: &Address) -> io::Result<DuplexStream> {
        let deed = {
            let mut dice = self.dice.lock().unwrap();
            match self.wicked.get(address) {
                Some(0) => Deed::Behave {
                    pause: Duration::from_millis(5),
                },
                Some(1) => draw(&mut dice),
                _ => loop {
                    match draw(&mut dice) {
                        Deed::Behave { .. } => {}
                        deed => break deed,
                    }
                },
            }
        };
        if let Deed::Refuse = deed {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(1000);
        self.open.fetch_add(1, Ordering::SeqCst);
        let served = Served(self.open.clone());
        tokio::spawn(async move {
            let _served = served;
            serve(deed, Peer::new(theirs)).await;
        });
        Ok(ours)
    }
}

/// What every worker computes, here and there.
fn answer(mut acquisition: Acquisition) -> Acquisition {
    acquisition.header.measurement_uid = acquisition.header.scan_counter * 7 + 1;
    acquisition
}

async fn serve(deed: Deed, mut peer: Peer) {
    let good = match deed {
        Deed::Hang { after }
        | Deed::Die { after }
        | Deed::DieInMessage { after }
        | Deed::Garbage { after }
        | Deed::Complain { after }
        | Deed::CloseEarly { after } => after,
        Deed::Behave { .. } | Deed::Refuse | Deed::DieBeforeClose => u64::MAX,
    };
    let mut answered = 0;
    while answered < good {
        let Some(readout) = peer.readout().await else { break };
        if let Deed::Behave { pause } = deed {
            tokio::time::sleep(pause).await;
        }
        peer.answer(&answer(*readout)).await;
        answered += 1;
    }
    match deed {
        Deed::Behave { .. } | Deed::CloseEarly { .. } => {
            peer.outgoing.close();
            peer.flush().await;
        }
        Deed::Hang { .. } => swallow(peer).await,
        Deed::DieInMessage { .. } => {
            peer.outgoing.message(&readout_value(), "Acquisition").unwrap();
            let half = peer.outgoing.buffer().len() / 2;
            let _ = peer.socket.write_all(&peer.outgoing.buffer()[..half]).await;
        }
        Deed::Garbage { .. } => {
            let _ = peer.socket.write_all(&[0xab; 300]).await;
            swallow(peer).await;
        }
        Deed::Complain { .. } => {
            peer.outgoing.error("out of memory");
            peer.flush().await;
        }
        Deed::Die { .. } | Deed::DieBeforeClose | Deed::Refuse => {}
    }
}

/// Reads for ever and says nothing, to queries neither.
async fn swallow(mut peer: Peer) {
    let mut sink = [0; 256];
    while let Ok(1..) = peer.socket.read(&mut sink).await {}
}

fn readout_value() -> Acquisition {
    readout(0).downcast().unwrap()
}

async fn here(mut input: Input<Parcel>, mut output: Output<Message>) -> Result<(), BoxError> {
    while let Some(parcel) = input.next().await? {
        let acquisition = parcel.into_message()?.downcast().map_err(|_| "not a readout")?;
        output.send(Message::new(answer(acquisition))).await?;
    }
    Ok(())
}

fn spread(world: World, addresses: Vec<Address>, setup: &Arc<Setup>) -> Distribute<Parcel, Message> {
    let roster = Roster::new(Source::Fixed(addresses), world, setup.clone(), RosterLimits::default());
    // A job may meet as many wicked workers as there are connections: what is tested is that it gets through.
    let limits = DistributeLimits {
        failures: usize::MAX,
        ..DistributeLimits::default()
    };
    distribute(roster)
        .local(MemoryWorker::from_fn("here", here))
        .limits(limits)
        .weigh(Parcel::weight, Message::weight)
}

fn parcels(count: u32, setup: &Arc<Setup>) -> Vec<Parcel> {
    (0..count)
        .map(|number| Parcel::new(readout(number), setup).unwrap())
        .collect()
}

/// Numbers and computed values of the results.
fn values(results: Vec<Message>) -> Vec<(u32, u32)> {
    let value = |message: Message| {
        let header = message.downcast::<Acquisition>().unwrap().header;
        (header.scan_counter, header.measurement_uid)
    };
    results.into_iter().map(value).collect()
}

fn expected(count: u32) -> Vec<(u32, u32)> {
    (0..count).map(|number| (number, number * 7 + 1)).collect()
}

/// The longest time a schedule may take on its own clock: some silences of 30 s, one after the other.
const PATIENCE: Duration = Duration::from_secs(3600);

fn simulated<F: Future<Output = ()>>(seed: u64, test: impl FnOnce(Dice) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let run = tokio::time::timeout(PATIENCE, test(Dice(seed)));
        assert!(run.await.is_ok(), "seed {seed}: not done after {PATIENCE:?}");
        // What a worker still does after its connection closed ends by itself.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(alive, 0, "seed {seed}: tasks are left");
    });
}

#[test]
fn jobs_come_back_once_each_in_order_whatever_workers_do() {
    for seed in 0..600 {
        simulated(seed, |mut dice| async move {
            let count = dice.roll(60) as u32;
            let (world, addresses) = World::new(&mut dice);
            let open = world.open.clone();
            let setup = setup();
            let mut results = Vec::new();
            let pure = spread(world, addresses, &setup).pure();
            let run = pure.run_over(stream::iter(parcels(count, &setup)), &mut results).await;
            run.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(values(results), expected(count), "seed {seed}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(open.load(Ordering::SeqCst), 0, "seed {seed}: connections are left");
        });
    }
}

#[test]
fn keys_get_all_their_results_in_order_whatever_workers_do() {
    for seed in 0..600 {
        simulated(seed, |mut dice| async move {
            let count = dice.roll(60) as u32;
            let keys = 1 + dice.roll(5) as u32;
            let (world, addresses) = World::new(&mut dice);
            let open = world.open.clone();
            let setup = setup();
            let mut results = Vec::new();
            let mut number = 0;
            let round_robin = by_key(move |_: &Parcel| {
                number += 1;
                (number - 1) % keys
            });
            let keyed = spread(world, addresses, &setup).one_each().keyed(round_robin);
            let run = keyed.run_over(stream::iter(parcels(count, &setup)), &mut results).await;
            run.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let mut results = values(results);
            for key in 0..keys {
                let of_key: Vec<_> = results.iter().filter(|(number, _)| number % keys == key).collect();
                assert!(of_key.is_sorted(), "seed {seed}, key {key}: {of_key:?}");
            }
            results.sort_unstable();
            assert_eq!(results, expected(count), "seed {seed}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(open.load(Ordering::SeqCst), 0, "seed {seed}: connections are left");
        });
    }
}
