//! The sending half of a connection.

use std::any::Any;

use super::{Event, control::NAME_BYTES};
use crate::{
    codec::{Writers, put_number, put_text},
    error::EncodeError,
    message_id,
};

/// The sending half of a connection: messages in, bytes out.
///
/// Every method appends one whole message to the buffer; where one fails, the buffer is as it was. The driver writes
/// the buffer when it sees fit, then [`clear`](Self::clear)s it, which keeps its memory for the next messages.
#[derive(Debug, Default)]
pub struct Outgoing {
    buffer: Vec<u8>,
    writers: Writers,
}

impl Outgoing {
    /// The sending half with these writers.
    pub fn new(writers: Writers) -> Self {
        Self {
            buffer: Vec::new(),
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
        self.id(message_id::FILENAME);
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.resize(self.buffer.len() + NAME_BYTES - name.len(), 0);
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
        self.id(message_id::QUERY);
        put_number(&mut self.buffer, 0_u64);
        put_number(&mut self.buffer, correlation);
        put_text(&mut self.buffer, text);
    }

    /// 7: the answer to the question with this correlation.
    pub fn response(&mut self, correlation: u64, text: &str) {
        self.id(message_id::RESPONSE);
        put_number(&mut self.buffer, correlation);
        put_text(&mut self.buffer, text);
    }

    /// 8: this side failed.
    pub fn error(&mut self, text: &str) {
        self.id(message_id::ERROR);
        put_text(&mut self.buffer, text);
    }

    /// Data: the first writer that takes the value encodes it. A `String` that no writer takes goes out as text.
    pub fn message(&mut self, value: &dyn Any, type_name: &str) -> Result<(), EncodeError> {
        if let Some(text) = value.downcast_ref::<String>()
            && !self.writers.accepts(value)
        {
            return self.text(text);
        }
        self.writers.encode(value, type_name, &mut self.buffer)
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
        self.buffer.extend_from_slice(message);
    }

    /// The bytes to write.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Forgets the bytes, which were written; their memory is used again.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// The bytes to write, with their memory.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn id(&mut self, id: u16) {
        put_number(&mut self.buffer, id);
    }

    fn short_text(&mut self, id: u16, what: &'static str, text: &str) -> Result<(), EncodeError> {
        let length =
            u32::try_from(text.len()).map_err(|_| EncodeError::does_not_fit(what, "longer than 32 bits can count"))?;
        self.id(id);
        put_number(&mut self.buffer, length);
        self.buffer.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
