//! The options of distribution: every bound has one.

use std::time::Duration;

use clap::Args;
use distributed::{DiscoveryLimits, RosterLimits, Source, link::LinkLimits};
use engine::{Capacity, distribute::DistributeLimits};
use protocol::Limits;

use super::{Distribution, Distributors};
use crate::time_span;

/// Bounds on discovery, links and the spreading of work. (Ours.)
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Distribution (ours)")]
pub struct DistributionArguments {
    /// Time GADGETRON_REMOTE_WORKER_COMMAND may take.
    #[command(flatten)]
    discovery: DiscoveryArguments,
    /// How often a connection to a worker is tried.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    worker_attempts: u32,
    /// Time one try may take.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_span::parse)]
    worker_connect_timeout: Duration,
    /// Time after which another worker is asked for a job that waits for a connection.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time_span::parse)]
    worker_opens_within: Duration,
    /// Time without a byte from a worker that owes an answer and answers no query, before it is given up.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time_span::parse)]
    worker_silence: Duration,
    /// Time after which the list of workers is asked for again.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_span::parse)]
    worker_refresh: Duration,
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
    /// Time workers may take to close after their last result.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time_span::parse)]
    worker_farewell: Duration,
    /// Time after a failed write in which a worker may still say why.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time_span::parse)]
    worker_last_words: Duration,
    /// Texts a worker may say in a row without an answer after them, before it is given up.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    worker_texts: usize,
    /// Time between the first two tries to connect to a worker; the pause doubles after each try.
    #[arg(long, value_name = "TIME", default_value = "0.1s", value_parser = time_span::parse)]
    worker_retry_pause: Duration,
    /// Time for which the list of workers is not asked for again, however many are lost.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time_span::parse)]
    worker_list_pause: Duration,
    /// Mebibytes of messages kept, to be sent to another worker when one is lost.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    replay_mebibytes: usize,
    /// Messages that may wait at either end of a link.
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    worker_channel_messages: usize,
    /// Mebibytes of heavy messages that may wait at either end of a link.
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    worker_channel_mebibytes: usize,
    /// The most mebibytes of one message from a worker.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    worker_message_mebibytes: usize,
    /// The most mebibytes of one text from a worker.
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    worker_text_mebibytes: usize,
    /// The most dimensions of an array from a worker.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    worker_dimensions: u64,
    /// The most items of a list from a worker.
    #[arg(long, value_name = "COUNT", default_value_t = 1 << 20)]
    worker_list_items: u64,
}

/// Bounds on the discovery command.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DiscoveryArguments {
    /// Time the discovery command may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_span::parse)]
    discovery_timeout: Duration,
    /// Mebibytes it may print.
    #[arg(long, value_name = "MIB", default_value_t = 1)]
    discovery_mebibytes: usize,
}

impl DiscoveryArguments {
    /// The bounds.
    pub(super) fn limits(&self) -> DiscoveryLimits {
        DiscoveryLimits {
            time: self.discovery_timeout,
            output: mebibytes(self.discovery_mebibytes),
        }
    }
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
                discovery: self.discovery.limits(),
                link: LinkLimits {
                    attempts: self.worker_attempts,
                    connect: self.worker_connect_timeout,
                    silence: self.worker_silence,
                    pause: self.worker_retry_pause,
                    last_words: self.worker_last_words,
                    texts: self.worker_texts,
                    channel: Capacity {
                        messages: self.worker_channel_messages.max(1),
                        bytes: mebibytes(self.worker_channel_mebibytes),
                    },
                    protocol: Limits {
                        message_bytes: mebibytes(self.worker_message_mebibytes) as u64,
                        text_bytes: mebibytes(self.worker_text_mebibytes) as u64,
                        dimensions: self.worker_dimensions,
                        list_items: self.worker_list_items,
                    },
                },
                pause: self.worker_list_pause,
            },
            limits: DistributeLimits {
                opens_within: self.worker_opens_within,
                failures: self.worker_failures,
                first_window: self.worker_first_jobs.max(1),
                reorder: self.reorder_jobs.max(1),
                reorder_bytes: mebibytes(self.reorder_mebibytes.max(1)),
                key_queue: self.key_messages.max(1),
                farewell: self.worker_farewell,
                most_jobs: self.worker_jobs.max(1),
                most_bytes: mebibytes(self.worker_mebibytes),
                straggler: self.worker_straggler,
                refresh: self.worker_refresh,
                replay_bytes: mebibytes(self.replay_mebibytes),
            },
            distributors: Distributors::standard(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        distribution: DistributionArguments,
    }

    fn distribution(line: &[&str]) -> Distribution {
        let line = Line::try_parse_from([&["gadgetron"], line].concat()).unwrap();
        line.distribution.distribution(Source::Unset)
    }

    #[test]
    fn what_is_not_said_is_the_default_of_the_library() {
        let said = distribution(&[]);
        assert_eq!(said.roster, RosterLimits::default());
        assert_eq!(said.limits, DistributeLimits::default());
    }

    #[test]
    fn the_bounds_of_a_link_are_what_is_said() {
        let said = distribution(&[
            "--worker-channel-messages=0",
            "--worker-channel-mebibytes=3",
            "--worker-message-mebibytes=5",
            "--worker-text-mebibytes=2",
            "--worker-dimensions=7",
            "--worker-list-items=9",
        ]);
        let link = said.roster.link;
        let channel = Capacity {
            messages: 1,
            bytes: 3 << 20,
        };
        let protocol = Limits {
            message_bytes: 5 << 20,
            text_bytes: 2 << 20,
            dimensions: 7,
            list_items: 9,
        };
        assert_eq!((link.channel, link.protocol), (channel, protocol));
    }
}
