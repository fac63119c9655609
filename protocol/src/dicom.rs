//! A DICOM file with its name and attributes: message 1018.

use crate::Meta;

/// A whole DICOM file, as the server sends it to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dicom {
    /// The bytes of the file.
    pub file: Vec<u8>,
    /// Its name, empty where the sender leaves that to the receiver.
    pub name: String,
    /// Meta attributes.
    pub meta: Option<Meta>,
}

impl Dicom {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.file.len() + self.name.len()
    }
}
