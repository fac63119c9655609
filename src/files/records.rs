//! The records of ISMRMRD files, member by member, for reading and for writing.

use hdf5::types::VarLenArray;
use hdf5_reader::Datatype;
use protocol::{AcquisitionHeader, EncodingCounters, ImageHeader, WaveformHeader};

use super::layout::{Member, member};

/// Declares how a header is stored: its members, each under its own name.
macro_rules! record {
    ($value:ident, $record:ident, $places:ident { $($field:ident: $type:ty,)* }) => {
        #[doc = concat!("[`", stringify!($value), "`] as libhdf5 writes it.")]
        #[repr(C)]
        #[derive(Clone, Copy, hdf5::H5Type)]
        pub(super) struct $record { $($field: <$type as Member>::Stored,)* }

        #[doc = concat!("Where the members of [`", stringify!($value), "`] lie.")]
        pub(super) struct $places { $($field: (usize, <$type as Member>::Places),)* }

        impl Member for $value {
            type Stored = $record;
            type Places = $places;

            fn stored(&self) -> $record {
                $record { $($field: self.$field.stored(),)* }
            }

            fn places(datatype: &Datatype) -> Result<$places, String> {
                Ok($places { $($field: {
                    let (offset, datatype) = member(datatype, stringify!($field))?;
                    let inner = <$type as Member>::places(datatype)
                        .map_err(|reason| format!("\"{}\": {reason}", stringify!($field)))?;
                    (offset, inner)
                },)* })
            }

            fn read(places: &$places, bytes: &[u8]) -> Self {
                Self { $($field: {
                    let (offset, inner) = &places.$field;
                    Member::read(inner, bytes.get(*offset..).unwrap_or_default())
                },)* }
            }
        }
    };
}

record!(
    EncodingCounters,
    EncodingCountersRecord,
    EncodingCountersPlaces {
        kspace_encode_step_1: u16,
        kspace_encode_step_2: u16,
        average: u16,
        slice: u16,
        contrast: u16,
        phase: u16,
        repetition: u16,
        set: u16,
        segment: u16,
        user: [u16; 8],
    }
);

record!(
    AcquisitionHeader,
    AcquisitionHeaderRecord,
    AcquisitionHeaderPlaces {
        version: u16,
        flags: u64,
        measurement_uid: u32,
        scan_counter: u32,
        acquisition_time_stamp: u32,
        physiology_time_stamp: [u32; 3],
        number_of_samples: u16,
        available_channels: u16,
        active_channels: u16,
        channel_mask: [u64; 16],
        discard_pre: u16,
        discard_post: u16,
        center_sample: u16,
        encoding_space_ref: u16,
        trajectory_dimensions: u16,
        sample_time_us: f32,
        position: [f32; 3],
        read_dir: [f32; 3],
        phase_dir: [f32; 3],
        slice_dir: [f32; 3],
        patient_table_position: [f32; 3],
        idx: EncodingCounters,
        user_int: [i32; 8],
        user_float: [f32; 8],
    }
);

record!(
    WaveformHeader,
    WaveformHeaderRecord,
    WaveformHeaderPlaces {
        version: u16,
        flags: u64,
        measurement_uid: u32,
        scan_counter: u32,
        time_stamp: u32,
        number_of_samples: u16,
        channels: u16,
        sample_time_us: f32,
        waveform_id: u16,
    }
);

record!(
    ImageHeader,
    ImageHeaderRecord,
    ImageHeaderPlaces {
        version: u16,
        data_type: u16,
        flags: u64,
        measurement_uid: u32,
        matrix_size: [u16; 3],
        field_of_view: [f32; 3],
        channels: u16,
        position: [f32; 3],
        read_dir: [f32; 3],
        phase_dir: [f32; 3],
        slice_dir: [f32; 3],
        patient_table_position: [f32; 3],
        average: u16,
        slice: u16,
        contrast: u16,
        phase: u16,
        repetition: u16,
        set: u16,
        acquisition_time_stamp: u32,
        physiology_time_stamp: [u32; 3],
        image_type: u16,
        image_index: u16,
        image_series_index: u16,
        user_int: [i32; 8],
        user_float: [f32; 8],
        attribute_string_len: u32,
    }
);

/// A readout: header, trajectory, samples as pairs of real and imaginary part.
#[repr(C)]
#[derive(hdf5::H5Type)]
pub(super) struct AcquisitionRecord {
    pub(super) head: AcquisitionHeaderRecord,
    pub(super) traj: VarLenArray<f32>,
    pub(super) data: VarLenArray<f32>,
}

/// A waveform: header and samples.
#[repr(C)]
#[derive(hdf5::H5Type)]
pub(super) struct WaveformRecord {
    pub(super) head: WaveformHeaderRecord,
    pub(super) data: VarLenArray<u32>,
}

/// A complex number under ISMRMRD's names, as libhdf5 writes it.
#[repr(C)]
#[derive(Clone, Copy, hdf5::H5Type)]
pub(super) struct ComplexRecord<T: hdf5::H5Type> {
    pub(super) real: T,
    pub(super) imag: T,
}
