//! What chooses the link of each message in a `distributed` node.

mod acquisition;
mod buffer;
#[cfg(test)]
mod tests;

pub use acquisition::{AcquisitionDistributor, AcquisitionDistributorProperties, Counter};
pub use buffer::BufferDistributor;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::distributor::<AcquisitionDistributor>(
        "AcquisitionDistributor",
        "Readouts with one value of a counter travel over one link.",
    ),
    Entry::distributor::<BufferDistributor>(
        "BufferDistributor",
        "Each encoding space of sorted k-space travels over a link of its own.",
    ),
];
