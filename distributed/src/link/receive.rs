//! The receiving half of a link: the worker's messages, its words, its silence.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use engine::{Message, Output};
use protocol::{
    codec::Readers,
    session::{Event, Incoming},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Connector, DECLINES, LinkFault, LinkLimits, query::query};
use crate::Address;

/// What went over a link, shared by its two halves.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) sent: AtomicU64,
    pub(super) closed: AtomicBool,
}

pub(super) struct Receiver<'a, C> {
    pub(super) connector: &'a C,
    pub(super) address: &'a Address,
    pub(super) limits: &'a LinkLimits,
    pub(super) traffic: &'a Traffic,
}

/// How much of a worker's words is logged, in characters.
const WORDS_SHOWN: usize = 2000;

fn broken(cause: io::Error, mut incoming: Incoming) -> LinkFault {
    let offset = incoming.offset();
    incoming.handle_end();
    let half = matches!(incoming.poll_event(), Ok(Some(Event::End { clean: false })));
    LinkFault::Broken { cause, half, offset }
}

fn reported(words: String, incoming: &Incoming) -> LinkFault {
    match words.contains(DECLINES) {
        true => LinkFault::Declined(words),
        false => LinkFault::Reported {
            words,
            offset: incoming.offset(),
        },
    }
}

fn shown(words: &str) -> String {
    words.chars().take(WORDS_SHOWN).collect()
}

impl<C: Connector> Receiver<'_, C> {
    /// Reads until the worker's CLOSE.
    pub(super) async fn run<R: AsyncRead + Unpin>(
        &self,
        mut socket: R,
        readers: Readers,
        mut output: Output<Message>,
    ) -> Result<(), LinkFault> {
        let mut incoming = Incoming::client(self.limits.protocol, readers);
        let mut received = 0_u64;
        // Words that announce an error, as long as nothing was delivered after them.
        let mut complaint: Option<String> = None;
        let (mut words, mut talk) = (None, 0);
        loop {
            let Some(event) = incoming.poll_event()? else {
                match self.fill(&mut socket, &mut incoming, received).await? {
                    Ok(0) => incoming.handle_end(),
                    Ok(_) => {}
                    Err(cause) => return Err(broken(cause, incoming)),
                }
                continue;
            };
            match event {
                Event::Message(payload) => {
                    received += 1;
                    talk = 0;
                    if let Some(text) = complaint.take() {
                        tracing::warn!(worker = %self.address, "{text}");
                    }
                    let message = Message::from_parts(payload.value, payload.type_name, payload.weight);
                    output.send(message).await.map_err(|_| LinkFault::Unwanted)?;
                }
                Event::Text(text) => {
                    self.talk(&mut talk)?;
                    let text = shown(&text);
                    // A complaint without a result after it is why the link fails, which is told there.
                    if text.contains("ERROR") {
                        complaint = Some(text.clone());
                    }
                    tracing::info!(worker = %self.address, "{text}");
                    words = Some(text);
                }
                Event::RemoteError(text) => return Err(reported(shown(&text), &incoming)),
                Event::Close => {
                    return match complaint {
                        Some(text) => Err(reported(text, &incoming)),
                        None if self.traffic.closed.load(Relaxed) => Ok(()),
                        None => Err(LinkFault::ClosedEarly { words }),
                    };
                }
                Event::End { clean } => {
                    return Err(match complaint {
                        Some(text) => reported(text, &incoming),
                        None => LinkFault::HungUp {
                            half: !clean,
                            offset: incoming.offset(),
                        },
                    });
                }
                // An answer that nobody waits for does no harm, but it is no answer to a job.
                Event::Response { .. } => self.talk(&mut talk)?,
                Event::Query { .. } => return Err(LinkFault::Misplaced("a query")),
                Event::ConfigurationName(_) | Event::Configuration(_) => {
                    return Err(LinkFault::Misplaced("a configuration"));
                }
                Event::Header(_) => return Err(LinkFault::Misplaced("a header")),
            }
        }
    }

    /// Counts what is no answer to a job.
    fn talk(&self, talk: &mut usize) -> Result<(), LinkFault> {
        *talk += 1;
        match *talk > self.limits.texts {
            true => Err(LinkFault::Talks(self.limits.texts)),
            false => Ok(()),
        }
    }

    /// Reads some bytes; 0 at the end; an error where the connection broke. A worker that owes an answer and stays silent is
    /// asked whether it lives: on a connection of its own, because on this one the question would wait behind the data.
    async fn fill<R: AsyncRead + Unpin>(
        &self,
        socket: &mut R,
        incoming: &mut Incoming,
        received: u64,
    ) -> Result<io::Result<usize>, LinkFault> {
        let silence = self.limits.silence;
        let reading = socket.read_buf(incoming.receive_buffer());
        tokio::pin!(reading);
        loop {
            let start = Instant::now();
            let (worried, deadline) = (start + silence * 2 / 3, start + silence);
            if let Ok(read) = timeout_at(worried, &mut reading).await {
                return Ok(read);
            }
            let owes = self.traffic.closed.load(Relaxed) || self.traffic.sent.load(Relaxed) > received;
            if !owes {
                continue;
            }
            let lives = async {
                match query(self.connector, self.address, "gadgetron::info", silence).await {
                    Ok(_) => true,
                    // A worker that is being stopped takes no new connections and still finishes what it has.
                    Err(_) => {
                        sleep_until(deadline).await;
                        false
                    }
                }
            };
            tokio::select! {
                read = &mut reading => return Ok(read),
                lives = timeout_at(deadline, lives) => match lives {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return Err(LinkFault::Silent(silence)),
                },
            }
        }
    }
}
