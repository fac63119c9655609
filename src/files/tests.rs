//! Reading and writing held against files of the ISMRMRD tools and of the original.

use ndarray::{Array2, Array4, array};
use num_complex::{Complex32, Complex64};
use protocol::{Acquisition, AcquisitionHeader, AnyImage, Image, ImageHeader, Meta, Pixel, Waveform, WaveformHeader};

use super::*;

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn readout(line: u16, stamp: u32, trajectory: Option<Array2<f32>>) -> Acquisition {
    let samples = trajectory.as_ref().map_or(6, |points| points.nrows());
    let mut header = AcquisitionHeader {
        acquisition_time_stamp: stamp,
        number_of_samples: u16::try_from(samples).unwrap(),
        available_channels: 2,
        active_channels: 2,
        trajectory_dimensions: trajectory
            .as_ref()
            .map_or(0, |points| u16::try_from(points.ncols()).unwrap()),
        sample_time_us: 4.5,
        position: [1.0, -2.0, 3.5],
        user_int: [1, -2, 3, -4, 5, -6, 7, -8],
        user_float: [0.5; 8],
        channel_mask: [u64::MAX; 16],
        ..AcquisitionHeader::default()
    };
    header.idx.kspace_encode_step_1 = line;
    header.idx.user[7] = 77;
    header.set_flag(protocol::acquisition::flag::LAST_IN_MEASUREMENT);
    Acquisition {
        header,
        data: Array2::from_shape_fn((2, samples), |(c, s)| {
            Complex32::new(s as f32 + f32::from(line), c as f32)
        }),
        trajectory,
    }
}

fn waveform(stamp: u32) -> Waveform {
    Waveform {
        header: WaveformHeader {
            time_stamp: stamp,
            number_of_samples: 3,
            channels: 2,
            waveform_id: 1,
            ..WaveformHeader::default()
        },
        data: array![[1, 2, 3], [stamp, u32::MAX, 0]],
    }
}

#[test]
fn a_file_of_the_ismrmrd_tools_is_read() {
    let file = RawDataFile::open(data("tiny.h5"), "/dataset").unwrap();
    assert!(file.header_xml().contains("<ismrmrdHeader"));
    let items: Vec<_> = file.items().collect::<Result<_, _>>().unwrap();
    assert_eq!(
        (items.len() as u64, file.waveform_count()),
        (file.acquisition_count(), 0)
    );
    let ScannerData::Acquisition(first) = &items[0] else {
        panic!("no readout")
    };
    assert_eq!(first.data.dim(), (usize::from(first.header.active_channels), 32));
    assert!(first.data.iter().any(|sample| sample.norm() > 0.0));
}

#[test]
fn a_waveform_comes_before_the_first_later_readout() {
    let folder = scratch();
    let path = folder.path().join("raw.h5");
    let mut writer = RawDataWriter::create(&path, "dataset", "<ismrmrdHeader/>").unwrap();
    for (line, stamp) in [(0, 10), (1, 20), (2, 20), (3, 30)] {
        writer.acquisition(&readout(line, stamp, None)).unwrap();
    }
    for stamp in [5, 20, 29, 99] {
        writer.waveform(&waveform(stamp)).unwrap();
    }
    writer.finish().unwrap();
    let order: Vec<_> = RawDataFile::open(&path, "dataset")
        .unwrap()
        .items()
        .map(|item| match item.unwrap() {
            ScannerData::Acquisition(readout) => ('r', readout.header.acquisition_time_stamp),
            ScannerData::Waveform(waveform) => ('w', waveform.header.time_stamp),
        })
        .collect();
    let expected = [
        ('w', 5),
        ('r', 10),
        ('r', 20),
        ('r', 20),
        ('w', 20),
        ('w', 29),
        ('r', 30),
        ('w', 99),
    ];
    assert_eq!(order, expected);
}

