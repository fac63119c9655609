//! A client on a real socket that sends as much as it can and reads nothing.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    time::Duration,
};

use protocol::{
    Limits,
    codec::Readers,
    recording::{Listing, Side},
};

use crate::process::{Server, succeed};

/// A recorded client whose readouts come back as they are.
const CLIENT: &[u8] = include_bytes!("../data/wire/client_waveforms.0.c2s.bin");
const PUSHED: usize = 700 << 20;
/// MiB that the server may hold for one client: 16 MiB for each of the channels on the way, what was read and not decoded,
/// what was encoded and not sent, and the program itself.
const MOST_MEMORY: u64 = 160;

#[test]
fn the_server_s_memory_is_bounded_while_700_mebibytes_are_pushed_at_it() {
    let server = Server::start();
    let mut client = TcpStream::connect(server.address).unwrap();
    // Not a wait for an event: when nothing was taken for so long, the server has stopped taking.
    client.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let [preamble, readout] = parts();
    client.write_all(preamble).unwrap();
    let batch = readout.repeat((1 << 20) / readout.len());
    let mut taken = 0;
    while taken < PUSHED {
        match client.write(&batch[taken % readout.len()..]) {
            Ok(count) => taken += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("after {taken} bytes: {error}"),
        }
    }
    assert!(
        taken < PUSHED,
        "all was taken from a client that reads nothing: where is it?"
    );
    let (most, _) = server.process.memory();
    assert!(most < MOST_MEMORY, "{most} MiB held, {taken} bytes taken");

    // Others are served meanwhile.
    succeed(server.client().args(["-Q", "gadgetron::info"]));
}

/// Configuration and header, then one readout.
fn parts() -> [&'static [u8]; 2] {
    let mut listing = Listing::new(Side::ToServer, Limits::default(), Readers::standard());
    listing.handle_bytes(CLIENT);
    listing.handle_end();
    let messages: Vec<_> = listing
        .map(|message| message.expect("recorded bytes are well formed").offset as usize)
        .collect();
    [&CLIENT[..messages[2]], &CLIENT[messages[2]..messages[3]]]
}
