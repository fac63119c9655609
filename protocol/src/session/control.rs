//! The bodies of the control messages 1 to 8.

use super::Event;
use crate::{
    codec::Decoder,
    error::{Failure, Fault},
    message_id, xml,
};

/// Bytes of the name of a configuration, padded with NUL.
pub(super) const NAME_BYTES: usize = 1024;

/// Decodes the body of a control message.
pub(super) fn decode(id: u16, decoder: &mut Decoder<'_>) -> Result<Event, Failure> {
    match id {
        message_id::FILENAME => name(decoder).map(Event::ConfigurationName),
        message_id::CONFIGURATION => document(decoder, "the configuration").map(Event::Configuration),
        message_id::HEADER => header(decoder).map(Event::Header),
        message_id::CLOSE => Ok(Event::Close),
        message_id::TEXT => {
            let length = decoder.number::<u32>()?;
            words(decoder, "the text", length.into()).map(Event::Text)
        }
        message_id::QUERY => {
            if decoder.number::<u64>()? != 0 {
                return Err(decoder.malformed("the query", "its first 64 bits are reserved and must be 0"));
            }
            let correlation = decoder.number()?;
            let text = long_words(decoder, "the query")?;
            Ok(Event::Query { correlation, text })
        }
        message_id::RESPONSE => {
            let correlation = decoder.number()?;
            let text = long_words(decoder, "the answer")?;
            Ok(Event::Response { correlation, text })
        }
        message_id::ERROR => long_words(decoder, "the error").map(Event::RemoteError),
        other => Err(decoder.malformed("the message", format_args!("{other} is not a control message"))),
    }
}

/// The name ends at the first NUL, which must be there.
fn name(decoder: &mut Decoder<'_>) -> Result<String, Failure> {
    let start = decoder.position();
    let bytes = decoder.bytes(NAME_BYTES as u64)?;
    let malformed = |reason: &str, position| Failure::Fault {
        fault: Fault::Malformed {
            what: "the name of the configuration",
            reason: reason.to_owned(),
        },
        position,
    };
    let Some(end) = bytes.iter().position(|&byte| byte == 0) else {
        return Err(malformed("no NUL ends it", start));
    };
    match std::str::from_utf8(&bytes[..end]) {
        Ok(name) => Ok(name.to_owned()),
        Err(error) => Err(malformed("not UTF-8", start + error.valid_up_to())),
    }
}

/// A text with 32 bits of length. Some clients count the terminating NUL of a C string.
fn document(decoder: &mut Decoder<'_>, what: &'static str) -> Result<String, Failure> {
    let length = decoder.number::<u32>()?;
    Ok(decoder.text(what, length.into())?.trim_end_matches('\0').to_owned())
}

/// The ISMRMRD header.
fn header(decoder: &mut Decoder<'_>) -> Result<String, Failure> {
    let length = decoder.number::<u32>()?;
    let bytes = decoder.text_bytes("the header", length.into())?;
    Ok(xml::decode_leniently(bytes).trim_end_matches('\0').to_owned())
}

fn long_words(decoder: &mut Decoder<'_>, what: &'static str) -> Result<String, Failure> {
    let length = decoder.number::<u64>()?;
    words(decoder, what, length)
}

/// Words for people: what is not UTF-8 in them is no reason to lose the rest.
fn words(decoder: &mut Decoder<'_>, what: &'static str, length: u64) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(decoder.text_bytes(what, length)?).into_owned())
}
