//! MRI reconstruction gadgets, and the numerics they are made of.
//!
//! One file, one gadget; [`registry`] is the table of all of them. The mathematics are plain functions on arrays in
//! [`numerics`].
#![forbid(unsafe_code)]

pub mod acquisition;
mod arrays;
pub mod context;
pub mod distributor;
mod encoding;
pub mod flow;
pub mod generic;
pub mod grappa;
pub mod image;
pub mod numerics;
pub mod parallel;
pub mod properties;
pub mod recon;
pub mod registry;
pub mod room;
#[cfg(test)]
mod testing;

pub use context::Context;
pub use flow::Flow;
pub use properties::{Properties, PropertyError};
