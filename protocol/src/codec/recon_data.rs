//! Message 1023, sorted k-space: for every encoding space its data and, where there is some, its reference data.
//!
//! Each is an array of samples, trajectory and density (a flag each), an array of readout headers, and a description
//! of the sampling: 54 bytes, and 2 of padding, which the original leaves as they happen to be; here they are zeros.

use super::{Codec, Decoder, encoder::put_record_array, put_array, put_count, put_number};
use crate::{
    AcquisitionHeader, BufferedData, ReconBit, ReconData, SamplingDescription, SamplingLimit,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Sorted k-space, as `BufferReader` and `BufferWriter` exchange it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReconDataCodec;

/// The smallest block of k-space: three counts, two flags, the sampling, and the flag of the reference data.
const BIT_BYTES: u64 = 8 + 1 + 1 + 8 + SamplingDescription::SIZE as u64 + 1;

impl Wire for SamplingLimit {
    const SIZE: usize = 6;

    fn read(bytes: &mut &[u8]) -> Self {
        let [min, center, max] = Wire::read(bytes);
        Self { min, center, max }
    }

    fn write(&self, out: &mut Vec<u8>) {
        [self.min, self.center, self.max].write(out);
    }
}

impl Wire for SamplingDescription {
    const SIZE: usize = 56;

    fn read(bytes: &mut &[u8]) -> Self {
        let description = Self {
            encoded_fov: Wire::read(bytes),
            recon_fov: Wire::read(bytes),
            encoded_matrix: Wire::read(bytes),
            recon_matrix: Wire::read(bytes),
            sampling_limits: Wire::read(bytes),
        };
        <[u8; 2]>::read(bytes);
        description
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.encoded_fov.write(out);
        self.recon_fov.write(out);
        self.encoded_matrix.write(out);
        self.recon_matrix.write(out);
        self.sampling_limits.write(out);
        [0_u8; 2].write(out);
    }
}

impl Codec for ReconDataCodec {
    type Value = ReconData;

    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure> {
        let bits = decoder.count("the encoding spaces", BIT_BYTES)?;
        decoder.scan_items(bits, BIT_BYTES, |decoder| {
            scan_buffer(decoder)?;
            if decoder.flag("the flag of the reference data")? {
                scan_buffer(decoder)?;
            }
            Ok(())
        })
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<ReconData, Failure> {
        let count = decoder.count("the encoding spaces", BIT_BYTES)?;
        let mut bits = Vec::with_capacity(count);
        for _ in 0..count {
            let data = buffer(decoder)?;
            let has_reference = decoder.flag("the flag of the reference data")?;
            let reference = has_reference.then(|| buffer(decoder)).transpose()?;
            bits.push(ReconBit { data, reference });
        }
        Ok(ReconData { bits })
    }

    fn encode(&self, value: &ReconData, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_count(out, value.bits.len());
        for bit in &value.bits {
            put_buffer(out, &bit.data);
            put_number(out, u8::from(bit.reference.is_some()));
            if let Some(reference) = &bit.reference {
                put_buffer(out, reference);
            }
        }
        Ok(())
    }

    fn weight(&self, value: &ReconData) -> usize {
        value.weight()
    }
}

fn scan_buffer(decoder: &mut Decoder<'_>) -> Result<(), Failure> {
    decoder.skip_array("the samples", 8)?;
    for part in ["the flag of the trajectory", "the flag of the density"] {
        if decoder.flag(part)? {
            decoder.skip_array(part, 4)?;
        }
    }
    decoder.skip_array("the readouts' headers", AcquisitionHeader::SIZE as u64)?;
    decoder.bytes(SamplingDescription::SIZE as u64)?;
    Ok(())
}

fn buffer(decoder: &mut Decoder<'_>) -> Result<BufferedData, Failure> {
    let data = decoder.array("the samples")?.into_shared();
    let has_trajectory = decoder.flag("the flag of the trajectory")?;
    let trajectory = has_trajectory.then(|| decoder.array("the trajectory")).transpose()?;
    let has_density = decoder.flag("the flag of the density")?;
    let density = has_density.then(|| decoder.array("the density")).transpose()?;
    Ok(BufferedData {
        data,
        trajectory,
        density,
        headers: decoder.record_array("the readouts' headers")?,
        sampling: decoder.record()?,
    })
}

fn put_buffer(out: &mut Vec<u8>, buffer: &BufferedData) {
    put_array(out, &buffer.data);
    for optional in [&buffer.trajectory, &buffer.density] {
        put_number(out, u8::from(optional.is_some()));
        if let Some(array) = optional {
            put_array(out, array);
        }
    }
    put_record_array(out, &buffer.headers);
    buffer.sampling.write(out);
}
