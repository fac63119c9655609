//! While the graph takes nothing: whether the client is still there.
//!
//! That it is gone comes after everything it sent. So where the graph stands still, the server reads on, up to a bound, and
//! keeps what it reads for later.

use std::{collections::VecDeque, time::Duration};

use protocol::session::Event;
use tokio::{io::AsyncRead, sync::mpsc, time::sleep};

use super::{
    read::{ReadError, Reader},
    write::Say,
};

/// What was read before it was its turn.
#[derive(Default)]
pub(super) struct Ahead {
    events: VecDeque<Result<Event, ReadError>>,
    /// What they take.
    bytes: usize,
}

/// How a client is gone.
pub(super) enum Gone {
    /// The connection broke.
    Broke(ReadError),
    /// It ended without CLOSE; clean: between two messages. So many messages were read ahead, and are not worked on.
    Ended { clean: bool, unworked: usize },
}

impl Ahead {
    fn push(&mut self, event: Result<Event, ReadError>) {
        self.bytes += weight(&event);
        self.events.push_back(event);
    }

    /// What is next.
    pub(super) fn pop(&mut self) -> Option<Result<Event, ReadError>> {
        let event = self.events.pop_front()?;
        self.bytes -= weight(&event);
        Some(event)
    }

    /// Completes when the client is gone. Waits before it reads (`after`), so that a graph that is only slower than its client
    /// costs no memory, and keeps no more than `most` bytes and a message. A client whose data end without CLOSE may still read: where `links` wait for them it counts as gone,
    /// otherwise what it sent is worked on first. Queries are answered meanwhile. Cancel-safe: what was read is kept.
    pub(super) async fn look<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut Reader<R>,
        after: Duration,
        most: usize,
        links: bool,
        orders: &mpsc::Sender<Say>,
    ) -> Gone {
        sleep(after).await;
        loop {
            match self.events.back() {
                Some(Ok(Event::Close)) => return Gone::Broke(reader.broken().await.into()),
                Some(Err(_) | Ok(Event::End { .. })) => return std::future::pending().await,
                _ if self.bytes >= most => return std::future::pending().await,
                _ => {}
            }
            match reader.next_from_the_waiting().await {
                Err(error @ ReadError::Io(_)) => return Gone::Broke(error),
                Ok(Event::End { clean }) if links => {
                    let unworked = self
                        .events
                        .iter()
                        .filter(|event| matches!(event, Ok(Event::Message(_))));
                    return Gone::Ended {
                        clean,
                        unworked: unworked.count(),
                    };
                }
                Ok(Event::Query { correlation, text }) => {
                    let answer = Say::answer(correlation, &text);
                    if orders.try_send(answer).is_err() {
                        self.push(Ok(Event::Query { correlation, text }));
                    }
                }
                event => self.push(event),
            }
        }
    }
}

/// Bytes in memory, about.
fn weight(event: &Result<Event, ReadError>) -> usize {
    let held = match event {
        Ok(Event::Message(payload)) => payload.weight,
        Ok(Event::Text(text) | Event::RemoteError(text) | Event::Query { text, .. } | Event::Response { text, .. }) => {
            text.len()
        }
        _ => 0,
    };
    held + size_of::<Event>()
}

#[cfg(test)]
mod tests {
    use protocol::{Limits, session::Incoming};
    use tokio::{io::duplex, time::timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_kept_waiting_may_be_silent() {
        let (_client, socket) = duplex(64);
        let session = Incoming::server(Limits::default());
        let mut reader = Reader::new(socket, session, Duration::ZERO);
        assert!(matches!(reader.next().await, Err(ReadError::Idle(_))));
        let (orders, _received) = mpsc::channel(1);
        let mut ahead = Ahead::default();
        let look = ahead.look(&mut reader, Duration::from_millis(1), 1 << 20, true, &orders);
        assert!(timeout(Duration::from_secs(3600), look).await.is_err());
        assert!(ahead.pop().is_none());
    }
}
