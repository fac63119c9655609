//! An image: message 1022, eight pixel types, optional meta attributes.

use ndarray::Array4;
use num_complex::{Complex32, Complex64};

use crate::{Meta, codec::Sample, wire::wire_record};

wire_record! {
    /// The fixed header of an image: 198 bytes on the wire.
    pub struct ImageHeader {
        /// Major version of ISMRMRD.
        pub version: u16,
        /// Pixel type, see [`PixelType`].
        pub data_type: u16,
        /// Bit set.
        pub flags: u64,
        /// Unique number of the measurement.
        pub measurement_uid: u32,
        /// Pixels along x, y, z.
        pub matrix_size: [u16; 3],
        /// Field of view in millimetres.
        pub field_of_view: [f32; 3],
        /// Channels.
        pub channels: u16,
        /// Position in millimetres, patient coordinates.
        pub position: [f32; 3],
        /// Direction of readout.
        pub read_dir: [f32; 3],
        /// Direction of phase encoding.
        pub phase_dir: [f32; 3],
        /// Direction of the slice.
        pub slice_dir: [f32; 3],
        /// Position of the patient table in millimetres.
        pub patient_table_position: [f32; 3],
        /// Average.
        pub average: u16,
        /// Slice.
        pub slice: u16,
        /// Contrast.
        pub contrast: u16,
        /// Phase.
        pub phase: u16,
        /// Repetition.
        pub repetition: u16,
        /// Set.
        pub set: u16,
        /// Time stamp in ticks of the scanner.
        pub acquisition_time_stamp: u32,
        /// Physiological time stamps.
        pub physiology_time_stamp: [u32; 3],
        /// Kind of image, see [`ImageType`].
        pub image_type: u16,
        /// Number of the image in its series, from 1.
        pub image_index: u16,
        /// Number of the series.
        pub image_series_index: u16,
        /// Free integers.
        pub user_int: [i32; 8],
        /// Free numbers.
        pub user_float: [f32; 8],
        /// Bytes of the meta attributes' XML.
        pub attribute_string_len: u32,
    }
}

impl Default for ImageHeader {
    /// As ISMRMRD initialises it: version 1, one pixel in y and z, one channel, everything else zero.
    fn default() -> Self {
        Self {
            version: 1,
            data_type: 0,
            flags: 0,
            measurement_uid: 0,
            matrix_size: [0, 1, 1],
            field_of_view: [0.0; 3],
            channels: 1,
            position: [0.0; 3],
            read_dir: [0.0; 3],
            phase_dir: [0.0; 3],
            slice_dir: [0.0; 3],
            patient_table_position: [0.0; 3],
            average: 0,
            slice: 0,
            contrast: 0,
            phase: 0,
            repetition: 0,
            set: 0,
            acquisition_time_stamp: 0,
            physiology_time_stamp: [0; 3],
            image_type: 0,
            image_index: 0,
            image_series_index: 0,
            user_int: [0; 8],
            user_float: [0.0; 8],
            attribute_string_len: 0,
        }
    }
}

/// Kinds of image, with ISMRMRD's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum ImageType {
    /// Magnitude.
    Magnitude = 1,
    /// Phase.
    Phase = 2,
    /// Real part.
    Real = 3,
    /// Imaginary part.
    Imaginary = 4,
    /// Complex.
    Complex = 5,
}

impl ImageType {
    /// The kind with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        [Self::Magnitude, Self::Phase, Self::Real, Self::Imaginary, Self::Complex]
            .into_iter()
            .find(|kind| *kind as u16 == number)
    }
}

/// Pixel types, with ISMRMRD's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum PixelType {
    /// 16 bits, unsigned.
    U16 = 1,
    /// 16 bits, signed.
    I16 = 2,
    /// 32 bits, unsigned.
    U32 = 3,
    /// 32 bits, signed.
    I32 = 4,
    /// Single precision.
    F32 = 5,
    /// Double precision.
    F64 = 6,
    /// Complex, single precision.
    C32 = 7,
    /// Complex, double precision.
    C64 = 8,
}

impl PixelType {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::F64,
        Self::C32,
        Self::C64,
    ];

    /// The type with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// Bytes of a pixel.
    pub fn size(self) -> usize {
        match self {
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::F64 | Self::C32 => 8,
            Self::C64 => 16,
        }
    }
}

/// A type that pixels can have.
pub trait Pixel: Sample {
    /// Its number.
    const TYPE: PixelType;
    /// The image as one of any type.
    fn any(image: Image<Self>) -> AnyImage;
}

/// An image with pixels of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Image<T> {
    /// The fixed header.
    pub header: ImageHeader,
    /// Pixels, shape `[channels, z, y, x]`.
    pub data: Array4<T>,
    /// Meta attributes.
    pub meta: Option<Meta>,
}

impl<T> Image<T> {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.data.len() * size_of::<T>()
    }

    /// The same image with every pixel turned into another.
    pub fn map<U>(self, pixel: impl FnMut(T) -> U) -> Image<U> {
        Image {
            header: self.header,
            data: self.data.mapv_into_any_owned(pixel),
            meta: self.meta,
        }
    }
}

trait MapOwned<T> {
    fn mapv_into_any_owned<U>(self, map: impl FnMut(T) -> U) -> Array4<U>;
}

impl<T> MapOwned<T> for Array4<T> {
    fn mapv_into_any_owned<U>(self, map: impl FnMut(T) -> U) -> Array4<U> {
        let shape = self.raw_dim();
        Array4::from_shape_vec(shape, self.into_iter().map(map).collect()).expect("one pixel for each")
    }
}

macro_rules! any_image {
    ($($variant:ident($type:ty)),*) => {
        /// An image with pixels of any of the eight types.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyImage {
            $(#[doc = concat!("Pixels of type `", stringify!($type), "`.")] $variant(Image<$type>),)*
        }

        $(impl Pixel for $type {
            const TYPE: PixelType = PixelType::$variant;
            fn any(image: Image<Self>) -> AnyImage {
                AnyImage::$variant(image)
            }
        })*

        impl AnyImage {
            /// The fixed header.
            pub fn header(&self) -> &ImageHeader {
                match self { $(Self::$variant(image) => &image.header,)* }
            }

            /// The fixed header, to change.
            pub fn header_mut(&mut self) -> &mut ImageHeader {
                match self { $(Self::$variant(image) => &mut image.header,)* }
            }

            /// Meta attributes.
            pub fn meta(&self) -> Option<&Meta> {
                match self { $(Self::$variant(image) => image.meta.as_ref(),)* }
            }

            /// The type of its pixels.
            pub fn pixel_type(&self) -> PixelType {
                match self { $(Self::$variant(_) => PixelType::$variant,)* }
            }

            /// Its size in memory, in bytes.
            pub fn weight(&self) -> usize {
                match self { $(Self::$variant(image) => image.weight(),)* }
            }
        }
    };
}
any_image!(
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    F64(f64),
    C32(Complex32),
    C64(Complex64)
);
