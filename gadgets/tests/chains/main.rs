//! Chains of gadgets on recorded connections and on measurements of a known object.

mod cartesian;
mod chain;
mod recordings;
mod scene;
mod volumes;
