//! The erased message: any value, with the name of its type and its weight.

use std::{any::Any, fmt};

/// A value whose type is known only at run time.
///
/// The weight is the number of bytes the value stands for; channels use it to bound the memory that waits in them.
///
/// ```
/// use engine::Message;
/// let message = Message::new(7_u32);
/// assert!(message.is::<u32>());
/// let message = message.downcast::<String>().unwrap_err(); // not a string: the message comes back whole
/// assert_eq!(message.downcast::<u32>().unwrap(), 7);
/// ```
pub struct Message {
    payload: Box<dyn Any + Send>,
    type_name: &'static str,
    weight: usize,
}

impl Message {
    /// Erases `value`; its weight is the size of its type.
    pub fn new<T: Any + Send>(value: T) -> Self {
        Self::with_weight(value, size_of::<T>())
    }

    /// Erases `value`, which stands for `weight` bytes of memory.
    pub fn with_weight<T: Any + Send>(value: T, weight: usize) -> Self {
        Self::from_parts(Box::new(value), std::any::type_name::<T>(), weight)
    }

    /// A message from a value that is erased already, as a decoder makes it.
    pub fn from_parts(payload: Box<dyn Any + Send>, type_name: &'static str, weight: usize) -> Self {
        Self {
            payload,
            type_name,
            weight,
        }
    }

    /// Whether the value is a `T`.
    pub fn is<T: Any>(&self) -> bool {
        self.payload.is::<T>()
    }

    /// The value by reference, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.payload.downcast_ref()
    }

    /// The value, if it is a `T`; otherwise the message itself, untouched.
    pub fn downcast<T: Any>(self) -> Result<T, Self> {
        let Self {
            payload,
            type_name,
            weight,
        } = self;
        match payload.downcast::<T>() {
            Ok(value) => Ok(*value),
            Err(payload) => Err(Self {
                payload,
                type_name,
                weight,
            }),
        }
    }

    /// The value by reference, still erased, as an encoder takes it.
    pub fn payload(&self) -> &(dyn Any + Send) {
        &*self.payload
    }

    /// The value, still erased, as an encoder takes it that takes large parts out of it.
    pub fn payload_mut(&mut self) -> &mut (dyn Any + Send) {
        &mut *self.payload
    }

    /// The name of the value's type.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The number of bytes the value stands for.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({}, {} bytes)", self.type_name, self.weight)
    }
}
