//! Bytes to write, in pieces.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// Bytes to write: what is encoded one after the other in a buffer, large arrays between as they lie in memory.
///
/// A driver writes it as the [`Buf`] it is (`write_vectored`, or tokio's `write_buf`), so that a large array is copied
/// once only, by the system.
///
/// ```
/// use bytes::Buf;
/// use protocol::{Acquisition, codec::Writers, session::Outgoing};
///
/// let mut readout = Acquisition::new(ndarray::Array2::zeros((8, 512)));
/// let mut sender = Outgoing::new(Writers::standard());
/// sender.taking(&mut readout, "Acquisition")?;
/// sender.close();
/// let mut segments = sender.take_segments();
/// assert_eq!(segments.chunk().len(), 2 + 340); // the message's number, the readout's header
/// segments.advance(2 + 340);
/// assert_eq!(segments.chunk().len(), 8 * 512 * 8); // the samples
/// segments.advance(8 * 512 * 8);
/// assert_eq!(segments.chunk(), [4, 0]); // CLOSE
/// # Ok::<(), protocol::error::EncodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// Come before the gathered bytes; none is empty.
    parts: VecDeque<Bytes>,
    in_parts: usize,
    gathered: Vec<u8>,
    /// So much of what was gathered is written.
    written: usize,
}

impl Segments {
    /// Appends a copy of few bytes.
    pub fn gather(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
    }

    /// Where to append what is copied.
    pub(super) fn gathered(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    /// Appends bytes that stay where they are.
    pub fn push(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        let mut before = Bytes::from(std::mem::take(&mut self.gathered));
        before.advance(std::mem::take(&mut self.written));
        for part in [before, part] {
            self.in_parts += part.len();
            if !part.is_empty() {
                self.parts.push_back(part);
            }
        }
    }

    /// All of it in one piece.
    pub(super) fn joined(&mut self) -> &[u8] {
        if !self.parts.is_empty() {
            let mut whole = Vec::with_capacity(self.remaining());
            for part in self.parts.drain(..) {
                whole.extend_from_slice(&part);
            }
            whole.extend_from_slice(&self.gathered[self.written..]);
            (self.in_parts, self.gathered, self.written) = (0, whole, 0);
        }
        &self.gathered[self.written..]
    }

    /// All of it in one piece, with its memory.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.joined();
        self.gathered.drain(..self.written);
        self.gathered
    }

    /// Forgets everything, but keeps the memory.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.gathered.clear();
        (self.in_parts, self.written) = (0, 0);
    }
}

impl Buf for Segments {
    fn remaining(&self) -> usize {
        self.in_parts + self.gathered.len() - self.written
    }

    fn chunk(&self) -> &[u8] {
        match self.parts.front() {
            Some(part) => part,
            None => &self.gathered[self.written..],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let last = &self.gathered[self.written..];
        let chunks = self.parts.iter().map(|part| &**part);
        let chunks = chunks.chain((!last.is_empty()).then_some(last));
        slices
            .iter_mut()
            .zip(chunks)
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(part) = self.parts.front_mut() {
            let step = count.min(part.len());
            part.advance(step);
            self.in_parts -= step;
            count -= step;
            if !part.is_empty() {
                return;
            }
            self.parts.pop_front();
        }
        assert!(
            count <= self.gathered.len() - self.written,
            "not so many bytes are left"
        );
        self.written += count;
        if self.written == self.gathered.len() {
            self.gathered.clear();
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However parts come and however much is written at a time, the same bytes go out in the same order.
        #[test]
        fn nothing_is_lost(
            parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20)), 0..20),
            steps in proptest::collection::vec(1_usize..30, 1..20),
            joined in any::<bool>(),
        ) {
            let mut segments = Segments::default();
            let (mut expected, mut written) = (Vec::new(), Vec::new());
            let mut steps = steps.into_iter().cycle();
            let mut write = |segments: &mut Segments, written: &mut Vec<u8>| {
                let count = steps.next().unwrap_or(1).min(segments.remaining());
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = segments.chunks_vectored(&mut slices);
                let seen: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                prop_assert!(!segments.has_remaining() || !seen.is_empty());
                let count = count.min(seen.len());
                written.extend_from_slice(&seen[..count]);
                segments.advance(count);
                Ok(())
            };
            for (shared, part) in parts {
                expected.extend_from_slice(&part);
                if shared {
                    segments.push(part.into());
                } else {
                    segments.gathered().extend_from_slice(&part);
                }
                write(&mut segments, &mut written)?;
                prop_assert_eq!(segments.remaining(), expected.len() - written.len());
            }
            if joined {
                prop_assert_eq!(segments.joined(), &expected[written.len()..]);
            }
            while segments.has_remaining() {
                write(&mut segments, &mut written)?;
            }
            prop_assert_eq!(written, expected);
        }
    }
}
