//! `gadgetron simulate`: the scheduler of `puredistributed` over simulated workers, as many as one likes, on a clock that
//! jumps from event to event. The scheduler is the real one; workers, network and time are not.

mod network;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use clap::Args;
use engine::{
    Compose,
    distribute::{DistributeLimits, Event, distribute},
    link::AnyWorker,
};
use futures::{StreamExt, sink, stream};
use serde::Serialize;
use tokio::time::Instant;

use self::network::{Dice, Done, Held, Job, Memory, Simulated, Wire, World, shrunk, stretched};

/// Spread jobs over simulated workers, on a clock that jumps: how many workers would help?
#[derive(Clone, Debug, PartialEq, Args)]
pub struct SimulateArguments {
    /// Workers.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub workers: u32,
    /// Jobs in all; 100 for each worker where none is given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub jobs: Option<u64>,
    /// Milliseconds a worker takes for a job.
    #[arg(long, default_value_t = 20.0, value_parser = time)]
    pub job_ms: f64,
    /// How much that differs from job to job, up and down, as a share of it.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub jitter: f64,
    /// Bytes of a job.
    #[arg(long, default_value_t = 65_536)]
    pub bytes: usize,
    /// Bytes of a result.
    #[arg(long, default_value_t = 16_384)]
    pub result_bytes: usize,
    /// Milliseconds a byte takes from here to a worker.
    #[arg(long, default_value_t = 0.2, value_parser = time)]
    pub latency_ms: f64,
    /// Gigabits in a second that this machine's network carries, each way; 0 for any number.
    #[arg(long, default_value_t = 0.0, value_parser = time)]
    pub gigabits: f64,
    /// The share of jobs during which the worker is lost.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub fail_rate: f64,
    /// Seconds after which a lost worker is there again.
    #[arg(long, default_value_t = 5.0, value_parser = time)]
    pub down: f64,
    /// Where the random numbers (times, losses) begin.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number"))?;
    match (0.0..=1.0).contains(&number) {
        true => Ok(number),
        false => Err("a share is from 0 to 1".into()),
    }
}

/// A number from 0 to a million: hours of milliseconds, days of seconds.
fn time(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number"))?;
    match (0.0..=1e6).contains(&number) {
        true => Ok(number),
        false => Err("a number from 0 to 1000000 is expected".into()),
    }
}

/// What a simulation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// Workers.
    pub workers: u32,
    /// Jobs done.
    pub jobs: u64,
    /// From the first job to the last result, in seconds of simulated time.
    pub makespan_s: f64,
    /// The work of all jobs over what all workers could have done in that time.
    pub efficiency: f64,
    /// The time one worker beside this process would take, over the makespan.
    pub speedup: f64,
    /// What no number of workers makes shorter: the time this machine's network takes to carry all, in seconds; 0 where it
    /// carries any number.
    pub network_s: f64,
    /// Jobs that were begun more than once: lost with their worker, or given to a second one.
    pub retries: u64,
    /// Links that were lost.
    pub lost: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Jobs that were done here, because no worker was there.
    pub here: u64,
    /// Jobs given to a second worker because the first held up all others.
    pub stragglers: u64,
    /// The most bytes of jobs and results that this machine held at a time.
    pub memory_bytes: usize,
    /// What the spreading itself costs this machine, in microseconds a job: measured, not simulated.
    pub overhead_us: f64,
}

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The runtime, or standard output.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The scheduler failed. Neither lost workers nor their number make it do that.
    #[error("the spreading failed: {0}")]
    Failed(#[from] engine::Error),
}

/// Runs the subcommand. Blocks: it has a runtime of its own, whose time is not that of the world.
pub fn run(arguments: &SimulateArguments, out: &mut dyn Write) -> Result<(), SimulateError> {
    let simulation = simulate(arguments)?;
    if arguments.json {
        writeln!(out, "{:#}", serde_json::json!(simulation))?;
    } else {
        print_table(&simulation, out)?;
    }
    Ok(())
}

/// Simulates. Blocks; call it outside of a runtime, or on a thread for blocking work.
pub fn simulate(arguments: &SimulateArguments) -> Result<Simulation, SimulateError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(spread(arguments))
}

