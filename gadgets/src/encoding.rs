//! Which encoding of the header a readout belongs to.

use protocol::{AcquisitionHeader, IsmrmrdHeader, header::Encoding};

/// A readout names an encoding that the header does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("readout {scan_counter} belongs to encoding {encoding}, but the header has {known} encodings")]
pub(crate) struct UnknownEncoding {
    scan_counter: u32,
    encoding: u16,
    known: usize,
}

/// The most encodings of a header whose readouts are sorted: buckets hold statistics of each, buffers a place for each.
/// Headers have one or two, seldom more.
const MOST_ENCODINGS: usize = 64;

/// A header with more encodings than readouts are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header has {0} encodings; readouts of {MOST_ENCODINGS} at most can be gathered and sorted")]
pub(crate) struct TooManyEncodings(usize);

/// Whether readouts of `header` can be gathered and sorted by their encoding.
pub(crate) fn sortable(header: &IsmrmrdHeader) -> Result<(), TooManyEncodings> {
    match header.encoding.len() <= MOST_ENCODINGS {
        true => Ok(()),
        false => Err(TooManyEncodings(header.encoding.len())),
    }
}

/// The encoding of `readout`.
pub(crate) fn encoding_of<'a>(
    header: &'a IsmrmrdHeader,
    readout: &AcquisitionHeader,
) -> Result<&'a Encoding, UnknownEncoding> {
    let encoding = readout.encoding_space_ref;
    header.encoding.get(usize::from(encoding)).ok_or(UnknownEncoding {
        scan_counter: readout.scan_counter,
        encoding,
        known: header.encoding.len(),
    })
}
