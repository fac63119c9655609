//! `gadgetron` without a subcommand: the server, with the original's options.

use std::{
    fs::{File, Metadata},
    io::Write,
    net::IpAddr,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use protocol::configuration::Configuration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Outcome, Parameter, distribution,
    limits::{ArrayArguments, LimitArguments},
    parameter,
    storage::StorageArguments,
};
use crate::{
    assemble::{Plan, lines},
    configurations::Configurations,
    distribution::DistributionArguments,
    relay::{AnnounceOptions, announce},
    server::{self, Services, info as about},
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
    arrays: ArrayArguments,
    #[command(flatten)]
    distribution: DistributionArguments,
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
    arguments.arrays.set();
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
    let told_to_stop = stop_signal();
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
        told_to_stop.await;
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
    let source = match &input {
        Some(path) => std::fs::metadata(path),
        None => std::io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .and_then(|input| File::from(input).metadata()),
    };
    if let (Ok(source), Some(output)) = (source, &output)
        && is_same_file(&source, output)
    {
        return Err(format!(
            "{} is the input, and would be lost: give the output another name",
            output.display()
        )
        .into());
    }
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

/// Whether `path`, a link perhaps, leads to this file. Devices keep what they have.
fn is_same_file(file: &Metadata, path: &Path) -> bool {
    let other = std::fs::metadata(path);
    other.is_ok_and(|other| file.is_file() && (file.dev(), file.ino()) == (other.dev(), other.ino()))
}

fn open<T>(path: &Path, opened: std::io::Result<T>) -> Result<T, String> {
    opened.map_err(|error| format!("{}: {error}", path.display()))
}

/// Completes when the process is told to stop: interrupt or terminate. From this call on neither of them kills it, so it
/// comes before anybody is told that the program is there.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
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
}
