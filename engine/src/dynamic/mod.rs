//! The dynamic form: gadgets lifted to erased messages, chained and spawned. What a configuration is assembled into.

mod node;
mod pure;
#[cfg(test)]
mod tests;

pub use node::Node;
pub use pure::PureNode;
