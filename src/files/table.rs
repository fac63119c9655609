//! A dataset of fixed-size records, read row by row.

use hdf5_reader::{Dataset, DatasetChunk, DatasetChunkIterator};

use super::Problem;

/// No filter of HDF5 makes data more than this many times smaller (deflate's bound), so a table that claims more
/// records than this many times the file's size holds is damaged.
const MOST_COMPRESSION: u64 = 1032;

/// A dataset of records.
pub(super) struct Table {
    dataset: Dataset,
    name: String,
    rows: u64,
    row_bytes: usize,
}

impl Table {
    /// Checks that `dataset` is a list of records, and that the file could hold as many as it claims.
    pub(super) fn new(dataset: Dataset, name: &str, file_bytes: u64) -> Result<Self, Problem> {
        let row_bytes = dataset
            .raw_element_size()
            .map_err(|error| Problem::damaged(name, error))?;
        let [rows] = *dataset.shape() else {
            return Err(Problem::damaged(
                name,
                format!("it has {} dimensions instead of 1", dataset.ndim()),
            ));
        };
        let most = file_bytes.saturating_mul(MOST_COMPRESSION);
        if row_bytes == 0 || rows.checked_mul(row_bytes as u64).is_none_or(|bytes| bytes > most) {
            return Err(Problem::damaged(
                name,
                format!("{rows} records of {row_bytes} bytes do not fit in a file of {file_bytes} bytes"),
            ));
        }
        Ok(Self {
            dataset,
            name: name.to_owned(),
            rows,
            row_bytes,
        })
    }

    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// How many records it says it has.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads from the first record on.
    pub(super) fn read(&self) -> Result<Rows, Problem> {
        let damaged = |error: hdf5_reader::error::Error| Problem::damaged(&self.name, error);
        let source = match self.dataset.chunks() {
            Some(_) => Source::Chunks(Box::new(self.dataset.iter_chunks().map_err(damaged)?), None),
            None => Source::Whole(self.dataset.read_raw_bytes().map_err(damaged)?),
        };
        Ok(Rows {
            source,
            next: 0,
            rows: self.rows,
            row_bytes: self.row_bytes,
            name: self.name.clone(),
        })
    }
}

enum Source {
    /// One chunk at a time.
    Chunks(Box<DatasetChunkIterator>, Option<DatasetChunk>),
    /// Without chunks the fixed part of all records is contiguous, and small beside the samples.
    Whole(Vec<u8>),
}

/// The records of a table, one after the other.
pub(super) struct Rows {
    source: Source,
    next: u64,
    rows: u64,
    row_bytes: usize,
    name: String,
}

impl Rows {
    /// Where the last row was, for messages.
    pub(super) fn place(&self) -> String {
        format!("{} record {}", self.name, self.next.saturating_sub(1))
    }

    /// The next record's bytes, as many as the record type says; `None` after the last.
    pub(super) fn next_row(&mut self) -> Result<Option<&[u8]>, Problem> {
        if self.next == self.rows {
            return Ok(None);
        }
        let row = self.next;
        self.next += 1;
        let start = match &mut self.source {
            Source::Whole(_) => 0,
            Source::Chunks(chunks, current) => loop {
                // Chunks must come in order and without gaps: libhdf5 would read a gap as zeros, which are no readouts.
                match current.as_ref().map(|chunk| (chunk_start(chunk), chunk_rows(chunk))) {
                    Some((start, rows)) if row >= start && row - start < rows => break start,
                    Some((start, _)) if start > row => {
                        return Err(Problem::damaged(&self.name, format!("record {row} is missing")));
                    }
                    _ => {}
                }
                *current = match chunks.next() {
                    Some(chunk) => Some(chunk.map_err(|error| Problem::damaged(&self.name, error))?),
                    None => return Err(Problem::damaged(&self.name, format!("record {row} is missing"))),
                };
            },
        };
        let bytes = match &self.source {
            Source::Whole(bytes) => bytes.as_slice(),
            Source::Chunks(_, current) => current.as_ref().map_or(&[][..], DatasetChunk::bytes),
        };
        usize::try_from(row - start)
            .ok()
            .and_then(|index| index.checked_mul(self.row_bytes))
            .and_then(|from| bytes.get(from..from.checked_add(self.row_bytes)?))
            .map(Some)
            .ok_or_else(|| Problem::damaged(&self.name, format!("record {row} is missing")))
    }
}

fn chunk_start(chunk: &DatasetChunk) -> u64 {
    chunk.offsets().first().copied().unwrap_or(0)
}

fn chunk_rows(chunk: &DatasetChunk) -> u64 {
    chunk.shape().first().copied().unwrap_or(0)
}
