//! The relay: a list of workers that workers put themselves on.
//!
//! It speaks the HTTP of the Python relay of the Gadgetron community (github.com/dchansen/gadgetron_cloudbus), so that
//! either side can be that one: `POST /cloudbus/add_worker` with `{"port": "9002"}` adds the address the request came
//! from, `GET /cloudbus/workers` answers `["[192.0.2.7]:9002", ...]`, and who has not been heard of for five minutes
//! is gone. New here: `POST /cloudbus/remove_worker`, with which a worker that stops takes itself off.
//!
//! A worker can add no address but its own. There are no passwords: whoever reaches the relay can become a worker and
//! be sent data, so it belongs in a network one trusts.

mod announce;
mod list;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

pub use announce::{AnnounceOptions, announce};
use list::Workers;

use crate::http::{HttpLimits, bounded};

/// How a relay behaves.
#[derive(Clone, Copy, Debug)]
pub struct RelayOptions {
    /// How long a worker is listed after it was heard of; default 5 minutes.
    pub expiry: Duration,
    /// Workers at most; default 10,000.
    pub workers: usize,
    /// Bytes of a request's body at most; default 4 KiB.
    pub body_bytes: usize,
    /// How long requests may take to finish when the relay stops; default 2 s.
    pub drain: Duration,
    /// Bounds on its connections.
    pub http: HttpLimits,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            expiry: Duration::from_secs(300),
            workers: 10_000,
            body_bytes: 4096,
            drain: Duration::from_secs(2),
            http: HttpLimits::default(),
        }
    }
}

/// Serves a relay on `listener` until `shutdown` is cancelled.
pub async fn serve(listener: TcpListener, options: RelayOptions, shutdown: CancellationToken) -> io::Result<()> {
    let workers = Arc::new(Mutex::new(Workers::new(options.expiry, options.workers)));
    let router = Router::new()
        .route("/cloudbus/add_worker", post(add))
        .route("/cloudbus/remove_worker", post(remove))
        .route("/cloudbus/workers", get(list))
        .layer(DefaultBodyLimit::max(options.body_bytes))
        .layer(map_response(close))
        .with_state(workers)
        .into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(bounded(listener, options.http), router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let drained = async {
        shutdown.cancelled().await;
        time::sleep(options.drain).await;
    };
    tokio::select! {
        served = serving => served,
        () = drained => Ok(()),
    }
}

/// A worker speaks every ten seconds: its idle connection would keep another one out meanwhile.
async fn close(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

type Shared = State<Arc<Mutex<Workers>>>;
type Refusal = (StatusCode, &'static str);

/// What a worker says about itself: its port, as text like the Python worker or as a number.
#[derive(Deserialize)]
struct Announcement {
    port: Port,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

/// The address of the worker that sent `body`.
fn worker(from: SocketAddr, body: &[u8]) -> Result<SocketAddr, Refusal> {
    let refusal = (
        StatusCode::BAD_REQUEST,
        "expected {\"port\": \"9002\"}, a port from 1 to 65535\n",
    );
    let announcement: Announcement = serde_json::from_slice(body).map_err(|_| refusal)?;
    let port = match announcement.port {
        Port::Number(port) => port,
        Port::Text(text) => text.trim().parse().map_err(|_| refusal)?,
    };
    // An IPv4 client of a listener on both families comes as ::ffff:a.b.c.d, which others could not connect to.
    match port {
        0 => Err(refusal),
        port => Ok(SocketAddr::new(from.ip().to_canonical(), port)),
    }
}

async fn add(
    State(workers): Shared,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Result<&'static str, Refusal> {
    let worker = worker(from, &body)?;
    match lock(&workers).add(worker, Instant::now()) {
        true => Ok("OK"),
        false => Err((StatusCode::SERVICE_UNAVAILABLE, "the list of workers is full\n")),
    }
}

async fn remove(
    State(workers): Shared,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Result<&'static str, Refusal> {
    lock(&workers).remove(worker(from, &body)?);
    Ok("OK")
}

async fn list(State(workers): Shared) -> Json<Vec<String>> {
    let listed = lock(&workers).list(Instant::now());
    Json(
        listed
            .iter()
            .map(|worker| format!("[{}]:{}", worker.ip(), worker.port()))
            .collect(),
    )
}

fn lock(workers: &Mutex<Workers>) -> std::sync::MutexGuard<'_, Workers> {
    workers.lock().unwrap_or_else(PoisonError::into_inner)
}
