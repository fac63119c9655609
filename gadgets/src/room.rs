//! Room for arrays whose size is not that of what arrived, but what a header, a property or a count of channels asks for.
//!
//! An allocation that fails would end the whole program, and memory that is promised but not there ends it later: it is
//! asked before whether there is room. The limit is the process's ([`set_most_bytes`]; the option `--array-mebibytes`).
//! Where Linux says how much memory the machine, or the container, has left, what is large is compared with that too. Arrays
//! that are made together are asked for together; what other measurements fill in the same moment is not foreseen.

mod available;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The default of [`set_most_bytes`]: 16 GiB, as many as `max_buffer_megabytes` allows a buffer by default.
pub const DEFAULT_MOST_BYTES: usize = 16 << 30;

static MOST_BYTES: AtomicUsize = AtomicUsize::new(DEFAULT_MOST_BYTES);

/// What is smaller (bytes) is not worth a look at how much memory is left.
const LARGE: usize = 64 << 20;

/// The most channels of which matrices of channels by channels are made: ISMRMRD's channel mask has no more.
const MOST_CHANNELS: usize = 1024;

/// Sets how many bytes an array, or several that are made together, may take at most, in the whole process.
pub fn set_most_bytes(bytes: usize) {
    MOST_BYTES.store(bytes, Relaxed);
}

/// Arrays that there is no room for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// One array.
    #[error("no memory for {what}: an array of {}; {lack}", product(sizes))]
    Array {
        /// What it is.
        what: &'static str,
        /// Its sizes.
        sizes: Vec<usize>,
        /// What there is instead.
        lack: Lack,
    },
    /// Several that are made together.
    #[error("no memory for {what}; {lack}")]
    Together {
        /// What they are.
        what: &'static str,
        /// What there is instead.
        lack: Lack,
    },
    /// More channels than a readout can name.
    #[error("{0} channels; there can be {MOST_CHANNELS} at most")]
    Channels(usize),
}

/// What there is instead of the memory that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} MiB are more than the {} MiB that {bound}; look at the matrix sizes in the header and at the properties",
    mebibytes(*asked),
    left / MEBIBYTE
)]
pub struct Lack {
    /// Bytes asked for; `usize::MAX` where the number is too large to be one.
    pub asked: usize,
    /// Bytes there are.
    pub left: usize,
    /// Why there are no more.
    pub bound: Bound,
}

/// Why there is no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// See [`set_most_bytes`].
    #[error("are allowed (option --array-mebibytes)")]
    Limit,
    /// The machine, or the container.
    #[error("are left here")]
    Memory,
}

const MEBIBYTE: usize = 1 << 20;

fn mebibytes(bytes: usize) -> String {
    match bytes {
        usize::MAX => "Too many".to_owned(),
        bytes => bytes.div_ceil(MEBIBYTE).to_string(),
    }
}

fn product(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    sizes.join(" x ")
}

/// The bytes of an array of `T` with these sizes; `usize::MAX` where there is no such number.
pub(crate) fn bytes_of<T>(sizes: &[usize]) -> usize {
    count(sizes).saturating_mul(size_of::<T>())
}

/// The number of elements of an array with these sizes; `usize::MAX` where there is no such number.
pub(crate) fn count(sizes: &[usize]) -> usize {
    // What holds nothing takes nothing, however long its other sizes.
    match sizes.contains(&0) {
        true => 0,
        false => sizes.iter().fold(1, |product, size| product.saturating_mul(*size)),
    }
}

/// The number of elements of an array of `T` with these sizes, where there is room for it.
pub(crate) fn elements<T>(what: &'static str, sizes: &[usize]) -> Result<usize, NoRoom> {
    match lack(bytes_of::<T>(sizes)) {
        None => Ok(count(sizes)),
        Some(lack) => Err(NoRoom::Array {
            what,
            sizes: sizes.to_vec(),
            lack,
        }),
    }
}

/// Whether there is room for arrays that are made together and take so many bytes each.
pub(crate) fn together(what: &'static str, bytes: &[usize]) -> Result<(), NoRoom> {
    match lack(bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))) {
        None => Ok(()),
        Some(lack) => Err(NoRoom::Together { what, lack }),
    }
}