async fn spread(arguments: &SimulateArguments) -> Result<Simulation, SimulateError> {
    let jobs = arguments.jobs.unwrap_or(100 * u64::from(arguments.workers));
    let rate = (arguments.gigabits > 0.0).then_some(arguments.gigabits * 1e9 / 8.0);
    let milliseconds = |number: f64| Duration::from_secs_f64(number / 1e3);
    let memory = Arc::new(Memory::default());
    let world = |latency, fail_rate, rate, seed| {
        Arc::new(World {
            job: milliseconds(arguments.job_ms),
            jitter: arguments.jitter,
            job_bytes: arguments.bytes,
            result_bytes: arguments.result_bytes,
            latency,
            fail_rate,
            down: Duration::from_secs_f64(arguments.down),
            there: Wire::new(rate),
            back: Wire::new(rate),
            memory: memory.clone(),
            dice: Mutex::new(Dice::new(seed)),
            begun: AtomicU64::new(0),
        })
    };
    // What is done where no worker is left goes over no network, and is not lost.
    let here = world(Duration::ZERO, 0.0, None, !arguments.seed);
    let world = world(
        milliseconds(arguments.latency_ms),
        arguments.fail_rate,
        rate,
        arguments.seed,
    );
    let worker = |number| -> AnyWorker<Job, Done> {
        Arc::new(Simulated {
            address: format!("worker-{number}"),
            world: world.clone(),
            back_at: Arc::new(Mutex::new(Instant::now())),
        })
    };
    let workers: Vec<_> = (1..=arguments.workers).map(worker).collect();
    let local = Simulated {
        address: "this machine".into(),
        world: here.clone(),
        back_at: Arc::new(Mutex::new(Instant::now())),
    };
    let counts: Arc<[AtomicU64; 3]> = Arc::default();
    let [lost, refused, stragglers] = &*counts;
    let observed = counts.clone();
    let defaults = DistributeLimits::default();
    let bytes = arguments.bytes;
    let spreading = distribute(workers)
        .local(local)
        .limits(DistributeLimits {
            refresh: stretched(defaults.refresh),
            farewell: stretched(defaults.farewell),
            opens_within: stretched(defaults.opens_within),
            // Simulated failures are the workers' own: no job is to blame.
            failures: usize::MAX,
            ..defaults
        })
        .weigh(Job::bytes, Done::bytes)
        .observe(move |event| {
            let [lost, refused, stragglers] = &*observed;
            let count = match event {
                Event::Lost { .. } => lost,
                Event::Refused { .. } => refused,
                Event::Straggler { .. } => stragglers,
                _ => return,
            };
            count.fetch_add(1, Relaxed);
        });
    let held = memory.clone();
    let source = stream::iter(0..jobs).map(move |number| Job::new(number, Held::new(bytes, &held)));
    let (started, real) = (Instant::now(), std::time::Instant::now());
    let (mut due, mut last) = (0, started);
    let results = sink::unfold((), |(), done: Done| {
        let due = std::mem::replace(&mut due, done.number + 1);
        last = Instant::now();
        std::future::ready(match done.number == due {
            true => Ok(()),
            false => Err(format!("result {} came where result {due} was due", done.number)),
        })
    });
    spreading.pure().run_over(source, Box::pin(results)).await?;
    let makespan = shrunk(last - started).as_secs_f64();
    let real = real.elapsed().as_secs_f64();
    let work = jobs as f64 * arguments.job_ms / 1e3;
    Ok(Simulation {
        workers: arguments.workers,
        jobs,
        makespan_s: makespan,
        efficiency: work / (makespan * f64::from(arguments.workers)),
        speedup: work / makespan,
        network_s: rate.map_or(0.0, |rate| {
            jobs as f64 * arguments.bytes.max(arguments.result_bytes) as f64 / rate
        }),
        retries: (world.begun.load(Relaxed) + here.begun.load(Relaxed)).saturating_sub(jobs),
        lost: lost.load(Relaxed),
        refused: refused.load(Relaxed),
        here: here.begun.load(Relaxed),
        stragglers: stragglers.load(Relaxed),
        memory_bytes: memory.most.load(Relaxed),
        overhead_us: real * 1e6 / jobs as f64,
    })
}

fn print_table(simulation: &Simulation, out: &mut dyn Write) -> io::Result<()> {
    let Simulation {
        workers,
        jobs,
        makespan_s,
        efficiency,
        speedup,
        network_s,
        retries,
        lost,
        refused,
        here,
        stragglers,
        memory_bytes,
        overhead_us,
    } = simulation;
    let mebibytes = *memory_bytes as f64 / f64::from(1 << 20);
    writeln!(out, "{jobs} jobs on {workers} workers")?;
    writeln!(out, "  makespan     {makespan_s:.3} s")?;
    writeln!(
        out,
        "  efficiency   {:.1} %, as {speedup:.1} busy workers",
        efficiency * 100.0
    )?;
    match *network_s > 0.0 {
        true => writeln!(out, "  network      {network_s:.3} s at the least")?,
        false => writeln!(
            out,
            "  network      carries everything; say what yours does (--gigabits)"
        )?,
    }
    writeln!(
        out,
        "  retries      {retries} ({lost} links lost, {refused} refused, {stragglers} stragglers)"
    )?;
    if *here > 0 {
        writeln!(out, "  here         {here} jobs, while no worker was there")?;
    }
    writeln!(out, "  memory here  {mebibytes:.1} MiB of jobs and results at most")?;
    writeln!(
        out,
        "  work here    {overhead_us:.1} us a job (measured on this machine)"
    )
}
