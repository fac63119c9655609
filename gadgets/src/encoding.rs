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
