//! Gadgetron's protocol, without IO: messages and their codecs, the session, the ISMRMRD header, configurations.
//!
//! Bytes in, typed messages out, and back. This crate opens no socket and no file, has no runtime and reads no clock.
//!
//! Arrays are in C order with reversed axes: where ISMRMRD says `[samples, channels]` with samples fastest in memory,
//! the array here has the shape `[channels, samples]`. The bytes are the same.
#![forbid(unsafe_code)]

pub mod acquisition;
pub mod bucket;
pub mod codec;
pub mod configuration;
pub mod dependency_query;
pub mod dicom;
pub mod error;
pub mod fuzzing;
pub mod header;
pub mod image;
pub mod image_array;
pub mod limits;
pub mod message_id;
pub mod meta;
pub mod query;
pub mod recon_data;
pub mod recording;
pub mod session;
pub mod waveform;
mod wire;
pub mod xml;

pub use acquisition::{Acquisition, AcquisitionHeader, EncodingCounters};
pub use bucket::{AcquisitionBucket, AcquisitionBucketStats};
pub use configuration::{Configuration, ConfigurationError};
pub use dependency_query::DependencyQuery;
pub use dicom::Dicom;
pub use header::{HeaderError, IsmrmrdHeader};
pub use image::{AnyImage, Image, ImageHeader, ImageType, Pixel, PixelType};
pub use image_array::ImageArray;
pub use limits::Limits;
pub use meta::{Meta, MetaError};
pub use num_complex::{Complex32, Complex64};
pub use recon_data::{BufferedData, ReconBit, ReconData, SamplingDescription, SamplingLimit};
pub use waveform::{Waveform, WaveformHeader};