#[test]
fn what_is_written_is_read() {
    let folder = scratch();
    let path = folder.path().join("raw.h5");
    let header = "<ismrmrdHeader><name>Müller</name></ismrmrdHeader>";
    let spiral = Array2::from_shape_fn((5, 3), |(point, axis)| point as f32 - axis as f32);
    // More than one batch, and readouts of different sizes.
    let readouts: Vec<_> = (0..150_u16)
        .map(|line| readout(line, u32::from(line), (line % 3 == 0).then(|| spiral.clone())))
        .collect();
    let mut writer = RawDataWriter::create(&path, "/a/b/", header).unwrap();
    readouts.iter().for_each(|readout| writer.acquisition(readout).unwrap());
    writer.waveform(&waveform(1000)).unwrap();
    writer.finish().unwrap();

    let file = RawDataFile::open(&path, "a/b").unwrap();
    assert_eq!(
        (file.header_xml(), file.acquisition_count(), file.waveform_count()),
        (header, 150, 1)
    );
    let items: Vec<_> = file.items().collect::<Result<_, _>>().unwrap();
    let mut expected: Vec<_> = readouts.into_iter().map(ScannerData::Acquisition).collect();
    expected.push(ScannerData::Waveform(waveform(1000)));
    assert_eq!(items, expected);
}

#[test]
fn two_read_one_file_at_the_same_time() {
    let first = RawDataFile::open(data("tiny.h5"), "dataset").unwrap();
    let second = RawDataFile::open(data("tiny.h5"), "dataset").unwrap();
    let mut pairs = first.items().zip(second.items());
    assert!(pairs.all(|(a, b)| a.unwrap() == b.unwrap()));
}

#[test]
fn a_wrong_group_is_answered_with_the_groups_there_are() {
    let error = RawDataFile::open(data("tiny.h5"), "nothing").unwrap_err().to_string();
    assert!(
        error.contains("\"nothing\"") && error.contains("\"dataset\""),
        "{error}"
    );
}

#[test]
fn other_files_are_errors() {
    let folder = scratch();
    let path = folder.path().join("text.h5");
    std::fs::write(&path, "no HDF5").unwrap();
    assert!(
        RawDataFile::open(&path, "dataset")
            .unwrap_err()
            .to_string()
            .contains("not an HDF5 file")
    );
    assert!(RawDataFile::open(folder.path().join("none.h5"), "dataset").is_err());
    assert!(RawDataFile::open(folder.path(), "dataset").is_err());
}

#[test]
fn an_empty_table_is_no_error() {
    let folder = scratch();
    let path = folder.path().join("empty.h5");
    RawDataWriter::create(&path, "dataset", "<a/>")
        .unwrap()
        .finish()
        .unwrap();
    let file = RawDataFile::open(&path, "dataset").unwrap();
    assert_eq!((file.acquisition_count(), file.items().count()), (0, 0));
}

fn images<T: Pixel>(series: u16, values: impl Fn(usize) -> T) -> Vec<AnyImage> {
    (0..3)
        .map(|index| {
            let mut meta = Meta::new();
            meta.set("GADGETRON_ImageComment", "a < b & c");
            meta.append("GADGETRON_ImageComment", "ü");
            let header = ImageHeader {
                data_type: T::TYPE as u16,
                matrix_size: [4, 3, 2],
                channels: 2,
                image_series_index: series,
                image_index: index,
                user_float: [0.25; 8],
                ..ImageHeader::default()
            };
            T::any(Image {
                header,
                data: Array4::from_shape_fn((2, 2, 3, 4), |(c, z, y, x)| values(((c * 2 + z) * 3 + y) * 4 + x)),
                meta: (index != 1).then_some(meta),
            })
        })
        .collect()
}

#[test]
fn images_of_every_type_come_back() {
    let folder = scratch();
    let path = folder.path().join("images.h5");
    let series: Vec<Vec<AnyImage>> = vec![
        images(0, |i| i as u16),
        images(1, |i| i as i16 - 9),
        images(2, |i| i as u32),
        images(3, |i| 5 - i as i32),
        images(4, |i| i as f32 / 3.0),
        images(5, |i| i as f64 / 3.0),
        images(6, |i| Complex32::new(i as f32, -1.0)),
        images(7, |i| Complex64::new(i as f64, -1.0)),
    ];
    // Series interleaved, and the last image after the file was closed and opened again.
    let mut file = ImageFile::create_or_append(&path, "run").unwrap();
    for index in 0..2 {
        series.iter().for_each(|images| file.write(&images[index]).unwrap());
    }
    drop(file);
    let mut file = ImageFile::create_or_append(&path, "run").unwrap();
    series.iter().for_each(|images| file.write(&images[2]).unwrap());
    assert_eq!(file.written(), 8);
    drop(file);

    let reader = ImageReader::open(&path).unwrap();
    assert_eq!(reader.groups().unwrap(), ["run"]);
    let read = reader.series("run").unwrap();
    assert_eq!(read.len(), 8);
    for (mut read, written) in read.into_iter().zip(series) {
        // The length of the attributes is the file's affair.
        read.images
            .iter_mut()
            .for_each(|image| image.header_mut().attribute_string_len = 0);
        assert_eq!(read.images, written, "{}", read.name);
    }
}

