//! The programs as people run them: a server process, client processes, files between them.

#[path = "../reconstruction/compare.rs"]
mod compare;
mod process;

mod dump;
mod many_clients;
mod stalled_client;
mod truth;
