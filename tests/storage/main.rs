//! Storage between measurements, through servers that really run: processes, sockets, files.

#[expect(dead_code, reason = "what the tests here do not need of it")]
#[path = "../support/mod.rs"]
mod support;

mod api;
mod dependencies;
mod http;
mod measurement;
mod process;
