//! Where that which comes back goes.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use engine::Message;
use gadgets::Flow;
use protocol::{AnyImage, DependencyQuery, Dicom, codec::Payload};

use super::ClientError;
use crate::files::ImageFile;

/// Takes what comes back. Its methods may block.
pub trait Output: Send + 'static {
    /// Takes a message; `false` where there is no place for its kind.
    fn message(&mut self, payload: Payload) -> Result<bool, ClientError>;
    /// Takes words of the server for people.
    fn words(&mut self, words: &str);
    /// Takes the answer to a question.
    fn answer(&mut self, text: &str) -> Result<(), ClientError>;
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Output for Discard {
    fn message(&mut self, _: Payload) -> Result<bool, ClientError> {
        Ok(true)
    }

    fn words(&mut self, _: &str) {}

    fn answer(&mut self, _: &str) -> Result<(), ClientError> {
        Ok(())
    }
}

/// Images to an HDF5 file, DICOM files beside it, answers to standard output, words to standard error.
#[derive(Debug)]
pub struct OutputFiles {
    path: PathBuf,
    group: String,
    images: Option<ImageFile>,
    files: u32,
    dropped: BTreeMap<&'static str, u64>,
}

impl OutputFiles {
    /// Images go to `group` of the file at `path`, which is made with the first image.
    pub fn new(path: impl Into<PathBuf>, group: &str) -> Self {
        Self {
            path: path.into(),
            group: group.to_owned(),
            images: None,
            files: 0,
            dropped: BTreeMap::new(),
        }
    }

    fn image(&mut self, image: &AnyImage) -> Result<(), ClientError> {
        let file = match &mut self.images {
            Some(file) => file,
            none => none.insert(ImageFile::create_or_append(&self.path, &self.group)?),
        };
        Ok(file.write(image)?)
    }

    /// The original's names: the group, a running number, `.dcm` and `_attrib.xml`. A name from the server is not
    /// used: it could point anywhere.
    fn dicom(&mut self, dicom: &Dicom) -> Result<(), ClientError> {
        let stem = format!("{}_{:06}", self.group.replace('/', "_"), self.files);
        write(&PathBuf::from(format!("{stem}.dcm")), &dicom.file)?;
        if let Some(meta) = &dicom.meta {
            write(&PathBuf::from(format!("{stem}_attrib.xml")), meta.to_xml().as_bytes())?;
        }
        self.files += 1;
        Ok(())
    }
}

fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), ClientError> {
    std::fs::write(path, bytes).map_err(|source| ClientError::Plain {
        path: path.to_owned(),
        source,
    })
}

impl Output for OutputFiles {
    fn message(&mut self, payload: Payload) -> Result<bool, ClientError> {
        let message = Message::from_parts(payload.value, payload.type_name, payload.weight);
        match AnyImage::accept(message) {
            Ok(image) => self.image(&image)?,
            Err(other) => {
                if let Some(dicom) = other.downcast_ref::<Dicom>() {
                    self.dicom(dicom)?;
                } else if let Some(answer) = other.downcast_ref::<DependencyQuery>() {
                    write(&self.path, answer.meta.to_xml().as_bytes())?;
                } else {
                    *self.dropped.entry(other.type_name()).or_default() += 1;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn words(&mut self, words: &str) {
        // Nobody to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "{}", words.trim_end());
    }

    fn answer(&mut self, text: &str) -> Result<(), ClientError> {
        writeln!(std::io::stdout(), "{text}").map_err(|source| ClientError::Plain {
            path: "standard output".into(),
            source,
        })
    }
}

impl Drop for OutputFiles {
    fn drop(&mut self) {
        for (kind, count) in &self.dropped {
            self.words_once(&format!(
                "{count} messages of type {kind} came back; there is no file format for them"
            ));
        }
    }
}

impl OutputFiles {
    fn words_once(&self, words: &str) {
        let _ = writeln!(std::io::stderr(), "{words}");
    }
}
