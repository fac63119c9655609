//! Reconstruction over several processes: the `gadgetron` program as head and as workers, on ports the system chooses,
//! with real signals. What a real worker cannot be made to do is played by a relay of bytes in front of one.

mod client;
#[expect(dead_code, reason = "what the tests here do not need of it")]
#[path = "../reconstruction/compare.rs"]
mod compare;
mod discovery;
mod drain;
mod faults;
mod golden;
mod head;
mod process;
mod reconstruction;
mod recorded;
mod relay;
mod wicked;
