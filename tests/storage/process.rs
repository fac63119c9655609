//! A server with storage in a process of its own, and clients.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::process::{Process, client, gadgetron, listens};

/// A folder in memory where the system has one: stores wait for the disk, which on a busy machine takes seconds. A killed
/// process leaves the same behind in either.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

/// A running server.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    /// Where its storage answers, if it has one of its own.
    storage: Option<SocketAddr>,
}

impl Server {
    /// A server that stores in `folder`.
    pub(crate) fn storing_in(folder: &Path) -> Self {
        let [database, blobs] = [folder.join("database"), blobs(folder)];
        let arguments = ["-s", "0", "-D"].map(PathBuf::from);
        Self::start(arguments.into_iter().chain([database, "-S".into(), blobs]), true)
    }

    /// A server that asks the storage at this address.
    pub(crate) fn asking(storage: SocketAddr) -> Self {
        Self::start(["-E".into(), format!("http://{storage}").into()].into_iter(), false)
    }

    fn start(arguments: impl Iterator<Item = PathBuf>, stores: bool) -> Self {
        let mut command = gadgetron(&["-p", "0", "--bind", "127.0.0.1"]);
        command.args(arguments);
        let process = Process::start(command);
        let address = process.wait_for("port", listens);
        let storage = stores.then(|| process.wait_for("storage", stores_at));
        Self {
            process,
            address,
            storage,
        }
    }

    /// Where its storage answers.
    pub(crate) fn storage(&self) -> SocketAddr {
        self.storage.expect("this server stores")
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Command {
        client(self.address.port())
    }

    /// A client's job that is under way.
    pub(crate) fn begin(&self, input: &Path, configuration: &str, output: &Path) -> Child {
        self.client()
            .args(["--allow-nothing", "-c", configuration, "-G", "images", "-f"])
            .arg(input)
            .arg("-o")
            .arg(output)
            .stderr(Stdio::piped())
            .spawn()
            .expect("a client")
    }

    /// A client's job from beginning to end.
    pub(crate) fn run(&self, input: &Path, configuration: &str, output: &Path) {
        let client = self.begin(input, configuration, output);
        let ended = client.wait_with_output().expect("the client ends");
        let words = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{}: {words}", input.display());
    }

    /// Asks the server to stop, and waits until it did.
    pub(crate) fn stop(self) {
        self.process.signal(Signal::TERM);
        assert!(self.process.wait().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }
}

/// Where a server that stores in `folder` keeps the bytes.
pub(crate) fn blobs(folder: &Path) -> PathBuf {
    folder.join("blobs")
}

/// The address in the line that says where a server's storage answers.
fn stores_at(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("storage is served at http://")?;
    rest.split_whitespace().next()?.parse().ok()
}
