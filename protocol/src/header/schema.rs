//! The header's types as the schema has them: one table per type gives the names of its elements, in the order of the
//! schema, for reading and writing.

use super::{
    xml::{Field, Fields, Record, Result, Value},
    *,
};
use crate::xml::{Scope, XmlWriter};

/// A type whose fields are elements: the names, in the order of the schema.
macro_rules! record {
    ($type:ident $(<$parameter:ident>)? { $($field:ident: $name:literal),* $(,)? }) => {
        impl $(<$parameter: Value + Default>)? Record for $type $(<$parameter>)? {
            fn put_fields(&self, out: &mut XmlWriter) {
                $(self.$field.put($name, out);)*
                self.unknown.iter().for_each(|element| out.element(element));
            }
        }

        impl $(<$parameter: Value + Default>)? Value for $type $(<$parameter>)? {
            fn read(element: Element, scope: &Scope, _: &mut Vec<Element>) -> Result<Option<Self>> {
                let mut fields = Fields::new(element, scope);
                Ok(Some(Self {
                    $($field: Field::take(&mut fields, $name)?,)*
                    unknown: fields.rest(),
                }))
            }
            fn write(&self, name: &str, out: &mut XmlWriter) {
                out.open(name, &[]);
                self.put_fields(out);
                out.close(name);
            }
        }
    };
}

record!(IsmrmrdHeader {
    version: "version",
    subject_information: "subjectInformation",
    study_information: "studyInformation",
    measurement_information: "measurementInformation",
    acquisition_system_information: "acquisitionSystemInformation",
    experimental_conditions: "experimentalConditions",
    encoding: "encoding",
    sequence_parameters: "sequenceParameters",
    user_parameters: "userParameters",
    waveform_information: "waveformInformation",
});
record!(SubjectInformation {
    patient_name: "patientName",
    patient_weight_kg: "patientWeight_kg",
    patient_height_m: "patientHeight_m",
    patient_id: "patientID",
    patient_birthdate: "patientBirthdate",
    patient_gender: "patientGender",
});
record!(StudyInformation {
    study_date: "studyDate",
    study_time: "studyTime",
    study_id: "studyID",
    accession_number: "accessionNumber",
    referring_physician_name: "referringPhysicianName",
    study_description: "studyDescription",
    study_instance_uid: "studyInstanceUID",
    body_part_examined: "bodyPartExamined",
});
record!(MeasurementInformation {
    measurement_id: "measurementID",
    series_date: "seriesDate",
    series_time: "seriesTime",
    patient_position: "patientPosition",
    relative_table_position: "relativeTablePosition",
    initial_series_number: "initialSeriesNumber",
    protocol_name: "protocolName",
    sequence_name: "sequenceName",
    series_description: "seriesDescription",
    measurement_dependency: "measurementDependency",
    series_instance_uid_root: "seriesInstanceUIDRoot",
    frame_of_reference_uid: "frameOfReferenceUID",
    referenced_image_sequence: "referencedImageSequence",
});
record!(MeasurementDependency {
    dependency_type: "dependencyType",
    measurement_id: "measurementID",
});
record!(AcquisitionSystemInformation {
    system_vendor: "systemVendor",
    system_model: "systemModel",
    system_field_strength_t: "systemFieldStrength_T",
    relative_receiver_noise_bandwidth: "relativeReceiverNoiseBandwidth",
    receiver_channels: "receiverChannels",
    coil_label: "coilLabel",
    institution_name: "institutionName",
    station_name: "stationName",
    device_id: "deviceID",
    device_serial_number: "deviceSerialNumber",
});
record!(CoilLabel {
    coil_number: "coilNumber",
    coil_name: "coilName",
});
record!(ExperimentalConditions {
    h1_resonance_frequency_hz: "H1resonanceFrequency_Hz",
});
record!(Encoding {
    encoded_space: "encodedSpace",
    recon_space: "reconSpace",
    encoding_limits: "encodingLimits",
    trajectory: "trajectory",
    trajectory_description: "trajectoryDescription",
    parallel_imaging: "parallelImaging",
    echo_train_length: "echoTrainLength",
});
record!(EncodingSpace {
    matrix_size: "matrixSize",
    field_of_view_mm: "fieldOfView_mm",
});
record!(EncodingLimits {
    kspace_encoding_step_0: "kspace_encoding_step_0",
    kspace_encoding_step_1: "kspace_encoding_step_1",
    kspace_encoding_step_2: "kspace_encoding_step_2",
    average: "average",
    slice: "slice",
    contrast: "contrast",
    phase: "phase",
    repetition: "repetition",
    set: "set",
    segment: "segment",
    user: "user_0 to user_7",
});
record!(TrajectoryDescription {
    identifier: "identifier",
    user_parameter_long: "userParameterLong",
    user_parameter_double: "userParameterDouble",
    user_parameter_string: "userParameterString",
    comment: "comment",
});
record!(ParallelImaging {
    acceleration_factor: "accelerationFactor",
    calibration_mode: "calibrationMode",
    interleaving_dimension: "interleavingDimension",
});
record!(SequenceParameters {
    tr: "TR",
    te: "TE",
    ti: "TI",
    flip_angle_deg: "flipAngle_deg",
    sequence_type: "sequence_type",
    echo_spacing: "echo_spacing",
});
record!(UserParameters {
    user_parameter_long: "userParameterLong",
    user_parameter_double: "userParameterDouble",
    user_parameter_string: "userParameterString",
    user_parameter_base64: "userParameterBase64",
});
record!(UserParameter<T> {
    name: "name",
    value: "value",
});
record!(WaveformInformation {
    waveform_name: "waveformName",
    waveform_type: "waveformType",
    user_parameters: "userParameters",
});
