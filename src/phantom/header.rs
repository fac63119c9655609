//! The header of a phantom measurement.

use protocol::header::{
    AcquisitionSystemInformation, CalibrationMode, CoilLabel, Encoding, EncodingLimits, EncodingSpace,
    ExperimentalConditions, IsmrmrdHeader, Limit, MeasurementInformation, ParallelImaging, SequenceParameters,
    SubjectInformation, Trajectory, WaveformInformation,
};

use super::PhantomSettings;

/// Field of view along x and y in millimetres.
const FIELD_OF_VIEW: f32 = 256.0;
/// Thickness of a slice in millimetres.
pub(super) const THICKNESS: f32 = 5.0;
/// Time between two readouts in milliseconds.
pub(super) const REPETITION_TIME: f32 = 10.0;
/// Bandwidth in which the receiver counts noise, relative to that of the signal; the value scanners usually state.
pub(super) const NOISE_BANDWIDTH: f32 = 0.793;

/// The header. The readout is measured twice as densely as the image needs, over twice the field of view.
pub(super) fn header(settings: &PhantomSettings) -> IsmrmrdHeader {
    let matrix = settings.matrix;
    IsmrmrdHeader {
        subject_information: Some(SubjectInformation {
            patient_name: Some("phantom".into()),
            patient_id: Some("phantom".into()),
            ..SubjectInformation::default()
        }),
        measurement_information: Some(MeasurementInformation {
            // Device, subject, session, measurement: the form that names under which noise is stored are taken from.
            measurement_id: Some(format!("gadgetron_phantom_1_{}", settings.seed)),
            patient_position: "HFS".into(),
            protocol_name: Some("phantom".into()),
            ..MeasurementInformation::default()
        }),
        acquisition_system_information: Some(AcquisitionSystemInformation {
            system_vendor: Some("gadgetron".into()),
            system_model: Some("phantom".into()),
            system_field_strength_t: Some(1.5),
            relative_receiver_noise_bandwidth: Some(NOISE_BANDWIDTH),
            receiver_channels: Some(settings.coils),
            coil_label: (0..settings.coils)
                .map(|coil| CoilLabel {
                    coil_number: coil,
                    coil_name: format!("ring:{coil}"),
                    ..CoilLabel::default()
                })
                .collect(),
            institution_name: Some("gadgetron".into()),
            ..AcquisitionSystemInformation::default()
        }),
        experimental_conditions: ExperimentalConditions {
            h1_resonance_frequency_hz: 63_500_000,
            ..ExperimentalConditions::default()
        },
        encoding: vec![Encoding {
            encoded_space: space([2 * matrix, matrix, 1], [2.0 * FIELD_OF_VIEW, FIELD_OF_VIEW, THICKNESS]),
            recon_space: space([matrix, matrix, 1], [FIELD_OF_VIEW, FIELD_OF_VIEW, THICKNESS]),
            encoding_limits: EncodingLimits {
                kspace_encoding_step_0: limit(2 * matrix, matrix),
                kspace_encoding_step_1: limit(matrix, matrix / 2),
                kspace_encoding_step_2: limit(1, 0),
                average: limit(1, 0),
                slice: limit(settings.slices, 0),
                contrast: limit(1, 0),
                phase: limit(1, 0),
                repetition: limit(settings.repetitions, 0),
                set: limit(1, 0),
                segment: limit(1, 0),
                ..EncodingLimits::default()
            },
            trajectory: Trajectory::Cartesian,
            parallel_imaging: (settings.acceleration > 1).then(|| ParallelImaging {
                acceleration_factor: [settings.acceleration, 1],
                calibration_mode: Some(CalibrationMode::Embedded),
                ..ParallelImaging::default()
            }),
            ..Encoding::default()
        }],
        sequence_parameters: Some(SequenceParameters {
            tr: vec![REPETITION_TIME],
            te: vec![REPETITION_TIME / 2.0],
            flip_angle_deg: vec![15.0],
            ..SequenceParameters::default()
        }),
        waveform_information: match settings.waveforms {
            true => vec![WaveformInformation {
                waveform_name: "ECG".into(),
                waveform_type: "ecg".into(),
                ..WaveformInformation::default()
            }],
            false => Vec::new(),
        },
        ..IsmrmrdHeader::default()
    }
}

fn space(matrix_size: [u16; 3], field_of_view_mm: [f32; 3]) -> EncodingSpace {
    EncodingSpace {
        matrix_size,
        field_of_view_mm,
        ..EncodingSpace::default()
    }
}

fn limit(count: u16, center: u16) -> Option<Limit> {
    Some(Limit {
        minimum: 0,
        maximum: count - 1,
        center,
    })
}
