//! A streaming MRI reconstruction server, and the library it is made of.
//!
//! This crate puts the parts together: [`engine`] (typed dataflow), [`protocol`] (bytes and messages, no IO),
//! [`gadgets`] (MRI computation) and [`distributed`] (links to other servers). It adds files, the assembly of a
//! configuration into a graph, the server and the command line.

pub mod assemble;
pub mod cli;
pub mod client;
pub mod configurations;
pub mod demo;
pub mod distribution;
pub mod files;
pub mod http;
pub mod phantom;
pub mod recon;
pub mod relay;
pub mod server;
pub mod storage;
pub mod stream_mode;
pub mod tap;
mod time_span;

pub use {distributed, engine, gadgets, protocol};

/// The guide's programs run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/compose.md")]
mod guide {}
