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
    /// Jobs a worker holds at the beginning.
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    worker_first_jobs: usize,
    /// The most jobs a worker holds.
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    worker_jobs: usize,
    /// The most mebibytes of jobs a worker holds.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    worker_mebibytes: usize,
    /// How many median job times a worker may hold up the others, before its job is sent to a second one.
    #[arg(long, value_name = "FACTOR", default_value_t = 4)]
    worker_straggler: u32,
    /// Results that wait for an earlier one, at most.
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    reorder_jobs: usize,
    /// Mebibytes of such results.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    reorder_mebibytes: usize,
    /// Messages that wait for the link of their key, at most.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    key_messages: usize,
    /// Seconds workers may take to close after their last result.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    worker_farewell: f64,
    /// Seconds after a failed write in which a worker may still say why.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    worker_last_words: f64,
    /// Seconds between the first two tries to connect to a worker; the pause doubles after each try.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.1)]
    worker_retry_pause: f64,
    /// Seconds for which the list of workers is not asked for again, however many are lost.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    worker_list_pause: f64,
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
                    pause: seconds(self.worker_retry_pause),
                    last_words: seconds(self.worker_last_words),
                    ..LinkLimits::default()
                },
                pause: seconds(self.worker_list_pause),
            },
            limits: DistributeLimits {
                failures: self.worker_failures,
                first_window: self.worker_first_jobs.max(1),
                reorder: self.reorder_jobs.max(1),
                reorder_bytes: mebibytes(self.reorder_mebibytes.max(1)),
                key_queue: self.key_messages.max(1),
                farewell: seconds(self.worker_farewell),
                most_jobs: self.worker_jobs.max(1),
                most_bytes: mebibytes(self.worker_mebibytes),
                straggler: self.worker_straggler,
                refresh: seconds(self.worker_refresh),
                replay_bytes: mebibytes(self.replay_mebibytes),
            },
            distributors: Distributors::standard(),
        }
    }
}
