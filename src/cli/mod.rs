//! The command line: the original's options for the server, and what is ours as subcommands.

mod distribution;
mod limits;
mod parameter;
mod recordings;
mod server;
mod storage;

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    configurations::Configurations,
    distribution::{DistributionArguments, discover::DiscoverArguments, simulate::SimulateArguments},
    files::ReadLimits,
    http::HttpLimits,
    recon::Recon,
    relay::RelayOptions,
    time_span,
};
use parameter::Parameter;

/// A streaming MRI reconstruction server.
///
/// Without a subcommand it serves; the options are those of Gadgetron.
#[derive(Debug, Parser)]
#[command(name = "gadgetron", version, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    server: server::ServerArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconstruct a file in this process, without a server.
    Recon(Box<ReconArguments>),
    /// Run the discovery command, ask every worker it lists, print who is there.
    Discover(DiscoverArguments),
    /// Spread jobs over simulated workers, on a clock that jumps: how many workers would help?
    Simulate(SimulateArguments),
    /// Write raw data of a known object.
    Phantom(crate::phantom::PhantomArguments),
    /// Keep a list of workers that they put themselves on.
    Relay(RelayArguments),
    /// Stand between clients and a server, pass everything on, and record it.
    Tap(recordings::TapArguments),
    /// List the messages of a recorded connection.
    Messages(recordings::MessagesArguments),
    /// Make a phantom, reconstruct it, write an image file and a picture.
    Demo(DemoArguments),
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Where the files go.
    #[arg(default_value = "demo")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
struct ReconArguments {
    /// ISMRMRD raw data.
    input: PathBuf,
    /// Name of a shipped configuration, or a file.
    #[arg(short = 'c', long = "config")]
    configuration: PathBuf,
    /// Image file; images are added to an existing one.
    #[arg(short, long)]
    output: PathBuf,
    /// Group of the raw data in the input file.
    #[arg(short = 'g', long = "in-group", default_value = "dataset")]
    group: String,
    /// Group of the images in the output file; the configuration's name where none is given.
    #[arg(short = 'G', long = "out-group")]
    output_group: Option<String>,
    /// A parameter for gadgets, NAME=VALUE; may be given several times.
    #[arg(long = "parameter")]
    parameters: Vec<Parameter>,
    /// Print nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read_limits: ReadLimits,
    #[command(flatten)]
    arrays: limits::ArrayArguments,
    #[command(flatten)]
    distribution: DistributionArguments,
}

#[derive(Debug, Args)]
struct RelayArguments {
    /// Port to listen on.
    #[arg(short, long, default_value_t = 5000)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0")]
    bind: std::net::IpAddr,
    /// How long a worker is listed after it was heard of.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_span::parse)]
    expiry: Duration,
    /// Workers at most.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    max_workers: usize,
    /// Bytes of a request's body at most.
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    body_bytes: usize,
    /// Time requests may take to finish when the relay is told to stop.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time_span::parse)]
    drain: Duration,
    #[command(flatten)]
    http: HttpLimits,
}

impl RelayArguments {
    fn options(&self) -> RelayOptions {
        RelayOptions {
            expiry: self.expiry,
            workers: self.max_workers,
            body_bytes: self.body_bytes,
            drain: self.drain,
            http: self.http,
        }
    }
}

/// Runs what the command line asks for.
pub async fn run(command_line: CommandLine) -> ExitCode {
    let result = match command_line.command {
        None => server::run(command_line.server).await,
        Some(Command::Recon(arguments)) => recon(*arguments).await,
        Some(Command::Discover(arguments)) => discover(&arguments).await,
        Some(Command::Simulate(arguments)) => simulate(arguments).await,
        Some(Command::Phantom(arguments)) => phantom(arguments).await,
        Some(Command::Demo(arguments)) => demo(arguments).await,
        Some(Command::Relay(arguments)) => relay(arguments).await,
        Some(Command::Tap(arguments)) => recordings::run_tap(arguments).await,
        Some(Command::Messages(arguments)) => recordings::run_messages(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn discover(arguments: &DiscoverArguments) -> Outcome {
    let source = distribution::source();
    match crate::distribution::discover::run(arguments, &source, &mut std::io::stdout()).await? {
        true => Ok(()),
        false => Err("no worker answers".into()),
    }
}

async fn simulate(arguments: SimulateArguments) -> Outcome {
    // It has a runtime, and a clock, of its own.
    let run = move || crate::distribution::simulate::run(&arguments, &mut std::io::stdout());
    Ok(tokio::task::spawn_blocking(run).await??)
}

async fn recon(arguments: ReconArguments) -> Outcome {
    arguments.arrays.set();
    let configuration = Configurations::new().find_or_read(&arguments.configuration)?;
    let name = arguments
        .configuration
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let recon = Recon {
        input: arguments.input,
        group: arguments.group,
        read_limits: arguments.read_limits,
        configuration,
        output: arguments.output,
        output_group: arguments.output_group.or(name).unwrap_or_else(|| "images".into()),
        parameters: parameter::table(arguments.parameters),
        storage: Arc::new(gadgets::context::NoStorage),
        distribution: Arc::new(arguments.distribution.distribution(distribution::source())),
        capacity: engine::Capacity::default(),
    };
    let output = recon.output.clone();
    let report = recon.run().await?;
    for (kind, count) in &report.others {
        tracing::warn!("{count} messages of type {kind} came out: no image file holds them");
    }
    if report.images == 0 {
        // What was asked for is an image file, and there is none.
        let what = if report.others.is_empty() {
            "nothing"
        } else {
            "no image"
        };
        return Err(format!("{what} came out: no image was written").into());
    }
    if !arguments.quiet {
        tracing::info!(
            "{} readouts, {} waveforms -> {} ({:.3} s, {:.0} MB/s)",
            report.acquisitions,
            report.waveforms,
            report.images_in(&output),
            report.elapsed.as_secs_f64(),
            report.bytes as f64 / 1e6 / report.elapsed.as_secs_f64()
        );
    }
    Ok(())
}

async fn phantom(arguments: crate::phantom::PhantomArguments) -> Outcome {
    let written = tokio::task::spawn_blocking(move || {
        crate::phantom::write(&arguments).map(|written| (written, arguments.output))
    });
    let (written, output) = written.await??;
    tracing::info!(
        "{} readouts, {} waveforms -> {}",
        written.readouts,
        written.waveforms,
        output.display()
    );
    Ok(())
}

async fn demo(arguments: DemoArguments) -> Outcome {
    let demo = crate::demo::run(&arguments.folder).await?;
    // Nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{demo}");
    Ok(())
}

async fn relay(arguments: RelayArguments) -> Outcome {
    let options = arguments.options();
    let listener = tokio::net::TcpListener::bind((arguments.bind, arguments.port)).await;
    let listener = listener.map_err(|error| format!("port {}: {error}", arguments.port))?;
    let told_to_stop = server::stop_signal();
    tracing::info!("the relay listens on {}", listener.local_addr()?);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let serving = crate::relay::serve(listener, options, shutdown.clone());
    let stopping = async {
        told_to_stop.await;
        shutdown.cancel();
    };
    tokio::join!(serving, stopping).0?;
    Ok(())
}
