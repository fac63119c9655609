//! One readout of k-space: message 1008.

use ndarray::Array2;
use num_complex::Complex32;

use crate::wire::wire_record;

wire_record! {
    /// The counters that place a readout in the encoding.
    #[derive(Default)]
    pub struct EncodingCounters {
        /// Phase encoding line.
        pub kspace_encode_step_1: u16,
        /// Partition encoding line.
        pub kspace_encode_step_2: u16,
        /// Average.
        pub average: u16,
        /// Slice.
        pub slice: u16,
        /// Echo in a multi-echo measurement.
        pub contrast: u16,
        /// Cardiac phase.
        pub phase: u16,
        /// Repetition in a dynamic measurement.
        pub repetition: u16,
        /// Set, for instance of a flow encoding.
        pub set: u16,
        /// Segment of a segmented measurement.
        pub segment: u16,
        /// Free counters.
        pub user: [u16; 8],
    }
}

wire_record! {
    /// The fixed header of a readout: 340 bytes on the wire.
    pub struct AcquisitionHeader {
        /// Major version of ISMRMRD.
        pub version: u16,
        /// Bit set, see [`flag`].
        pub flags: u64,
        /// Unique number of the measurement.
        pub measurement_uid: u32,
        /// Running number of this readout.
        pub scan_counter: u32,
        /// Time stamp, in ticks of the scanner (usually 2.5 ms).
        pub acquisition_time_stamp: u32,
        /// Physiological time stamps, ECG first, in the same ticks.
        pub physiology_time_stamp: [u32; 3],
        /// Samples in each channel.
        pub number_of_samples: u16,
        /// Channels the coil has.
        pub available_channels: u16,
        /// Channels in this readout.
        pub active_channels: u16,
        /// Which of the channels are active, a bit each.
        pub channel_mask: [u64; 16],
        /// Samples to leave out at the beginning.
        pub discard_pre: u16,
        /// Samples to leave out at the end.
        pub discard_post: u16,
        /// The sample at the centre of k-space.
        pub center_sample: u16,
        /// The encoding of the header this readout belongs to, from 0.
        pub encoding_space_ref: u16,
        /// Dimensions of the trajectory, 0 when there is none.
        pub trajectory_dimensions: u16,
        /// Time between samples (dwell time) in microseconds.
        pub sample_time_us: f32,
        /// Position of the slice in millimetres, patient coordinates.
        pub position: [f32; 3],
        /// Direction of readout.
        pub read_dir: [f32; 3],
        /// Direction of phase encoding.
        pub phase_dir: [f32; 3],
        /// Direction of the slice.
        pub slice_dir: [f32; 3],
        /// Position of the patient table in millimetres.
        pub patient_table_position: [f32; 3],
        /// The counters.
        pub idx: EncodingCounters,
        /// Free integers.
        pub user_int: [i32; 8],
        /// Free numbers.
        pub user_float: [f32; 8],
    }
}

