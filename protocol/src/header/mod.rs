//! The ISMRMRD header: what was measured and how, typed.
//!
//! The types follow the ISMRMRD schema, version 2. Elements the schema does not know are kept in `unknown` and
//! written back: parsing and writing loses nothing.

use crate::xml::Element;

mod schema;
#[cfg(test)]
mod tests;
mod xml;

pub use xml::HeaderError;

/// The root element, `ismrmrdHeader`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsmrmrdHeader {
    /// Version of the schema.
    pub version: Option<i64>,
    /// The patient.
    pub subject_information: Option<SubjectInformation>,
    /// The study.
    pub study_information: Option<StudyInformation>,
    /// The measurement.
    pub measurement_information: Option<MeasurementInformation>,
    /// The scanner.
    pub acquisition_system_information: Option<AcquisitionSystemInformation>,
    /// Proton resonance frequency.
    pub experimental_conditions: ExperimentalConditions,
    /// The encoding spaces, at least one in a valid header.
    pub encoding: Vec<Encoding>,
    /// Timing and flip angles.
    pub sequence_parameters: Option<SequenceParameters>,
    /// Free parameters.
    pub user_parameters: Option<UserParameters>,
    /// What the waveforms are.
    pub waveform_information: Vec<WaveformInformation>,
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

impl IsmrmrdHeader {
    /// The id of the noise measurement that this one depends on.
    pub fn noise_measurement(&self) -> Option<&str> {
        let dependencies = &self.measurement_information.as_ref()?.measurement_dependency;
        let noise = dependencies
            .iter()
            .find(|dependency| dependency.dependency_type.eq_ignore_ascii_case("noise"));
        noise.map(|dependency| dependency.measurement_id.as_str())
    }
}

/// `subjectInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct SubjectInformation {
    pub patient_name: Option<String>,
    pub patient_weight_kg: Option<f32>,
    pub patient_height_m: Option<f32>,
    pub patient_id: Option<String>,
    pub patient_birthdate: Option<String>,
    pub patient_gender: Option<String>,
    pub unknown: Vec<Element>,
}

/// `studyInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct StudyInformation {
    pub study_date: Option<String>,
    pub study_time: Option<String>,
    pub study_id: Option<String>,
    pub accession_number: Option<i64>,
    pub referring_physician_name: Option<String>,
    pub study_description: Option<String>,
    pub study_instance_uid: Option<String>,
    pub body_part_examined: Option<String>,
    pub unknown: Vec<Element>,
}

/// `measurementInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct MeasurementInformation {
    pub measurement_id: Option<String>,
    pub series_date: Option<String>,
    pub series_time: Option<String>,
    pub patient_position: String,
    pub relative_table_position: Option<[f32; 3]>,
    pub initial_series_number: Option<i64>,
    pub protocol_name: Option<String>,
    pub sequence_name: Option<String>,
    pub series_description: Option<String>,
    pub measurement_dependency: Vec<MeasurementDependency>,
    pub series_instance_uid_root: Option<String>,
    pub frame_of_reference_uid: Option<String>,
    pub referenced_image_sequence: ReferencedImageSequence,
    pub unknown: Vec<Element>,
}

/// `referencedImageSequence`: the `referencedSOPInstanceUID` of images this measurement refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedImageSequence(pub Vec<String>);

/// `measurementDependency`: another measurement this one needs, a noise scan for instance.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct MeasurementDependency {
    pub dependency_type: String,
    pub measurement_id: String,
    pub unknown: Vec<Element>,
}

/// `acquisitionSystemInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct AcquisitionSystemInformation {
    pub system_vendor: Option<String>,
    pub system_model: Option<String>,
    pub system_field_strength_t: Option<f32>,
    pub relative_receiver_noise_bandwidth: Option<f32>,
    pub receiver_channels: Option<u16>,
    pub coil_label: Vec<CoilLabel>,
    pub institution_name: Option<String>,
    pub station_name: Option<String>,
    pub device_id: Option<String>,
    pub device_serial_number: Option<String>,
    pub unknown: Vec<Element>,
}

