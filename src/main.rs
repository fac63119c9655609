//! The `gadgetron` command.

mod memory;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use gadgetron::cli::{self, CommandLine};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    memory::keep_for_the_next_array();
    let command_line = CommandLine::parse();
    // Standard output belongs to data: every word goes to standard error.
    let filter = EnvFilter::try_from_env("GADGETRON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(cli::run(command_line))
}
