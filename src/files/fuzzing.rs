//! The body of the fuzz target for files: see `docs/fuzzing.md`.

use super::{ImageReader, RAW_DATA_GROUP, RawDataFile, ReadLimits, ScannerData};

/// More than any seed needs, and little enough that one file does not take the fuzzer's whole time.
const LIMITS: ReadLimits = ReadLimits {
    chunk_bytes: 1 << 20,
    header_bytes: 1 << 20,
    heap_bytes: 1 << 16,
    series_bytes: 1 << 20,
};
/// Items of one file that are looked at.
const ITEMS: usize = 1024;

/// A file that holds anything, read as raw data and as images: an error or values whose parts fit each other; reading
/// again gives the same.
pub fn hdf5(bytes: &[u8]) {
    let items = raw_data(bytes);
    assert!(items == raw_data(bytes), "another outcome the second time");
    images(bytes);
}

/// What is read, written down: values, then the error.
fn raw_data(bytes: &[u8]) -> Vec<String> {
    let file = match RawDataFile::from_bytes(bytes.to_vec(), RAW_DATA_GROUP, LIMITS) {
        Ok(file) => file,
        Err(error) => return vec![error.to_string()],
    };
    assert!(file.header_xml().len() <= 2 * LIMITS.header_bytes);
    let announced = file.acquisition_count().saturating_add(file.waveform_count());
    let mut read = Vec::new();
    for item in file.items().take(ITEMS) {
        read.push(match item {
            Ok(ScannerData::Acquisition(readout)) => {
                let header = readout.header;
                let shape = (header.active_channels.into(), header.number_of_samples.into());
                assert_eq!(readout.data.dim(), shape);
                let points = readout.trajectory.as_ref().map_or(0, |points| points.ncols());
                assert_eq!(points, usize::from(header.trajectory_dimensions));
                format!("{header:?} {:?}", readout.data.first())
            }
            Ok(ScannerData::Waveform(waveform)) => {
                let header = waveform.header;
                let shape = (header.channels.into(), header.number_of_samples.into());
                assert_eq!(waveform.data.dim(), shape);
                format!("{header:?} {:?}", waveform.data.first())
            }
            Err(error) => error.to_string(),
        });
    }
    assert!(read.len() as u64 <= announced.saturating_add(1), "more than announced");
    read
}

fn images(bytes: &[u8]) {
    let Ok(file) = ImageReader::from_bytes(bytes.to_vec(), LIMITS) else {
        return;
    };
    for group in file.groups().unwrap_or_default().iter().take(8) {
        for series in file.series(group).unwrap_or_default() {
            assert!(series.name.starts_with("image"));
        }
    }
}
