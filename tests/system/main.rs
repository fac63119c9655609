//! The whole server over in-memory connections: recorded clients, bad input, slow clients.

mod bad_input;
mod peer;
mod replay;
mod stalled_client;
