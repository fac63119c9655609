use proptest::prelude::*;

use super::*;

/// A header as scanners' converters write them: many counters, coils, free parameters of all kinds.
const SCANNER: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:v="urn:vendor" xsi:schemaLocation="http://www.ismrm.org/ISMRMRD ismrmrd.xsd">
  <!-- written by hand -->
  <version>2</version>
  <subjectInformation><patientWeight_kg> 7.05e1 </patientWeight_kg><patientID>A&amp;B &lt;Zoë&gt;</patientID></subjectInformation>
  <measurementInformation>
    <measurementID>1_2_3_4</measurementID>
    <patientPosition>HFS</patientPosition>
    <relativeTablePosition><x>0</x><y>-1.5</y><z>1e-3</z></relativeTablePosition>
    <measurementDependency><dependencyType>Noise</dependencyType><measurementID>1_2_3_3</measurementID></measurementDependency>
    <referencedImageSequence><referencedSOPInstanceUID>1.2.3</referencedSOPInstanceUID></referencedImageSequence>
    <v:table v:kind="t"><v:row/></v:table>
  </measurementInformation>
  <acquisitionSystemInformation>
    <systemFieldStrength_T>2.89362001</systemFieldStrength_T>
    <relativeReceiverNoiseBandwidth></relativeReceiverNoiseBandwidth>
    <receiverChannels/>
    <coilLabel><coilNumber>2</coilNumber><coilName>Body:1:B2</coilName></coilLabel>
    <coilLabel><coilNumber>1</coilNumber><coilName>Body:1:B1</coilName></coilLabel>
  </acquisitionSystemInformation>
  <experimentalConditions><H1resonanceFrequency_Hz>
      123263034
  </H1resonanceFrequency_Hz></experimentalConditions>
  <encoding>
    <encodedSpace><matrixSize><x>6e2</x><y>256.0</y><z>1</z></matrixSize>
      <fieldOfView_mm><x>600</x><y>300</y><z>6</z></fieldOfView_mm></encodedSpace>
    <reconSpace><matrixSize><x>300</x><y>256</y></matrixSize>
      <fieldOfView_mm><x>300</x><y>300</y><z>NaN</z></fieldOfView_mm></reconSpace>
    <trajectory> epi </trajectory>
    <trajectoryDescription>
      <identifier>ConventionalEPI</identifier>
      <userParameterLong><name>etl</name><value>128</value></userParameterLong>
      <userParameterDouble><name>dwellTime</name><value>3.9000000000000004</value></userParameterDouble>
      <userParameterLong><name>rampUpTime</name><value>-130</value></userParameterLong>
    </trajectoryDescription>
    <encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>255</maximum><center>128</center></kspace_encoding_step_1>
      <user_3><minimum>0</minimum><maximum>7</maximum><center>0</center><step>2</step></user_3></encodingLimits>
    <parallelImaging><accelerationFactor><kspace_encoding_step_1>2</kspace_encoding_step_1></accelerationFactor>
      <calibrationMode>embedded</calibrationMode>
      <multiband><deltaKz>1</deltaKz></multiband></parallelImaging>
    <echoTrainLength>128</echoTrainLength>
  </encoding>
  <sequenceParameters><TR>10</TR><TE>3</TE><TR>20</TR><TE/><flipAngle_deg>INF</flipAngle_deg></sequenceParameters>
  <userParameters><userParameterBase64><name>b</name><value>AAEC</value></userParameterBase64></userParameters>
  <waveformInformation><waveformName>ECG</waveformName><waveformType>ecg</waveformType><userParameters/></waveformInformation>
  <newerThing a="1">text</newerThing>
</ismrmrdHeader>
"#;

#[test]
fn a_scanners_header_is_understood() {
    let header = IsmrmrdHeader::parse(SCANNER).unwrap();
    let subject = header.subject_information.as_ref().unwrap();
    assert_eq!(subject.patient_weight_kg, Some(70.5));
    assert_eq!(subject.patient_id.as_deref(), Some("A&B <Zoë>"));
    let system = header.acquisition_system_information.as_ref().unwrap();
    assert_eq!(
        (system.receiver_channels, system.relative_receiver_noise_bandwidth),
        (None, None)
    );
    assert_eq!(system.coil_label[1].coil_name, "Body:1:B1");
    assert_eq!(header.experimental_conditions.h1_resonance_frequency_hz, 123_263_034);
    let [encoding] = header.encoding.as_slice() else {
        panic!("one encoding")
    };
    assert_eq!(encoding.encoded_space.matrix_size, [600, 256, 1]);
    assert_eq!(encoding.recon_space.matrix_size, [300, 256, 1]);
    assert!(encoding.recon_space.field_of_view_mm[2].is_nan());
    assert_eq!(encoding.trajectory, Trajectory::Epi);
    assert_eq!(encoding.parallel_imaging.as_ref().unwrap().acceleration_factor, [2, 1]);
    let user = Limit {
        minimum: 0,
        maximum: 7,
        center: 0,
    };
    assert_eq!(encoding.encoding_limits.user[3], Some(user));
    let description = encoding.trajectory_description.as_ref().unwrap();
    assert_eq!(description.user_parameter_long[1].value, -130);
    assert_eq!(description.user_parameter_double[0].value, 3.900_000_000_000_000_4);
    let sequence = header.sequence_parameters.as_ref().unwrap();
    assert_eq!(
        (sequence.tr.as_slice(), sequence.te.as_slice()),
        ([10.0, 20.0].as_slice(), [3.0].as_slice())
    );
    assert_eq!(sequence.flip_angle_deg, [f32::INFINITY]);
}

