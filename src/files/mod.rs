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
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Bounds on files (ours)")]
pub struct ReadLimits {
    /// Bytes of one chunk of a table after decompression (default 64 MiB).
    #[arg(help = "Mebibytes of one chunk of a table after decompression", long = "file-chunk-mebibytes", value_name = "MIB", default_value = "64", value_parser = mebibytes)]
    pub chunk_bytes: usize,
    /// Bytes of the XML header (default 64 MiB).
    #[arg(help = "Mebibytes of the XML header", long = "file-header-mebibytes", value_name = "MIB", default_value = "64", value_parser = mebibytes)]
    pub header_bytes: usize,
    /// Bytes of variable-length data kept at hand beside those of the current record (default 4 MiB).
    #[arg(help = "Mebibytes of variable-length data kept at hand beside those of the current record", long = "file-heap-mebibytes", value_name = "MIB", default_value = "4", value_parser = mebibytes)]
    pub heap_bytes: usize,
    /// Bytes of the pixels of one series of images after decompression (default 4 GiB); what the file could hold
    /// uncompressed is read in any case. No command reads images.
    #[arg(skip = Self::SERIES_BYTES)]
    pub series_bytes: usize,
}

impl ReadLimits {
    const SERIES_BYTES: usize = 4 << 30;
}

fn mebibytes(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|error| format!("{error}"))?;
    Ok(count.saturating_mul(1 << 20))
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            chunk_bytes: 64 << 20,
            header_bytes: 64 << 20,
            heap_bytes: 4 << 20,
            series_bytes: Self::SERIES_BYTES,
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
