//! Gadgets on single readouts, before they are sorted into k-space.

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[];
