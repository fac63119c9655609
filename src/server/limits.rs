//! The server's bounds: each has a name, a default and an option of the command line.

use std::time::Duration;

/// The server's bounds.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Reconstructions at a time, and as many that spread their work over workers. Default 256.
    pub connections: usize,
    /// Reconstructions that wait for a place; more are told at once that the server is full. Default 64.
    pub waiting: usize,
    /// Connections beyond all these, for those that have not said what they want or only ask questions. More wait in the
    /// system's queue. Default 64.
    pub asking: usize,
    /// How long a reconstruction waits for a place, before its client is told that the server is full. Default 20 s: a head with
    /// more keys than its workers have places goes on without them when one has waited so long.
    pub place: Duration,
    /// Time a client may take to send configuration and header. Default 60 s.
    pub handshake: Duration,
    /// Time without any byte from a client that owes some. Default 30 min: scanners pause between measurements.
    pub idle: Duration,
    /// Time a client may take to read what waits for it, without taking a byte. Default 10 min.
    pub stalled: Duration,
    /// After an error: how long the rest of what a client sends is read and thrown away, so that it gets to read the
    /// error instead of a reset connection. Default 10 s.
    pub linger: Duration,
    /// After a client's data ended without CLOSE: how long workers still compute results for it. Default 1 s.
    pub after_break: Duration,
    /// After which time without room for its data the server reads on, to see whether the client is still there.
    /// Default 400 ms.
    pub look_ahead_after: Duration,
    /// How many bytes of messages it keeps then. Default 24 MiB: more than the buffers of two sockets usually hold.
    pub look_ahead_bytes: usize,
    /// How many it keeps of a client that waits for its place. Default 1 MiB.
    pub waiting_bytes: usize,
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
            waiting: 64,
            asking: 64,
            place: Duration::from_secs(20),
            handshake: Duration::from_secs(60),
            idle: Duration::from_secs(30 * 60),
            stalled: Duration::from_secs(10 * 60),
            linger: Duration::from_secs(10),
            after_break: Duration::from_secs(1),
            look_ahead_after: Duration::from_millis(400),
            look_ahead_bytes: 24 << 20,
            waiting_bytes: 1 << 20,
            drain: Duration::from_secs(30),
            last_words: Duration::from_secs(2),
            texts: 1000,
            channel: engine::Capacity::default(),
            protocol: protocol::Limits::default(),
        }
    }
}
