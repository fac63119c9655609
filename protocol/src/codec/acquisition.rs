//! Message 1008, a readout: header of 340 bytes, the trajectory if there is one, then the samples of every channel.
//!
//! Samples can be compressed: with flag 54 ([`Precision`], read and written), with flag 53 (ZFP, refused: there is no
//! decoder of it in Rust, and this crate has no C code and no unsafe code). A length of 32 bits comes before them. The
//! flag is cleared when they are read.

use bytes::Bytes;
use ndarray::Array2;
use num_complex::Complex32;

use super::{
    Codec, Decoder,
    nhlbi::{self, Precision},
    put_samples, size16, take_samples,
};
use crate::{
    Acquisition, AcquisitionHeader,
    acquisition::flag,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Readouts; the sizes in the header are taken from the arrays when writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcquisitionCodec {
    /// Compresses the samples when writing, where they can be; readers of the original's core library do not
    /// understand that, those of its MRI library do.
    pub compression: Option<Precision>,
}

pub(super) fn trajectory_count(header: &AcquisitionHeader) -> u64 {
    u64::from(header.trajectory_dimensions) * u64::from(header.number_of_samples)
}

pub(super) fn sample_count(header: &AcquisitionHeader) -> u64 {
    u64::from(header.active_channels) * u64::from(header.number_of_samples)
}

pub(super) fn trajectory(
    header: &AcquisitionHeader,
    decoder: &mut Decoder<'_>,
) -> Result<Option<Array2<f32>>, Failure> {
    if header.trajectory_dimensions == 0 {
        return Ok(None);
    }
    let shape = (
        usize::from(header.number_of_samples),
        usize::from(header.trajectory_dimensions),
    );
    let points = decoder.samples(trajectory_count(header))?;
    let array = Array2::from_shape_vec(shape, points).map_err(|error| decoder.malformed("the trajectory", error))?;
    Ok(Some(array))
}

pub(super) fn samples(header: &AcquisitionHeader, decoder: &mut Decoder<'_>) -> Result<Array2<Complex32>, Failure> {
    let shape = (
        usize::from(header.active_channels),
        usize::from(header.number_of_samples),
    );
    let samples = decoder.samples(sample_count(header))?;
    Array2::from_shape_vec(shape, samples).map_err(|error| decoder.malformed("the samples", error))
}

/// The header as it is written: sizes from the arrays, and the data is not compressed.
pub(super) fn header(acquisition: &Acquisition) -> Result<AcquisitionHeader, EncodeError> {
    let (channels, samples) = acquisition.data.dim();
    let mut header = AcquisitionHeader {
        active_channels: size16("the channels of a readout", channels)?,
        number_of_samples: size16("the samples of a readout", samples)?,
        trajectory_dimensions: 0,
        ..acquisition.header
    };
    if let Some(trajectory) = &acquisition.trajectory {
        let (points, dimensions) = trajectory.dim();
        if points != samples {
            let reason = format_args!("{points} points for {samples} samples").to_string();
            return Err(EncodeError::does_not_fit("the trajectory of a readout", reason));
        }
        header.trajectory_dimensions = size16("the dimensions of a trajectory", dimensions)?;
    }
    header.clear_flag(flag::COMPRESSION1);
    header.clear_flag(flag::COMPRESSION2);
    Ok(header)
}

impl Codec for AcquisitionCodec {
    type Value = Acquisition;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Acquisition, Failure> {
        let mut header: AcquisitionHeader = decoder.record()?;
        let trajectory_bytes = trajectory_count(&header) * 4;
        if header.is_flag_set(flag::COMPRESSION1) {
            let reason = "ZFP compression (flag 53) is not supported; send NHLBI compression (flag 54) or none";
            return Err(decoder.malformed("the samples", reason));
        }
        if header.is_flag_set(flag::COMPRESSION2) {
            decoder.require(trajectory_bytes + 4)?;
            let trajectory = trajectory(&header, decoder)?;
            let data = compressed_samples(&header, decoder)?;
            header.clear_flag(flag::COMPRESSION2);
            return Ok(Acquisition {
                header,
                data,
                trajectory,
            });
        }
        decoder.require(trajectory_bytes + sample_count(&header) * 8)?;
        Ok(Acquisition {
            trajectory: trajectory(&header, decoder)?,
            data: samples(&header, decoder)?,
            header,
        })
    }

    fn encode(&self, acquisition: &Acquisition, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut header = header(acquisition)?;
        let mut block = Vec::new();
        if let Some(precision) = self.compression {
            let values: Vec<f32> = acquisition
                .data
                .iter()
                .flat_map(|sample| [sample.re, sample.im])
                .collect();
            if nhlbi::encode(&values, precision, header.sample_time_us, &mut block) {
                header.set_flag(flag::COMPRESSION2);
            }
        }
        put_head(&header, acquisition, out);
        if block.is_empty() {
            put_samples(out, &acquisition.data);
        } else {
            out.extend_from_slice(&block);
        }
        Ok(())
    }

    fn encode_taking(&self, acquisition: &mut Acquisition, out: &mut Vec<u8>) -> Result<Bytes, EncodeError> {
        if self.compression.is_some() {
            self.encode(acquisition, out)?;
            return Ok(Bytes::new());
        }
        put_head(&header(acquisition)?, acquisition, out);
        Ok(take_samples(out, &mut acquisition.data))
    }

    fn weight(&self, acquisition: &Acquisition) -> usize {
        acquisition.weight()
    }
}

/// All that comes before the samples.
fn put_head(header: &AcquisitionHeader, acquisition: &Acquisition, out: &mut Vec<u8>) {
    header.write(out);
    if let Some(trajectory) = &acquisition.trajectory {
        put_samples(out, trajectory);
    }
}

fn compressed_samples(header: &AcquisitionHeader, decoder: &mut Decoder<'_>) -> Result<Array2<Complex32>, Failure> {
    let shape = (
        usize::from(header.active_channels),
        usize::from(header.number_of_samples),
    );
    let length = decoder.number::<u32>()?;
    let values = nhlbi::decode(decoder, length.into(), sample_count(header) * 2)?;
    let (pairs, _) = values.as_chunks::<2>();
    let samples = pairs.iter().map(|&[re, im]| Complex32::new(re, im)).collect();
    Array2::from_shape_vec(shape, samples).map_err(|error| decoder.malformed("the samples", error))
}
