//! The programs as people run them: a server process, client processes, files between them, pipes, taps.

mod command;
#[path = "../reconstruction/compare.rs"]
mod compare;
mod process;

mod dump;
mod many_clients;
mod messages;
mod pipe;
mod stalled_client;
mod tap;
mod truth;
