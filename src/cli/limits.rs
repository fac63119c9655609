//! The options for the server's bounds.

use std::time::Duration;

use clap::Args;

use crate::{server::ServerLimits, time_span};

/// The server's bounds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bounds (ours)")]
pub(super) struct LimitArguments {
    /// Reconstructions at a time, and as many that spread their work; more wait.
    #[arg(long, value_name = "COUNT", default_value_t = 256)]
    max_connections: usize,
    /// Reconstructions that wait for a place.
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    max_waiting: usize,
    /// Connections beyond these, which only ask questions or have not said what they want.
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    max_asking: usize,
    /// Time a reconstruction may wait for a place.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time_span::parse)]
    place_timeout: Duration,
    /// Time a client may take for configuration and header.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_span::parse)]
    handshake_timeout: Duration,
    /// Time a client that owes data may be silent.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time_span::parse)]
    idle_timeout: Duration,
    /// Time a client may leave what waits for it unread.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time_span::parse)]
    stall_timeout: Duration,
    /// Time the rest of what a client sends is still read after an error.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_span::parse)]
    linger: Duration,
    /// Time workers still compute results after a client's data ended without CLOSE.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time_span::parse)]
    after_break: Duration,
    /// Time without room for a client's data after which more of it is read, to see whether it is still there.
    #[arg(long, value_name = "TIME", default_value = "0.4s", value_parser = time_span::parse)]
    look_ahead_after: Duration,
    /// Mebibytes of data that are read then.
    #[arg(long, value_name = "MIB", default_value_t = 24)]
    look_ahead_mebibytes: usize,
    /// Mebibytes of data that are read of a client that waits for its place.
    #[arg(long, value_name = "MIB", default_value_t = 1)]
    waiting_mebibytes: usize,
    /// Time running connections may go on after the server was told to stop.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time_span::parse)]
    drain: Duration,
    /// Time after that in which those that are cut may hear it.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time_span::parse)]
    last_words: Duration,
    /// Texts of one client that are logged.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    client_texts: u64,
    /// Messages that may wait between two gadgets.
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    channel_messages: usize,
    /// Mebibytes of heavy messages that may wait between two gadgets.
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    channel_mebibytes: usize,
    /// Mebibytes of one data message.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    message_mebibytes: u64,
    /// Mebibytes of one text: a configuration, a header, an image's attributes.
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    text_mebibytes: u64,
    /// Items of a list in a message: readouts of a bucket, attributes of an image array.
    #[arg(long, value_name = "COUNT", default_value_t = 1 << 20)]
    list_items: u64,
    /// Dimensions of an array in a message.
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    dimensions: u64,
}

/// The bound of arrays whose size a header or a configuration asks for.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Bounds (ours)")]
pub(super) struct ArrayArguments {
    /// Mebibytes of an array, or of several made together, that a header or a configuration asks for.
    #[arg(long, value_name = "MIB", default_value_t = gadgets::room::DEFAULT_MOST_BYTES >> 20)]
    array_mebibytes: usize,
}

impl ArrayArguments {
    /// Sets the bound, for this process.
    pub(super) fn set(self) {
        gadgets::room::set_most_bytes(self.array_mebibytes.saturating_mul(1024 * 1024));
    }
}

impl LimitArguments {
    pub(super) fn limits(&self) -> ServerLimits {
        ServerLimits {
            connections: self.max_connections.clamp(1, 1 << 20),
            waiting: self.max_waiting.min(1 << 20),
            asking: self.max_asking.clamp(1, 1 << 20),
            place: self.place_timeout,
            handshake: self.handshake_timeout,
            idle: self.idle_timeout,
            stalled: self.stall_timeout,
            linger: self.linger,
            after_break: self.after_break,
            look_ahead_after: self.look_ahead_after,
            look_ahead_bytes: self.look_ahead_mebibytes.saturating_mul(1024 * 1024),
            waiting_bytes: self.waiting_mebibytes.saturating_mul(1024 * 1024),
            drain: self.drain,
            last_words: self.last_words,
            texts: self.client_texts,
            channel: engine::Capacity {
                messages: self.channel_messages.max(1),
                bytes: self.channel_mebibytes.saturating_mul(1024 * 1024),
            },
            protocol: protocol::Limits {
                message_bytes: mebibytes(self.message_mebibytes),
                text_bytes: mebibytes(self.text_mebibytes),
                dimensions: self.dimensions,
                list_items: self.list_items,
            },
        }
    }
}

pub(super) fn mebibytes(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitArguments,
        #[command(flatten)]
        arrays: ArrayArguments,
    }

    #[test]
    fn the_options_have_the_defaults_of_the_library() {
        let limits = Line::parse_from(["gadgetron"]).limits.limits();
        assert_eq!(format!("{limits:?}"), format!("{:?}", ServerLimits::default()));
    }

    #[test]
    fn arrays_have_the_default_of_the_library() {
        let arrays = Line::parse_from(["gadgetron"]).arrays;
        assert_eq!(arrays.array_mebibytes << 20, gadgets::room::DEFAULT_MOST_BYTES);
    }
}
