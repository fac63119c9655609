//! A worker that keeps itself on a relay's list.

use std::time::Duration;

use tokio::{task::spawn_blocking, time};
use tokio_util::sync::CancellationToken;

/// How a worker announces itself.
#[derive(Clone, Copy, Debug)]
pub struct AnnounceOptions {
    /// Time between two announcements; default 10 s.
    pub every: Duration,
    /// How long a relay may take to answer; default 5 s.
    pub timeout: Duration,
}

impl Default for AnnounceOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
        }
    }
}

/// Announces a worker that listens on `port` to `relay` (`HOST:PORT`) until `shutdown` is cancelled, then takes it off
/// the list. A relay that does not answer is tried again and again; the log says so once, and once when it is back.
pub async fn announce(relay: &str, port: u16, options: AnnounceOptions, shutdown: CancellationToken) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(options.timeout))
        .proxy(None)
        .build()
        .into();
    let post = |action: &str| {
        let agent = agent.clone();
        let url = format!("http://{relay}/cloudbus/{action}");
        spawn_blocking(move || {
            let request = agent.post(url).content_type("application/json");
            request.send(format!("{{\"port\": \"{port}\"}}")).map(drop)
        })
    };
    let mut ticks = time::interval(options.every);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let (mut reached, mut listed) = (None, false);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let problem = match post("add_worker").await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        match (&problem, reached) {
            (None, Some(true)) | (Some(_), Some(false)) => {}
            (None, _) => tracing::info!("the relay {relay} lists this worker"),
            (Some(problem), _) => tracing::warn!("the relay {relay} does not list this worker: {problem}; trying on"),
        }
        reached = Some(problem.is_none());
        listed |= problem.is_none();
    }
    // Also where the last announcement failed: the entry may still be there.
    if listed {
        // The Python relay cannot do this: there the entry expires.
        let _ = post("remove_worker").await;
    }
}
