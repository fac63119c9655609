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
    /// One for each reconstruction that may wait for a place.
    queue: Arc<Semaphore>,
    most_waiting: usize,
}

impl House {
    pub(super) fn new(places: usize, most_waiting: usize) -> Self {
        Self {
            begun_to_stop: CancellationToken::new(),
            over: CancellationToken::new(),
            places: Arc::new(Semaphore::new(places)),
            heads: Arc::new(Semaphore::new(places)),
            queue: Arc::new(Semaphore::new(most_waiting)),
            most_waiting,
        }
    }

    /// Waits, not longer than `limit`, until there is room for one more reconstruction.
    pub(super) async fn place(&self, spreads: bool, limit: Duration) -> Result<OwnedSemaphorePermit, Full> {
        let places = if spreads { &self.heads } else { &self.places };
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let Ok(_waiting) = self.queue.try_acquire() else {
            return Err(Full::TooMany(self.most_waiting));
        };
        info!("a reconstruction waits for another one to end (--max-connections)");
        match timeout(limit, places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The places are never closed.
            Ok(Err(_)) | Err(_) => Err(Full::TooLong(limit)),
        }
    }
}

/// Said to those for whom there is no room.
#[derive(Debug, thiserror::Error)]
pub(super) enum Full {
    #[error("this server takes no more work: it was full for {0:?} (--max-connections, --place-timeout)")]
    TooLong(Duration),
    #[error("this server takes no more work: it is full, and {0} others wait (--max-connections, --max-waiting)")]
    TooMany(usize),
}

/// Said to those whose reconstruction is cut.
pub(super) const OUT_OF_TIME: &str = "this server takes no more work: it is being stopped, and the time to finish (--drain) is \
                                      over; results are missing";

/// Said to those whose reconstruction has not begun.
pub(super) const BEGINS_NOTHING: &str = "this server takes no more work: it is being stopped, and begins nothing new";

#[cfg(test)]
mod tests {
    use distributed::link::DECLINES;

    use super::*;

    #[test]
    fn a_head_understands_that_its_work_is_not_to_blame() {
        let too_long = Full::TooLong(Duration::from_secs(20));
        for words in [
            OUT_OF_TIME,
            BEGINS_NOTHING,
            &too_long.to_string(),
            &Full::TooMany(64).to_string(),
        ] {
            assert!(words.starts_with(DECLINES), "{words}");
        }
    }
}
