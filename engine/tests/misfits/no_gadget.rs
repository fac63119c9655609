//! A function is no gadget by itself.
//~ E0277
//~ is not a gadget
//~ make one of a function with `engine::map`
use engine::{Compose, map};

pub fn pipeline() {
    let _ = map(|n: u32| n).then(|n: u32| n + 1);
}