#[test]
fn writing_keeps_what_the_schema_does_not_know() {
    let header = IsmrmrdHeader::parse(SCANNER).unwrap();
    let text = header.to_xml();
    // Not a number differs from itself, so the texts are compared: they are equal once nothing gets lost any more.
    assert_eq!(IsmrmrdHeader::parse(&text).unwrap().to_xml(), text);
    for kept in [
        "<newerThing a=\"1\">text</newerThing>",
        "<deltaKz>1</deltaKz>",
        "<step>2</step>",
        "<v:table v:kind=\"t\" xmlns:v=\"urn:vendor\">",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
}

#[test]
fn prefixes_before_the_schemas_names_do_not_matter() {
    let text = "<n:ismrmrdHeader xmlns:n='http://www.ismrm.org/ISMRMRD'><n:encoding><n:trajectory>spiral</n:trajectory></n:encoding></n:ismrmrdHeader>";
    let header = IsmrmrdHeader::parse(text).unwrap();
    assert_eq!(header.encoding[0].trajectory, Trajectory::Spiral);
}

#[test]
fn errors_say_where_and_what_was_expected() {
    let cases = [
        (
            "<a/>",
            "line 1, column 1: the root element is <a>; an ISMRMRD header begins with <ismrmrdHeader>",
        ),
        (
            "<ismrmrdHeader/>",
            "line 1, column 1: the ISMRMRD header has no <encoding>; it needs at least one",
        ),
        (
            "<ismrmrdHeader>\n <version>two</version></ismrmrdHeader>",
            "line 2, column 2: <version> is \"two\"; expected a whole number",
        ),
        (
            "<ismrmrdHeader><encoding><encodedSpace><matrixSize><x>65536</x></matrixSize></encodedSpace></encoding></ismrmrdHeader>",
            "line 1, column 52: <x> is \"65536\"; expected a whole number from 0 to 65535",
        ),
        (
            "",
            "the ISMRMRD header is not readable: line 1, column 1: there is no element; the text is empty or cut off",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(IsmrmrdHeader::parse(text).unwrap_err().to_string(), message);
    }
}

type Text = Option<String>;

fn text() -> impl Strategy<Value = Text> {
    prop::option::of("[^\0]{1,8}")
}

fn number() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("NaN differs from itself", |value| !value.is_nan())
}

fn numbers() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(number(), 0..3)
}

fn parameters<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<UserParameter<T>>> {
    let parameter =
        ("[^\0]{1,6}", value, unknown()).prop_map(|(name, value, unknown)| UserParameter { name, value, unknown });
    prop::collection::vec(parameter, 0..3)
}

fn unknown() -> impl Strategy<Value = Vec<Element>> {
    let element = crate::xml::tests::any_element().prop_map(|mut element| {
        element.name.insert_str(0, "unknown-");
        element
    });
    prop::collection::vec(element, 0..2)
}

prop_compose! {
    fn limits()(
        limits in prop::collection::vec(prop::option::of(any::<[u16; 3]>()), 18),
        unknown in unknown(),
    ) -> EncodingLimits {
        let limit = |index: usize| limits[index].map(|[minimum, maximum, center]| Limit { minimum, maximum, center });
        EncodingLimits {
            kspace_encoding_step_0: limit(0),
            kspace_encoding_step_1: limit(1),
            kspace_encoding_step_2: limit(2),
            average: limit(3),
            slice: limit(4),
            contrast: limit(5),
            phase: limit(6),
            repetition: limit(7),
            set: limit(8),
            segment: limit(9),
            user: std::array::from_fn(|index| limit(10 + index)),
            unknown,
        }
    }
}

prop_compose! {
    fn space()(matrix_size in any::<[u16; 3]>(), field_of_view_mm in [number(), number(), number()], unknown in unknown()) -> EncodingSpace {
        EncodingSpace { matrix_size, field_of_view_mm, unknown }
    }
}

