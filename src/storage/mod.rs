//! Storage between measurements: noise covariances today, whatever a gadget wants to find again tomorrow.
//!
//! The original keeps such blobs in a server of its own, the MRD storage server. The same interface
//! (`/v1/blobs/...`, tags, time to live, health check) is built in here:
//!
//! - [`BlobStore`] keeps blobs in a folder: the index in a [redb] file, the bytes in one file per blob. redb is
//!   pure Rust, one file, and its transactions survive a crash at any moment; blobs stay outside of it so that a large
//!   one is streamed and never lies in memory as a whole.
//! - [`StorageServer`] serves a store over HTTP, so that other programs can use it.
//! - [`LocalStorage`] and [`RemoteStorage`] are what gadgets see ([`gadgets::context::Storage`]): the store of this
//!   process, or a storage server elsewhere (`-E URL`).
//!
//! A blob appears when its bytes are on the disk and its entry is committed, both or neither: whoever looks, also after
//! a crash, finds the old value or the new one.

mod api;
mod client;
mod index;
mod measurement;
mod metadata;
mod query;
mod server;
mod store;
#[cfg(test)]
mod tests;

pub use client::{ClientError, LocalStorage, RemoteStorage};
pub use metadata::Blob;
pub use query::{Search, Tags};
pub use server::{StorageServer, StorageServerOptions};
pub use store::{BlobStore, Clock, Folders, Page, StoreError, StoreLimits, Upload};

/// How long gadgets' blobs are kept, as in the original.
pub const TIME_TO_LIVE: std::time::Duration = std::time::Duration::from_secs(48 * 60 * 60);
