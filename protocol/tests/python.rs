//! The exchange with the Python packages `gadgetron` and `ismrmrd`, which existing external gadgets are written with:
//! everything we send arrives there, everything comes back from there as it was.
//!
//! Without Python and the packages the test says so and passes.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use ndarray::{Array3, ArrayD};
use protocol::{
    Acquisition, AcquisitionBucket, BufferedData, Complex32, Complex64, Image, ImageArray, Limits, Meta, Pixel,
    ReconBit, ReconData, SamplingDescription, SamplingLimit, Waveform,
    codec::{Payload, Readers, Writers},
    fuzzing::Source,
    session::{Event, Incoming, Outgoing},
};

/// Sends back what comes; of a bucket, its readouts. (The package has no writer for buckets, and its reader fails on
/// waveforms in them.)
const ECHO: &str = r"
import socket, sys
from gadgetron.external.connection import Connection
connection = Connection(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
assert connection.header.encoding[0].encodedSpace.matrixSize.x > 0
with connection:
    for message, item in connection.iter_with_mids():
        if message == 1050:
            for part in list(item.data) + list(item.ref):
                connection.send(part)
        else:
            connection.send(item)
";

const HEADER: &str = include_str!("../../fuzz/corpus/ismrmrd_header/tiny.xml");

fn packages_are_there() -> bool {
    let check = "import gadgetron.external.connection, ismrmrd, numpy";
    let status = Command::new("python3")
        .args(["-c", check])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    matches!(status, Ok(status) if status.success())
}

/// What comes back for these values.
fn echoed(put: impl FnOnce(&mut Outgoing)) -> Vec<Payload> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut python = Command::new("python3")
        .args(["-W", "ignore", "-c", ECHO, &port.to_string()])
        .spawn()
        .unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    let mut out = Outgoing::new(Writers::standard());
    out.configuration("<configuration/>").unwrap();
    out.header(HEADER).unwrap();
    put(&mut out);
    out.close();
    let mut sending = socket.try_clone().unwrap();
    let bytes = out.take();
    let sender = std::thread::spawn(move || sending.write_all(&bytes));
    let mut incoming = Incoming::client(Limits::default(), Readers::standard());
    let mut payloads = Vec::new();
    let mut closed = false;
    let mut chunk = vec![0; 65_536];
    loop {
        match incoming.poll_event().unwrap() {
            Some(Event::Message(payload)) => payloads.push(payload),
            Some(Event::Close) => closed = true,
            Some(Event::End { .. }) => break,
            Some(other) => panic!("unexpected: {other:?}"),
            None => match socket.read(&mut chunk).unwrap() {
                0 => incoming.handle_end(),
                count => incoming.handle_bytes(&chunk[..count]),
            },
        }
    }
    sender.join().unwrap().unwrap();
    assert!(python.wait().unwrap().success());
    assert!(closed, "Python closes the connection in order");
    payloads
}

fn value<T: 'static>(payload: &Payload) -> &T {
    payload
        .value
        .downcast_ref()
        .unwrap_or_else(|| panic!("it came back as {}", payload.type_name))
}

/// Decisions that make middling values, so that no size is zero: the packages cannot take empty arrays.
fn decisions(seed: u8) -> Vec<u8> {
    (0_u8..120).map(|at| seed.wrapping_add(at.wrapping_mul(37))).collect()
}

fn acquisition(seed: u8) -> Acquisition {
    let mut acquisition = (0..=255)
        .map(|offset| Source::new(&decisions(seed.wrapping_add(offset))).acquisition())
        .find(|acquisition| !acquisition.data.is_empty() && acquisition.data.len() < 100_000)
        .unwrap();
    acquisition.header.version = 1;
    acquisition
}

fn waveform(seed: u8) -> Waveform {
    let mut waveform = (0..=255)
        .map(|offset| Source::new(&decisions(seed.wrapping_add(offset))).waveform())
        .find(|waveform| !waveform.data.is_empty() && waveform.data.len() < 100_000)
        .unwrap();
    waveform.header.version = 1;
    waveform
}

fn image<T: Pixel>(seed: u8) -> Image<T> {
    let mut image = (0..=255)
        .map(|offset| Source::new(&decisions(seed.wrapping_add(offset))).image::<T>())
        .find(|image| !image.data.is_empty() && image.data.len() < 100_000 && image.meta.is_some())
        .unwrap();
    image.header.version = 1;
    let mut meta = Meta::new();
    meta.set("GADGETRON_ImageComment", "a < b & c, gr\u{fc}n");
    meta.append("GADGETRON_ImageComment", "second");
    image.meta = Some(meta);
    image
}