/// How many of `most` pieces that take so many bytes each there is room for at a time; one at least.
pub(crate) fn pieces(what: &'static str, bytes: usize, most: usize) -> Result<usize, NoRoom> {
    most_pieces(bytes, most.max(1), lack).map_err(|lack| NoRoom::Together { what, lack })
}

fn most_pieces(bytes: usize, most: usize, lack: impl Fn(usize) -> Option<Lack>) -> Result<usize, Lack> {
    let mut count = most;
    // What is left when asked again may be less.
    while let Some(lack) = lack(bytes.saturating_mul(count)) {
        count = match count {
            0 | 1 => return Err(lack),
            _ => (lack.left / bytes.max(1)).clamp(1, count - 1),
        };
    }
    Ok(count)
}

fn lack(asked: usize) -> Option<Lack> {
    let of = |left: usize, bound: Bound| (asked > left).then_some(Lack { asked, left, bound });
    let left = || (asked >= LARGE).then(available::bytes).flatten();
    of(MOST_BYTES.load(Relaxed), Bound::Limit)
        .or_else(|| of(left()?, Bound::Memory))
        .or_else(|| {
            // Elsewhere than on Linux, or under a limit of the shell.
            let mut room = Vec::<u8>::new();
            let reserved = room.try_reserve_exact(asked).is_ok();
            std::hint::black_box(room.as_ptr());
            of(if reserved { asked } else { 0 }, Bound::Memory)
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
        assert_eq!(elements::<u64>("nothing", &[usize::MAX, 2, 0]), Ok(0));
        assert_eq!(elements::<u64>("little", &[3, 4]), Ok(12));
        for (sizes, asked) in [
            ([usize::MAX, 2], "Too many"),
            ([1 << 20, 1 << 20], "8388608"),
            ([1 << 31, 2], "32768"),
        ] {
            let words = elements::<u64>("images", &sizes).unwrap_err().to_string();
            let expected = format!(
                "no memory for images: an array of {} x {}; {asked} MiB are more than the 16384 MiB that are allowed \
                 (option --array-mebibytes); look at the matrix sizes in the header and at the properties",
                sizes[0], sizes[1]
            );
            assert_eq!(words, expected);
        }
        assert!(channels(1024).is_ok());
        let words = channels(1025).unwrap_err().to_string();
        assert_eq!(words, "1025 channels; there can be 1024 at most");
    }

    #[test]
    fn arrays_that_are_made_together_are_asked_for_together() {
        let half = bytes_of::<u64>(&[1 << 10, 1 << 20]) + 1;
        assert_eq!(together("buffers", &[12, 0]), Ok(()));
        let words = together("buffers", &[half, half]).unwrap_err().to_string();
        assert!(
            words.starts_with("no memory for buffers; 16385 MiB are more than the 16384 MiB that"),
            "{words}"
        );
        assert!(together("buffers", &[usize::MAX, half]).is_err());
    }

    #[test]
    fn of_pieces_there_are_as_many_as_there_is_room_for() {
        let room_for = |left: usize| {
            move |asked: usize| {
                let bound = Bound::Memory;
                (asked > left).then_some(Lack { asked, left, bound })
            }
        };
        assert_eq!(most_pieces(10, 4, room_for(40)), Ok(4));
        assert_eq!(most_pieces(10, 4, room_for(39)), Ok(3));
        assert_eq!(most_pieces(10, 4, room_for(10)), Ok(1));
        assert_eq!(most_pieces(10, 4, room_for(9)).unwrap_err().asked, 10);
        assert_eq!(most_pieces(0, 4, room_for(0)), Ok(4));
        assert!(most_pieces(usize::MAX, 4, room_for(9)).is_err());
    }

    #[test]
    fn what_is_left_here_is_said() {
        let lack = Lack {
            asked: 300 << 20,
            left: 200 << 20,
            bound: Bound::Memory,
        };
        let words = NoRoom::Together { what: "a buffer", lack }.to_string();
        assert!(
            words.starts_with("no memory for a buffer; 300 MiB are more than the 200 MiB that are left here;"),
            "{words}"
        );
    }
}
