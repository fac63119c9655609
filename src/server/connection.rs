//! One connection, from its first byte to its last: configuration, header, data, and the words when it goes wrong.

use std::{sync::Arc, time::Instant};

use engine::{Figures, Message, Output, Running};
use gadgets::{Context, context::Notices};
use protocol::{
    IsmrmrdHeader,
    codec::{Readers, Writers},
    configuration::Configuration,
    session::{Event, Incoming, Outgoing},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::sleep,
};
use tracing::{debug, info, warn};

use super::{
    Services,
    ahead::Ahead,
    ending::Ending,
    house::{BEGINS_NOTHING, House, OUT_OF_TIME},
    read::Reader,
    write::{Say, Writer},
};
use crate::{
    assemble::{Plan, lines},
    files::Hdf5DumpFiles,
};

/// How many of the server's own words (answers to queries, the last words) may wait for a slow client.
const ORDERS: usize = 16;

/// How much of a client's text is passed on, in characters.
const TEXT_SHOWN: usize = 2000;

/// Serves one client over any byte stream, until it closed, broke off or made a mistake.
pub async fn handle<S>(stream: S, peer: String, services: Arc<Services>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    serve_one(stream, peer, services, House::new(1, 1)).await;
}

/// As [`handle`], until the server stops.
pub(super) async fn serve_one<S>(stream: S, peer: String, services: Arc<Services>, house: House)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let started = Instant::now();
    let (read, write) = tokio::io::split(stream);
    let limits = &services.limits;
    let reader = Reader::new(read, Incoming::server(limits.protocol), limits.handshake);
    let (orders, received) = mpsc::channel(ORDERS);
    let writer = Writer::new(write, Outgoing::new(Writers::none()), limits.stalled);
    let mut connection = Connection {
        reader,
        ahead: Ahead::default(),
        spreads: false,
        orders,
        services: services.clone(),
        graph: None,
        received: 0,
        texts: 0,
        house,
        place: None,
        notices: Notices::default(),
    };
    let (written, last_words) = tokio::join!(writer.run(received), connection.run());
    let ended = last_words.as_deref().unwrap_or("closed");
    match written {
        Ok(sent) => info!(
            peer,
            received = connection.received,
            texts = connection.texts,
            sent = sent.messages,
            bytes = sent.bytes,
            elapsed = ?started.elapsed(),
            "connection ended: {ended}"
        ),
        Err(error) => warn!(peer, elapsed = ?started.elapsed(), "connection lost while sending: {error}; {ended}"),
    }
}

struct Connection<R> {
    reader: Reader<R>,
    ahead: Ahead,
    /// The graph has workers elsewhere.
    spreads: bool,
    orders: mpsc::Sender<Say>,
    services: Arc<Services>,
    graph: Option<Graph>,
    received: u64,
    texts: u64,
    house: House,
    /// Held as long as the graph runs.
    place: Option<OwnedSemaphorePermit>,
    notices: Notices,
}

struct Graph {
    /// Taken when the input is over.
    source: Option<Output<Message>>,
    running: Running,
}

impl<R: AsyncRead + Unpin> Connection<R> {
    /// Runs the connection; gives the last words, if there was something to complain about.
    async fn run(&mut self) -> Option<String> {
        let ending = self.converse().await.unwrap_or_else(|ending| ending);
        let mut errors = Vec::new();
        let mut unread = false;
        match &ending {
            Ending::Complete => {}
            Ending::BrokenOff { words, .. } => {
                errors.push(format!(
                    "[Connection Main Thread/Connection Input Thread] ERROR: {words}"
                ));
                unread = true;
            }
            Ending::GraphStopped => unread = true,
        }
        if let Some(Graph { source, running }) = self.graph.take() {
            match (source, &ending) {
                (Some(source), Ending::BrokenOff { words, .. }) => source.interrupt(words),
                (source, _) => drop(source),
            }
            let figures = running.figures();
            let over = self.house.over.clone();
            let joined = tokio::select! {
                biased;
                result = running.join() => Ok(result),
                () = over.cancelled() => Err(OUT_OF_TIME.to_owned()),
                words = self.unwanted(&ending) => Err(words),
            };
            show(&figures);
            match joined {
                Ok(Err(error)) if !error.is_secondary() => errors.insert(
                    0,
                    format!("[Connection Main Thread/{}] ERROR: {}", error.path(), error.cause()),
                ),
                Ok(_) => {}
                // It has been said already, or nobody reads.
                Err(again) if matches!(&ending, Ending::BrokenOff { words, .. } if *words == again) => {}
                Err(_) if matches!(ending, Ending::BrokenOff { nobody_reads: true, .. }) => {}
                Err(words) => errors.push(format!("[Connection Main Thread] ERROR: {words}")),
            }
        }
        // What is left are words: others may begin.
        self.place = None;
        let complaint = (!errors.is_empty()).then(|| errors.join("; "));
        let notices = self.notices.take().into_iter();
        let words = errors
            .into_iter()
            .chain(notices.map(|notice| format!("[Connection Main Thread] WARNING: {notice}")))
            .collect();
        let (done, mut said) = oneshot::channel();
        if self.orders.send(Say::Finish { words, done }).await.is_ok() && unread {
            // Only after the words were written: they are what the client is to read before the end.
            let limits = &self.services.limits;
            let limit = match self.house.begun_to_stop.is_cancelled() {
                true => limits.linger.min(limits.last_words),
                false => limits.linger,
            };
            tokio::select! {
                () = self.reader.discard(limit) => { let _ = (&mut said).await; }
                _ = &mut said => self.reader.discard(limit).await,
            }
        }
        complaint
    }