prop_compose! {
    fn encoding()(
        encoded_space in space(),
        recon_space in space(),
        encoding_limits in limits(),
        trajectory in prop::sample::select(vec![Trajectory::Cartesian, Trajectory::GoldenAngle, Trajectory::Other]),
        description in prop::option::of((text(), parameters(any::<i64>()), parameters(any::<i32>().prop_map(|value| f64::from(value) / 7.0)), parameters("[^\0]{1,5}"), unknown())),
        parallel in prop::option::of((any::<[u16; 2]>(), any::<bool>(), text(), unknown())),
        echo_train_length in any::<Option<i64>>(),
        unknown in unknown(),
    ) -> Encoding {
        Encoding {
            encoded_space,
            recon_space,
            encoding_limits,
            trajectory,
            trajectory_description: description.map(|(comment, user_parameter_long, user_parameter_double, user_parameter_string, unknown)| TrajectoryDescription {
                identifier: "id".into(), user_parameter_long, user_parameter_double, user_parameter_string, comment, unknown,
            }),
            parallel_imaging: parallel.map(|(acceleration_factor, embedded, interleaving_dimension, unknown)| ParallelImaging {
                acceleration_factor,
                calibration_mode: embedded.then_some(CalibrationMode::Embedded),
                interleaving_dimension,
                unknown,
            }),
            echo_train_length,
            unknown,
        }
    }
}

prop_compose! {
    fn people()(
        texts in prop::collection::vec(text(), 20),
        numbers in prop::collection::vec(number(), 2),
        unknown in prop::collection::vec(unknown(), 4),
    ) -> (SubjectInformation, StudyInformation, MeasurementInformation) {
        let text = |index: usize| texts[index].clone();
        (
            SubjectInformation {
                patient_name: text(0), patient_weight_kg: Some(numbers[0]), patient_height_m: Some(numbers[1]),
                patient_id: text(1), patient_birthdate: text(2), patient_gender: text(3), unknown: unknown[0].clone(),
            },
            StudyInformation {
                study_date: text(4), study_time: text(5), study_id: text(6), accession_number: Some(-1),
                referring_physician_name: text(7), study_description: text(8), study_instance_uid: text(9),
                body_part_examined: text(10), unknown: unknown[1].clone(),
            },
            MeasurementInformation {
                measurement_id: text(11), series_date: text(12), series_time: text(13), patient_position: "HFS".into(),
                relative_table_position: Some([numbers[0], 0.0, numbers[1]]), initial_series_number: Some(3),
                protocol_name: text(14), sequence_name: text(15), series_description: text(16),
                measurement_dependency: vec![MeasurementDependency {
                    dependency_type: "Noise".into(), measurement_id: "x".into(), unknown: unknown[2].clone(),
                }],
                series_instance_uid_root: text(17), frame_of_reference_uid: text(18),
                referenced_image_sequence: ReferencedImageSequence(text(19).into_iter().collect()),
                unknown: unknown[3].clone(),
            },
        )
    }
}

prop_compose! {
    fn header()(
        people in people(),
        keep in any::<[bool; 5]>(),
        coils in prop::collection::vec((any::<u16>(), "[^\0]{1,5}"), 0..3),
        encoding in prop::collection::vec(encoding(), 1..3),
        times in [numbers(), numbers(), numbers(), numbers(), numbers()],
        longs in parameters(any::<i64>()),
        doubles in parameters(any::<f64>().prop_filter("NaN differs from itself", |value| !value.is_nan())),
        strings in parameters("[^\0]{1,5}"),
        unknown in unknown(),
        frequency in any::<i64>(),
    ) -> IsmrmrdHeader {
        let (subject, study, measurement) = people;
        let [tr, te, ti, flip_angle_deg, echo_spacing] = times;
        let user_parameters = UserParameters {
            user_parameter_long: longs, user_parameter_double: doubles, user_parameter_string: strings.clone(),
            user_parameter_base64: strings, unknown: unknown.clone(),
        };
        IsmrmrdHeader {
            version: keep[0].then_some(2),
            subject_information: keep[0].then_some(subject),
            study_information: keep[1].then_some(study),
            measurement_information: keep[2].then_some(measurement),
            acquisition_system_information: keep[3].then(|| AcquisitionSystemInformation {
                receiver_channels: Some(7),
                coil_label: coils.into_iter().map(|(coil_number, coil_name)| CoilLabel { coil_number, coil_name, unknown: unknown.clone() }).collect(),
                ..AcquisitionSystemInformation::default()
            }),
            experimental_conditions: ExperimentalConditions { h1_resonance_frequency_hz: frequency, unknown: unknown.clone() },
            encoding,
            sequence_parameters: keep[4].then(|| SequenceParameters {
                tr, te, ti, flip_angle_deg, sequence_type: None, echo_spacing, unknown: unknown.clone(),
            }),
            waveform_information: vec![WaveformInformation {
                waveform_name: "w".into(), waveform_type: "ecg".into(), user_parameters: user_parameters.clone(), unknown: unknown.clone(),
            }],
            user_parameters: Some(user_parameters),
            unknown,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_header_survives_writing_and_reading(header in header()) {
        let text = header.to_xml();
        prop_assert_eq!(IsmrmrdHeader::parse(&text).unwrap(), header, "{}", text);
    }
}
