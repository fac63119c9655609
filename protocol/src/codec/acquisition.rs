//! Message 1008, a readout: header of 340 bytes, the trajectory if there is one, then the samples of every channel.

use ndarray::Array2;

use super::{Codec, Decoder, put_samples, size16};
use crate::{
    Acquisition, AcquisitionHeader,
    acquisition::flag,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Readouts; the sizes in the header are taken from the arrays when writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcquisitionCodec;

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

pub(super) fn samples(
    header: &AcquisitionHeader,
    decoder: &mut Decoder<'_>,
) -> Result<Array2<num_complex::Complex32>, Failure> {
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
        let header: AcquisitionHeader = decoder.record()?;
        decoder.require(trajectory_count(&header) * 4 + sample_count(&header) * 8)?;
        Ok(Acquisition {
            trajectory: trajectory(&header, decoder)?,
            data: samples(&header, decoder)?,
            header,
        })
    }

    fn encode(&self, acquisition: &Acquisition, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        header(acquisition)?.write(out);
        if let Some(trajectory) = &acquisition.trajectory {
            put_samples(out, trajectory);
        }
        put_samples(out, &acquisition.data);
        Ok(())
    }

    fn weight(&self, acquisition: &Acquisition) -> usize {
        acquisition.weight()
    }
}
