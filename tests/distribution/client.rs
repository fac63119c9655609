//! A client made of bytes.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
};

use gadgetron::{
    files::ScannerData,
    phantom::{Phantom, PhantomSettings},
};
use protocol::{codec::Writers, session::Outgoing};

/// A phantom's measurement as a client sends it.
pub(crate) struct Measurement {
    header: String,
    readouts: Vec<Vec<u8>>,
}

impl Measurement {
    pub(crate) fn new(matrix: u16, coils: u16, repetitions: u16) -> Self {
        let phantom = Phantom::new(PhantomSettings {
            matrix,
            coils,
            repetitions,
            ..PhantomSettings::default()
        });
        let phantom = phantom.unwrap();
        let mut outgoing = Outgoing::new(Writers::standard());
        let readouts = phantom.items().map(|item| {
            let ScannerData::Acquisition(readout) = item else {
                panic!("readouts only")
            };
            outgoing.message(&readout, "Acquisition").unwrap();
            outgoing.take()
        });
        Self {
            readouts: readouts.collect(),
            header: phantom.header().to_xml(),
        }
    }

    pub(crate) fn readouts(&self) -> &[Vec<u8>] {
        &self.readouts
    }

    /// Configuration by name, and header.
    pub(crate) fn preamble(&self, configuration: &str) -> Vec<u8> {
        self.preambled(|outgoing| outgoing.configuration_name(configuration).unwrap())
    }

    /// Configuration as text, and header.
    pub(crate) fn preamble_with_text(&self, configuration: &str) -> Vec<u8> {
        self.preambled(|outgoing| outgoing.configuration(configuration).unwrap())
    }

    fn preambled(&self, configure: impl FnOnce(&mut Outgoing)) -> Vec<u8> {
        let mut outgoing = Outgoing::new(Writers::none());
        configure(&mut outgoing);
        outgoing.header(&self.header).unwrap();
        outgoing.take()
    }

    /// All that a client says.
    pub(crate) fn whole(&self, configuration: &str) -> Vec<u8> {
        self.complete(self.preamble(configuration))
    }

    /// What follows `preamble`.
    pub(crate) fn complete(&self, preamble: Vec<u8>) -> Vec<u8> {
        [preamble, self.readouts.concat(), close()].concat()
    }
}

pub(crate) fn close() -> Vec<u8> {
    let mut outgoing = Outgoing::new(Writers::none());
    outgoing.close();
    outgoing.take()
}

/// Sends all of `bytes`; what came back.
pub(crate) fn exchange(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(server).unwrap();
    let mut sender = socket.try_clone().unwrap();
    let mut answer = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A server that gave up reads no more; its words are what counts.
            let _ = sender.write_all(bytes);
            let _ = sender.shutdown(Shutdown::Write);
        });
        socket.read_to_end(&mut answer).unwrap();
    });
    answer
}
