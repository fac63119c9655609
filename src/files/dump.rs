//! Raw data files for gadgets that keep what passes through them.

use std::path::Path;

use engine::BoxError;
use gadgets::context::{Dump, DumpFiles};
use protocol::{Acquisition, IsmrmrdHeader, Waveform};

use super::{RAW_DATA_GROUP, RawDataWriter};

/// Dumps raw data into ISMRMRD files, group `dataset`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hdf5DumpFiles;

impl DumpFiles for Hdf5DumpFiles {
    fn create(&self, path: &Path, header: &IsmrmrdHeader) -> Result<Box<dyn Dump>, BoxError> {
        let writer = RawDataWriter::create_or_append(path, RAW_DATA_GROUP, &header.to_xml())?;
        Ok(Box::new(writer))
    }
}

impl Dump for RawDataWriter {
    fn acquisition(&mut self, acquisition: &Acquisition) -> Result<(), BoxError> {
        Ok(RawDataWriter::acquisition(self, acquisition)?)
    }

    fn waveform(&mut self, waveform: &Waveform) -> Result<(), BoxError> {
        Ok(RawDataWriter::waveform(self, waveform)?)
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(RawDataWriter::finish(*self)?)
    }
}
