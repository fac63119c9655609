//! Storage between measurements, through servers that really run: processes, sockets, files.

mod api;
mod dependencies;
mod http;
mod measurement;
mod process;
