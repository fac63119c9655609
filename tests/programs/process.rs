//! Starting the programs, and waiting for what they say.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::JoinHandle,
};

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A `gadgetron` process that listens on loopback; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a server without storage on a free port and waits until it listens.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gadgetron"))
            .args(["--bind", "127.0.0.1", "-p", "0", "-d"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut log = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("no server: {log}")).unwrap();
            log = log + &line + "\n";
            if let Some((_, address)) = line.split_once("listens on ") {
                break address.trim().parse().expect("an address");
            }
        };
        // A full pipe would stop the server.
        let log = std::thread::spawn(move || lines.map_while(Result::ok).fold(log, |log, line| log + &line + "\n"));
        Self {
            child,
            address,
            log: Some(log),
        }
    }

    /// A client process for this server.
    pub(crate) fn client(&self) -> Command {
        client(self.address.port())
    }

    /// The most memory the process has used so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes
            .and_then(|number| number.trim().parse::<u64>().ok())
            .expect("a number of kB")
            * 1024
    }

    /// Ends the server and gives all it said.
    pub(crate) fn end(mut self) -> String {
        let _ = self.child.kill();
        self.log.take().expect("not yet taken").join().expect("the log is text")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client process for the server on `port` of this machine.
pub(crate) fn client(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gadgetron_ismrmrd_client"));
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    command
}

/// Runs a program to its end; its words are in the panic when it fails.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    output
}

/// Runs a program that must fail, and gives its words.
pub(crate) fn fail(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} claims success\n{words}");
    words
}
