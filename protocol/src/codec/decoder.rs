//! Reads the body of one message from the bytes that have arrived so far.

use ndarray::{ArrayD, IxDyn};

use super::Sample;
use crate::{
    Limits,
    error::{Failure, Fault},
    wire::Wire,
};

/// Takes values off the front of a message's body.
///
/// Every length is held against the [`Limits`] first; then the bytes must be there, or the decoder says how many are
/// needed; only then is memory allocated. A decoder of a user's own type keeps to that order by using these methods.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    position: usize,
    limits: &'a Limits,
    progress: Option<&'a mut Progress>,
}

/// How far earlier scans of the same unfinished message went through its lists, so that no scan goes twice.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    lists: Vec<ListProgress>,
}

#[derive(Clone, Copy, Debug)]
struct ListProgress {
    start: usize,
    items: usize,
    position: usize,
}

impl Progress {
    /// Forgets everything: for the next message.
    pub fn clear(&mut self) {
        self.lists.clear();
    }
}

impl<'a> Decoder<'a> {
    /// A decoder of the body that `bytes` begins with.
    pub fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            bytes,
            position: 0,
            limits,
            progress: None,
        }
    }

    /// A decoder for a scan that remembers in `progress` how far it came.
    pub fn resuming(bytes: &'a [u8], limits: &'a Limits, progress: &'a mut Progress) -> Self {
        Self {
            progress: Some(progress),
            ..Self::new(bytes, limits)
        }
    }

    /// The limits.
    pub fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Bytes taken so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The failure of a body that does not follow its layout here.
    pub fn malformed(&self, what: &'static str, reason: impl ToString) -> Failure {
        Failure::Fault {
            fault: Fault::Malformed {
                what,
                reason: reason.to_string(),
            },
            position: self.position,
        }
    }

    /// Holds `size` against `limit`, which has this name in [`Limits`].
    pub fn check(&self, what: &'static str, size: u64, limit: u64, name: &'static str) -> Result<usize, Failure> {
        match usize::try_from(size) {
            Ok(fits) if size <= limit => Ok(fits),
            _ => Err(Failure::Fault {
                fault: Fault::TooLarge {
                    what,
                    size,
                    limit,
                    name,
                },
                position: self.position,
            }),
        }
    }

    /// Makes sure that the next `count` bytes have arrived and lie within the message's limit.
    pub fn require(&self, count: u64) -> Result<usize, Failure> {
        let end = u64::try_from(self.position).unwrap_or(u64::MAX).saturating_add(count);
        let needed = self.check("the message's bytes", end, self.limits.message_bytes, "message_bytes")?;
        if self.bytes.len() < needed {
            return Err(Failure::Incomplete { needed });
        }
        Ok(needed - self.position)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: u64) -> Result<&'a [u8], Failure> {
        let count = self.require(count)?;
        let end = self.position + count;
        let taken = &self.bytes[self.position..end];
        self.position = end;
        Ok(taken)
    }

    /// The next number.
    pub fn number<T: Sample + Default>(&mut self) -> Result<T, Failure> {
        let bytes = self.bytes(size_of::<T>() as u64)?;
        Ok(bytemuck::pod_read_unaligned(bytes))
    }

    /// A flag of one byte, 0 or 1.
    pub fn flag(&mut self, what: &'static str) -> Result<bool, Failure> {
        match self.number::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            other => {
                self.position -= 1;
                Err(self.malformed(what, format_args!("a flag is 0 or 1, not {other}")))
            }
        }
    }

    /// A record of fixed size.
    pub(crate) fn record<T: Wire>(&mut self) -> Result<T, Failure> {
        let mut bytes = self.bytes(T::SIZE as u64)?;
        Ok(T::read(&mut bytes))
    }

    /// `count` numbers.
    pub fn samples<T: Sample>(&mut self, count: u64) -> Result<Vec<T>, Failure> {
        let bytes = count.saturating_mul(size_of::<T>() as u64);
        Ok(T::collect(self.bytes(bytes)?))
    }

    /// `length` bytes of a text, at most `limits.text_bytes`.
    pub fn text_bytes(&mut self, what: &'static str, length: u64) -> Result<&'a [u8], Failure> {
        self.check(what, length, self.limits.text_bytes, "text_bytes")?;
        self.bytes(length)
    }

    /// `length` bytes of UTF-8, at most `limits.text_bytes`.
    pub fn text(&mut self, what: &'static str, length: u64) -> Result<&'a str, Failure> {
        let start = self.position;
        let bytes = self.text_bytes(what, length)?;
        std::str::from_utf8(bytes).map_err(|error| {
            self.position = start + error.valid_up_to();
            self.malformed(what, "not UTF-8")
        })
    }

    /// The number of items of a list (64 bits), each of `item_bytes` at least, all of which may still be missing.
    pub fn count(&mut self, what: &'static str, item_bytes: u64) -> Result<usize, Failure> {
        let count = self.number::<u64>()?;
        let items = self.check(what, count, self.limits.list_items, "list_items")?;
        self.require(count.saturating_mul(item_bytes))?;
        Ok(items)
    }

    /// Goes through `count` items, each of `item_bytes` at least, of a list that is too long to go through again with
    /// every byte that arrives: a scan that remembers its progress goes on where it stopped.
    pub fn scan_items(
        &mut self,
        count: usize,
        item_bytes: u64,
        mut item: impl FnMut(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let start = self.position;
        // An item's own lists are short; only the outermost one is remembered.
        let progress = self.progress.take();
        let mut done = 0;
        if let Some(known) = progress.iter().flat_map(|p| &p.lists).find(|list| list.start == start) {
            (done, self.position) = (known.items, known.position);
        }
        let mut outcome = Ok(());
        while done < count {
            let (before, left) = (self.position, u64::try_from(count - done).unwrap_or(u64::MAX));
            outcome = self.require(left.saturating_mul(item_bytes)).and_then(|_| item(self));
            if outcome.is_err() {
                // A fault is reported where it is; an incomplete item is read again from its start.
                if matches!(outcome, Err(Failure::Incomplete { .. })) {
                    self.position = before;
                }
                break;
            }
            done += 1;
        }
        if let Some(progress) = progress {
            let reached = ListProgress {
                start,
                items: done,
                position: self.position,
            };
            match progress.lists.iter_mut().find(|list| list.start == start) {
                Some(known) => *known = reached,
                None => progress.lists.push(reached),
            }
            self.progress = Some(progress);
        }
        outcome
    }

    /// The sizes of an array, fastest dimension first as on the wire, with the number of its elements.
    pub fn sizes(&mut self, what: &'static str) -> Result<(Vec<usize>, u64), Failure> {
        let dimensions = self.number::<u64>()?;
        self.check(what, dimensions, self.limits.dimensions, "dimensions")?;
        let sizes: Vec<u64> = self.samples(dimensions)?;
        // The product of the sizes that are not zero must not overflow either: an array is addressed with it.
        let mut extent = 1_u64;
        for &size in sizes.iter().filter(|&&size| size != 0) {
            extent = extent.saturating_mul(size);
        }
        self.check(what, extent, self.limits.message_bytes, "message_bytes")?;
        let elements = if sizes.is_empty() || sizes.contains(&0) {
            0
        } else {
            extent
        };
        let sizes = sizes
            .into_iter()
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
            .collect();
        Ok((sizes, elements))
    }

    /// An array of numbers with its sizes before it; the shape is the reverse of the sizes on the wire.
    pub fn array<T: Sample>(&mut self, what: &'static str) -> Result<ArrayD<T>, Failure> {
        let (sizes, elements) = self.sizes(what)?;
        let samples = self.samples(elements)?;
        self.shaped(what, sizes, samples)
    }

    /// Moves past an array of elements of `element_bytes` each.
    pub fn skip_array(&mut self, what: &'static str, element_bytes: u64) -> Result<(), Failure> {
        let (_, elements) = self.sizes(what)?;
        self.bytes(elements.saturating_mul(element_bytes))?;
        Ok(())
    }

    /// An array of records with its sizes before it.
    pub(crate) fn record_array<T: Wire>(&mut self, what: &'static str) -> Result<ArrayD<T>, Failure> {
        let (sizes, elements) = self.sizes(what)?;
        let mut bytes = self.bytes(elements.saturating_mul(T::SIZE as u64))?;
        let records = (0..elements).map(|_| T::read(&mut bytes)).collect();
        self.shaped(what, sizes, records)
    }

    fn shaped<T>(&self, what: &'static str, mut sizes: Vec<usize>, values: Vec<T>) -> Result<ArrayD<T>, Failure> {
        // An array without dimensions has no elements on the wire, but one in ndarray.
        if sizes.is_empty() {
            sizes.push(0);
        }
        sizes.reverse();
        ArrayD::from_shape_vec(IxDyn(&sizes), values).map_err(|error| self.malformed(what, error))
    }
}
