//! Gadgets on images.

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[];
