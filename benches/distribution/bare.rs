//! What no head can do without: read every byte, and write it to a worker. This one does nothing else. It knows beforehand
//! where the data of a key begin, keeps nothing that it could send again, and passes on whatever comes back.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::support::process::Server;
use protocol::{
    Limits,
    codec::Writers,
    session::{Event, Incoming, Outgoing},
};

/// What a head tells a worker before the data: a real head says it to somebody who only listens.
fn set_up(bytes: &[u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let head = Server::head(&[listener.local_addr().expect("an address")], &[]);
    let mut client = TcpStream::connect(head.address).expect("a server");
    thread::scope(|scope| {
        scope.spawn(move || client.write_all(bytes));
        let (mut socket, _) = listener.accept().expect("a link");
        let mut incoming = Incoming::server(Limits::default());
        let mut outgoing = Outgoing::new(Writers::none());
        loop {
            match incoming.poll_event().expect("a head knows the protocol") {
                Some(Event::Configuration(text)) => outgoing.configuration(&text).expect("a short text"),
                Some(Event::Header(text)) => {
                    outgoing.header(&text).expect("a short text");
                    // Its writing ends.
                    drop(head);
                    break outgoing.take();
                }
                Some(_) => {}
                None => {
                    let mut buffer = vec![0; 256 * 1024];
                    let count = socket.read(&mut buffer).expect("bytes");
                    incoming.handle_bytes(&buffer[..count]);
                }
            }
        }
    })
}

/// A head for one measurement: `preamble` is so long, then come `keys` parts of the same length, and CLOSE.
pub(super) fn head(workers: [SocketAddr; 2], whole: &[u8], preamble: usize, close: Vec<u8>, keys: usize) -> SocketAddr {
    let set_up = set_up(whole);
    let part = (whole.len() - preamble - close.len()) / keys;
    super::serve(move |mut client| {
        let mut buffer = vec![0; 256 * 1024];
        client.read_exact(&mut buffer[..preamble]).expect("the preamble");
        let mut links = Vec::new();
        for key in 0..keys {
            let mut link = TcpStream::connect(workers[key % workers.len()]).expect("a worker");
            link.write_all(&set_up).expect("the worker reads");
            let mut left = part;
            while left > 0 {
                let most = left.min(buffer.len());
                let count = client.read(&mut buffer[..most]).expect("bytes");
                assert!(count > 0, "the client sends all");
                link.write_all(&buffer[..count]).expect("the worker reads");
                left -= count;
            }
            links.push(link);
        }
        // As a head that is told by CLOSE that no more comes for any key.
        client.read_exact(&mut buffer[..close.len()]).expect("CLOSE");
        for link in &mut links {
            link.write_all(&close).expect("the worker reads");
        }
        for mut link in links {
            while let count @ 1.. = link.read(&mut buffer).expect("results") {
                client.write_all(&buffer[..count]).expect("the client reads");
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    })
}
