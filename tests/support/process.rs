//! The program as a process whose words are read line by line.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// What takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Words {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

/// A running program; it is killed when this is dropped.
pub(crate) struct Process {
    child: Mutex<Child>,
    pid: Pid,
    words: Arc<Words>,
}

/// The program, with neither workers nor log filters of whoever runs the tests.
pub(crate) fn gadgetron(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gadgetron"));
    command
        .args(arguments)
        .env_remove("GADGETRON_REMOTE_WORKER_COMMAND")
        .env_remove("GADGETRON_LOG");
    command
}

/// A client for the server on `port` of this machine.
pub(crate) fn client(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gadgetron_ismrmrd_client"));
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    command
}

/// Runs a program to its end; its words are in the panic when it fails.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    output
}

/// Runs a program that must fail, and gives its words.
pub(crate) fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} claims success\n{words}");
    words
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let stderr = child.stderr.take().unwrap();
        let words = Arc::new(Words::default());
        let heard = words.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                heard.lines.lock().unwrap().0.push(line);
                heard.more.notify_all();
            }
            heard.lines.lock().unwrap().1 = true;
            heard.more.notify_all();
        });
        Self {
            child: Mutex::new(child),
            pid,
            words,
        }
    }

    /// The first line that `wanted` makes something of.
    pub(crate) fn wait_for<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.words.lines.lock().unwrap();
        loop {
            if let Some(found) = lines.0.iter().find_map(|line| wanted(line)) {
                return found;
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            assert!(!lines.1 && !rest.is_zero(), "no {what} in:\n{}", lines.0.join("\n"));
            lines = self.words.more.wait_timeout(lines, rest).unwrap().0;
        }
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&self) -> ExitStatus {
        let lines = self.words.lines.lock().unwrap();
        let ended = self
            .words
            .more
            .wait_timeout_while(lines, PATIENCE, |lines| !lines.1)
            .unwrap();
        let said = ended.0.0.join("\n");
        let late = ended.1.timed_out();
        drop(ended);
        assert!(!late, "it does not end; it said:\n{said}");
        self.child.lock().unwrap().wait().unwrap()
    }

    /// All it said so far.
    pub(crate) fn said(&self) -> String {
        self.words.lines.lock().unwrap().0.join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// The most memory it ever had, and what it has, in MiB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
        };
        (of("VmHWM:"), of("VmRSS:"))
    }

    /// How many sockets it has open.
    pub(crate) fn sockets(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.pid.as_raw_nonzero())).unwrap();
        let names = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        names
            .filter(|name| name.to_string_lossy().starts_with("socket:"))
            .count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A server without storage on a free port of loopback: a worker to whoever asks it, or a head where it is told where workers
/// are.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[], None)
    }

    /// A head whose discovery command lists `workers`.
    pub(crate) fn head(workers: &[SocketAddr], options: &[&str]) -> Self {
        Self::with(options, Some(&echo(workers)))
    }

    pub(crate) fn with(options: &[&str], discovery: Option<&str>) -> Self {
        let mut command = gadgetron(&["--bind", "127.0.0.1", "-d"]);
        command.args(options);
        if !options.contains(&"-p") {
            command.args(["-p", "0"]);
        }
        if let Some(discovery) = discovery {
            command.env("GADGETRON_REMOTE_WORKER_COMMAND", discovery);
        }
        let process = Process::start(command);
        let address = process.wait_for("port", listens);
        Self { process, address }
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Command {
        client(self.address.port())
    }

    /// Ends it; all it said.
    pub(crate) fn end(self) -> String {
        self.process.signal(Signal::KILL);
        self.process.wait();
        self.process.said()
    }
}

/// The address in the line that says where a program listens.
pub(crate) fn listens(line: &str) -> Option<SocketAddr> {
    line.split_once("listens on ")?.1.trim().parse().ok()
}

/// A discovery command that lists `workers`.
pub(crate) fn echo(workers: &[SocketAddr]) -> String {
    let list: Vec<_> = workers.iter().map(|worker| format!("\"{worker}\"")).collect();
    format!("echo '[{}]'", list.join(", "))
}

/// Looks again and again until it is so.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}
