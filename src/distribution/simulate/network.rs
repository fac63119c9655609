//! Workers and the network between them and the head, as far as they matter for the spreading of work.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use engine::{BoxError, Capacity, Input, Link, Output, Worker, channel::channel};
use futures::{FutureExt, future::BoxFuture};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

/// Simulated time is stretched: the clock of the runtime counts whole milliseconds, and a message can take less. One
/// of its milliseconds is a microsecond here.
const STRETCH: u32 = 1000;

/// So long on the runtime's clock.
pub(super) fn stretched(time: Duration) -> Duration {
    time.saturating_mul(STRETCH)
}

/// So long in the simulation.
pub(super) fn shrunk(time: Duration) -> Duration {
    time / STRETCH
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to 1, without 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / 2_f64.powi(64)
    }
}

/// One direction of the head's network: what is sent goes one after the other.
pub(super) struct Wire {
    /// Bytes in a second; `None`: as many as one likes.
    rate: Option<f64>,
    free: Mutex<Instant>,
}

impl Wire {
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self {
            rate,
            free: Mutex::new(Instant::now()),
        }
    }

    async fn carry(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let takes = stretched(Duration::from_secs_f64(bytes as f64 / rate));
        let done = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            *free = (*free).max(Instant::now()) + takes;
            *free
        };
        sleep_until(done).await;
    }
}

/// The bytes that the head holds, and the most it ever held.
#[derive(Default)]
pub(super) struct Memory {
    now: AtomicUsize,
    pub(super) most: AtomicUsize,
}

/// Bytes in the head's memory.
pub(super) struct Held {
    bytes: usize,
    memory: Arc<Memory>,
}

impl Held {
    pub(super) fn new(bytes: usize, memory: &Arc<Memory>) -> Self {
        let now = memory.now.fetch_add(bytes, Relaxed).saturating_add(bytes);
        memory.most.fetch_max(now, Relaxed);
        Self {
            bytes,
            memory: memory.clone(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.now.fetch_sub(self.bytes, Relaxed);
    }
}

/// A job; clones share its bytes.
#[derive(Clone)]
pub(super) struct Job {
    number: u64,
    held: Arc<Held>,
}

impl Job {
    pub(super) fn new(number: u64, held: Held) -> Self {
        Self {
            number,
            held: Arc::new(held),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.held.bytes
    }
}

/// A result.
pub(super) struct Done {
    pub(super) number: u64,
    held: Held,
}

impl Done {
    pub(super) fn bytes(&self) -> usize {
        self.held.bytes
    }
}

/// What all workers have in common.
pub(super) struct World {
    pub(super) job: Duration,
    /// How much a job's time differs, up and down, as a share.
    pub(super) jitter: f64,
    pub(super) job_bytes: usize,
    pub(super) result_bytes: usize,
    pub(super) latency: Duration,
    pub(super) fail_rate: f64,
    pub(super) down: Duration,
    pub(super) there: Wire,
    pub(super) back: Wire,
    pub(super) memory: Arc<Memory>,
    pub(super) dice: Mutex<Dice>,
    /// Jobs that a worker began, those it lost with itself included.
    pub(super) begun: AtomicU64,
}

impl World {
    fn roll(&self) -> f64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).roll()
    }
}

/// A worker: takes some time for each job, one after the other, and is lost now and then.
pub(super) struct Simulated {
    pub(super) address: String,
    pub(super) world: Arc<World>,
    /// Until when it is not there.
    pub(super) back_at: Arc<Mutex<Instant>>,
}

/// What lies in the network and in the worker's own queue; the scheduler's windows are smaller.
const UNDERWAY: usize = 1024;

impl Worker<Job, Done> for Simulated {
    fn address(&self) -> &str {
        &self.address
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<Job, Done>, BoxError>> {
        let (world, back_at) = (self.world.clone(), self.back_at.clone());
        async move {
            // Packets there and back, as TCP has it.
            sleep(stretched(world.latency * 2)).await;
            if Instant::now() < *back_at.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err("connection refused".into());
            }
            let (input, jobs) = channel(Capacity::messages(2));
            let (results, output) = channel(Capacity::messages(2));
            let outcome = serve(world, back_at, jobs, results).boxed();
            Ok(Link { input, output, outcome })
        }
        .boxed()
    }
}

async fn serve(
    world: Arc<World>,
    back_at: Arc<Mutex<Instant>>,
    mut jobs: Input<Job>,
    mut results: Output<Done>,
) -> Result<(), BoxError> {
    let latency = stretched(world.latency);
    let (arriving, mut arrived) = mpsc::channel(UNDERWAY);
    let (leaving, mut left) = mpsc::channel(UNDERWAY);
    let network = &world;
    let there = async move {
        while let Some(job) = jobs.next().await? {
            network.there.carry(network.job_bytes).await;
            if arriving.send((Instant::now() + latency, job.number)).await.is_err() {
                break;
            }
        }
        Ok::<(), BoxError>(())
    };
    let work = async move {
        while let Some((at, number)) = arrived.recv().await {
            sleep_until(at).await;
            network.begun.fetch_add(1, Relaxed);
            let time = network.job.mul_f64(1.0 + network.jitter * (2.0 * network.roll() - 1.0));
            if network.roll() < network.fail_rate {
                // Somewhere in the middle.
                sleep(stretched(time.mul_f64(network.roll()))).await;
                let until = Instant::now() + stretched(network.down);
                *back_at.lock().unwrap_or_else(PoisonError::into_inner) = until;
                return Err("the connection broke".into());
            }
            sleep(stretched(time)).await;
            if leaving.send((Instant::now() + latency, number)).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let back = async move {
        while let Some((at, number)) = left.recv().await {
            sleep_until(at).await;
            network.back.carry(network.result_bytes).await;
            let held = Held::new(network.result_bytes, &network.memory);
            results.send(Done { number, held }).await?;
        }
        Ok(())
    };
    futures::try_join!(there, work, back)?;
    Ok(())
}
