//! What a gadget is built with, beside its properties.

use std::{collections::BTreeMap, sync::Arc};

use engine::BoxError;
use protocol::IsmrmrdHeader;

/// What a gadget is built with, beside its properties.
#[derive(Clone)]
pub struct Context {
    /// The header of the measurement.
    pub header: Arc<IsmrmrdHeader>,
    /// Parameters from the command line (`--parameter name=value`).
    pub parameters: Arc<BTreeMap<String, String>>,
    /// Where measurements keep what later ones need.
    pub storage: Arc<dyn Storage>,
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
    /// A context with this header, no parameters and no storage.
    pub fn new(header: IsmrmrdHeader) -> Self {
        Self {
            header: Arc::new(header),
            parameters: Arc::default(),
            storage: Arc::new(NoStorage),
        }
    }
}

/// Where measurements keep what later ones need: named bytes of a measurement. Calls may block.
pub trait Storage: Send + Sync {
    /// Keeps `bytes` under `name` for the measurement `measurement_id` of `header`.
    fn store(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str, bytes: &[u8]) -> Result<(), BoxError>;
    /// The newest bytes under `name` of the measurement `measurement_id`; `None` when there are none.
    fn latest(&self, header: &IsmrmrdHeader, measurement_id: &str, name: &str) -> Result<Option<Vec<u8>>, BoxError>;
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
}
