//! Every type comes back from its bytes as it was, extreme shapes included.

use std::fmt::Debug;

use ndarray::{Array2, Array4, ArrayD};
use proptest::prelude::*;
use protocol::{
    Acquisition, Complex32, Complex64, Image, ImageHeader, Meta, Pixel, Waveform, WaveformHeader,
    codec::{AcquisitionCodec, ErasedCodec, ImageCodec, Precision, Readers},
    fuzzing::{Source, check_bytes, check_value, targets},
};

fn codec(readers: &Readers, id: u16) -> &dyn ErasedCodec {
    readers.get(id).expect("the table has every standard message")
}

fn decisions() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn readouts(decisions in decisions()) {
        check_value(&AcquisitionCodec::default(), &Source::new(&decisions).acquisition());
    }

    #[test]
    fn waveforms(decisions in decisions()) {
        check_value(codec(&Readers::standard(), 1026), &Source::new(&decisions).waveform());
    }

    #[test]
    fn images_of_all_pixel_types(decisions in decisions()) {
        fn check<T: Pixel + Debug>(decisions: &[u8]) {
            check_value(&ImageCodec, &Source::new(decisions).image::<T>());
        }
        check::<u16>(&decisions);
        check::<i16>(&decisions);
        check::<u32>(&decisions);
        check::<i32>(&decisions);
        check::<f32>(&decisions);
        check::<f64>(&decisions);
        check::<Complex32>(&decisions);
        check::<Complex64>(&decisions);
    }

    #[test]
    fn sorted_k_space(decisions in decisions()) {
        check_value(codec(&Readers::standard(), 1023), &Source::new(&decisions).recon_data());
    }

    #[test]
    fn image_arrays(decisions in decisions()) {
        check_value(codec(&Readers::standard(), 1024), &Source::new(&decisions).image_array());
    }

    #[test]
    fn buckets(decisions in decisions()) {
        check_value(codec(&Readers::standard(), 1050), &Source::new(&decisions).bucket());
    }

    #[test]
    fn dicom_files_dependency_queries_and_texts(decisions in decisions()) {
        let readers = Readers::standard();
        check_value(codec(&readers, 1018), &Source::new(&decisions).dicom());
        check_value(codec(&readers, 1019), &Source::new(&decisions).dependency_query());
        check_value(codec(&readers, 5), &Source::new(&decisions).text());
    }

    #[test]
    fn sessions_of_any_messages_come_to_the_same_in_any_chunks(decisions in decisions()) {
        targets::session_operations(&decisions);
        targets::session_raw(&decisions);
    }

    #[test]
    fn compressed_readouts_come_back_within_the_tolerance(
        samples in prop::collection::vec((-100.0_f32..100.0, -100.0_f32..100.0), 1..200),
        tolerance in 0.01_f32..1.0,
    ) {
        let samples: Vec<_> = samples.into_iter().map(|(re, im)| Complex32::new(re, im)).collect();
        let acquisition = readout(1, samples.len(), samples);
        let codec = AcquisitionCodec { compression: Some(Precision::Tolerance(tolerance)) };
        let mut bytes = Vec::new();
        ErasedCodec::encode(&codec, &acquisition, &mut bytes).unwrap();
        prop_assert!(bytes.len() < 340 + 17 + acquisition.data.len() * 8);
        let limits = protocol::Limits::default();
        let decoded = ErasedCodec::decode(&codec, &mut protocol::codec::Decoder::new(&bytes, &limits)).unwrap();
        let decoded = decoded.value.downcast::<Acquisition>().unwrap();
        prop_assert_eq!(decoded.header, acquisition.header, "the flag is cleared");
        for (value, back) in acquisition.data.iter().zip(&decoded.data) {
            prop_assert!((value.re - back.re).abs() <= tolerance && (value.im - back.im).abs() <= tolerance);
        }
    }
}

fn readout(channels: u16, samples: usize, data: Vec<Complex32>) -> Acquisition {
    Acquisition::new(Array2::from_shape_vec((channels.into(), samples), data).unwrap())
}

