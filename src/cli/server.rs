//! `gadgetron` without a subcommand: the server, with the original's options.

use std::{
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use protocol::configuration::Configuration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Outcome, Parameter, distribution, parameter, storage::StorageArguments};
use crate::{
    assemble::{Plan, lines},
    configurations::Configurations,
    distribution::DistributionArguments,
    relay::{AnnounceOptions, announce},
    server::{self, ServerLimits, Services, info as about},
    stream_mode,
};

/// The server's options. Names and letters are the original's; those that are ours say so.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Print what this server is and what it supports.
    #[arg(long)]
    info: bool,
    /// Working directory.
    #[arg(short = 'W', long = "dir")]
    working_directory: Option<PathBuf>,
    /// Home directory: configurations lie in HOME/share/gadgetron/config.
    #[arg(short = 'G', long)]
    home: Option<PathBuf>,
    /// Port to listen on.
    #[arg(short, long, default_value_t = 9002)]
    port: u16,
    /// Address to listen on; every one, IPv4 and IPv6, where none is given. (Ours.)
    #[arg(long)]
    bind: Option<IpAddr>,
    /// Reconstruct one stream of messages from standard input (or --input_path) to standard output (or --output_path).
    #[arg(long = "from_stream")]
    from_stream: bool,
    /// File to read with --from_stream.
    #[arg(short = 'i', long = "input_path")]
    input_path: Option<PathBuf>,
    /// File to write with --from_stream.
    #[arg(short = 'o', long = "output_path")]
    output_path: Option<PathBuf>,
    /// Configuration for --from_stream.
    #[arg(short = 'c', long = "config_name")]
    config_name: Option<String>,
    /// A parameter for gadgets, NAME=VALUE; may be given several times.
    #[arg(long = "parameter")]
    parameters: Vec<Parameter>,
    #[command(flatten)]
    storage: StorageArguments,
    /// Relay (HOST:PORT) on whose list this worker keeps itself. (Ours.)
    #[arg(long)]
    relay: Option<String>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    distribution: DistributionArguments,
}

/// The server's bounds. (Ours.)
#[derive(Debug, Args)]
struct LimitArguments {
    /// Connections at a time; more wait.
    #[arg(long, default_value_t = 256)]
    max_connections: usize,
    /// Seconds a client may take for configuration and header.
    #[arg(long, default_value_t = 60)]
    handshake_timeout: u64,
    /// Seconds a client that owes data may be silent.
    #[arg(long, default_value_t = 1800)]
    idle_timeout: u64,
    /// Seconds a client may leave what waits for it unread.
    #[arg(long, default_value_t = 600)]
    stall_timeout: u64,
    /// Seconds the rest of what a client sends is still read after an error.
    #[arg(long, default_value_t = 10)]
    linger: u64,
    /// Seconds running connections may go on after the server was told to stop.
    #[arg(long, default_value_t = 30)]
    drain: u64,
    /// Messages that may wait between two gadgets.
    #[arg(long, default_value_t = 32)]
    channel_messages: usize,
    /// Mebibytes of heavy messages that may wait between two gadgets.
    #[arg(long, default_value_t = 16)]
    channel_mebibytes: usize,
    /// The most mebibytes of one message from a client.
    #[arg(long, default_value_t = 4096)]
    message_mebibytes: u64,
    /// The most mebibytes of one text from a client.
    #[arg(long, default_value_t = 16)]
    text_mebibytes: u64,
    /// The most dimensions of an array from a client.
    #[arg(long, default_value_t = 16)]
    dimensions: u64,
    /// The most items of a list from a client.
    #[arg(long, default_value_t = 1 << 20)]
    list_items: u64,
}

impl LimitArguments {
    fn limits(&self) -> ServerLimits {
        ServerLimits {
            connections: self.max_connections.clamp(1, 1 << 20),
            handshake: Duration::from_secs(self.handshake_timeout),
            idle: Duration::from_secs(self.idle_timeout),
            stalled: Duration::from_secs(self.stall_timeout),
            linger: Duration::from_secs(self.linger),
            drain: Duration::from_secs(self.drain),
            channel: engine::Capacity {
                messages: self.channel_messages.max(1),
                bytes: self.channel_mebibytes.saturating_mul(1024 * 1024),
            },
            protocol: protocol::Limits {
                message_bytes: self.message_mebibytes.saturating_mul(1 << 20),
                text_bytes: self.text_mebibytes.saturating_mul(1 << 20),
                dimensions: self.dimensions,
                list_items: self.list_items,
            },
        }
    }
}

