//! The numbers that begin every message.
#![expect(missing_docs, reason = "the names are the protocol's own")]

pub const FILENAME: u16 = 1;
pub const CONFIGURATION: u16 = 2;
pub const HEADER: u16 = 3;
pub const CLOSE: u16 = 4;
pub const TEXT: u16 = 5;
pub const QUERY: u16 = 6;
pub const RESPONSE: u16 = 7;
pub const ERROR: u16 = 8;
/// The first number that data, and users' own types, can have.
pub const FIRST_DATA: u16 = 1000;
pub const ACQUISITION: u16 = 1008;
pub const DICOM: u16 = 1018;
pub const DEPENDENCY_QUERY: u16 = 1019;
pub const IMAGE: u16 = 1022;
pub const RECON_DATA: u16 = 1023;
pub const IMAGE_ARRAY: u16 = 1024;
pub const WAVEFORM: u16 = 1026;
pub const BUCKET: u16 = 1050;

/// The name of a message, as the protocol's description has it.
pub fn name(id: u16) -> Option<&'static str> {
    Some(match id {
        FILENAME => "FILENAME",
        CONFIGURATION => "CONFIG",
        HEADER => "HEADER",
        CLOSE => "CLOSE",
        TEXT => "TEXT",
        QUERY => "QUERY",
        RESPONSE => "RESPONSE",
        ERROR => "ERROR",
        ACQUISITION => "ISMRMRD_ACQUISITION",
        DICOM => "DICOM_WITHNAME",
        DEPENDENCY_QUERY => "DEPENDENCY_QUERY",
        IMAGE => "ISMRMRD_IMAGE",
        RECON_DATA => "RECONDATA",
        IMAGE_ARRAY => "ISMRMRD_IMAGE_ARRAY",
        WAVEFORM => "ISMRMRD_WAVEFORM",
        BUCKET => "BUCKET",
        _ => return None,
    })
}
