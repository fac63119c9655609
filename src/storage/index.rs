//! The index of a store: tables in a redb file, changed together or not at all.

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::{Blob, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// Sequence number, which ascends with every blob, to metadata as JSON.
pub(super) const BLOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("blobs");
/// Subject and sequence number, for searches.
pub(super) const SUBJECTS: TableDefinition<(&str, u64), ()> = TableDefinition::new("subjects");
/// ID to sequence number.
pub(super) const IDS: TableDefinition<u128, u64> = TableDefinition::new("ids");
/// Time of expiry and sequence number, the next to go first.
pub(super) const EXPIRIES: TableDefinition<(i64, u64), ()> = TableDefinition::new("expiries");
/// `next`: the next sequence number.
pub(super) const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");

/// redb has an error type for each kind of operation; they all convert to one.
pub(super) fn index<T, E: Into<redb::Error>>(result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|error| StoreError::Index(error.into()))
}

/// Enters a blob.
pub(super) fn insert(transaction: &WriteTransaction, blob: &Blob) -> Result<()> {
    let mut counters = index(transaction.open_table(COUNTERS))?;
    let sequence = index(counters.get("next"))?.map_or(1, |next| next.value());
    index(counters.insert("next", sequence.saturating_add(1)))?;
    let json = serde_json::to_vec(blob)?;
    index(index(transaction.open_table(BLOBS))?.insert(sequence, json.as_slice()))?;
    index(index(transaction.open_table(IDS))?.insert(blob.id.as_u128(), sequence))?;
    index(index(transaction.open_table(SUBJECTS))?.insert((blob.subject.as_str(), sequence), ()))?;
    if let Some(expires) = blob.expires {
        index(index(transaction.open_table(EXPIRIES))?.insert((expires, sequence), ()))?;
    }
    Ok(())
}

/// Removes the entries of what has expired at `now`, in microseconds since 1970.
pub(super) fn remove_expired(transaction: &WriteTransaction, now: i64) -> Result<Vec<Blob>> {
    let mut expiries = index(transaction.open_table(EXPIRIES))?;
    let mut blobs = index(transaction.open_table(BLOBS))?;
    let mut ids = index(transaction.open_table(IDS))?;
    let mut subjects = index(transaction.open_table(SUBJECTS))?;
    let mut removed = Vec::new();
    loop {
        let first = index(expiries.first())?.map(|(key, _)| key.value());
        let Some(expires) = first.filter(|(time, _)| *time <= now) else {
            return Ok(removed);
        };
        index(expiries.remove(expires))?;
        let (_, sequence) = expires;
        let Some(json) = index(blobs.remove(sequence))?.map(|bytes| bytes.value().to_vec()) else {
            continue;
        };
        let blob: Blob = serde_json::from_slice(&json)?;
        index(ids.remove(blob.id.as_u128()))?;
        index(subjects.remove((blob.subject.as_str(), sequence)))?;
        removed.push(blob);
    }
}
