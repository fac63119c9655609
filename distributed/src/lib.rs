//! Work on other servers: finding workers, and links to them over TCP.
//!
//! A worker is an ordinary server, and this side is an ordinary client of it: configuration, header, data, close.
//! Failure is normal here. A worker can refuse, hang, die, lie or come back at any moment; the engine, which spreads
//! the work, hears of it as the outcome of a link, and the work is done elsewhere.
#![forbid(unsafe_code)]

pub mod address;
pub mod discovery;
pub mod fuzzing;
pub mod link;
mod parcel;
mod remote;
pub mod roster;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod testing;

pub use address::Address;
pub use discovery::{DiscoveryError, DiscoveryLimits, Source, discover};
pub use parcel::Parcel;
pub use remote::Remote;
pub use roster::{Roster, RosterLimits};
