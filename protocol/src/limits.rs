//! How much one message may ask for: every length that comes from outside is held against one of these.

/// The limits of one connection. Memory grows only with bytes that arrived, so a generous limit costs nothing by itself.
///
/// ```
/// use protocol::Limits;
/// let limits = Limits { message_bytes: 64 << 20, ..Limits::default() };
/// assert_eq!(limits.text_bytes, 16 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one data message; 4 GiB by default (a 256 x 256 x 64 matrix of 128 channels).
    pub message_bytes: u64,
    /// Bytes of one text: a configuration, a header, a query, an answer, an error, an image's attributes; 16 MiB by
    /// default.
    pub text_bytes: u64,
    /// Dimensions of an array; 16 by default.
    pub dimensions: u64,
    /// Items of a list: readouts of a bucket, attributes of an image array, waveforms; 1,048,576 by default.
    pub list_items: u64,
}

impl Limits {
    /// No limits: for bytes that were written by this program itself. What comes from outside never has these.
    pub const NONE: Self = Self {
        message_bytes: u64::MAX,
        text_bytes: u64::MAX,
        dimensions: u64::MAX,
        list_items: u64::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 30,
            text_bytes: 16 << 20,
            dimensions: 16,
            list_items: 1 << 20,
        }
    }
}
