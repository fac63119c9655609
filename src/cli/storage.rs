//! The storage options: none, a storage server elsewhere, or one that is started here.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, builder::BoolishValueParser};
use gadgets::context::{NoStorage, Storage};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::limits::mebibytes;
use crate::{
    http::HttpLimits,
    storage::{BlobStore, Folders, LocalStorage, RemoteStorage, StorageServer, StorageServerOptions, StoreLimits},
};

/// Storage between measurements.
#[derive(Clone, Debug, Args)]
pub(super) struct StorageArguments {
    /// Do without storage; yes where no word follows, otherwise true or false, yes or no, on or off, 1 or 0.
    #[arg(short = 'd', long = "disable_storage", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    disable_storage: bool,
    /// Address of a storage server; where none is given, one is started here.
    #[arg(short = 'E', long = "storage_address")]
    storage_address: Option<String>,
    /// Port of the storage server that is started here; the server's port + 110 where none is given.
    #[arg(short = 's', long = "storage_port")]
    storage_port: Option<u16>,
    /// Folder of the storage's index; .gadgetron/storage/database in the home folder where none is given.
    #[arg(short = 'D', long = "database_dir")]
    database_dir: Option<PathBuf>,
    /// Folder of the storage's data; .gadgetron/storage/data in the home folder where none is given.
    #[arg(short = 'S', long = "storage_dir")]
    storage_dir: Option<PathBuf>,
    /// Address the storage server listens on; this machine alone where none is given. (Ours.)
    #[arg(long = "storage_bind")]
    storage_bind: Option<IpAddr>,
    /// Seconds a storage server elsewhere may take to answer. (Ours.)
    #[arg(long = "storage_timeout", default_value_t = 10)]
    storage_timeout: u64,
    /// Mebibytes of one blob in the storage that is started here. (Ours.)
    #[arg(long, default_value_t = 256)]
    blob_mebibytes: u64,
    /// Gibibytes of all blobs in it. (Ours.)
    #[arg(long, default_value_t = 20)]
    storage_gibibytes: u64,
    /// Number of blobs in it. (Ours.)
    #[arg(long, default_value_t = 100_000)]
    storage_blobs: u64,
    /// Bounds on the connections of the storage server that is started here. (Ours.)
    #[command(flatten)]
    http: HttpLimits,
}

impl StorageArguments {
    /// The storage for a server on `port`. What cannot be had is said in one warning, and the server goes on without.
    pub(super) async fn start(
        self,
        port: u16,
        shutdown: &CancellationToken,
    ) -> (Arc<dyn Storage>, Option<StorageServer>) {
        if let Some(storage) = self.elsewhere().await {
            return (storage, None);
        }
        let storage_port = self.storage_port.unwrap_or(port.saturating_add(110));
        let bind = self.storage_bind;
        let options = StorageServerOptions {
            http: self.http,
            ..StorageServerOptions::default()
        };
        let Some(store) = self.open().await else {
            return (Arc::new(NoStorage), None);
        };
        let storage = Arc::new(LocalStorage(store.clone()));
        let server = match StorageServer::listener(bind, storage_port).await {
            Ok(listener) => StorageServer::start(listener, store, options, shutdown),
            Err(error) => Err(error),
        };
        match server {
            Ok(server) => {
                info!("storage is served at {}", server.url());
                (storage, Some(server))
            }
            Err(error) => {
                warn!("storage is kept, but not served to other programs on port {storage_port}: {error}");
                (storage, None)
            }
        }
    }

    /// The storage for one stream in a pipe: a server elsewhere, or a folder that was named; several processes of a
    /// pipe could not share the folder of the home.
    pub(super) async fn for_pipe(self) -> Arc<dyn Storage> {
        if let Some(storage) = self.elsewhere().await {
            return storage;
        }
        match (&self.database_dir, &self.storage_dir) {
            (None, None) => Arc::new(NoStorage),
            _ => match self.open().await {
                Some(store) => Arc::new(LocalStorage(store)),
                None => Arc::new(NoStorage),
            },
        }
    }

    async fn elsewhere(&self) -> Option<Arc<dyn Storage>> {
        if self.disable_storage {
            return Some(Arc::new(NoStorage));
        }
        let url = self.storage_address.as_ref()?;
        let url = if url.contains("://") {
            url.clone()
        } else {
            format!("http://{url}")
        };
        let storage = RemoteStorage::new(&url, Duration::from_secs(self.storage_timeout));
        let checked = storage.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || checked.check()).await {
            warn!("{error}; it is asked again when it is needed");
        }
        Some(Arc::new(storage))
    }

    async fn open(self) -> Option<Arc<BlobStore>> {
        #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
        let home = std::env::var("HOME")
            .map(PathBuf::from)
            .unwrap_or_else(|_| PathBuf::from("."));
        let home = home.join(".gadgetron/storage");
        let folders = Folders {
            database: self.database_dir.unwrap_or_else(|| home.join("database")),
            blobs: self.storage_dir.unwrap_or_else(|| home.join("data")),
        };
        let limits = StoreLimits {
            blob_bytes: mebibytes(self.blob_mebibytes),
            total_bytes: mebibytes(self.storage_gibibytes.saturating_mul(1024)),
            blobs: self.storage_blobs,
        };
        let opening = folders.clone();
        let opened = tokio::task::spawn_blocking(move || BlobStore::open(&opening, limits)).await;
        let problem = match opened {
            Ok(Ok(store)) => return Some(Arc::new(store)),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        warn!(
            "no storage in {}: {problem}. Another server may use it: give this one folders of its own (-D, -S), or the \
             other's storage (-E http://localhost:PORT). Until then noise measurements are not kept",
            folders.database.display()
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        storage: StorageArguments,
    }

    #[test]
    fn disable_storage_takes_the_original_s_words_for_yes_and_no() {
        let disabled = |options: &str| {
            let line = Line::try_parse_from(format!("gadgetron {options}").split_whitespace());
            line.map(|line| line.storage.disable_storage)
                .map_err(|error| error.to_string())
        };
        assert_eq!((disabled(""), disabled("-d")), (Ok(false), Ok(true)));
        for (yes, no) in [
            ("true", "false"),
            ("1", "0"),
            ("yes", "no"),
            ("on", "off"),
            ("TRUE", "No"),
        ] {
            assert_eq!(disabled(&format!("-d {yes}")), Ok(true), "{yes}");
            assert_eq!(disabled(&format!("--disable_storage={no}")), Ok(false), "{no}");
        }
        assert!(disabled("-d maybe").is_err());
    }
}
