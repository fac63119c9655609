//! One stream of messages from a pipe or a file to another (`--from_stream`): several of these stand behind each other
//! in one pipe. The configuration comes from the command line, its readers and writers do not matter: every message
//! type is read and written. The header comes first and is passed on as it came.

use std::{io, sync::Arc};

use engine::{Input, Message, Output, channel::message_channel};
use gadgets::Context;
use protocol::{
    IsmrmrdHeader,
    codec::{Readers, Writers},
    session::{Event, Incoming, Outgoing},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::{
    assemble::{AssemblyErrors, Plan},
    files::Hdf5DumpFiles,
    server::{
        Services,
        read::{ReadError, Reader},
    },
};

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Messages read.
    pub received: u64,
    /// Messages written.
    pub sent: u64,
}

/// Why it failed. What was complete before has been written.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// What came in.
    #[error("the input: {0}")]
    Input(String),
    /// What should go out.
    #[error("the output: {0}")]
    Output(#[from] io::Error),
    /// A message of a type that cannot be written.
    #[error("the output: {0}")]
    Encode(#[from] protocol::error::EncodeError),
    /// The configuration.
    #[error("the configuration: {0}")]
    Configuration(#[from] AssemblyErrors),
    /// A gadget.
    #[error(transparent)]
    Stream(#[from] engine::Error),
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> Self {
        Self::Input(error.to_string())
    }
}

/// Runs `plan` over the messages of `input`, writes what it gives to `output`, and CLOSE at the end.
///
/// After an error the process behind us in the pipe is told with ERROR (message 8), so that it does not take the part
/// for the whole.
pub async fn run<R, W>(input: R, output: W, plan: Plan, services: &Services) -> Result<Passed, StreamError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let session = Incoming::pipe(services.limits.protocol, Readers::all(&services.codecs));
    let mut reader = Reader::new(input, session, services.limits.idle);
    let mut pipe = Pipe {
        output,
        outgoing: Outgoing::new(Writers::all(&services.codecs)),
        sent: 0,
    };
    let result = converse(&mut reader, &mut pipe, plan, services).await;
    if let Err(error) = &result {
        pipe.outgoing.error(&error.to_string());
    }
    pipe.outgoing.close();
    pipe.flush().await?;
    pipe.output.shutdown().await?;
    result
}

async fn converse<R, W>(
    reader: &mut Reader<R>,
    pipe: &mut Pipe<W>,
    plan: Plan,
    services: &Services,
) -> Result<Passed, StreamError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let text = header(reader).await?;
    pipe.outgoing.header(&text)?;
    pipe.flush().await?;
    let header = IsmrmrdHeader::parse(&text).map_err(|error| StreamError::Input(format!("the header: {error}")))?;
    let context = Context {
        parameters: services.parameters.clone(),
        storage: services.storage.clone(),
        dumps: Arc::new(Hdf5DumpFiles),
        ..Context::new(header)
    };
    let node = plan.build(&context)?;
    let (source, graph_input) = message_channel(services.limits.channel);
    let (graph_output, sink) = message_channel(services.limits.channel);
    let running = node.spawn(graph_input, graph_output);
    let (fed, drained) = tokio::join!(feed(reader, source), pipe.drain(sink));
    let run = running.join().await;
    // The first cause: an input that broke off stops the graph, an output that broke stops it too.
    let received = fed?;
    drained?;
    run?;
    Ok(Passed {
        received,
        sent: pipe.sent,
    })
}

async fn header<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> Result<String, StreamError> {
    loop {
        match reader.next().await? {
            Event::Header(text) => return Ok(text),
            Event::Text(text) => tracing::info!("the input says: {text}"),
            event => {
                return Err(StreamError::Input(format!(
                    "the header must come first, found {}",
                    name(&event)
                )));
            }
        }
    }
}

/// Feeds the graph until CLOSE.
async fn feed<R: AsyncRead + Unpin>(reader: &mut Reader<R>, mut source: Output<Message>) -> Result<u64, StreamError> {
    let mut received = 0;
    loop {
        let problem = match reader.next().await {
            Ok(Event::Message(payload)) => {
                received += 1;
                let message = Message::from_parts(payload.value, payload.type_name, payload.weight);
                if source.send(message).await.is_err() {
                    // The graph stopped; its own result says why.
                    return Ok(received);
                }
                continue;
            }
            Ok(Event::Text(text)) => {
                if source.send(Message::new(text)).await.is_err() {
                    return Ok(received);
                }
                continue;
            }
            Ok(Event::Close) => return Ok(received),
            Ok(Event::RemoteError(text)) => format!("the process before us failed: {text}"),
            Ok(Event::End { .. }) => "it ended without CLOSE: the data may be incomplete".to_owned(),
            Ok(event) => format!("{} has no place here", name(&event)),
            Err(error) => error.to_string(),
        };
        source.interrupt(&problem);
        return Err(StreamError::Input(problem));
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::ConfigurationName(_) | Event::Configuration(_) => "a configuration",
        Event::Header(_) => "a header",
        Event::Close => "CLOSE",
        Event::Text(_) => "a text",
        Event::Query { .. } => "a query",
        Event::Response { .. } => "a response",
        Event::RemoteError(_) => "an error",
        Event::Message(_) => "data",
        Event::End { .. } => "the end",
    }
}

struct Pipe<W> {
    output: W,
    outgoing: Outgoing,
    sent: u64,
}

impl<W: AsyncWrite + Unpin> Pipe<W> {
    async fn drain(&mut self, mut sink: Input<Message>) -> Result<(), StreamError> {
        while let Ok(Some(mut message)) = sink.next().await {
            let type_name = message.type_name();
            self.outgoing.taking(message.payload_mut(), type_name)?;
            self.sent += 1;
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.output.write_all_buf(self.outgoing.segments()).await?;
        self.output.flush().await
    }
}
