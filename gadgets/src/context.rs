//! What a gadget is built with, beside its properties.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use engine::BoxError;
use protocol::{Acquisition, IsmrmrdHeader, Waveform};

/// What a gadget is built with, beside its properties.
#[derive(Clone)]
pub struct Context {
    /// The header of the measurement.
    pub header: Arc<IsmrmrdHeader>,
    /// Parameters from the command line (`--parameter name=value`).
    pub parameters: Arc<BTreeMap<String, String>>,
    /// Where measurements keep what later ones need.
    pub storage: Arc<dyn Storage>,
    /// Writes raw data to files.
    pub dumps: Arc<dyn DumpFiles>,
    /// Words for whoever measures.
    pub notices: Notices,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Context")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// A context with this header, no parameters, no storage and no dump files.
    pub fn new(header: IsmrmrdHeader) -> Self {
        Self {
            header: Arc::new(header),
            parameters: Arc::default(),
            storage: Arc::new(NoStorage),
            dumps: Arc::new(NoDumpFiles),
            notices: Notices::default(),
        }
    }
}

/// Words for whoever measures, told after the images: nothing failed, but something is worth a look. Clones share them.
///
/// ```
/// use gadgets::context::Notices;
///
/// let notices = Notices::default();
/// notices.clone().add("channel 3 is silent");
/// assert_eq!(notices.take(), ["channel 3 is silent"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    /// So many are kept; the last of them says that there were more.
    pub const MOST: usize = 32;

    /// Adds one; it is logged too, for those that nobody takes.
    pub fn add(&self, words: impl Into<String>) {
        let words = words.into();
        tracing::warn!("{words}");
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match notices.len() + 1 {
            count if count < Self::MOST => notices.push(words),
            Self::MOST => notices.push("there is more, see the log of the server".into()),
            _ => {}
        }
    }

    /// All of them, in the order they came; they are told only once.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where measurements keep what later ones need: named bytes of a measurement. Calls may block.
pub trait Storage: Send + Sync {
    /// Keeps `bytes` under `name` for the measurement `measurement_id` of `header`.
    fn store(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str, bytes: &[u8]) -> Result<(), BoxError>;
    /// The newest bytes under `name` of the measurement `measurement_id`; `None` when there are none.
    fn latest(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Result<Option<Vec<u8>>, BoxError>;
    /// The identifiers of the measurements of the subject of `header` that have bytes under `name`, sorted, each once.
    fn measurements(&self, header: &IsmrmrdHeader, name: &str) -> Result<Vec<String>, BoxError>;
}

/// Keeps nothing, finds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStorage;

impl Storage for NoStorage {
    fn store(&self, _: &IsmrmrdHeader, _: &str, _: &str, _: &[u8]) -> Result<(), BoxError> {
        Ok(())
    }

    fn latest(&self, _: &IsmrmrdHeader, _: &str, _: &str) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(None)
    }

    fn measurements(&self, _: &IsmrmrdHeader, _: &str) -> Result<Vec<String>, BoxError> {
        Ok(Vec::new())
    }
}

/// Makes the files that raw data are dumped into. File formats are not this crate's business.
pub trait DumpFiles: Send + Sync {
    /// Creates the file at `path` (its folder exists), or opens it to append, and writes the header. May block.
    fn create(&self, path: &Path, header: &IsmrmrdHeader) -> Result<Box<dyn Dump>, BoxError>;
}

/// A file that raw data are dumped into, in the order they come. Calls may block.
pub trait Dump: Send {
    /// Appends a readout.
    fn acquisition(&mut self, acquisition: &Acquisition) -> Result<(), BoxError>;
    /// Appends a waveform.
    fn waveform(&mut self, waveform: &Waveform) -> Result<(), BoxError>;
    /// Completes the file. A dump that is dropped instead may leave the file incomplete.
    fn finish(self: Box<Self>) -> Result<(), BoxError>;
}

/// Makes no files: an error for whoever wants one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDumpFiles;

impl DumpFiles for NoDumpFiles {
    fn create(&self, _: &Path, _: &IsmrmrdHeader) -> Result<Box<dyn Dump>, BoxError> {
        Err("this program writes no dump files".into())
    }
}
