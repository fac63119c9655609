//! The one table: message number, codec, and the class names that configurations of both generations use.

use std::{any::Any, fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    AcquisitionBucketCodec, AcquisitionCodec, DependencyQueryCodec, DicomCodec, ErasedCodec, ImageArrayCodec,
    ImageCodec, Readers, ReconDataCodec, SerdeCodec, TextCodec, WaveformCodec, Writers,
};
use crate::message_id;

/// All codecs, the standard ones and users' own.
///
/// ```
/// use protocol::codec::Codecs;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Shim { currents: Vec<f32> }
///
/// let mut codecs = Codecs::standard();
/// codecs.register_serde::<Shim>(2001, "Shim")?; // configurations say ShimReader and ShimWriter
/// # Ok::<(), protocol::codec::RegistrationError>(())
/// ```
#[derive(Clone)]
pub struct Codecs {
    entries: Vec<Entry>,
}

/// One line of the table.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: u16,
    pub(super) readers: Vec<String>,
    pub(super) writers: Vec<String>,
    pub(super) codec: Arc<dyn ErasedCodec>,
}

/// Why a codec cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Numbers below 1000 are the protocol's own.
    #[error("message {0} is reserved: numbers of data begin at 1000")]
    Reserved(u16),
    /// The number has a codec already.
    #[error("message {0} has a codec already")]
    NumberTaken(u16),
    /// The class name is in the table already.
    #[error("the class `{0}` is registered already")]
    ClassTaken(String),
}

impl Codecs {
    /// Gadgetron's own messages, under the class names of legacy and of version 2 configurations.
    pub fn standard() -> Self {
        let mut table = Self { entries: Vec::new() };
        table.add(
            message_id::ACQUISITION,
            &["AcquisitionReader", "GadgetIsmrmrdAcquisitionMessageReader"],
            &["AcquisitionWriter", "GadgetIsmrmrdAcquisitionMessageWriter"],
            AcquisitionCodec::default(),
        );
        table.add(
            message_id::WAVEFORM,
            &["WaveformReader", "GadgetIsmrmrdWaveformMessageReader"],
            &["WaveformWriter", "GadgetIsmrmrdWaveformMessageWriter"],
            WaveformCodec,
        );
        table.add(
            message_id::IMAGE,
            &["ImageReader", "MRIImageReader"],
            &["ImageWriter", "MRIImageWriter"],
            ImageCodec,
        );
        table.add(
            message_id::RECON_DATA,
            &["BufferReader"],
            &["BufferWriter"],
            ReconDataCodec,
        );
        table.add(
            message_id::IMAGE_ARRAY,
            &["IsmrmrdImageArrayReader"],
            &["IsmrmrdImageArrayWriter"],
            ImageArrayCodec,
        );
        table.add(
            message_id::BUCKET,
            &["AcquisitionBucketReader"],
            &["AcquisitionBucketWriter"],
            AcquisitionBucketCodec,
        );
        // The original has writers only; its clients read these two.
        table.add(
            message_id::DICOM,
            &["DicomImageReader"],
            &["DicomImageWriter"],
            DicomCodec,
        );
        table.add(
            message_id::DEPENDENCY_QUERY,
            &["DependencyQueryReader"],
            &["DependencyQueryWriter"],
            DependencyQueryCodec,
        );
        table.add(message_id::TEXT, &["TextReader"], &["TextWriter"], TextCodec);
        table
    }

    fn add(&mut self, id: u16, readers: &[&str], writers: &[&str], codec: impl ErasedCodec + 'static) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.entries.push(Entry {
            id,
            readers: owned(readers),
            writers: owned(writers),
            codec: Arc::new(codec),
        });
    }

    /// Adds a codec with a number of your choice, from 1000 on, and the class names for configurations.
    pub fn register(
        &mut self,
        id: u16,
        readers: &[&str],
        writers: &[&str],
        codec: impl ErasedCodec + 'static,
    ) -> Result<&mut Self, RegistrationError> {
        if id < message_id::FIRST_DATA {
            return Err(RegistrationError::Reserved(id));
        }
        if self.entries.iter().any(|entry| entry.id == id) {
            return Err(RegistrationError::NumberTaken(id));
        }
        let taken = |name: &&&str| self.reader(name).is_some() || self.writer(name).is_some();
        if let Some(name) = readers.iter().chain(writers).find(taken) {
            return Err(RegistrationError::ClassTaken((*name).to_owned()));
        }
        self.add(id, readers, writers, codec);
        Ok(self)
    }

    /// Adds a type that `serde` knows, in bincode's layout (see [`SerdeCodec`]), as the classes `<name>Reader` and
    /// `<name>Writer`.
    pub fn register_serde<T>(&mut self, id: u16, name: &str) -> Result<&mut Self, RegistrationError>
    where
        T: Serialize + DeserializeOwned + Any + Send,
    {
        let (reader, writer) = (format!("{name}Reader"), format!("{name}Writer"));
        self.register(id, &[&reader], &[&writer], SerdeCodec::<T>::new())
    }

    /// Readers for everything in the table.
    pub fn readers(&self) -> Readers {
        Readers::all(self)
    }

    /// Writers for everything in the table.
    pub fn writers(&self) -> Writers {
        Writers::all(self)
    }

    /// Number and codec of a reader's class.
    pub(super) fn reader(&self, class: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.readers.iter().any(|name| name == class))
    }

    /// Number and codec of a writer's class.
    pub(super) fn writer(&self, class: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.writers.iter().any(|name| name == class))
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Default for Codecs {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.entries.iter().map(|entry| (entry.id, entry.codec.type_name()));
        formatter.debug_map().entries(lines).finish()
    }
}