#[test]
fn readouts_and_waveforms_of_extreme_shapes() {
    for (channels, samples) in [
        (1, 0),
        (1, 65_535),
        (1024, 1),
        (1024, 64),
        (0, 65_535),
        (0, 0),
        (1024, 0),
    ] {
        let data = vec![Complex32::new(1.5, -2.5); usize::from(channels) * samples];
        check_value(&AcquisitionCodec::default(), &readout(channels, samples, data));
        let waveform = Waveform {
            header: WaveformHeader {
                channels,
                number_of_samples: u16::try_from(samples).unwrap(),
                ..WaveformHeader::default()
            },
            data: Array2::from_elem((channels.into(), samples), 7),
        };
        check_value(codec(&Readers::standard(), 1026), &waveform);
    }
}

#[test]
fn every_number_of_channels_up_to_1024_comes_back() {
    let codec = AcquisitionCodec::default();
    for channels in 1..=1024 {
        let data = (0..channels)
            .map(|channel| Complex32::new(channel.into(), 0.5))
            .collect();
        check_value(&codec, &readout(channels, 1, data));
    }
}

#[test]
fn an_image_keeps_attributes_with_special_characters_and_an_empty_set_of_them() {
    let mut special = Meta::new();
    special.set("Gr\u{f6}\u{df}e & <\u{78c1}>", "\u{1f9f2} \"a\" 'b' ]]> &amp; > <");
    special.append("Gr\u{f6}\u{df}e & <\u{78c1}>", "");
    for meta in [None, Some(Meta::new()), Some(special)] {
        let attribute_string_len = meta
            .as_ref()
            .map_or(0, |meta| u32::try_from(meta.to_xml().len()).unwrap() + 1);
        let image = Image::<f32> {
            header: ImageHeader {
                data_type: 5,
                matrix_size: [3, 0, 1],
                attribute_string_len,
                ..ImageHeader::default()
            },
            data: Array4::zeros((1, 1, 0, 3)),
            meta,
        };
        check_value(&ImageCodec, &image);
    }
}

#[test]
fn an_array_that_is_not_contiguous_is_written_in_the_order_of_its_shape() {
    let mut acquisition = readout(2, 3, (0_u8..6).map(|n| Complex32::new(n.into(), 0.0)).collect());
    let mut contiguous = Vec::new();
    ErasedCodec::encode(&AcquisitionCodec::default(), &acquisition, &mut contiguous).unwrap();
    acquisition.data = acquisition.data.t().as_standard_layout().into_owned().reversed_axes();
    assert!(acquisition.data.as_slice().is_none());
    let mut strided = Vec::new();
    ErasedCodec::encode(&AcquisitionCodec::default(), &acquisition, &mut strided).unwrap();
    assert_eq!(contiguous, strided);
}

#[test]
fn sizes_that_do_not_fit_a_header_are_an_error() {
    let mut acquisition = readout(1, 0, vec![]);
    acquisition.data = Array2::zeros((1, 65_536));
    let mut out = Vec::new();
    let error = ErasedCodec::encode(&AcquisitionCodec::default(), &acquisition, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the samples of a readout: 65536 is more than 65535");
}

#[test]
fn zfp_compression_is_refused_in_words() {
    let mut acquisition = readout(1, 1, vec![Complex32::new(1.0, 0.0)]);
    let mut bytes = Vec::new();
    ErasedCodec::encode(&AcquisitionCodec::default(), &acquisition, &mut bytes).unwrap();
    acquisition.header.set_flag(53);
    bytes[2..10].copy_from_slice(&acquisition.header.flags.to_le_bytes());
    assert_eq!(check_bytes(&AcquisitionCodec::default(), &bytes), None);
    let limits = protocol::Limits::default();
    let failure = ErasedCodec::decode(
        &AcquisitionCodec::default(),
        &mut protocol::codec::Decoder::new(&bytes, &limits),
    );
    assert!(format!("{failure:?}").contains("ZFP compression (flag 53) is not supported"));
}

#[test]
fn an_array_without_dimensions_has_no_elements() {
    // Sorted k-space of one encoding space: three arrays without dimensions, no reference.
    let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([0; 8 + 1 + 1 + 8 + 56 + 1]);
    assert_eq!(
        check_bytes(codec(&Readers::standard(), 1023), &bytes),
        Some(bytes.len())
    );
    assert_eq!(ArrayD::<f32>::zeros(vec![0]).len(), 0);
}