pub(super) async fn run(arguments: ServerArguments) -> Outcome {
    if arguments.info {
        // The one thing this command is asked to print.
        std::io::stdout().write_all(about::information().to_string().as_bytes())?;
        return Ok(());
    }
    if let Some(folder) = &arguments.working_directory {
        std::fs::create_dir_all(folder).map_err(|error| format!("working directory {}: {error}", folder.display()))?;
    }
    let limits = arguments.limits.limits();
    let configurations = match &arguments.home {
        Some(home) => Configurations::new().with_home(home),
        None => Configurations::new(),
    };
    let stopping = CancellationToken::new();
    let (storage, storage_server) = match arguments.from_stream {
        true => (arguments.storage.for_pipe().await, None),
        false => arguments.storage.start(arguments.port, &stopping).await,
    };
    let services = Services {
        configurations,
        codecs: Arc::new(protocol::codec::Codecs::standard()),
        storage,
        distribution: Arc::new(arguments.distribution.distribution(distribution::source())),
        parameters: Arc::new(parameter::table(arguments.parameters)),
        limits,
    };
    if arguments.from_stream {
        return stream(
            &services,
            arguments.config_name,
            arguments.input_path,
            arguments.output_path,
        )
        .await;
    }
    let listeners = server::listen(arguments.bind, arguments.port)
        .await
        .map_err(|error| format!("port {}: {error}", arguments.port))?;
    for listener in &listeners {
        info!("Gadgetron {} listens on {}", about::VERSION, listener.local_addr()?);
    }
    let bound = listeners.first().map(tokio::net::TcpListener::local_addr).transpose()?;
    let announcing = arguments.relay.map(|relay| {
        let port = bound.map_or(arguments.port, |bound| bound.port());
        let stopping = stopping.clone();
        tokio::spawn(async move { announce(&relay, port, AnnounceOptions::default(), stopping).await })
    });
    let stop = async {
        stop_signal().await;
        // The relay forgets this worker before its last connections are drained.
        stopping.cancel();
    };
    server::serve(listeners, Arc::new(services), stop).await;
    if let Some(announcing) = announcing {
        announcing.await?;
    }
    if let Some(storage_server) = storage_server {
        storage_server.stop().await?;
    }
    info!("stopped");
    Ok(())
}

/// `--from_stream`: standard input or a file, through the configuration, to standard output or a file.
async fn stream(
    services: &Services,
    configuration: Option<String>,
    input: Option<PathBuf>,
    output: Option<PathBuf>,
) -> Outcome {
    let name = configuration.ok_or("--from_stream needs a configuration: -c NAME")?;
    let text = services.configurations.find_or_read(name.as_ref())?;
    let configuration = Configuration::parse(&text).map_err(|errors| lines(&errors))?;
    let plan = Plan::new(&configuration, &services.settings())?;
    let input: Box<dyn AsyncRead + Unpin> = match input {
        Some(path) => Box::new(open(&path, tokio::fs::File::open(&path).await)?),
        None => Box::new(tokio::io::stdin()),
    };
    let output: Box<dyn AsyncWrite + Unpin> = match output {
        Some(path) => Box::new(open(&path, tokio::fs::File::create(&path).await)?),
        None => Box::new(tokio::io::stdout()),
    };
    let passed = stream_mode::run(input, output, plan, services).await?;
    info!("{} messages in, {} messages out", passed.received, passed.sent);
    Ok(())
}

fn open<T>(path: &Path, opened: std::io::Result<T>) -> Result<T, String> {
    opened.map_err(|error| format!("{}: {error}", path.display()))
}

/// Completes when the process is told to stop: interrupt or terminate.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => info!("interrupted"),
                _ = terminate.recv() => info!("told to stop"),
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            warn!("signals cannot be heard ({error}): the server stops only when it is killed");
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitArguments,
    }

    #[test]
    fn bounds_that_are_not_said_are_those_of_the_library() {
        let said = Line::try_parse_from(["gadgetron"]).unwrap().limits.limits();
        assert_eq!(format!("{said:?}"), format!("{:?}", ServerLimits::default()));
    }
}
