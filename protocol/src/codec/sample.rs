//! Numbers of arrays: copied between bytes and vectors once, without zeroing first.

use num_complex::{Complex32, Complex64};

// Samples are copied as they are in memory; a big-endian machine would need every one of them swapped.
#[cfg(target_endian = "big")]
compile_error!("the protocol is little-endian, and samples are copied without conversion");

/// A number that arrays on the wire are made of.
pub trait Sample: bytemuck::Pod + Send + Sync + PartialEq + std::fmt::Debug {
    /// The numbers in `bytes`, which may lie at any address; a remainder shorter than one number is left out.
    fn collect(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! samples {
    ($($number:ty),*) => {$(
        impl Sample for $number {
            fn collect(bytes: &[u8]) -> Vec<Self> {
                let (chunks, _) = bytes.as_chunks::<{ size_of::<$number>() }>();
                chunks.iter().map(|chunk| bytemuck::cast(*chunk)).collect()
            }
        }
    )*};
}
samples!(u8, u16, i16, u32, i32, u64, f32, f64, Complex32, Complex64);
