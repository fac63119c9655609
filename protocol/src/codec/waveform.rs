//! Message 1026, a waveform: header of 40 bytes, then 32-bit samples, fastest along time.

use ndarray::Array2;

use super::{Codec, Decoder, put_samples, size16};
use crate::{
    Waveform, WaveformHeader,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Waveforms; `samples` and `channels` of the header are taken from the array when writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaveformCodec;

/// The samples that belong to a header.
pub(super) fn samples(header: WaveformHeader, decoder: &mut Decoder<'_>) -> Result<Waveform, Failure> {
    let shape = (usize::from(header.channels), usize::from(header.number_of_samples));
    let samples = decoder.samples(sample_count(&header))?;
    let data = Array2::from_shape_vec(shape, samples).map_err(|error| decoder.malformed("the samples", error))?;
    Ok(Waveform { header, data })
}

pub(super) fn sample_count(header: &WaveformHeader) -> u64 {
    u64::from(header.channels) * u64::from(header.number_of_samples)
}

/// The header as it is written: sizes from the array.
pub(super) fn header(waveform: &Waveform) -> Result<WaveformHeader, EncodeError> {
    let (channels, samples) = waveform.data.dim();
    Ok(WaveformHeader {
        channels: size16("the channels of a waveform", channels)?,
        number_of_samples: size16("the samples of a waveform", samples)?,
        ..waveform.header
    })
}

impl Codec for WaveformCodec {
    type Value = Waveform;

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Waveform, Failure> {
        let header = decoder.record()?;
        samples(header, decoder)
    }

    fn encode(&self, waveform: &Waveform, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        header(waveform)?.write(out);
        put_samples(out, &waveform.data);
        Ok(())
    }

    fn weight(&self, waveform: &Waveform) -> usize {
        waveform.weight()
    }
}
