//! Serves a store over HTTP.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

use super::{BlobStore, api};
use crate::http::{HttpLimits, bounded};

/// How a storage server behaves.
#[derive(Clone, Copy, Debug)]
pub struct StorageServerOptions {
    /// Who may store at the same time; others wait. Default 16.
    pub uploads: usize,
    /// How long a client that stores may send nothing; default 30 s.
    pub idle: Duration,
    /// Time between two looks for what has expired; default 10 minutes.
    pub sweep: Duration,
    /// How long requests may take to finish when the server stops; default 5 s.
    pub drain: Duration,
    /// Bounds on its connections.
    pub http: HttpLimits,
}

impl Default for StorageServerOptions {
    fn default() -> Self {
        Self {
            uploads: 16,
            idle: Duration::from_secs(30),
            sweep: Duration::from_secs(600),
            drain: Duration::from_secs(5),
            http: HttpLimits::default(),
        }
    }
}

/// A running storage server. Dropping it stops it at once; [`StorageServer::stop`] lets requests finish.
#[derive(Debug)]
pub struct StorageServer {
    address: SocketAddr,
    stop: CancellationToken,
    drain: Duration,
    serving: JoinHandle<io::Result<()>>,
    sweeping: JoinHandle<()>,
}

impl StorageServer {
    /// A listener for `port` (0 for any) on `address`, or where none is given on this machine alone: the interface has
    /// no passwords.
    pub async fn listener(address: Option<IpAddr>, port: u16) -> io::Result<TcpListener> {
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        TcpListener::bind((address, port)).await
    }

    /// Serves `store` on `listener` until [`StorageServer::stop`] is called or `shutdown` is cancelled.
    pub fn start(
        listener: TcpListener,
        store: Arc<BlobStore>,
        options: StorageServerOptions,
        shutdown: &CancellationToken,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let stop = shutdown.child_token();
        let router = api::router(api::Api {
            store: store.clone(),
            uploads: Arc::new(Semaphore::new(options.uploads)),
            idle: options.idle,
        });
        let listener = bounded(listener, options.http);
        let until = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(until).await });
        let until = stop.clone();
        let sweeping = tokio::spawn(async move {
            let _ = until.run_until_cancelled_owned(sweep(store, options.sweep)).await;
        });
        Ok(Self {
            address,
            stop,
            drain: options.drain,
            serving,
            sweeping,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients and external programs are given it.
    pub fn url(&self) -> String {
        match self.address.ip() {
            ip if ip.is_unspecified() => format!("http://localhost:{}", self.address.port()),
            _ => format!("http://{}", self.address),
        }
    }

    /// Lets requests finish, then stops.
    pub async fn stop(mut self) -> io::Result<()> {
        self.stop.cancel();
        match time::timeout(self.drain, &mut self.serving).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(io::Error::other(panic)),
            // Dropping ends what is left.
            Err(_) => Ok(()),
        }
    }
}

impl Drop for StorageServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.serving.abort();
        self.sweeping.abort();
    }
}

/// Removes what has expired, again and again.
async fn sweep(store: Arc<BlobStore>, every: Duration) {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let store = store.clone();
        match tokio::task::spawn_blocking(move || store.sweep()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!("storage: {count} blobs have expired"),
            Ok(Err(error)) => tracing::warn!("storage: removing what has expired: {error}"),
            Err(panic) => tracing::warn!("storage: removing what has expired: {panic}"),
        }
    }
}