    async fn converse(&mut self) -> Result<Ending, Ending> {
        let Some((plan, readers, writers)) = self.configuration().await? else {
            return Ok(Ending::Complete);
        };
        self.reader.session.set_readers(readers);
        self.spreads = plan.spreads();
        let header = self.header().await?;
        let empty = header.is_none();
        self.reader.idle = self.services.limits.idle;
        if !empty {
            self.place().await?;
        }
        self.start(plan, writers, header.unwrap_or_default()).await?;
        if empty {
            return Ok(Ending::Complete);
        }
        self.stream().await
    }

    /// Waits until there is room for one more reconstruction. What only asks questions needs none, and is answered.
    async fn place(&mut self) -> Result<(), Ending> {
        let limits = &self.services.limits;
        tokio::select! {
            biased;
            place = self.house.place(self.spreads, limits.place) => {
                self.place = Some(place.map_err(Ending::broken)?);
                Ok(())
            }
            () = self.house.begun_to_stop.cancelled() => Err(Ending::broken(BEGINS_NOTHING)),
            gone = self.ahead.look(
                &mut self.reader,
                limits.look_ahead_after,
                limits.waiting_bytes,
                true,
                &self.orders,
            ) => Err(Ending::gone(gone, 0)),
        }
    }

    /// Waits for the configuration; `None` when the client closed without one.
    async fn configuration(&mut self) -> Result<Option<(Plan, Readers, Writers)>, Ending> {
        loop {
            let text = match self.before_the_graph().await? {
                Event::ConfigurationName(name) => {
                    let text = self.services.configurations.find(&name).map_err(Ending::broken)?;
                    info!(configuration = name, "configuration by name");
                    text
                }
                Event::Configuration(text) => text,
                Event::Close => return Ok(None),
                event => {
                    self.everywhere(event).await?;
                    continue;
                }
            };
            return self.understand(&text).map(Some).map_err(Ending::broken);
        }
    }

    fn understand(&self, text: &str) -> Result<(Plan, Readers, Writers), String> {
        let configuration = Configuration::parse(text).map_err(|errors| lines(&errors))?;
        let mut problems = Vec::new();
        let mut keep = |problem: String| problems.push(problem);
        let readers = Readers::from_configuration(&configuration, &self.services.codecs);
        let readers = readers.map_err(|errors| keep(lines(&errors))).ok();
        let writers = Writers::from_configuration(&configuration, &self.services.codecs);
        let writers = writers.map_err(|errors| keep(lines(&errors))).ok();
        let plan = Plan::new(&configuration, &self.services.settings());
        let plan = plan.map_err(|errors| keep(errors.to_string())).ok();
        match (plan, readers, writers) {
            (Some(plan), Some(readers), Some(writers)) => Ok((plan, readers, writers)),
            _ => Err(problems.join("\n")),
        }
    }

    /// Waits for the header; `None` when the client closed without one.
    async fn header(&mut self) -> Result<Option<IsmrmrdHeader>, Ending> {
        loop {
            match self.before_the_graph().await? {
                Event::Header(text) => {
                    let header = IsmrmrdHeader::parse(&text);
                    return header
                        .map(Some)
                        .map_err(|error| Ending::broken(format!("the ISMRMRD header: {error}")));
                }
                Event::Close => return Ok(None),
                event => self.everywhere(event).await?,
            }
        }
    }

    /// Builds and spawns the graph.
    async fn start(&mut self, plan: Plan, writers: Writers, header: IsmrmrdHeader) -> Result<(), Ending> {
        let context = Context {
            parameters: self.services.parameters.clone(),
            storage: self.services.storage.clone(),
            dumps: Arc::new(Hdf5DumpFiles),
            notices: self.notices.clone(),
            ..Context::new(header)
        };
        let node = plan.build(&context).map_err(Ending::broken)?;
        let capacity = self.services.limits.channel;
        let (source, input) = engine::channel::message_channel(capacity);
        let (output, sink) = engine::channel::message_channel(capacity);
        let running = node.spawn(input, output);
        self.graph = Some(Graph {
            source: Some(source),
            running,
        });
        // A writer that is gone has lost its client; the graph notices by itself.
        let _ = self.orders.send(Say::Stream { output: sink, writers }).await;
        Ok(())
    }

