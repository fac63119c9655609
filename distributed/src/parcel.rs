//! A message on its way to a worker: a value as long as it can be one, bytes once it must.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use engine::{BoxError, Message};
use protocol::{
    Limits,
    error::EncodeError,
    session::{Event, Incoming},
};

use crate::link::Setup;

/// A message on its way to a worker.
///
/// Cloning shares it. It is encoded when a link first sends it, and the bytes are what is kept for another try; as long
/// as nobody else holds it, the worker in this process takes the value itself and nothing is encoded at all.
#[derive(Clone)]
pub struct Parcel {
    weight: usize,
    mark: Option<u64>,
    setup: Arc<Setup>,
    content: Arc<Mutex<Content>>,
}

enum Content {
    Value(Message),
    Bytes([Bytes; 2]),
    Gone,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Parcel({} bytes)", self.weight)
    }
}

impl Parcel {
    /// A parcel; a message that no writer takes is an error at once, not only when a link sends it.
    pub fn new(message: Message, setup: &Arc<Setup>) -> Result<Self, EncodeError> {
        setup.writers.expect(message.payload(), message.type_name())?;
        Ok(Self {
            weight: message.weight(),
            mark: None,
            setup: setup.clone(),
            content: Arc::new(Mutex::new(Content::Value(message))),
        })
    }

    /// The bytes of memory it stands for.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Notes something about the message by which its answer can be told from that to another one.
    pub fn with_mark(mut self, mark: Option<u64>) -> Self {
        self.mark = mark;
        self
    }

    /// What was noted.
    pub fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// The whole message as a worker gets it, in two parts: samples stay where they are.
    pub fn bytes(&self) -> Result<[Bytes; 2], BoxError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match &mut *content {
            Content::Bytes(bytes) => return Ok(bytes.clone()),
            Content::Value(message) => self.setup.encode(message)?,
            Content::Gone => return Err("the message was taken already".into()),
        };
        *content = Content::Bytes(bytes.clone());
        Ok(bytes)
    }

    /// The message. The last holder gets the value itself; before, it is decoded from the bytes that others may need.
    ///
    /// The bytes were written here, so they are held against none of the links' limits: those are for what workers send,
    /// and a job may be larger than any answer.
    pub fn into_message(self) -> Result<Message, BoxError> {
        let last = Arc::strong_count(&self.content) == 1;
        if last {
            let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *content, Content::Gone) {
                Content::Value(message) => return Ok(message),
                bytes => *content = bytes,
            }
        }
        let bytes = self.bytes()?;
        let mut incoming = Incoming::client(Limits::NONE, self.setup.own_readers.clone());
        bytes.iter().for_each(|part| incoming.handle_bytes(part));
        match incoming.poll_event()? {
            Some(Event::Message(payload)) => Ok(Message::from_parts(payload.value, payload.type_name, payload.weight)),
            _ => Err("the message does not survive its own encoding".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::codec::{Codec, Codecs, Decoder, Failure, Readers, Writers, put_count};

    use super::*;

    /// A message that is a list, to have more items than a link would take from a worker.
    #[derive(Clone, PartialEq)]
    struct List(Vec<u8>);

    struct ListCodec;

    impl Codec for ListCodec {
        type Value = List;

        fn decode(&self, decoder: &mut Decoder<'_>) -> Result<List, Failure> {
            let count = decoder.count("the list", 1)?;
            decoder.samples(count as u64).map(List)
        }

        fn encode(&self, value: &List, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            put_count(out, value.0.len());
            out.extend_from_slice(&value.0);
            Ok(())
        }
    }

    #[test]
    fn what_was_encoded_here_is_decoded_however_large_it_is() {
        let mut codecs = Codecs::standard();
        codecs
            .register(2003, &["ListReader"], &["ListWriter"], ListCodec)
            .unwrap();
        let endpoints = (Readers::standard(), Writers::all(&codecs));
        let setup = Setup::new("<configuration/>", "<header/>", endpoints, &codecs).unwrap();
        let items = usize::try_from(Limits::default().list_items).unwrap();
        let list = List(vec![7; items + 1]);
        let parcel = Parcel::new(Message::new(list.clone()), &Arc::new(setup)).unwrap();
        // A link has sent it, and another one may have to.
        parcel.bytes().unwrap();
        for parcel in [parcel.clone(), parcel] {
            let message = parcel.into_message().unwrap();
            assert!(message.downcast_ref::<List>() == Some(&list));
        }
    }
}
