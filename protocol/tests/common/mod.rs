//! The recordings, and what is particular about them.

use std::path::PathBuf;

use protocol::{
    Limits, ReconData, Waveform,
    codec::Readers,
    session::{Event, Incoming},
};

/// Which way the bytes went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}
use Direction::{ToClient, ToServer};

/// Name, direction, number of messages.
pub(crate) const RECORDINGS: &[(&str, Direction, usize)] = &[
    ("client_default.0.c2s.bin", ToServer, 35),
    ("client_default.0.s2c.bin", ToClient, 3),
    ("client_error.0.c2s.bin", ToServer, 35),
    ("client_error.0.s2c.bin", ToClient, 2),
    ("client_query.0.c2s.bin", ToServer, 2),
    ("client_query.0.s2c.bin", ToClient, 2),
    ("client_waveforms.0.c2s.bin", ToServer, 38),
    ("client_waveforms.0.s2c.bin", ToClient, 36),
    ("external_bucket.0.c2s.bin", ToServer, 5),
    ("worker_acquisition.0.c2s.bin", ToServer, 19),
    ("worker_acquisition.0.s2c.bin", ToClient, 2),
    ("worker_acquisition.1.c2s.bin", ToServer, 19),
    ("worker_acquisition.1.s2c.bin", ToClient, 2),
    ("worker_image.0.c2s.bin", ToServer, 5),
    ("worker_image.0.s2c.bin", ToClient, 3),
    ("worker_imagearray.0.c2s.bin", ToServer, 4),
    ("worker_imagearray.0.s2c.bin", ToClient, 2),
    ("worker_recondata.0.c2s.bin", ToServer, 5),
    ("worker_recondata.0.s2c.bin", ToClient, 3),
];

/// The bytes of a recording.
pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Bytes of a recorded message that the original left as they happened to be.
pub(crate) fn padding(event: &Event) -> Vec<usize> {
    let Event::Message(payload) = event else {
        return Vec::new();
    };
    if payload.value.is::<Waveform>() {
        return (4..10).chain(40..42).collect();
    }
    let Some(data) = payload.value.downcast_ref::<ReconData>() else {
        return Vec::new();
    };
    let mut at = 2 + 8;
    let mut padding = Vec::new();
    for bit in &data.bits {
        for buffer in std::iter::once(&bit.data).chain(&bit.reference) {
            let sizes = |dimensions: usize| 8 + dimensions * 8;
            at += sizes(buffer.data.ndim()) + buffer.data.len() * 8;
            for array in [&buffer.trajectory, &buffer.density] {
                at += 1 + array.as_ref().map_or(0, |array| sizes(array.ndim()) + array.len() * 4);
            }
            at += sizes(buffer.headers.ndim()) + buffer.headers.len() * 340 + 56;
            padding.extend([at - 2, at - 1]);
            if std::ptr::eq(buffer, &bit.data) {
                at += 1;
            }
        }
    }
    padding
}

/// The session that receives this side's bytes.
pub(crate) fn incoming(direction: Direction) -> Incoming {
    match direction {
        ToServer => {
            let mut incoming = Incoming::server(Limits::default());
            incoming.set_readers(Readers::standard());
            incoming
        }
        ToClient => Incoming::client(Limits::default(), Readers::standard()),
    }
}
