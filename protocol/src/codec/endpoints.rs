//! The readers and writers of one stream: what a configuration lists, looked up in the table.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;

use super::{AcquisitionCodec, Codecs, ErasedCodec, Precision, table::Entry};
use crate::{
    configuration::{Configuration, Endpoint, Position},
    error::EncodeError,
    message_id,
};

/// What is wrong with a reader or a writer of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {kind}")]
pub struct EndpointError {
    /// What.
    pub kind: EndpointErrorKind,
    /// Where it stands.
    pub position: Position,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointErrorKind {
    /// The class is not in the table.
    #[error("unknown {role} `{class}`; there are {}", .known.join(", "))]
    UnknownClass {
        /// `reader` or `writer`.
        role: &'static str,
        /// The class.
        class: String,
        /// The classes there are.
        known: Vec<String>,
    },
    /// Two readers for one message.
    #[error("reader `{class}` is for message {slot}, which another reader has already")]
    SlotTaken {
        /// The class.
        class: String,
        /// The message's number.
        slot: u16,
    },
}

/// The decoders of one stream, by message number.
#[derive(Clone, Default)]
pub struct Readers {
    by_id: Vec<(u16, Arc<dyn ErasedCodec>)>,
}

impl Readers {
    /// Readers for nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Readers for all of Gadgetron's own messages.
    pub fn standard() -> Self {
        Self::all(&Codecs::standard())
    }

    /// Readers for everything in the table.
    pub fn all(codecs: &Codecs) -> Self {
        let mut readers = Self::none();
        for entry in codecs.entries() {
            readers.insert(entry.id, entry);
        }
        readers
    }

    /// The readers that a configuration lists; a slot there overrides the number of the table.
    pub fn from_configuration(configuration: &Configuration, codecs: &Codecs) -> Result<Self, Vec<EndpointError>> {
        Self::from_endpoints(&configuration.readers, codecs)
    }

    /// The readers of a list, as distributed and external nodes have them. All that is wrong comes back.
    pub fn from_endpoints(endpoints: &[Endpoint], codecs: &Codecs) -> Result<Self, Vec<EndpointError>> {
        let mut readers = Self::none();
        let mut errors = Vec::new();
        for endpoint in endpoints {
            let class = endpoint.class.clone();
            let kind = match codecs.reader(&class) {
                Some(entry) => {
                    let slot = endpoint.slot.unwrap_or(entry.id);
                    match readers.insert(slot, entry) {
                        true => continue,
                        false => EndpointErrorKind::SlotTaken { class, slot },
                    }
                }
                None => unknown("reader", class, codecs, |entry| &entry.readers),
            };
            let position = endpoint.position;
            errors.push(EndpointError { kind, position });
        }
        if errors.is_empty() { Ok(readers) } else { Err(errors) }
    }

    /// Adds a reader; `false` when the number has another one.
    fn insert(&mut self, id: u16, entry: &Entry) -> bool {
        match self.by_id.binary_search_by_key(&id, |(known, _)| *known) {
            Ok(at) => Arc::ptr_eq(&self.by_id[at].1, &entry.codec),
            Err(at) => {
                self.by_id.insert(at, (id, entry.codec.clone()));
                true
            }
        }
    }

    /// The codec for a message.
    pub fn get(&self, id: u16) -> Option<&dyn ErasedCodec> {
        let at = self.by_id.binary_search_by_key(&id, |(known, _)| *known).ok()?;
        Some(&*self.by_id[at].1)
    }

    /// The numbers that have a reader, ascending.
    pub fn ids(&self) -> Vec<u16> {
        self.by_id.iter().map(|(id, _)| *id).collect()
    }
}

/// The encoders of one stream: the first that takes a value writes it.
#[derive(Clone, Default)]
pub struct Writers {
    in_order: Vec<(u16, Arc<dyn ErasedCodec>)>,
}

impl Writers {
    /// Writers for nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Writers for all of Gadgetron's own messages.
    pub fn standard() -> Self {
        Self::all(&Codecs::standard())
    }

