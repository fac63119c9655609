//! Which storage a server uses, from its options.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use gadgets::context::{NoStorage, Storage};
use tokio::{task::spawn_blocking, time};
use tokio_util::sync::CancellationToken;

use super::{
    BlobStore, ClientError, Folders, LocalStorage, RemoteStorage, StorageServer, StorageServerOptions, StoreError,
    StoreLimits,
};

/// Which storage a server uses.
#[derive(Clone, Debug)]
pub enum StorageChoice {
    /// None: nothing is kept (`-d`).
    Nothing,
    /// A storage server elsewhere (`-E URL`).
    Elsewhere {
        /// Its address, `http://HOST:PORT`.
        url: String,
        /// How long it may take to come up, as the original waits for it: 10 s.
        patience: Duration,
    },
    /// The one that is built in.
    Embedded {
        /// Where it keeps its files (`-D`, `-S`).
        folders: Folders,
        /// Its limits.
        limits: StoreLimits,
        /// Address it listens on; this machine alone where none is given.
        address: Option<IpAddr>,
        /// Port it listens on (`-s`).
        port: u16,
        /// How it serves.
        options: StorageServerOptions,
    },
}

/// Why there is no storage.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The storage server elsewhere.
    #[error(transparent)]
    Elsewhere(#[from] ClientError),
    /// The store's files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The storage port.
    #[error("storage port {port}: {source}")]
    Port {
        /// The port.
        port: u16,
        /// Why it cannot be listened on.
        source: std::io::Error,
    },
    /// The work was ended from outside.
    #[error("opening the storage was interrupted")]
    Interrupted,
}

/// A storage that is ready.
pub struct ReadyStorage {
    /// For the gadgets.
    pub storage: Arc<dyn Storage>,
    /// Serves it to other programs, where it is built in. Dropping it ends that.
    pub server: Option<StorageServer>,
    /// Its address, as external programs are given it (`GADGETRON_STORAGE_ADDRESS`).
    pub address: Option<String>,
}

impl std::fmt::Debug for ReadyStorage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ReadyStorage")
            .field("server", &self.server)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl StorageChoice {
    /// The built-in storage in `folder`, with default limits, on `port` of this machine.
    pub fn embedded(folder: PathBuf, port: u16) -> Self {
        Self::Embedded {
            folders: Folders::in_one(folder),
            limits: StoreLimits::default(),
            address: None,
            port,
            options: StorageServerOptions::default(),
        }
    }

    /// Opens it; a built-in one is served until `shutdown` is cancelled.
    pub async fn open(self, shutdown: &CancellationToken) -> Result<ReadyStorage, SetupError> {
        match self {
            Self::Nothing => Ok(ReadyStorage {
                storage: Arc::new(NoStorage),
                server: None,
                address: None,
            }),
            Self::Elsewhere { url, patience } => elsewhere(url, patience).await,
            Self::Embedded {
                folders,
                limits,
                address,
                port,
                options,
            } => {
                let opening = spawn_blocking(move || BlobStore::open(&folders, limits));
                let store = Arc::new(opening.await.map_err(|_| SetupError::Interrupted)??);
                let io = |source| SetupError::Port { port, source };
                let listener = StorageServer::listener(address, port).await.map_err(io)?;
                let server = StorageServer::start(listener, store.clone(), options, shutdown).map_err(io)?;
                Ok(ReadyStorage {
                    storage: Arc::new(LocalStorage(store)),
                    address: Some(server.url()),
                    server: Some(server),
                })
            }
        }
    }
}

/// Waits until the storage server there answers.
async fn elsewhere(url: String, patience: Duration) -> Result<ReadyStorage, SetupError> {
    let remote = RemoteStorage::new(&url, Duration::from_secs(30));
    let deadline = time::Instant::now() + patience;
    loop {
        let asked = remote.clone();
        let checked = spawn_blocking(move || asked.check()).await;
        match checked.map_err(|_| SetupError::Interrupted)? {
            Ok(()) => {
                return Ok(ReadyStorage {
                    storage: Arc::new(remote),
                    server: None,
                    address: Some(url),
                });
            }
            Err(error) if time::Instant::now() >= deadline => return Err(error.into()),
            Err(_) => time::sleep(Duration::from_millis(200)).await,
        }
    }
}