#[test]
fn every_type_comes_back_from_python_as_it_was() {
    if !packages_are_there() {
        // Not `eprintln!`, whose words a test that passes keeps for itself.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: python3 with the packages gadgetron and ismrmrd is not there"
        );
        return;
    }
    let acquisitions: Vec<_> = (0..6).map(|seed| acquisition(seed * 40)).collect();
    let waveforms: Vec<_> = (0..4).map(|seed| waveform(seed * 40)).collect();
    let bucket = AcquisitionBucket {
        data: acquisitions[..2].to_vec(),
        reference: acquisitions[2..3].to_vec(),
        ..AcquisitionBucket::default()
    };
    let array = image_array();
    let data = recon_data();
    let images = (
        image::<u16>(1),
        image::<i16>(2),
        image::<u32>(3),
        image::<f32>(5),
        image::<f64>(6),
        image::<Complex32>(7),
        image::<Complex64>(8),
    );
    let payloads = echoed(|out| {
        acquisitions.iter().for_each(|value| out.message(value, "").unwrap());
        waveforms.iter().for_each(|value| out.message(value, "").unwrap());
        out.message(&bucket, "").unwrap();
        out.message(&array, "").unwrap();
        out.message(&data, "").unwrap();
        out.message(&images.0, "").unwrap();
        out.message(&images.1, "").unwrap();
        out.message(&images.2, "").unwrap();
        out.message(&images.3, "").unwrap();
        out.message(&images.4, "").unwrap();
        out.message(&images.5, "").unwrap();
        out.message(&images.6, "").unwrap();
    });
    assert_eq!(payloads.len(), 6 + 4 + 3 + 1 + 1 + 7);
    for (sent, back) in acquisitions
        .iter()
        .chain(&acquisitions[..3])
        .zip(payloads[..6].iter().chain(&payloads[10..]))
    {
        assert_eq!(value::<Acquisition>(back), sent);
    }
    for (sent, back) in waveforms.iter().zip(&payloads[6..]) {
        assert_eq!(value::<Waveform>(back), sent);
    }
    assert_eq!(value::<ImageArray>(&payloads[13]), &array);
    assert_eq!(value::<ReconData>(&payloads[14]), &data);
    check_image(&images.0, &payloads[15]);
    check_image(&images.1, &payloads[16]);
    check_image(&images.2, &payloads[17]);
    check_image(&images.3, &payloads[18]);
    check_image(&images.4, &payloads[19]);
    check_image(&images.5, &payloads[20]);
    check_image(&images.6, &payloads[21]);
}

/// The package counts the attributes' bytes in its own way; everything else is the same. (It takes pixels of type 4 for
/// 64-bit ones, so that one type of the eight cannot be exchanged with it.)
fn check_image<T: Pixel>(sent: &Image<T>, back: &Payload) {
    let back = value::<Image<T>>(back);
    assert_eq!((&back.data, &back.meta), (&sent.data, &sent.meta));
    let header = protocol::ImageHeader {
        attribute_string_len: sent.header.attribute_string_len,
        ..back.header
    };
    assert_eq!(header, sent.header);
}

fn image_array() -> ImageArray {
    let mut meta = Meta::new();
    meta.set("n", "v");
    ImageArray {
        data: ArrayD::from_elem(vec![1, 1, 2, 1, 1, 2, 3], Complex32::new(3.0, 4.0)),
        headers: Array3::from_elem((1, 1, 2), image::<f32>(3).header),
        meta: vec![meta.clone(), meta],
        waveforms: None,
        acquisition_headers: Some(ArrayD::from_elem(vec![1, 1, 2, 1, 2], acquisition(9).header)),
    }
}

fn recon_data() -> ReconData {
    let buffer = |trajectory: bool| BufferedData {
        data: ArrayD::from_elem(vec![1, 2, 1, 3, 1, 2, 4], Complex32::new(1.0, -2.0)).into_shared(),
        trajectory: trajectory.then(|| ArrayD::from_elem(vec![1, 2, 1, 1, 2, 4, 2], 0.25)),
        density: trajectory.then(|| ArrayD::from_elem(vec![1, 2, 1, 1, 2, 4], 0.5)),
        headers: ArrayD::from_elem(vec![1, 2, 1, 1, 2], acquisition(9).header),
        sampling: SamplingDescription {
            encoded_fov: [1.0, 2.0, 3.0],
            recon_matrix: [4, 2, 1],
            sampling_limits: [SamplingLimit {
                min: 1,
                center: 2,
                max: 3,
            }; 3],
            ..SamplingDescription::default()
        },
    };
    let bits = vec![
        ReconBit {
            data: buffer(true),
            reference: Some(buffer(false)),
        },
        ReconBit {
            data: buffer(false),
            reference: None,
        },
    ];
    ReconData { bits }
}
