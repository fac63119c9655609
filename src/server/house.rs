//! What a server gives each of its connections: a place, and word when it stops.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What the connections of a server share.
#[derive(Clone, Debug)]
pub(super) struct House {
    /// No reconstruction begins any more.
    pub(super) begun_to_stop: CancellationToken,
    /// The time of those that run is over.
    pub(super) over: CancellationToken,
    /// One for each reconstruction that may run here.
    places: Arc<Semaphore>,
    /// As many for those that spread their work: were they among the others, servers that are each other's workers would wait
    /// for each other.
    heads: Arc<Semaphore>,
}

impl House {
    pub(super) fn new(places: usize) -> Self {
        Self {
            begun_to_stop: CancellationToken::new(),
            over: CancellationToken::new(),
            places: Arc::new(Semaphore::new(places)),
            heads: Arc::new(Semaphore::new(places)),
        }
    }

    /// Waits until there is room for one more reconstruction; `None` where that takes longer than `limit`.
    pub(super) async fn place(&self, spreads: bool, limit: Duration) -> Option<OwnedSemaphorePermit> {
        let places = if spreads { &self.heads } else { &self.places };
        if places.available_permits() == 0 {
            info!("a reconstruction waits for another one to end (--max-connections)");
        }
        timeout(limit, places.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// Said to those whose reconstruction is cut.
pub(super) const OUT_OF_TIME: &str =
    "this server is being stopped and the time to finish (--drain) is over: results are missing";

/// Said to those whose reconstruction has not begun.
pub(super) const BEGINS_NOTHING: &str = "this server is being stopped and begins nothing new";
