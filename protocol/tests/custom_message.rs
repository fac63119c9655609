//! The example of users' own messages, and the errors around them.

#[path = "../../examples/custom_message.rs"]
#[expect(dead_code, unreachable_pub, reason = "the example is a program of its own")]
mod example;

use example::{NavigatorEchoCodec, ShimUpdate};
use protocol::{
    Configuration,
    codec::{Codecs, Readers, RegistrationError, SerdeCodec, Writers},
    fuzzing::{check_bytes, check_value},
};

#[test]
fn both_ways_exchange_values_under_the_configured_numbers() {
    example::exchange();
}

#[test]
fn the_serde_layout_is_a_length_and_bincode_1() {
    let value = ShimUpdate {
        currents: vec![1.0],
        reason: "r".to_owned(),
    };
    let codec = SerdeCodec::<ShimUpdate>::new();
    check_value(&codec, &value);
    let mut bytes = 21_u64.to_le_bytes().to_vec();
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(1.0_f32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'r');
    assert_eq!(check_bytes(&codec, &bytes), Some(bytes.len()));
    // Bytes after the value, within its length, are an error, and so is a length beyond the bytes.
    bytes[0] = 22;
    bytes.push(0);
    assert_eq!(check_bytes(&codec, &bytes), None);
    bytes[8..16].fill(0xff);
    assert_eq!(check_bytes(&codec, &bytes), None);
}

#[test]
fn numbers_and_names_are_not_given_twice() {
    let mut codecs = Codecs::standard();
    let refused = |result: Result<&mut Codecs, RegistrationError>| result.map(drop).unwrap_err();
    assert_eq!(
        refused(codecs.register_serde::<u8>(7, "Byte")),
        RegistrationError::Reserved(7)
    );
    assert_eq!(
        refused(codecs.register_serde::<u8>(1008, "Byte")),
        RegistrationError::NumberTaken(1008)
    );
    let taken = codecs.register(2000, &["ImageReader"], &[], NavigatorEchoCodec);
    assert_eq!(refused(taken), RegistrationError::ClassTaken("ImageReader".into()));
}

#[test]
fn every_unknown_class_of_a_configuration_is_named_with_its_place() {
    let text = "<configuration><version>2</version><readers>
        <reader><classname>NoReader</classname></reader>
        <reader><classname>ImageReader</classname></reader>
        <reader><slot>1022</slot><classname>BufferReader</classname></reader>
        <reader><classname>MRIImageReader</classname></reader>
    </readers><writers><writer><classname>NoWriter</classname></writer></writers><stream/></configuration>";
    let configuration = Configuration::parse(text).unwrap();
    let codecs = Codecs::standard();
    let errors = Readers::from_configuration(&configuration, &codecs).unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("line 2, column 9: unknown reader `NoReader`; there are AcquisitionReader, "));
    assert_eq!(
        errors[1],
        "line 4, column 9: reader `BufferReader` is for message 1022, which another reader has already"
    );
    let errors = Writers::from_configuration(&configuration, &codecs).unwrap_err();
    assert!(errors[0].to_string().contains("unknown writer `NoWriter`"));
}