#[test]
fn an_image_of_another_size_is_refused_and_the_others_stay() {
    let folder = scratch();
    let path = folder.path().join("images.h5");
    let mut file = ImageFile::create_or_append(&path, "run").unwrap();
    let good = images(0, |i| i as f32);
    file.write(&good[0]).unwrap();
    let odd = AnyImage::F32(Image {
        header: *good[0].header(),
        data: Array4::zeros((1, 1, 2, 2)),
        meta: None,
    });
    let error = file.write(&odd).unwrap_err().to_string();
    assert!(error.contains("image_0") && error.contains("[1, 1, 2, 2]"), "{error}");
    assert!(file.write(&images(0, |i| i as u16)[0]).is_err());
    file.write(&good[1]).unwrap();
    drop(file);
    assert_eq!(
        ImageReader::open(&path).unwrap().series("run").unwrap()[0].images.len(),
        2
    );
}

#[test]
fn well_compressed_images_are_read_up_to_a_limit_however_small_their_file_is() {
    let folder = scratch();
    let path = folder.path().join("images.h5");
    let small = |index: u16| {
        f32::any(Image {
            header: ImageHeader {
                image_index: index,
                ..ImageHeader::default()
            },
            data: Array4::zeros((1, 1, 1, 1)),
            meta: None,
        })
    };
    let mut file = ImageFile::create_or_append(&path, "run").unwrap();
    (0..3).for_each(|index| file.write(&small(index)).unwrap());
    drop(file);
    // Other pixels, as a program that compresses would have written them.
    let (size, image) = (512, 512 * 512);
    let file = hdf5::File::append(&path).unwrap();
    let series = file.group("run/image_0").unwrap();
    series.unlink("data").unwrap();
    let data = series.new_dataset::<f32>().shape((3, 1, 1, size, size));
    let data = data.chunk((1, 1, 1, size, size)).deflate(9).create("data").unwrap();
    let pixels: Vec<_> = (0..3 * image).map(|pixel| (pixel / image) as f32).collect();
    data.write_raw(&pixels).unwrap();
    drop((data, series, file));

    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() * 20 < pixels.len() * 4, "{} bytes", bytes.len());
    let read = ImageReader::open(&path).unwrap().series("run").unwrap();
    assert_eq!(read[0].images.len(), 3);
    for (index, image) in read[0].images.iter().enumerate() {
        let AnyImage::F32(image) = image else {
            panic!("not float")
        };
        assert_eq!(image.data, Array4::from_elem((1, 1, size, size), index as f32));
    }
    let limits = ReadLimits {
        series_bytes: 1 << 20,
        ..ReadLimits::default()
    };
    let refused = ImageReader::from_bytes(bytes, limits).unwrap().series("run");
    let words = refused.unwrap_err().to_string();
    assert!(
        words.contains("3145728 bytes of pixels") && words.contains("series_bytes"),
        "{words}"
    );
}

#[test]
fn the_originals_images_are_read() {
    let reader = ImageReader::open(data("tiny.default.h5")).unwrap();
    let series = reader.series("default.xml").unwrap();
    assert_eq!((series.len(), series[0].images.len()), (1, 2));
    let AnyImage::F32(image) = &series[0].images[0] else {
        panic!("not float")
    };
    assert_eq!((image.data.dim(), &image.meta), ((1, 1, 16, 16), &None));
}

#[test]
fn the_options_have_the_defaults_of_the_library() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        limits: ReadLimits,
    }
    let limits = <Line as clap::Parser>::parse_from(["recon"]).limits;
    assert_eq!(limits, ReadLimits::default());
    let line = ["recon", "--file-chunk-mebibytes", "2"];
    assert_eq!(<Line as clap::Parser>::parse_from(line).limits.chunk_bytes, 2 << 20);
}