/// `coilLabel`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct CoilLabel {
    pub coil_number: u16,
    pub coil_name: String,
    pub unknown: Vec<Element>,
}

/// `experimentalConditions`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExperimentalConditions {
    /// Proton resonance frequency in hertz.
    pub h1_resonance_frequency_hz: i64,
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

/// `encoding`: one encoding space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoding {
    /// What was encoded.
    pub encoded_space: EncodingSpace,
    /// What is to be reconstructed.
    pub recon_space: EncodingSpace,
    /// Ranges of the counters.
    pub encoding_limits: EncodingLimits,
    /// Kind of trajectory.
    pub trajectory: Trajectory,
    /// Parameters of the trajectory.
    pub trajectory_description: Option<TrajectoryDescription>,
    /// Undersampling.
    pub parallel_imaging: Option<ParallelImaging>,
    /// Echoes in a train.
    pub echo_train_length: Option<i64>,
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

/// Matrix (pixels) and field of view (millimetres), order x, y, z.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodingSpace {
    /// `matrixSize`.
    pub matrix_size: [u16; 3],
    /// `fieldOfView_mm`.
    pub field_of_view_mm: [f32; 3],
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

/// First, last and central value of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// First.
    pub minimum: u16,
    /// Last, included.
    pub maximum: u16,
    /// Centre.
    pub center: u16,
}

/// `encodingLimits`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct EncodingLimits {
    pub kspace_encoding_step_0: Option<Limit>,
    pub kspace_encoding_step_1: Option<Limit>,
    pub kspace_encoding_step_2: Option<Limit>,
    pub average: Option<Limit>,
    pub slice: Option<Limit>,
    pub contrast: Option<Limit>,
    pub phase: Option<Limit>,
    pub repetition: Option<Limit>,
    pub set: Option<Limit>,
    pub segment: Option<Limit>,
    /// `user_0` to `user_7`, as newer schemas have them.
    pub user: [Option<Limit>; 8],
    pub unknown: Vec<Element>,
}

/// Kind of trajectory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub enum Trajectory {
    #[default]
    Cartesian,
    Epi,
    Radial,
    GoldenAngle,
    Spiral,
    Other,
}

/// `trajectoryDescription`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct TrajectoryDescription {
    pub identifier: String,
    pub user_parameter_long: Vec<UserParameter<i64>>,
    pub user_parameter_double: Vec<UserParameter<f64>>,
    pub user_parameter_string: Vec<UserParameter<String>>,
    pub comment: Option<String>,
    pub unknown: Vec<Element>,
}

/// `parallelImaging`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParallelImaging {
    /// Along E1 and E2.
    pub acceleration_factor: [u16; 2],
    /// How the calibration data were taken.
    pub calibration_mode: Option<CalibrationMode>,
    /// What the calibration is interleaved with.
    pub interleaving_dimension: Option<String>,
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

/// How the calibration data were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub enum CalibrationMode {
    Embedded,
    Interleaved,
    Separate,
    External,
    Other,
}

/// `sequenceParameters`: times in milliseconds, angles in degrees.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct SequenceParameters {
    pub tr: Vec<f32>,
    pub te: Vec<f32>,
    pub ti: Vec<f32>,
    pub flip_angle_deg: Vec<f32>,
    pub sequence_type: Option<String>,
    pub echo_spacing: Vec<f32>,
    pub unknown: Vec<Element>,
}

/// A free parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserParameter<T> {
    /// Name.
    pub name: String,
    /// Value.
    pub value: T,
    /// Elements the schema does not know.
    pub unknown: Vec<Element>,
}

/// `userParameters`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct UserParameters {
    pub user_parameter_long: Vec<UserParameter<i64>>,
    pub user_parameter_double: Vec<UserParameter<f64>>,
    pub user_parameter_string: Vec<UserParameter<String>>,
    /// Values as their base 64 text.
    pub user_parameter_base64: Vec<UserParameter<String>>,
    pub unknown: Vec<Element>,
}

/// `waveformInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub struct WaveformInformation {
    pub waveform_name: String,
    pub waveform_type: String,
    pub user_parameters: UserParameters,
    pub unknown: Vec<Element>,
}
