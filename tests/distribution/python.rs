//! A relay and workers written in Python, with the libraries that people write theirs with (Flask on gevent, requests): they
//! know nothing of us but the HTTP and `gadgetron -p PORT`.
//!
//! Without Python and the packages the test says so and passes.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    process::{PATIENCE, Process, listens},
    reconstruction::{Case, Mode},
};

const RELAY: &str = r#"
import sys, time
from flask import Flask, jsonify, request
from gevent.pywsgi import WSGIServer

heard = {}
app = Flask("relay")

@app.route("/cloudbus/add_worker", methods=["POST"])
def add_worker():
    heard[f"[{request.remote_addr}]:{request.json['port']}"] = time.monotonic()
    return "OK"

@app.route("/cloudbus/workers", methods=["GET"])
def workers():
    return jsonify([worker for worker, then in heard.items() if time.monotonic() - then < 300])

server = WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
print(f"listens on 127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
"#;

/// Keeps a server running on a free port and announces it. The server dies with it.
const WORKER: &str = r#"
import ctypes, signal, socket, subprocess, sys, time, requests

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])

def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

server = None
while True:
    if server is None or server.poll() is not None:
        server = subprocess.Popen(["gadgetron", "-p", port], preexec_fn=die_with_parent)
    requests.post(f"http://{sys.argv[1]}/cloudbus/add_worker", json={"port": port})
    print("announced", file=sys.stderr, flush=True)
    time.sleep(1)
"#;

fn python(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-W", "ignore", "-c", program]).args(arguments);
    // Whatever proxy there is knows nothing of this machine.
    command.env("NO_PROXY", "*");
    command
}

/// Whether a program is there and does this.
fn runs(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A worker as a script starts it: the installed program's name, found where programs are looked for.
fn worker(relay: SocketAddr, home: &Path) -> Process {
    let programs = Path::new(env!("CARGO_BIN_EXE_gadgetron")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = python(WORKER, &[&relay.to_string()]);
    command
        .env("PATH", path.unwrap())
        .env("HOME", home)
        .env_remove("GADGETRON_REMOTE_WORKER_COMMAND")
        .env_remove("GADGETRON_LOG");
    Process::start(command)
}

#[test]
fn a_relay_and_workers_in_python_are_found_with_curl() {
    let packages = "import flask, gevent, requests";
    if !runs(&mut python(packages, &[])) || !runs(Command::new("curl").arg("--version")) {
        writeln!(
            std::io::stderr(),
            "SKIPPED: no python3 with flask, gevent and requests, or no curl"
        )
        .unwrap();
        return;
    }
    let relay = Process::start(python(RELAY, &[]));
    let address = relay.wait_for("port", listens);
    let homes = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let workers = homes.each_ref().map(|home| worker(address, home.path()));
    for worker in &workers {
        worker.wait_for("port", listens);
        worker.wait_for("announcement", |line| (line == "announced").then_some(()));
    }

    let patience = PATIENCE.as_secs();
    let ask = format!("curl --silent --fail --noproxy '*' --max-time {patience} http://{address}/cloudbus/workers");
    for mode in Mode::BOTH {
        let case = Case::new(mode);
        let finished = case.run(Some(&ask), &[]);
        case.assert_equal(&finished);
        assert_eq!(finished.warnings().len(), 0, "{}", finished.said);
    }
    for worker in &workers {
        worker.wait_for("link", |line| line.contains("connection ended: closed").then_some(()));
    }
}
