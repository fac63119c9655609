//! The sending half of a connection.

use std::any::Any;

use bytes::Buf;

use super::{Event, Segments, control::NAME_BYTES};
use crate::{
    codec::{Writers, put_number, put_text},
    error::EncodeError,
    message_id,
};

/// The sending half of a connection: messages in, bytes out.
///
/// Every method appends one whole message; where one fails, nothing is appended. The driver writes the
/// [`segments`](Self::segments) when it sees fit, which leaves their memory for the next messages; or the
/// [`buffer`](Self::buffer), and then [`clear`](Self::clear)s it.
#[derive(Debug, Default)]
pub struct Outgoing {
    segments: Segments,
    writers: Writers,
}

impl Outgoing {
    /// The sending half with these writers.
    pub fn new(writers: Writers) -> Self {
        Self {
            segments: Segments::default(),
            writers,
        }
    }

    /// The writers for the data to come.
    pub fn set_writers(&mut self, writers: Writers) {
        self.writers = writers;
    }

    /// 1: the name of a configuration, at most 1023 bytes.
    pub fn configuration_name(&mut self, name: &str) -> Result<(), EncodeError> {
        if name.len() >= NAME_BYTES || name.contains('\0') {
            let reason = "at most 1023 bytes, none of them NUL";
            return Err(EncodeError::does_not_fit("the name of the configuration", reason));
        }
        let out = self.id(message_id::FILENAME);
        out.extend_from_slice(name.as_bytes());
        out.resize(out.len() + NAME_BYTES - name.len(), 0);
        Ok(())
    }

    /// 2: a configuration's text.
    pub fn configuration(&mut self, xml: &str) -> Result<(), EncodeError> {
        self.short_text(message_id::CONFIGURATION, "the configuration", xml)
    }

    /// 3: the text of the ISMRMRD header.
    pub fn header(&mut self, xml: &str) -> Result<(), EncodeError> {
        self.short_text(message_id::HEADER, "the header", xml)
    }

    /// 4: nothing more will come.
    pub fn close(&mut self) {
        self.id(message_id::CLOSE);
    }

    /// 5: text for people.
    pub fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        self.short_text(message_id::TEXT, "the text", text)
    }

    /// 6: a question.
    pub fn query(&mut self, correlation: u64, text: &str) {
        let out = self.id(message_id::QUERY);
        put_number(out, 0_u64);
        put_number(out, correlation);
        put_text(out, text);
    }

    /// 7: the answer to the question with this correlation.
    pub fn response(&mut self, correlation: u64, text: &str) {
        let out = self.id(message_id::RESPONSE);
        put_number(out, correlation);
        put_text(out, text);
    }

    /// 8: this side failed.
    pub fn error(&mut self, text: &str) {
        put_text(self.id(message_id::ERROR), text);
    }

    /// Data: the first writer that takes the value encodes it. A `String` that no writer takes goes out as text.
    pub fn message(&mut self, value: &dyn Any, type_name: &str) -> Result<(), EncodeError> {
        if let Some(text) = value.downcast_ref::<String>()
            && !self.writers.accepts(value)
        {
            return self.text(text);
        }
        self.writers.encode(value, type_name, self.segments.gathered())
    }

    /// Data that nobody needs any more: as [`message`](Self::message), but a large array is taken and not copied.
    pub fn taking(&mut self, value: &mut dyn Any, type_name: &str) -> Result<(), EncodeError> {
        if value.is::<String>() {
            return self.message(value, type_name);
        }
        let part = self.writers.encode_taking(value, type_name, self.segments.gathered())?;
        self.segments.push(part);
        Ok(())
    }

    /// The message that an event came from; nothing for the end of the bytes.
    pub fn event(&mut self, event: &Event) -> Result<(), EncodeError> {
        match event {
            Event::ConfigurationName(name) => self.configuration_name(name)?,
            Event::Configuration(text) => self.configuration(text)?,
            Event::Header(text) => self.header(text)?,
            Event::Text(text) => self.text(text)?,
            Event::Message(payload) => self.message(&*payload.value, payload.type_name)?,
            Event::Close => self.close(),
            Event::Query { correlation, text } => self.query(*correlation, text),
            Event::Response { correlation, text } => self.response(*correlation, text),
            Event::RemoteError(text) => self.error(text),
            Event::End { .. } => {}
        }
        Ok(())
    }

    /// Appends a message that is encoded already, its number first.
    pub fn encoded(&mut self, message: &[u8]) {
        self.segments.gathered().extend_from_slice(message);
    }

    /// The number of bytes to write.
    pub fn len(&self) -> usize {
        self.segments.remaining()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is to be written, to be written from.
    pub fn segments(&mut self) -> &mut Segments {
        &mut self.segments
    }

    /// What is to be written, with its memory.
    pub fn take_segments(&mut self) -> Segments {
        std::mem::take(&mut self.segments)
    }

    /// The bytes to write, in one piece; arrays that were taken are copied for it.
    pub fn buffer(&mut self) -> &[u8] {
        self.segments.joined()
    }

    /// Forgets the bytes, which were written; their memory is used again.
    pub fn clear(&mut self) {
        self.segments.clear();
    }

    /// The bytes to write, in one piece, with their memory.
    pub fn take(&mut self) -> Vec<u8> {
        self.take_segments().into_bytes()
    }

    fn id(&mut self, id: u16) -> &mut Vec<u8> {
        let out = self.segments.gathered();
        put_number(out, id);
        out
    }

    fn short_text(&mut self, id: u16, what: &'static str, text: &str) -> Result<(), EncodeError> {
        let length =
            u32::try_from(text.len()).map_err(|_| EncodeError::does_not_fit(what, "longer than 32 bits can count"))?;
        let out = self.id(id);
        put_number(out, length);
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
