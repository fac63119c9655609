//! Blobs in a folder: the index in a redb file, the bytes in one file each.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::{
    Blob, Search, Tags,
    index::{BLOBS, COUNTERS, EXPIRIES, IDS, SUBJECTS, index, insert, remove_expired},
};

/// Where a store keeps its files.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The index, `metadata.redb`.
    pub database: PathBuf,
    /// The blobs' bytes.
    pub blobs: PathBuf,
}

impl Folders {
    /// Both below one folder.
    pub fn in_one(folder: impl AsRef<Path>) -> Self {
        Self {
            database: folder.as_ref().to_owned(),
            blobs: folder.as_ref().join("blobs"),
        }
    }
}

/// How much a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of one blob; default 256 MiB.
    pub blob_bytes: u64,
    /// Bytes of all blobs; default 20 GiB.
    pub total_bytes: u64,
    /// Number of blobs; default 100,000.
    pub blobs: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            blob_bytes: 256 << 20,
            total_bytes: 20 << 30,
            blobs: 100_000,
        }
    }
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why a store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// One blob is too large.
    #[error("the blob has more than {limit} bytes, the limit")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The store is full.
    #[error("the store is full: its limits are {bytes} bytes and {blobs} blobs")]
    Full {
        /// The limit of bytes.
        bytes: u64,
        /// The limit of blobs.
        blobs: u64,
    },
    /// Another process has it.
    #[error("the store in {} is in use by another process; give each server a folder of its own", .0.display())]
    InUse(PathBuf),
    /// A file cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The index cannot be used.
    #[error("the index of the store: {0}")]
    Index(#[from] redb::Error),
    /// An entry of the index is damaged.
    #[error("an entry of the store's index is not readable: {0}")]
    Entry(#[from] serde_json::Error),
}

type Result<T> = std::result::Result<T, StoreError>;

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|source| StoreError::Io {
        path: path.to_owned(),
        source,
    })
}

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The blobs found, newest first.
    pub blobs: Vec<Blob>,
    /// Where to go on; `None` when this was all.
    pub continuation: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    bytes: u64,
    blobs: u64,
}

/// Blobs in a folder. Calls block on the disk.
pub struct BlobStore {
    database: Database,
    folder: PathBuf,
    limits: StoreLimits,
    clock: Clock,
    totals: Mutex<Totals>,
}

impl std::fmt::Debug for BlobStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BlobStore")
            .field("folder", &self.folder)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The bytes of a blob to be, in a file that is removed unless the blob is completed.
#[derive(Debug)]
pub struct Upload {
    file: NamedTempFile,
    size: u64,
    limit: u64,
}

impl Upload {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        let written = self.file.write_all(bytes);
        at(self.file.path(), written)
    }
}

impl BlobStore {
    /// Opens the store in these folders, which are made where they are missing. What a crash left behind is removed.
    pub fn open(folders: &Folders, limits: StoreLimits) -> Result<Self> {
        Self::open_with_clock(folders, limits, Arc::new(Timestamp::now))
    }

