//! The whole server over in-memory connections: recorded clients, users' own messages, bad input, slow clients.

mod bad_input;
mod custom_message;
mod peer;
mod replay;
mod stalled_client;