/// The flags of a readout, by ISMRMRD's numbers (bit `n - 1`).
#[expect(missing_docs, reason = "the names are the field's own")]
pub mod flag {
    pub const FIRST_IN_ENCODE_STEP1: u32 = 1;
    pub const LAST_IN_ENCODE_STEP1: u32 = 2;
    pub const FIRST_IN_ENCODE_STEP2: u32 = 3;
    pub const LAST_IN_ENCODE_STEP2: u32 = 4;
    pub const FIRST_IN_AVERAGE: u32 = 5;
    pub const LAST_IN_AVERAGE: u32 = 6;
    pub const FIRST_IN_SLICE: u32 = 7;
    pub const LAST_IN_SLICE: u32 = 8;
    pub const FIRST_IN_CONTRAST: u32 = 9;
    pub const LAST_IN_CONTRAST: u32 = 10;
    pub const FIRST_IN_PHASE: u32 = 11;
    pub const LAST_IN_PHASE: u32 = 12;
    pub const FIRST_IN_REPETITION: u32 = 13;
    pub const LAST_IN_REPETITION: u32 = 14;
    pub const FIRST_IN_SET: u32 = 15;
    pub const LAST_IN_SET: u32 = 16;
    pub const FIRST_IN_SEGMENT: u32 = 17;
    pub const LAST_IN_SEGMENT: u32 = 18;
    pub const IS_NOISE_MEASUREMENT: u32 = 19;
    pub const IS_PARALLEL_CALIBRATION: u32 = 20;
    pub const IS_PARALLEL_CALIBRATION_AND_IMAGING: u32 = 21;
    pub const IS_REVERSE: u32 = 22;
    pub const IS_NAVIGATION_DATA: u32 = 23;
    pub const IS_PHASECORR_DATA: u32 = 24;
    pub const LAST_IN_MEASUREMENT: u32 = 25;
    pub const IS_HPFEEDBACK_DATA: u32 = 26;
    pub const IS_DUMMYSCAN_DATA: u32 = 27;
    pub const IS_RTFEEDBACK_DATA: u32 = 28;
    pub const IS_SURFACECOILCORRECTIONSCAN_DATA: u32 = 29;
    pub const COMPRESSION1: u32 = 53;
    pub const COMPRESSION2: u32 = 54;
}

impl Default for AcquisitionHeader {
    /// As ISMRMRD initialises it: version 1, one channel, everything else zero.
    fn default() -> Self {
        Self {
            version: 1,
            flags: 0,
            measurement_uid: 0,
            scan_counter: 0,
            acquisition_time_stamp: 0,
            physiology_time_stamp: [0; 3],
            number_of_samples: 0,
            available_channels: 1,
            active_channels: 1,
            channel_mask: [0; 16],
            discard_pre: 0,
            discard_post: 0,
            center_sample: 0,
            encoding_space_ref: 0,
            trajectory_dimensions: 0,
            sample_time_us: 0.0,
            position: [0.0; 3],
            read_dir: [0.0; 3],
            phase_dir: [0.0; 3],
            slice_dir: [0.0; 3],
            patient_table_position: [0.0; 3],
            idx: EncodingCounters::default(),
            user_int: [0; 8],
            user_float: [0.0; 8],
        }
    }
}

impl AcquisitionHeader {
    /// Whether the flag with this number (see [`flag`]) is set.
    pub fn is_flag_set(&self, flag: u32) -> bool {
        self.flags & (1 << (flag - 1)) != 0
    }

    /// Sets the flag with this number.
    pub fn set_flag(&mut self, flag: u32) {
        self.flags |= 1 << (flag - 1);
    }

    /// Clears the flag with this number.
    pub fn clear_flag(&mut self, flag: u32) {
        self.flags &= !(1 << (flag - 1));
    }
}

/// One readout: header, samples of every channel, and where in k-space they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquisition {
    /// The fixed header.
    pub header: AcquisitionHeader,
    /// Samples, shape `[channels, samples]`.
    pub data: Array2<Complex32>,
    /// Trajectory, shape `[samples, dimensions]`.
    pub trajectory: Option<Array2<f32>>,
}

impl Acquisition {
    /// A readout with these samples, shape `[channels, samples]`, no trajectory, and a header that says what the samples
    /// themselves do: how many there are, of how many channels, the middle one the centre of k-space. Counts beyond what a
    /// header can say (65,535) stay at that; no writer accepts such a readout.
    pub fn new(data: Array2<Complex32>) -> Self {
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let (channels, samples) = data.dim();
        Self {
            header: AcquisitionHeader {
                number_of_samples: count(samples),
                available_channels: count(channels),
                active_channels: count(channels),
                center_sample: count(samples / 2),
                ..AcquisitionHeader::default()
            },
            data,
            trajectory: None,
        }
    }

    /// Its size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.data.len() * 8 + self.trajectory.as_ref().map_or(0, |t| t.len() * 4)
    }
}
