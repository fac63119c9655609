//! A physiological waveform (ECG, respiration, ...): message 1026.

use ndarray::Array2;

use crate::wire::Wire;

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

impl Wire for WaveformHeader {
    const SIZE: usize = 40;

    fn read(bytes: &mut &[u8]) -> Self {
        let version = u16::read(bytes);
        <[u8; 6]>::read(bytes);
        let header = Self {
            version,
            flags: u64::read(bytes),
            measurement_uid: u32::read(bytes),
            scan_counter: u32::read(bytes),
            time_stamp: u32::read(bytes),
            number_of_samples: u16::read(bytes),
            channels: u16::read(bytes),
            sample_time_us: f32::read(bytes),
            waveform_id: u16::read(bytes),
        };
        <[u8; 2]>::read(bytes);
        header
    }

    /// The padding, which the original leaves as it happens to be, is written as zeros.
    fn write(&self, out: &mut Vec<u8>) {
        self.version.write(out);
        [0_u8; 6].write(out);
        self.flags.write(out);
        self.measurement_uid.write(out);
        self.scan_counter.write(out);
        self.time_stamp.write(out);
        self.number_of_samples.write(out);
        self.channels.write(out);
        self.sample_time_us.write(out);
        self.waveform_id.write(out);
        [0_u8; 2].write(out);
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