    /// Writers for everything in the table.
    pub fn all(codecs: &Codecs) -> Self {
        let in_order = codecs
            .entries()
            .iter()
            .map(|entry| (entry.id, entry.codec.clone()))
            .collect();
        Self { in_order }
    }

    /// The writers that a configuration lists.
    pub fn from_configuration(configuration: &Configuration, codecs: &Codecs) -> Result<Self, Vec<EndpointError>> {
        Self::from_endpoints(&configuration.writers, codecs)
    }

    /// The writers of a list, as distributed and external nodes have them. All that is wrong comes back.
    pub fn from_endpoints(endpoints: &[Endpoint], codecs: &Codecs) -> Result<Self, Vec<EndpointError>> {
        let mut writers = Self::none();
        let mut errors = Vec::new();
        for endpoint in endpoints {
            match codecs.writer(&endpoint.class) {
                Some(entry) => writers.in_order.push((entry.id, entry.codec.clone())),
                None => errors.push(EndpointError {
                    kind: unknown("writer", endpoint.class.clone(), codecs, |entry| &entry.writers),
                    position: endpoint.position,
                }),
            }
        }
        if errors.is_empty() { Ok(writers) } else { Err(errors) }
    }

    /// The same writers, but readouts go out compressed.
    pub fn compressing(mut self, precision: Precision) -> Self {
        let codec = AcquisitionCodec {
            compression: Some(precision),
        };
        self.in_order.insert(0, (message_id::ACQUISITION, Arc::new(codec)));
        self
    }

    /// Whether a writer takes this value.
    pub fn accepts(&self, value: &dyn Any) -> bool {
        self.in_order.iter().any(|(_, codec)| codec.accepts(value))
    }

    /// What [`Self::encode`] would say where no writer takes this value.
    pub fn expect(&self, value: &dyn Any, type_name: &str) -> Result<(), EncodeError> {
        self.writer(value, type_name).map(|_| ())
    }

    /// Appends the whole message, number first. Where it fails, `out` is as it was.
    pub fn encode(&self, value: &dyn Any, type_name: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (id, codec) = self.writer(value, type_name)?;
        numbered(*id, out, |out| codec.encode(value, out))
    }

    /// Appends a message of which nobody needs the value any more; what is given follows what was appended. Where it
    /// fails, the value and `out` are as they were.
    pub fn encode_taking(&self, value: &mut dyn Any, type_name: &str, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        let (id, codec) = self.writer(value, type_name)?;
        numbered(*id, out, |out| codec.encode_taking(value, out))
    }

    fn writer(&self, value: &dyn Any, type_name: &str) -> Result<&(u16, Arc<dyn ErasedCodec>), EncodeError> {
        let writer = self.in_order.iter().find(|(_, codec)| codec.accepts(value));
        writer.ok_or_else(|| EncodeError::NoWriter {
            type_name: type_name.to_owned(),
            known: self.in_order.iter().map(|(_, codec)| codec.type_name()).collect(),
        })
    }
}

/// Appends a message's number and what `body` appends, or nothing.
fn numbered<R>(
    id: u16,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<R, EncodeError>,
) -> Result<R, EncodeError> {
    let start = out.len();
    out.extend_from_slice(&id.to_le_bytes());
    body(out).inspect_err(|_| out.truncate(start))
}

fn unknown(
    role: &'static str,
    class: String,
    codecs: &Codecs,
    names: impl Fn(&Entry) -> &Vec<String>,
) -> EndpointErrorKind {
    EndpointErrorKind::UnknownClass {
        role,
        class,
        known: codecs.entries().iter().flat_map(|entry| names(entry).clone()).collect(),
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.by_id.iter().map(|(id, codec)| (id, codec.type_name()));
        formatter.debug_map().entries(entries).finish()
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.in_order.iter().map(|(id, codec)| (id, codec.type_name()));
        formatter.debug_map().entries(entries).finish()
    }
}
