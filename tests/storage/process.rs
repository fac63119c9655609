//! A server in a process of its own, and clients.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A folder in memory where the system has one: stores wait for the disk, which on a busy machine takes seconds. A killed
/// process leaves the same behind in either.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Where its storage answers, if it has one of its own.
    storage: Option<SocketAddr>,
    /// Reads what the server says for as long as it lives.
    listening: Option<std::thread::JoinHandle<()>>,
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_gadgetron"))
            .args(["-p", "0", "--bind", "127.0.0.1"])
            .args(arguments)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (mut address, mut storage) = (None, None);
        let mut said = Vec::new();
        while address.is_none() || (stores && storage.is_none()) {
            let line = match lines.next() {
                Some(Ok(line)) => line,
                ended => panic!("the server does not listen: {ended:?} after {}", said.join("\n")),
            };
            address = address.or(after(&line, "listens on "));
            storage = storage.or(after(&line, "storage is served at http://"));
            said.push(line);
        }
        // Whoever writes to a pipe that nobody reads waits for ever.
        let listening = std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("found"),
            storage,
            listening: Some(listening),
        }
    }

    /// Where its storage answers.
    pub(crate) fn storage(&self) -> SocketAddr {
        self.storage.expect("this server stores")
    }

    /// A client's job that is under way.
    pub(crate) fn begin(&self, input: &Path, configuration: &str, output: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_gadgetron_ismrmrd_client"))
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                &self.address.port().to_string(),
                "--allow-nothing",
            ])
            .args(["-c", configuration, "-G", "images", "-f"])
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
        assert!(
            ended.status.success(),
            "{}: {}",
            input.display(),
            String::from_utf8_lossy(&ended.stderr)
        );
    }

    /// Asks the server to stop, and waits until it did.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.expect("the kill command").success());
        assert!(self.child.wait().expect("the server ends").success());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // A process that is dead already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where a server that stores in `folder` keeps the bytes.
pub(crate) fn blobs(folder: &Path) -> PathBuf {
    folder.join("blobs")
}

/// The address that follows these words.
fn after(line: &str, words: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(words)?;
    rest.split_whitespace().next()?.parse().ok()
}
