//! What can go wrong with a file, and with which.

use std::path::{Path, PathBuf};

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system refuses.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is no HDF5 file.
    #[error("not an HDF5 file")]
    NotHdf5,
    /// The group is not there.
    #[error("there is no group \"{group}\"; the file has {}", names(present))]
    NoGroup {
        /// The group asked for.
        group: String,
        /// The groups there are.
        present: Vec<String>,
    },
    /// The group is there, this part of it is not.
    #[error("group \"{group}\" has no \"{part}\"")]
    Missing {
        /// The group.
        group: String,
        /// The dataset missing.
        part: String,
    },
    /// The bytes make no sense.
    #[error("{place}: {reason}")]
    Damaged {
        /// Dataset and record.
        place: String,
        /// What does not fit.
        reason: String,
    },
    /// libhdf5 could not write.
    #[error("cannot write: {0}")]
    Write(#[from] hdf5::Error),
    /// The data do not fit what the file holds already.
    #[error("{0}")]
    Unfit(String),
}

fn names(present: &[String]) -> String {
    match present {
        [] => "none".into(),
        names => names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

impl Problem {
    pub(super) fn damaged(place: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Damaged {
            place: place.into(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn at(self, path: &Path) -> FileError {
        FileError {
            path: path.to_owned(),
            problem: self,
        }
    }
}
