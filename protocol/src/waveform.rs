//! A physiological waveform (ECG, respiration, ...): message 1026.

use ndarray::Array2;

/// The header of a waveform: 40 bytes on the wire, naturally aligned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WaveformHeader {
    /// Major version of ISMRMRD.
    pub version: u16,
    /// Bit set.
    pub flags: u64,
    /// Unique number of the measurement.
    pub measurement_uid: u32,
    /// Number of the readout it was taken with.
    pub scan_counter: u32,
    /// Time stamp in ticks of the scanner.
    pub time_stamp: u32,
    /// Samples in each channel.
    pub number_of_samples: u16,
    /// Channels.
    pub channels: u16,
    /// Time between samples in microseconds.
    pub sample_time_us: f32,
    /// Kind of waveform, as the header's `waveformInformation` says.
    pub waveform_id: u16,
}

impl Default for WaveformHeader {
    fn default() -> Self {
        Self {
            version: 1,
            flags: 0,
            measurement_uid: 0,
            scan_counter: 0,
            time_stamp: 0,
            number_of_samples: 0,
            channels: 0,
            sample_time_us: 0.0,
            waveform_id: 0,
        }
    }
}

/// A waveform: header and samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// The fixed header.
    pub header: WaveformHeader,
    /// Samples, shape `[channels, samples]`.
    pub data: Array2<u32>,
}

impl Waveform {
    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.data.len() * 4
    }
}
