//! Room for arrays whose size is not that of what arrived, but what a header, a property or a count of channels asks for.
//!
//! An allocation that fails would end the whole program: it is asked before whether there is room. Each array is asked for
//! by itself; what lives beside it is not counted, so a machine can still be brought to its end by several that fit alone.

/// The most bytes of one such array; as many as `max_buffer_megabytes` allows a buffer by default.
const MOST_BYTES: usize = 16 << 30;

/// The most channels of which matrices of channels by channels are made: ISMRMRD's channel mask has no more.
const MOST_CHANNELS: usize = 1024;

/// An array that there is no room for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// More than the limit, or than this machine has.
    #[error(
        "no memory for {what}: an array of {}; look at the matrix sizes in the header and at the properties",
        product(sizes)
    )]
    Array {
        /// What it is.
        what: &'static str,
        /// Its sizes.
        sizes: Vec<usize>,
    },
    /// More channels than a readout can name.
    #[error("{0} channels; there can be {MOST_CHANNELS} at most")]
    Channels(usize),
}

fn product(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    sizes.join(" x ")
}

/// The number of elements of an array of `T` with these sizes, where there is room for it.
pub(crate) fn elements<T>(what: &'static str, sizes: &[usize]) -> Result<usize, NoRoom> {
    let count = sizes
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size));
    let fits = |count: &usize| {
        let bytes = count.checked_mul(size_of::<T>());
        bytes.is_some_and(|bytes| bytes <= MOST_BYTES) && Vec::<T>::new().try_reserve_exact(*count).is_ok()
    };
    count.filter(fits).ok_or_else(|| NoRoom::Array {
        what,
        sizes: sizes.to_vec(),
    })
}

/// Whether so many channels are as many as readouts can have.
pub(crate) fn channels(count: usize) -> Result<(), NoRoom> {
    match count <= MOST_CHANNELS {
        true => Ok(()),
        false => Err(NoRoom::Channels(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_an_error_with_its_sizes() {
        assert_eq!(elements::<u64>("nothing", &[0, usize::MAX]), Ok(0));
        assert_eq!(elements::<u64>("little", &[3, 4]), Ok(12));
        for sizes in [[usize::MAX, 2], [1 << 20, 1 << 20], [1 << 31, 2]] {
            let words = elements::<u64>("images", &sizes).unwrap_err().to_string();
            let start = format!("no memory for images: an array of {} x {};", sizes[0], sizes[1]);
            assert!(words.starts_with(&start), "{words}");
        }
        assert!(channels(1024).is_ok());
        let words = channels(1025).unwrap_err().to_string();
        assert_eq!(words, "1025 channels; there can be 1024 at most");
    }
}
