//! A tap: it stands between clients and a server, passes everything on in both directions, and keeps it.
//!
//! Connection N of the recording NAME is two files, `NAME.N.c2s.bin` (client to server) and `NAME.N.s2c.bin`; the
//! numbers begin behind those that are in the folder already. `gadgetron messages` lists what is in one, and its bytes
//! can be sent again as they are.

mod messages;
mod pass;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use distributed::Address;
use tokio::{
    fs::File,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use messages::{Format, MessagesError, messages};

use crate::server::accept::{Accepted, accept_all};
use pass::{Half, pass};

/// How a tap behaves.
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// NAME in the files' names; default `tap`.
    pub name: String,
    /// Connections at a time, more wait; default 64.
    pub connections: usize,
    /// How long the server may take to accept a connection; default 10 s.
    pub connect: Duration,
    /// How long the rest of what a client sends is still read when the server reads no more; default 10 s.
    pub linger: Duration,
}

impl Default for TapOptions {
    fn default() -> Self {
        Self {
            name: "tap".to_owned(),
            connections: 64,
            connect: Duration::from_secs(10),
            linger: Duration::from_secs(10),
        }
    }
}

/// What a tap has recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Connections with a recording.
    pub connections: u64,
    /// Bytes that went to the server.
    pub to_server: u64,
    /// Bytes that went back.
    pub to_client: u64,
    /// Recordings that are incomplete, because a file could not be written.
    pub incomplete: u64,
}

/// Records the connections that come to `listeners` and go on to `server`, until `shutdown` completes; connections
/// that are open then are cut, and what they carried by then is in their files.
pub async fn tap(
    listeners: Vec<TcpListener>,
    server: Address,
    folder: &Path,
    options: TapOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Recorded> {
    tokio::fs::create_dir_all(folder).await?;
    let mut number = first_number(folder, &options.name).await?;
    let stopping = CancellationToken::new();
    let (_acceptors, mut accepted) = accept_all(listeners, options.connections, &stopping);
    let tapped = Arc::new(Tapped {
        server,
        folder: folder.to_owned(),
        options,
        stopping: stopping.clone(),
    });
    let mut connections = JoinSet::new();
    let mut recorded = Recorded::default();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(connection) = connections.join_next(), if !connections.is_empty() => recorded.add(connection),
            connection = accepted.recv() => {
                let Some(connection) = connection else { break };
                connections.spawn(Arc::clone(&tapped).connection(connection, number));
                number += 1;
            }
        }
    }
    stopping.cancel();
    while let Some(connection) = connections.join_next().await {
        recorded.add(connection);
    }
    Ok(recorded)
}

impl Recorded {
    fn add(&mut self, connection: Result<Option<Self>, tokio::task::JoinError>) {
        match connection {
            Ok(Some(one)) => {
                self.connections += one.connections;
                self.to_server += one.to_server;
                self.to_client += one.to_client;
                self.incomplete += one.incomplete;
            }
            Ok(None) => {}
            Err(error) => warn!("a connection's task failed: {error}"),
        }
    }
}

/// What all connections share.
struct Tapped {
    server: Address,
    folder: PathBuf,
    options: TapOptions,
    stopping: CancellationToken,
}

impl Tapped {
    /// Passes one connection on and records it; `None` when there was nobody to pass it on to.
    async fn connection(self: Arc<Self>, (client, peer, _place): Accepted, number: u64) -> Option<Recorded> {
        let connecting = TcpStream::connect((self.server.host(), self.server.port()));
        let server = tokio::select! {
            () = self.stopping.cancelled() => return None,
            server = timeout(self.options.connect, connecting) => server,
        };
        let server = match server {
            Ok(Ok(server)) => server,
            Ok(Err(error)) => {
                warn!(%peer, "the server {} cannot be reached: {error}", self.server);
                return None;
            }
            Err(_) => {
                warn!(%peer, "the server {} does not answer", self.server);
                return None;
            }
        };
        if let Err(error) = server.set_nodelay(true) {
            warn!(%peer, "the socket keeps its delay: {error}");
        }
        let (mut from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let up = self.half(number, "c2s").await;
        let down = self.half(number, "s2c").await;
        info!(%peer, "connection {number} to {}", self.server);
        let (up, down) = tokio::join!(
            pass(&mut from_client, to_server, up, &self.stopping),
            pass(from_server, to_client, down, &self.stopping)
        );
        if up.target_broke && !self.stopping.is_cancelled() {
            // Closing with unread bytes would take back what the client has not read yet.
            pass::discard(&mut from_client, self.options.linger, &self.stopping).await;
        }
        info!(
            %peer,
            "connection {number} ended, {} bytes to the server, {} back", up.bytes, down.bytes
        );
        Some(Recorded {
            connections: 1,
            to_server: up.bytes,
            to_client: down.bytes,
            incomplete: u64::from(!(up.complete && down.complete)),
        })
    }

    /// The file of one direction. Without it the connection is passed on all the same: a measurement matters more than
    /// its recording.
    async fn half(&self, number: u64, direction: &str) -> Half {
        let path = self.folder.join(file_name(&self.options.name, number, direction));
        // An existing recording is never written over.
        let file = File::options().write(true).create_new(true).open(&path).await;
        let file = file
            .inspect_err(|error| warn!("{}: {error}; this direction is not recorded", path.display()))
            .ok();
        Half { path, file }
    }
}

fn file_name(name: &str, number: u64, direction: &str) -> String {
    format!("{name}.{number}.{direction}.bin")
}

/// The number behind the highest one in the folder.
async fn first_number(folder: &Path, name: &str) -> io::Result<u64> {
    let mut first = 0;
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let entry = entry.file_name();
        let number = entry
            .to_str()
            .and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".bin"))
            .and_then(|middle| middle.strip_suffix(".c2s").or_else(|| middle.strip_suffix(".s2c")))
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number {
            first = first.max(number.saturating_add(1));
        }
    }
    Ok(first)
}
