//! The options of distribution: every bound has one.

use std::time::Duration;

use clap::Args;
use distributed::{DiscoveryLimits, RosterLimits, Source, link::LinkLimits};
use engine::distribute::DistributeLimits;

use super::{Distribution, Distributors};

/// Bounds on discovery, links and the spreading of work. (Ours.)
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Distribution")]
pub struct DistributionArguments {
    /// Seconds GADGETRON_REMOTE_WORKER_COMMAND may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    discovery_timeout: f64,
    /// Mebibytes it may print.
    #[arg(long, value_name = "MIB", default_value_t = 1)]
    discovery_mebibytes: usize,
    /// How often a connection to a worker is tried.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    worker_attempts: u32,
    /// Seconds one try may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    worker_connect_timeout: f64,
    /// Seconds without a byte from a worker that owes an answer and answers no query, before it is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    worker_silence: f64,
    /// Seconds after which the list of workers is asked for again.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    worker_refresh: f64,
    /// Failures of one job or key that end the reconstruction.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    worker_failures: usize,
    /// The most jobs a worker holds.
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    worker_jobs: usize,
    /// The most mebibytes of jobs a worker holds.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    worker_mebibytes: usize,
    /// How many median job times a worker may hold up the others, before its job is sent to a second one.
    #[arg(long, value_name = "FACTOR", default_value_t = 4)]
    worker_straggler: u32,
    /// Mebibytes of messages kept, to be sent to another worker when one is lost.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    replay_mebibytes: usize,
}

/// A number of seconds that is none (negative, endless) counts as the longest time there is.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::from_secs(u32::MAX.into()))
}

fn mebibytes(number: usize) -> usize {
    number.saturating_mul(1 << 20)
}

impl DistributionArguments {
    /// Distribution with these bounds over the workers of `source`.
    pub fn distribution(&self, source: Source) -> Distribution {
        Distribution {
            source,
            roster: RosterLimits {
                discovery: DiscoveryLimits {
                    time: seconds(self.discovery_timeout),
                    output: mebibytes(self.discovery_mebibytes),
                },
                link: LinkLimits {
                    attempts: self.worker_attempts,
                    connect: seconds(self.worker_connect_timeout),
                    silence: seconds(self.worker_silence),
                    ..LinkLimits::default()
                },
                ..RosterLimits::default()
            },
            limits: DistributeLimits {
                failures: self.worker_failures,
                most_jobs: self.worker_jobs.max(1),
                most_bytes: mebibytes(self.worker_mebibytes),
                straggler: self.worker_straggler,
                refresh: seconds(self.worker_refresh),
                replay_bytes: mebibytes(self.replay_mebibytes),
                ..DistributeLimits::default()
            },
            distributors: Distributors::standard(),
        }
    }
}
