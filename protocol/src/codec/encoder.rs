//! Appends the parts of a message's body.

use bytes::Bytes;
use ndarray::{Array, ArrayBase, Data, Dimension};

use super::Sample;
use crate::{error::EncodeError, wire::Wire};

/// Appends a number.
pub fn put_number<T: Sample>(out: &mut Vec<u8>, number: T) {
    out.extend_from_slice(bytemuck::bytes_of(&number));
}

/// Appends a length or a count, 64 bits.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    put_number(out, count as u64);
}

/// Appends the elements of an array in memory order of its shape, the last axis fastest.
pub fn put_samples<T, S, D>(out: &mut Vec<u8>, array: &ArrayBase<S, D>)
where
    T: Sample,
    S: Data<Elem = T>,
    D: Dimension,
{
    match array.as_slice() {
        Some(samples) => out.extend_from_slice(bytemuck::cast_slice(samples)),
        None => {
            out.reserve(array.len() * size_of::<T>());
            for sample in array {
                out.extend_from_slice(bytemuck::bytes_of(sample));
            }
        }
    }
}

/// An array of so many bytes is not worth a piece of its own.
const SMALL: usize = 8 * 1024;

/// The elements of an array that nobody needs any more, the last axis fastest: a large one is taken and given as it lies
/// in memory, a small one is appended. What is given follows what was appended.
pub fn take_samples<T: Sample, D: Dimension>(out: &mut Vec<u8>, array: &mut Array<T, D>) -> Bytes {
    struct Samples<T>(Vec<T>);
    impl<T: Sample> AsRef<[u8]> for Samples<T> {
        fn as_ref(&self) -> &[u8] {
            bytemuck::cast_slice(&self.0)
        }
    }
    let bytes = array.len() * size_of::<T>();
    if bytes < SMALL || !array.is_standard_layout() {
        put_samples(out, array);
        return Bytes::new();
    }
    let nothing = Array::from_elem(D::zeros(array.ndim()), T::zeroed());
    let (samples, offset) = std::mem::replace(array, nothing).into_raw_vec_and_offset();
    let start = offset.unwrap_or(0) * size_of::<T>();
    Bytes::from_owner(Samples(samples)).slice(start..start + bytes)
}

/// Appends the sizes of an array, fastest dimension first.
pub fn put_sizes<S: ndarray::RawData, D: Dimension>(out: &mut Vec<u8>, array: &ArrayBase<S, D>) {
    put_count(out, array.ndim());
    for &size in array.shape().iter().rev() {
        put_count(out, size);
    }
}

/// Appends an array of numbers with its sizes before it.
pub fn put_array<T, S, D>(out: &mut Vec<u8>, array: &ArrayBase<S, D>)
where
    T: Sample,
    S: Data<Elem = T>,
    D: Dimension,
{
    put_sizes(out, array);
    put_samples(out, array);
}

/// Appends an array of records with its sizes before it.
pub(crate) fn put_record_array<T, S, D>(out: &mut Vec<u8>, array: &ArrayBase<S, D>)
where
    T: Wire,
    S: Data<Elem = T>,
    D: Dimension,
{
    put_sizes(out, array);
    out.reserve(array.len() * T::SIZE);
    for record in array {
        record.write(out);
    }
}

/// Appends a text with its length in 64 bits before it.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// A size as the 16 bits a header has for it.
pub fn size16(what: &'static str, size: usize) -> Result<u16, EncodeError> {
    u16::try_from(size).map_err(|_| EncodeError::does_not_fit(what, format_args!("{size} is more than 65535")))
}
