//! Placeholder.
pub mod client;
pub mod files;
pub mod phantom;
