//! The programs as people run them: a server process, client processes, files between them, pipes, taps.

#[expect(dead_code, reason = "what the tests here do not need of it")]
#[path = "../support/mod.rs"]
mod support;

use support::{compare, data, process};

mod command;
mod dump;
mod many_clients;
mod memory;
mod messages;
mod pipe;
mod stalled_client;
mod tap;
mod truth;
