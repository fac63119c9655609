//! How the typed values of this crate become erased messages and come back.

use engine::Message;
use protocol::{
    Acquisition, AcquisitionBucket, AnyImage, Complex32, DependencyQuery, Image, ImageArray, Pixel, ReconData, Waveform,
};

/// A value that flows through the dynamic form: knows which messages it takes and its weight in bytes.
pub trait Flow: Sized + Send + 'static {
    /// The value of `message`, if it is one; otherwise the message, untouched.
    fn accept(message: Message) -> Result<Self, Message>;
    /// This value as a message.
    fn emit(self) -> Message;
}

impl Flow for Message {
    fn accept(message: Message) -> Result<Self, Message> {
        Ok(message)
    }
    fn emit(self) -> Message {
        self
    }
}

macro_rules! flow {
    ($($type:ty),*) => {$(
        impl Flow for $type {
            fn accept(message: Message) -> Result<Self, Message> {
                message.downcast()
            }
            fn emit(self) -> Message {
                let weight = self.weight();
                Message::with_weight(self, weight)
            }
        }
    )*};
}
flow!(Acquisition, Waveform, AcquisitionBucket, ReconData, ImageArray);

/// What is known of stored measurements.
impl Flow for DependencyQuery {
    fn accept(message: Message) -> Result<Self, Message> {
        message.downcast()
    }
    fn emit(self) -> Message {
        let weight = self.meta.to_xml().len();
        Message::with_weight(self, weight)
    }
}

/// A text message.
impl Flow for String {
    fn accept(message: Message) -> Result<Self, Message> {
        message.downcast()
    }
    fn emit(self) -> Message {
        let weight = self.len();
        Message::with_weight(self, weight)
    }
}

// An image travels as `Image<T>`: gadgets for one pixel type take it directly.
impl<T: Pixel> Flow for Image<T> {
    fn accept(message: Message) -> Result<Self, Message> {
        message.downcast()
    }
    fn emit(self) -> Message {
        let weight = self.weight();
        Message::with_weight(self, weight)
    }
}

impl Flow for AnyImage {
    fn accept(message: Message) -> Result<Self, Message> {
        fn one<T: Pixel>(message: Message) -> Result<AnyImage, Message> {
            message.downcast::<Image<T>>().map(T::any)
        }
        one::<f32>(message)
            .or_else(one::<Complex32>)
            .or_else(one::<u16>)
            .or_else(one::<i16>)
            .or_else(one::<f64>)
            .or_else(one::<protocol::Complex64>)
            .or_else(one::<u32>)
            .or_else(one::<i32>)
    }
    fn emit(self) -> Message {
        match self {
            Self::U16(image) => image.emit(),
            Self::I16(image) => image.emit(),
            Self::U32(image) => image.emit(),
            Self::I32(image) => image.emit(),
            Self::F32(image) => image.emit(),
            Self::F64(image) => image.emit(),
            Self::C32(image) => image.emit(),
            Self::C64(image) => image.emit(),
        }
    }
}

/// What a scanner sends: readouts and waveforms.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large variant")]
pub enum ScannerData {
    /// A readout.
    Acquisition(Acquisition),
    /// A waveform.
    Waveform(Waveform),
}

impl Flow for ScannerData {
    fn accept(message: Message) -> Result<Self, Message> {
        message
            .downcast()
            .map(Self::Acquisition)
            .or_else(|message| message.downcast().map(Self::Waveform))
    }
    fn emit(self) -> Message {
        match self {
            Self::Acquisition(acquisition) => acquisition.emit(),
            Self::Waveform(waveform) => waveform.emit(),
        }
    }
}

/// An image of any pixel type, or an array of images.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageOrArray {
    /// One image.
    Image(AnyImage),
    /// An array of images.
    Array(ImageArray),
}

impl Flow for ImageOrArray {
    fn accept(message: Message) -> Result<Self, Message> {
        message
            .downcast()
            .map(Self::Array)
            .or_else(|message| AnyImage::accept(message).map(Self::Image))
    }
    fn emit(self) -> Message {
        match self {
            Self::Image(image) => image.emit(),
            Self::Array(array) => array.emit(),
        }
    }
}

/// Sorted k-space with the waveforms that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReconDataWithWaveforms {
    /// The k-space.
    pub data: ReconData,
    /// The waveforms.
    pub waveforms: Vec<Waveform>,
}

impl Flow for ReconDataWithWaveforms {
    fn accept(message: Message) -> Result<Self, Message> {
        message.downcast().or_else(|message| {
            message.downcast().map(|data| Self {
                data,
                waveforms: Vec::new(),
            })
        })
    }
    /// Without waveforms it travels as plain [`ReconData`], which every consumer takes.
    fn emit(self) -> Message {
        if self.waveforms.is_empty() {
            return self.data.emit();
        }
        let weight = self.data.weight() + self.waveforms.iter().map(Waveform::weight).sum::<usize>();
        Message::with_weight(self, weight)
    }
}
