//! Reconstruction over many computers: distributors, the nodes that spread work, and their subcommands.

mod arguments;
pub mod discover;
pub mod distributors;
pub mod node;
mod plan;
pub mod simulate;

pub use arguments::DistributionArguments;
pub use distributors::Distributors;
pub use node::{Distribution, Nested};
pub(crate) use plan::SpreadPlan;