    /// Feeds the graph until the data end.
    async fn stream(&mut self) -> Result<Ending, Ending> {
        loop {
            match self.next().await? {
                Event::Message(payload) => {
                    self.received += 1;
                    let message = Message::from_parts(payload.value, payload.type_name, payload.weight);
                    let Some(source) = self.graph.as_mut().and_then(|graph| graph.source.as_mut()) else {
                        return Ok(Ending::GraphStopped);
                    };
                    let limits = &self.services.limits;
                    let gone = tokio::select! {
                        biased;
                        sent = source.send(message) => match sent {
                            Ok(()) => continue,
                            Err(_) => return Ok(Ending::GraphStopped),
                        },
                        () = self.house.over.cancelled() => return Err(Ending::broken(OUT_OF_TIME)),
                        gone = self.ahead.look(
                            &mut self.reader,
                            limits.look_ahead_after,
                            limits.look_ahead_bytes,
                            self.spreads,
                            &self.orders,
                        ) => gone,
                    };
                    return Err(Ending::gone(gone, 1));
                }
                Event::Close => return Ok(Ending::Complete),
                event => self.everywhere(event).await?,
            }
        }
    }

    /// The next event while there is no graph: a server that stops begins none.
    async fn before_the_graph(&mut self) -> Result<Event, Ending> {
        let stopping = self.house.begun_to_stop.clone();
        tokio::select! {
            biased;
            event = self.next() => event,
            () = stopping.cancelled() => Err(Ending::broken(BEGINS_NOTHING)),
        }
    }

    /// The next event; also notices a graph that failed while the client is silent.
    async fn next(&mut self) -> Result<Event, Ending> {
        let closed = async {
            match self.graph.as_ref().and_then(|graph| graph.source.as_ref()) {
                Some(source) => source.closed().await,
                None => std::future::pending().await,
            }
        };
        if let Some(event) = self.ahead.pop() {
            return Ok(event?);
        }
        tokio::select! {
            event = self.reader.next() => Ok(event?),
            () = closed => Err(Ending::GraphStopped),
            () = self.house.over.cancelled() => Err(Ending::broken(OUT_OF_TIME)),
        }
    }

    /// Completes when nobody wants the results any more that are still computed; the words say why.
    async fn unwanted(&mut self, ending: &Ending) -> String {
        let broke = |error| format!("the connection broke before all results were sent: {error}");
        match ending {
            // That the client says no more is as it should be.
            Ending::Complete => return broke(self.reader.broken().await),
            Ending::BrokenOff { nobody_reads: true, .. } => return String::new(),
            Ending::BrokenOff { .. } | Ending::GraphStopped => {}
        }
        if let Err(error) = self.reader.rest().await {
            return broke(error);
        }
        // It may be gone, or still read: workers are not kept busy for long; what is done here alone is finished.
        match self.spreads {
            true => {
                let time = self.services.limits.after_break;
                sleep(time).await;
                format!("what was not computed {time:?} after that is missing")
            }
            false => std::future::pending().await,
        }
    }

    /// What is understood in every phase.
    async fn everywhere(&mut self, event: Event) -> Result<(), Ending> {
        match event {
            Event::Query { correlation, text } => {
                // A writer that is gone has lost its client: the next read tells.
                let _ = self.orders.send(Say::answer(correlation, &text)).await;
                Ok(())
            }
            Event::Text(text) => {
                self.texts += 1;
                if self.texts <= self.services.limits.texts {
                    info!("the client says: {}", shown(&text));
                }
                Ok(())
            }
            Event::RemoteError(text) => Err(Ending::broken(format!("the client reports an error: {}", shown(&text)))),
            Event::Response { correlation, .. } => {
                debug!(correlation, "a response to a question nobody asked");
                Ok(())
            }
            Event::End { clean } => Err(Ending::ended(clean)),
            Event::ConfigurationName(_)
            | Event::Configuration(_)
            | Event::Header(_)
            | Event::Message(_)
            | Event::Close => Err(Ending::broken("a message out of order")),
        }
    }
}

/// What every gadget did, in the log.
fn show(figures: &Figures) {
    for node in figures.snapshot() {
        debug!(
            messages_in = node.messages_in,
            messages_out = node.messages_out,
            bytes_in = node.bytes_in,
            bytes_out = node.bytes_out,
            busy = ?node.busy,
            queued = node.queued,
            "figures of {}",
            node.path
        );
    }
}

/// As much of a client's text as is passed on.
fn shown(text: &str) -> String {
    text.chars().take(TEXT_SHOWN).collect()
}
