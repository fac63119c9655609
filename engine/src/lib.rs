//! Typed dataflow: channels, gadgets as async transforms, combinators with a promised order.
//!
//! The engine knows nothing of any field of application: no sockets, no file formats, no message numbers.
//! A [`Gadget`] turns the messages of a typed [`Input`] into messages of a typed [`Output`]; the channels between
//! gadgets are bounded, so that the slowest consumer slows down everything before it instead of filling the memory.
//! The same gadgets run in a dynamic form, over erased [`Message`]s, where a gadget takes what matches its input type
//! and lets everything else flow past: that is what a configuration file is assembled into.
#![forbid(unsafe_code)]

pub mod channel;
pub mod compose;
pub mod compute;
mod crew;
pub mod distribute;
pub mod dynamic;
pub mod error;
pub mod figures;
pub mod functions;
pub mod gadget;
pub mod link;
pub mod message;
pub mod par_map;
pub mod parallel;
mod place;
mod running;
#[cfg(feature = "testing")]
pub mod testing;

pub use channel::{Capacity, Closed, Input, Interrupted, Output, channel, message_channel, weighed_channel};
pub use compose::{Compose, Named, Then};
pub use compute::compute;
pub use distribute::{Distribute, DistributeLimits, Event, Selector, SelectorNode, by_key, distribute};
pub use dynamic::{Node, PureNode};
pub use error::{BoxError, Error, NodePath};
pub use figures::{Figures, NodeFigures};
pub use functions::{forward, gadget_fn, lift, map, pure_fn, try_map, try_pure_fn};
pub use gadget::{Gadget, PureGadget};
pub use link::{Declined, Link, MemoryWorker, Worker, Workers};
pub use message::Message;
pub use par_map::{ParMap, par_map};
pub use parallel::{
    Branch, BranchNode, Lanes, Merge, MergeNode, Numbered, Sequenced, Unordered, fanout, numbered, parallel, route,
};
pub use running::Running;
