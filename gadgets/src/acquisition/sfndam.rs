//! SFNDAM ("simple n-dimensional array with metadata"), version 1: the file of a noise covariance.
//!
//! Little-endian: `SFNDAM`, version (u32), element type (u32, 7 = complex single precision), number of dimensions (u32),
//! dimensions (u64 each), length of the metadata (u64), elements, metadata (JSON). Gadgetron's `noisecovarianceout` writes
//! it, and its storage server keeps it. The elements lie as in memory there: the first index is the fastest.

use ndarray::Array2;
use num_complex::Complex64;
use protocol::Complex32;
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 6] = b"SFNDAM";
const VERSION: u32 = 1;
const COMPLEX_SINGLE: u32 = 7;

/// What cannot be read as a noise covariance.
#[derive(Debug, thiserror::Error)]
pub enum SfndamError {
    /// It ends too early, or says that it holds more than it does.
    #[error("it ends at byte {0}, too early")]
    TooShort(usize),
    /// It begins otherwise.
    #[error("it is no SFNDAM file of version 1")]
    NotSfndam,
    /// Its array is something else.
    #[error("it holds elements of type {kind} in {dimensions:?}, not a square matrix of type 7")]
    NoMatrix {
        /// Type of the elements.
        kind: u32,
        /// Dimensions of the array.
        dimensions: Vec<u64>,
    },
    /// Its metadata cannot be understood.
    #[error("its metadata cannot be read: {0}")]
    Metadata(#[from] serde_json::Error),
}

/// The covariance of the receivers' noise.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseCovariance {
    /// `[i, j]` is the mean of `conj(noise of i) * noise of j`.
    pub matrix: Array2<Complex64>,
    /// Names of the coils, as far as they are known.
    pub labels: Vec<String>,
    /// Samples that the mean was taken over.
    pub sample_count: u64,
    /// Time between samples (dwell time) in microseconds.
    pub dwell_time_us: f32,
    /// Bandwidth of the receivers' noise relative to the sampling's.
    pub receiver_noise_bandwidth: f32,
}

/// In the order in which the original writes it.
#[derive(Serialize, Deserialize)]
struct Metadata {
    channels: u64,
    labels: Vec<String>,
    #[serde(rename = "noiseDwellTimeUs")]
    noise_dwell_time_us: f64,
    #[serde(rename = "receiverNoiseBandwidth")]
    receiver_noise_bandwidth: f64,
    #[serde(rename = "sampleCount")]
    sample_count: u64,
}

impl NoiseCovariance {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SfndamError> {
        let channels = self.matrix.nrows() as u64;
        let metadata = serde_json::to_vec(&Metadata {
            channels,
            labels: self.labels.clone(),
            noise_dwell_time_us: self.dwell_time_us.into(),
            receiver_noise_bandwidth: self.receiver_noise_bandwidth.into(),
            sample_count: self.sample_count,
        })?;
        let mut bytes = MAGIC.to_vec();
        for number in [VERSION, COMPLEX_SINGLE, 2] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [channels, channels, metadata.len() as u64] {
            bytes.extend(number.to_le_bytes());
        }
        for value in self.matrix.t() {
            bytes.extend((value.re as f32).to_le_bytes());
            bytes.extend((value.im as f32).to_le_bytes());
        }
        bytes.extend(metadata);
        Ok(bytes)
    }

    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SfndamError> {
        let mut reader = Reader { bytes, position: 0 };
        if reader.take(6)? != MAGIC || reader.number()? != VERSION {
            return Err(SfndamError::NotSfndam);
        }
        let kind = reader.number()?;
        let rank = reader.number()?;
        let mut dimensions = Vec::new();
        // Each dimension costs eight bytes of the file: a wrong number ends with the file.
        for _ in 0..rank {
            dimensions.push(reader.long()?);
        }
        let channels = match dimensions[..] {
            [rows, columns] if rows == columns && kind == COMPLEX_SINGLE => usize::try_from(rows).ok(),
            _ => None,
        };
        let elements = channels.and_then(|channels| channels.checked_mul(channels)?.checked_mul(8));
        let (Some(channels), Some(length)) = (channels, elements) else {
            return Err(SfndamError::NoMatrix { kind, dimensions });
        };
        let metadata_length = usize::try_from(reader.long()?).unwrap_or(usize::MAX);
        let values = reader.take(length)?.chunks_exact(8).map(|value| {
            let value: Complex32 = bytemuck::pod_read_unaligned(value);
            Complex64::new(value.re.into(), value.im.into())
        });
        let transposed = Array2::from_shape_vec((channels, channels), values.collect());
        let metadata: Metadata = serde_json::from_slice(reader.take(metadata_length)?)?;
        Ok(Self {
            matrix: transposed
                .expect("the length was computed from the shape")
                .reversed_axes(),
            labels: metadata.labels,
            sample_count: metadata.sample_count,
            dwell_time_us: metadata.noise_dwell_time_us as f32,
            receiver_noise_bandwidth: metadata.receiver_noise_bandwidth as f32,
        })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SfndamError> {
        let end = self.position.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.ok_or(SfndamError::TooShort(self.bytes.len()))?;
        self.position += length;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, SfndamError> {
        Ok(u32::from_le_bytes(
            self.take(4)?.try_into().expect("four bytes were taken"),
        ))
    }

    fn long(&mut self) -> Result<u64, SfndamError> {
        Ok(u64::from_le_bytes(
            self.take(8)?.try_into().expect("eight bytes were taken"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covariance() -> NoiseCovariance {
        NoiseCovariance {
            matrix: Array2::from_shape_fn((2, 2), |(i, j)| {
                Complex64::new((10 * i + j) as f64, i as f64 - j as f64)
            }),
            labels: vec!["A".into(), "B".into()],
            sample_count: 512,
            dwell_time_us: 5.0,
            receiver_noise_bandwidth: 0.793,
        }
    }

    #[test]
    fn the_layout_is_the_original_one() {
        let bytes = covariance().to_bytes().unwrap();
        assert_eq!(&bytes[..18], b"SFNDAM\x01\0\0\0\x07\0\0\0\x02\0\0\0");
        assert_eq!(&bytes[18..26], &2_u64.to_le_bytes());
        // The first index is the fastest: [1, 0] comes second.
        assert_eq!(&bytes[50..54], &10_f32.to_le_bytes());
        let metadata = std::str::from_utf8(&bytes[42 + 32..]).unwrap();
        assert_eq!(
            metadata,
            r#"{"channels":2,"labels":["A","B"],"noiseDwellTimeUs":5.0,"receiverNoiseBandwidth":0.7929999828338623,"sampleCount":512}"#
        );
        assert_eq!(&bytes[34..42], &(metadata.len() as u64).to_le_bytes());
    }

    #[test]
    fn what_was_written_is_read() {
        let read = NoiseCovariance::from_bytes(&covariance().to_bytes().unwrap()).unwrap();
        assert_eq!(read, covariance());
    }

    #[test]
    fn every_file_that_is_cut_short_is_an_error() {
        let bytes = covariance().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(NoiseCovariance::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn damage_is_never_a_panic(position in 0_usize..74, value: u8) {
            let mut bytes = covariance().to_bytes().unwrap();
            bytes[position] = value;
            let _ = NoiseCovariance::from_bytes(&bytes);
        }
    }
}
