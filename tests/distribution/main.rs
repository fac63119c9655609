//! Reconstruction over several processes: the `gadgetron` program as head and as workers, on ports the system chooses,
//! with real signals. What a real worker cannot be made to do is played by a relay of bytes in front of one.

#[expect(dead_code, reason = "what the tests here do not need of it")]
#[path = "../support/mod.rs"]
mod support;

use support::{compare, process};

mod client;
mod discovery;
mod drain;
mod faults;
mod full;
mod golden;
mod gone;
mod head;
mod python;
mod reconstruction;
mod recorded;
mod relay;
mod wicked;
