//! `gadgetron tap` and `gadgetron messages`: recording connections, and looking at recordings.

use std::{
    fs::File,
    io::{BufWriter, ErrorKind},
    net::IpAddr,
    path::PathBuf,
};

use clap::Args;
use tracing::info;

use super::{Outcome, server::stop_signal};
use crate::{
    server::listen,
    tap::{Format, MessagesError, TapOptions, messages, tap},
};

#[derive(Debug, Args)]
pub(super) struct TapArguments {
    /// Port to listen on.
    #[arg(short, long)]
    listen: u16,
    /// Address to listen on; every one, IPv4 and IPv6, where none is given.
    #[arg(long)]
    bind: Option<IpAddr>,
    /// The server to pass everything on to, HOST:PORT.
    #[arg(short, long)]
    to: distributed::Address,
    /// Folder for the recordings.
    #[arg(short, long)]
    out: PathBuf,
    /// NAME in the files' names, NAME.N.c2s.bin and NAME.N.s2c.bin.
    #[arg(long, default_value = "tap")]
    name: String,
    /// Connections at a time; more wait.
    #[arg(long, default_value_t = 64)]
    max_connections: usize,
}

#[derive(Debug, Args)]
pub(super) struct MessagesArguments {
    /// One direction of a recorded connection, or what went through a pipe.
    file: PathBuf,
    /// One JSON object for each message.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run_tap(arguments: TapArguments) -> Outcome {
    if arguments.name.contains('/') {
        return Err("--name is a part of a file's name: it has no /".into());
    }
    let listeners = listen(arguments.bind, arguments.listen)
        .await
        .map_err(|error| format!("port {}: {error}", arguments.listen))?;
    let told_to_stop = stop_signal();
    for listener in &listeners {
        info!("the tap to {} listens on {}", arguments.to, listener.local_addr()?);
    }
    let options = TapOptions {
        name: arguments.name,
        connections: arguments.max_connections.clamp(1, 1 << 20),
        ..TapOptions::default()
    };
    let recorded = tap(listeners, arguments.to, &arguments.out, options, told_to_stop)
        .await
        .map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    info!(
        "{} connections recorded, {} bytes to the server, {} back",
        recorded.connections, recorded.to_server, recorded.to_client
    );
    match recorded.incomplete {
        0 => Ok(()),
        incomplete => Err(format!("{incomplete} connections are not recorded completely").into()),
    }
}

pub(super) fn run_messages(arguments: &MessagesArguments) -> Outcome {
    let format = match arguments.json {
        true => Format::Json,
        false => Format::Text,
    };
    let listed = File::open(&arguments.file)
        .map_err(MessagesError::Io)
        .and_then(|file| messages(file, BufWriter::new(std::io::stdout().lock()), format));
    match listed {
        Ok(_) => Ok(()),
        // Whoever read the list has seen enough.
        Err(MessagesError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("{}: {error}", arguments.file.display()).into()),
    }
}
