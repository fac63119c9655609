//! The relay as a program: workers that announce themselves, by themselves or by a script, and a head that asks it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use rustix::process::Signal;

use crate::{
    process::{Process, Server, gadgetron, listens},
    reconstruction::{Case, Mode},
};

struct Relay {
    process: Process,
    address: SocketAddr,
}

impl Relay {
    fn start(options: &[&str]) -> Self {
        let mut command = gadgetron(&["relay", "-p", "0", "--bind", "127.0.0.1"]);
        command.args(options);
        let process = Process::start(command);
        let address = process.wait_for("port", listens);
        Self { process, address }
    }

    /// One request as `curl` makes it; the answer's status and body.
    fn request(&self, request: &str, body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).unwrap();
        let (address, length) = (self.address, body.len());
        write!(
            socket,
            "{request} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        // The relay closes after each answer: an idle connection would keep another worker out.
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn workers(&self) -> String {
        self.request("GET /cloudbus/workers", "").1
    }
}

/// How a shell asks the relay: `curl`, or where there is none, a file with what the relay said.
fn asking(relay: &Relay, case: &Case) -> String {
    let curl = Command::new("curl").arg("--version").output();
    if curl.is_ok_and(|output| output.status.success()) {
        return format!("curl --silent --fail --noproxy '*' {}/cloudbus/workers", relay.address);
    }
    let file = case.path("workers.json");
    std::fs::write(&file, relay.workers()).unwrap();
    format!("cat {}", file.display())
}

#[test]
fn workers_announce_themselves_and_a_head_finds_them() {
    let relay = Relay::start(&[]);
    let address = relay.address.to_string();
    // One by itself, one by hand.
    let announced = Server::with(&["--relay", &address], None);
    announced
        .process
        .wait_for("announcement", |line| line.contains("lists this worker").then_some(()));
    let other = Server::start();
    let body = format!("{{\"port\": \"{}\"}}", other.address.port());
    assert_eq!(relay.request("POST /cloudbus/add_worker", &body), (200, "OK".into()));

    let mut listed: Vec<String> = serde_json::from_str(&relay.workers()).unwrap();
    let mut expected = [&announced, &other].map(|worker| format!("[127.0.0.1]:{}", worker.address.port()));
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);

    for mode in Mode::BOTH {
        let case = Case::new(mode);
        let finished = case.run(Some(&asking(&relay, &case)), &[]);
        case.assert_equal(&finished);
        assert_eq!(finished.warnings().len(), 0, "{}", finished.said);
    }
    for worker in [&announced, &other] {
        worker
            .process
            .wait_for("link", |line| line.contains("connection ended: closed").then_some(()));
    }

    // A worker that is told to stop takes itself off.
    announced.process.signal(Signal::TERM);
    assert_eq!(announced.process.wait().code(), Some(0), "{}", announced.process.said());
    assert_eq!(relay.workers(), format!("[\"[127.0.0.1]:{}\"]", other.address.port()));
    relay.process.signal(Signal::TERM);
    assert_eq!(relay.process.wait().code(), Some(0), "{}", relay.process.said());
}

#[test]
fn a_relay_that_is_full_or_asked_wrongly_says_so() {
    let relay = Relay::start(&["--max-workers", "1", "--body-bytes", "32"]);
    let add = |body: &str| relay.request("POST /cloudbus/add_worker", body).0;
    assert_eq!(add("{\"port\": \"9003\"}"), 200);
    assert_eq!(add("{\"port\": \"9003\"}"), 200);
    assert_eq!(add("{\"port\": \"9004\"}"), 503);
    assert_eq!(add("{\"port\": \"none\"}"), 400);
    assert_eq!(add(&" ".repeat(33)), 413);
    assert_eq!(relay.request("GET /elsewhere", "").0, 404);
    assert_eq!(relay.workers(), "[\"[127.0.0.1]:9003\"]");
}

#[test]
fn idle_connections_keep_nobody_out() {
    let relay = Relay::start(&["--http-connections", "2", "--http-idle", "1"]);
    let idle = [(); 8].map(|()| TcpStream::connect(relay.address).unwrap());
    assert_eq!(relay.workers(), "[]");
    drop(idle);
}
