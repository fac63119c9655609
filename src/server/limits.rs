//! The server's bounds: each has a name, a default and an option of the command line.

use std::time::Duration;

/// The server's bounds.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections at a time; more wait in the system's queue. Default 256.
    pub connections: usize,
    /// Time a client may take to send configuration and header. Default 60 s.
    pub handshake: Duration,
    /// Time without any byte from a client that owes some. Default 30 min: scanners pause between measurements.
    pub idle: Duration,
    /// Time a client may take to read what waits for it, without taking a byte. Default 10 min.
    pub stalled: Duration,
    /// After an error: how long the rest of what a client sends is read and thrown away, so that it gets to read the
    /// error instead of a reset connection. Default 10 s.
    pub linger: Duration,
    /// How long running connections may go on after the server was told to stop. Default 30 s.
    pub drain: Duration,
    /// After that: how long those that are cut may take to hear it. Default 2 s.
    pub last_words: Duration,
    /// Texts of one client that are logged, the first 2000 characters of each; what follows is counted. Default 1000.
    pub texts: u64,
    /// What may wait between two gadgets.
    pub channel: engine::Capacity,
    /// Sizes of messages.
    pub protocol: protocol::Limits,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            handshake: Duration::from_secs(60),
            idle: Duration::from_secs(30 * 60),
            stalled: Duration::from_secs(10 * 60),
            linger: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            last_words: Duration::from_secs(2),
            texts: 1000,
            channel: engine::Capacity::default(),
            protocol: protocol::Limits::default(),
        }
    }
}
