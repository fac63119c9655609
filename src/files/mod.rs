//! ISMRMRD files (HDF5): raw data in and out, images out and in.
//!
//! Reading is pure Rust (`hdf5-reader`) over positioned reads: no memory map, no lock, any number of readers at a time,
//! and a damaged file is an error where libhdf5 1.10 crashes. Records are read one after the other; memory does not
//! grow with the file. Writing goes through libhdf5 (`hdf5-metno`), the only library that writes records with members
//! of variable length; the crate holds one lock around every call.
//!
//! A raw data file has a group (usually `dataset`) with `xml` (the header), `data` (readouts) and perhaps `waveforms`.
//! An image file has a group for each run and in it `image_<series>/{data, header, attributes}`.

mod dump;
mod error;
pub mod fuzzing;
mod heap;
mod image_reader;
mod image_writer;
mod layout;
mod raw_reader;
mod raw_writer;
mod records;
mod table;

pub use dump::Hdf5DumpFiles;
pub use error::{FileError, Problem};
pub use gadgets::flow::ScannerData;
pub use image_reader::{ImageReader, ImageSeries};
pub use image_writer::ImageFile;
pub use raw_reader::{RawDataFile, RawItems};
pub use raw_writer::RawDataWriter;

/// The group raw data usually is in.
pub const RAW_DATA_GROUP: &str = "dataset";

/// Limits for reading files that may be damaged or hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of one chunk of a table after decompression (default 64 MiB).
    pub chunk_bytes: usize,
    /// Bytes of the XML header (default 64 MiB).
    pub header_bytes: usize,
    /// Bytes of variable-length data kept at hand beside those of the current record (default 4 MiB).
    pub heap_bytes: usize,
    /// Bytes of the pixels of one series of images after decompression (default 4 GiB); what the file could hold
    /// uncompressed is read in any case.
    pub series_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            chunk_bytes: 64 << 20,
            header_bytes: 64 << 20,
            heap_bytes: 4 << 20,
            series_bytes: 4 << 30,
        }
    }
}

/// The path of a group inside a file without leading, doubled and trailing slashes.
fn group_path(group: &str) -> String {
    group
        .split('/')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests;
