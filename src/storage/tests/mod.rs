//! A store and a server for tests, with a clock that is set by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;

mod api;
mod crash;
mod measurements;
mod store;

/// A clock that stands still until it is told to go on.
#[derive(Clone)]
struct HandClock(Arc<AtomicI64>);

impl HandClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000_000_000)))
    }

    fn advance(&self, time: Duration) {
        let microseconds = i64::try_from(time.as_micros()).expect("a short time");
        self.0.fetch_add(microseconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let time = self.0.clone();
        Arc::new(move || Timestamp::from_microsecond(time.load(Ordering::SeqCst)).expect("a time"))
    }
}

/// A folder in memory where the system has one: stores wait for the disk, which on a busy machine takes seconds. A
/// killed process leaves the same behind in either.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

fn open(folder: &TempDir, limits: StoreLimits, clock: &HandClock) -> Result<BlobStore, StoreError> {
    BlobStore::open_with_clock(&Folders::in_one(folder.path()), limits, clock.clock())
}

fn tags(subject: &str, name: &str) -> Tags {
    Tags {
        subject: subject.into(),
        tags: [("name".to_owned(), vec![name.to_owned()])].into(),
        ..Tags::default()
    }
}

/// A server with a store of its own.
struct Served {
    folder: TempDir,
    clock: HandClock,
    server: StorageServer,
}

impl Served {
    async fn new(limits: StoreLimits, options: StorageServerOptions) -> Self {
        let folder = scratch();
        let clock = HandClock::new();
        let store = Arc::new(open(&folder, limits, &clock).expect("a store"));
        let listener = StorageServer::listener(None, 0).await.expect("a port");
        let server = StorageServer::start(listener, store, options, &CancellationToken::new()).expect("a server");
        Self { folder, clock, server }
    }

    async fn with_defaults() -> Self {
        Self::new(StoreLimits::default(), StorageServerOptions::default()).await
    }

    /// The answer to a request: status, headers, bytes.
    async fn http(&self, method: &'static str, path: &str, body: &'static [u8]) -> Answer {
        let url = match path.starts_with("http:") {
            true => path.to_owned(),
            false => format!("{}{path}", self.server.url()),
        };
        let call = move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .proxy(None)
                .build()
                .into();
            let answer = match method {
                "POST" => agent.post(url).content_type("text/plain").send(body),
                _ => agent.get(url).call(),
            };
            let mut answer = answer.expect("an answer");
            Answer {
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                bytes: answer.body_mut().read_to_vec().expect("a body"),
            }
        };
        tokio::task::spawn_blocking(call).await.expect("no panic")
    }
}

struct Answer {
    status: u16,
    headers: ureq::http::HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).expect("JSON")
    }

    fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().expect("text"))
            .collect()
    }

    fn error(&self) -> (u16, String) {
        let code = self.json()["error"]["code"].as_str().expect("a code").to_owned();
        (self.status, code)
    }
}