    /// Opens a store that asks `clock` for the time.
    pub fn open_with_clock(folders: &Folders, limits: StoreLimits, clock: Clock) -> Result<Self> {
        for folder in [&folders.database, &folders.blobs] {
            at(folder, fs::create_dir_all(folder))?;
        }
        let file = folders.database.join("metadata.redb");
        let database = match Database::create(&file) {
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse(folders.database.clone())),
            opened => index(opened)?,
        };
        let store = Self {
            database,
            folder: folders.blobs.clone(),
            limits,
            clock,
            totals: Mutex::default(),
        };
        store.recover()?;
        Ok(store)
    }

    /// Makes the tables, sums up what is there, and removes files without an entry.
    fn recover(&self) -> Result<()> {
        let transaction = index(self.database.begin_write())?;
        index(transaction.open_table(SUBJECTS))?;
        index(transaction.open_table(EXPIRIES))?;
        index(transaction.open_table(COUNTERS))?;
        let mut known = BTreeSet::new();
        for entry in index(index(transaction.open_table(IDS))?.iter())? {
            known.insert(Uuid::from_u128(index(entry)?.0.value()).to_string());
        }
        let mut totals = Totals::default();
        for entry in index(index(transaction.open_table(BLOBS))?.iter())? {
            let blob: Blob = serde_json::from_slice(index(entry)?.1.value())?;
            totals.bytes = totals.bytes.saturating_add(blob.size);
            totals.blobs += 1;
        }
        index(transaction.commit())?;
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
        for entry in at(&self.folder, fs::read_dir(&self.folder))? {
            let name = at(&self.folder, entry)?.file_name();
            let name = name.to_string_lossy();
            // Only names this store gives: the folder may be shared with other things.
            let ours = Uuid::try_parse(&name).is_ok() || name.starts_with(INCOMING);
            if ours && !known.contains(name.as_ref()) {
                let path = self.folder.join(name.as_ref());
                at(&path, fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// Now, by this store's clock.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Begins a blob.
    pub fn begin(&self) -> Result<Upload> {
        let file = tempfile::Builder::new().prefix(INCOMING).tempfile_in(&self.folder);
        Ok(Upload {
            file: at(&self.folder, file)?,
            size: 0,
            limit: self.limits.blob_bytes,
        })
    }

    /// Makes the blob visible; from here on it survives a crash.
    pub fn complete(&self, upload: Upload, tags: Tags) -> Result<Blob> {
        let now = self.now();
        let blob = Blob {
            id: Uuid::new_v4(),
            subject: tags.subject,
            tags: tags.tags,
            content_type: tags.content_type,
            created: now.as_microsecond(),
            expires: tags.time_to_live.map(|time| {
                let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
                now.as_microsecond().saturating_add(time)
            }),
            size: upload.size,
        };
        self.sweep()?;
        let path = self.folder.join(blob.id.to_string());
        at(&path, upload.file.as_file().sync_all())?;
        at(&path, upload.file.persist(&path).map_err(|error| error.error).map(drop))?;
        let entered = self.enter(&blob, &path);
        if entered.is_err() {
            // The file would be removed at the next start anyway.
            let _ = fs::remove_file(&path);
        }
        entered.map(|()| blob)
    }

    /// Writes the entry of a blob whose file is in place.
    fn enter(&self, blob: &Blob, path: &Path) -> Result<()> {
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        at(path, folder)?;
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = totals.bytes.saturating_add(blob.size);
        if bytes > self.limits.total_bytes || totals.blobs >= self.limits.blobs {
            return Err(StoreError::Full {
                bytes: self.limits.total_bytes,
                blobs: self.limits.blobs,
            });
        }
        let transaction = index(self.database.begin_write())?;
        insert(&transaction, blob)?;
        index(transaction.commit())?;
        totals.bytes = bytes;
        totals.blobs += 1;
        Ok(())
    }

    /// Stores a whole blob.
    pub fn store(&self, tags: Tags, bytes: &[u8]) -> Result<Blob> {
        let mut upload = self.begin()?;
        upload.write(bytes)?;
        self.complete(upload, tags)
    }

    /// The blobs that match, newest first.
    pub fn search(&self, search: &Search) -> Result<Page> {
        let now = self.now();
        let transaction = index(self.database.begin_read())?;
        let subjects = index(transaction.open_table(SUBJECTS))?;
        let blobs = index(transaction.open_table(BLOBS))?;
        let subject = search.subject.as_str();
        let range = (subject, 0)..(subject, search.continuation.unwrap_or(u64::MAX));
        let mut page = Page {
            blobs: Vec::new(),
            continuation: None,
        };
        let mut last = 0;
        for entry in index(subjects.range(range))?.rev() {
            let (_, sequence) = index(entry)?.0.value();
            let Some(bytes) = index(blobs.get(sequence))? else {
                continue;
            };
            let blob: Blob = serde_json::from_slice(bytes.value())?;
            if blob.expired(now) || !matches(&blob, search) {
                continue;
            }
            if page.blobs.len() == search.limit {
                page.continuation = Some(last);
                break;
            }
            last = sequence;
            page.blobs.push(blob);
        }
        Ok(page)
    }

    /// The blob of this ID and subject.
    pub fn get(&self, id: Uuid, subject: &str) -> Result<Option<Blob>> {
        let transaction = index(self.database.begin_read())?;
        let Some(sequence) = index(index(transaction.open_table(IDS))?.get(id.as_u128()))? else {
            return Ok(None);
        };
        let Some(bytes) = index(index(transaction.open_table(BLOBS))?.get(sequence.value()))? else {
            return Ok(None);
        };
        let blob: Blob = serde_json::from_slice(bytes.value())?;
        Ok((blob.subject == subject && !blob.expired(self.now())).then_some(blob))
    }

    /// The bytes of a blob; `None` where it has expired meanwhile.
    pub fn data(&self, blob: &Blob) -> Result<Option<File>> {
        let path = self.folder.join(blob.id.to_string());
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => at(&path, opened).map(Some),
        }
    }

    /// Removes what has expired; says how many.
    pub fn sweep(&self) -> Result<usize> {
        let now = self.now().as_microsecond();
        let expired = |transaction: &redb::ReadTransaction| -> Result<bool> {
            let expiries = index(transaction.open_table(EXPIRIES))?;
            let first = index(expiries.first())?;
            Ok(first.is_some_and(|(key, _)| key.value().0 <= now))
        };
        // Looking first spares a write, which waits for the disk, when there is nothing to do.
        if !index(self.database.begin_read()).and_then(|transaction| expired(&transaction))? {
            return Ok(0);
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = index(self.database.begin_write())?;
        let removed = remove_expired(&transaction, now)?;
        index(transaction.commit())?;
        for blob in &removed {
            totals.bytes = totals.bytes.saturating_sub(blob.size);
            totals.blobs = totals.blobs.saturating_sub(1);
            // A file that stays is removed at the next start.
            let _ = fs::remove_file(self.folder.join(blob.id.to_string()));
        }
        Ok(removed.len())
    }

    /// Whether index and folder can be used.
    pub fn check(&self) -> Result<()> {
        let transaction = index(self.database.begin_read())?;
        index(index(transaction.open_table(BLOBS))?.len())?;
        at(&self.folder, fs::metadata(&self.folder)).map(drop)
    }
}

/// How files begin whose blob is not complete.
const INCOMING: &str = ".incoming-";

/// Whether all values asked for are there.
fn matches(blob: &Blob, search: &Search) -> bool {
    let in_time = search.at.is_none_or(|at| blob.created <= at.as_microsecond());
    in_time
        && search.tags.iter().all(|(name, wanted)| {
            let values = blob.tags.get(name).map_or(&[][..], Vec::as_slice);
            wanted.iter().all(|value| values.contains(value))
        })
}
