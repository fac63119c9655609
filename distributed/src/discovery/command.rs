//! The user's command: run by the shell, bounded in time and output, ended with its children.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::{DiscoveryLimits, said};
use crate::address::without_credentials;

/// How a command failed. The first line of its error output is given with it, without credentials.
#[derive(Debug, thiserror::Error)]
pub enum CommandFailure {
    /// The shell itself could not be started.
    #[error("could not be started: {0}")]
    Shell(io::Error),
    /// The shell did not find the command.
    #[error("was not found{}", said(.stderr))]
    NotFound {
        /// First line of its error output.
        stderr: String,
    },
    /// It ended with an exit code other than zero, or by a signal.
    #[error("ended with {status}{}", said(.stderr))]
    Exit {
        /// How it ended.
        status: std::process::ExitStatus,
        /// First line of its error output.
        stderr: String,
    },
    /// It took too long and was ended with its children.
    #[error("took longer than {limit:?} and was ended{}", said(.stderr))]
    TooSlow {
        /// The limit.
        limit: Duration,
        /// First line of its error output.
        stderr: String,
    },
    /// It printed too much and was ended with its children.
    #[error("printed more than {limit} bytes and was ended{}", said(.stderr))]
    TooLong {
        /// The limit.
        limit: usize,
        /// First line of its error output.
        stderr: String,
    },
    /// What it printed could not be read.
    #[error("could not be read from: {0}")]
    Read(io::Error),
}

/// What a command printed.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) stdout: Vec<u8>,
    /// First line, without credentials.
    pub(super) stderr: String,
}

/// What a shell exits with when it does not find a command.
const NOT_FOUND: i32 = 127;
/// How much of the error output is kept for its first line.
const STDERR_KEPT: usize = 4096;
/// How long the rest of the error output is waited for once the command ended: a child that lives on can hold it open.
const STDERR_GRACE: Duration = Duration::from_millis(100);

pub(super) async fn run(command: &str, limits: &DiscoveryLimits) -> Result<Printed, CommandFailure> {
    let child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that it can be ended with its children.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(CommandFailure::Shell)?;
    // However this ends, also when nobody wants the answer any more.
    let mut child = scopeguard::guard(child, end);
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(CommandFailure::Read(io::ErrorKind::BrokenPipe.into()));
    };
    let mut kept = Vec::new();
    let work = async {
        let stdout = read_bounded(stdout, limits.output).await?;
        let Some(stdout) = stdout else { return Ok(None) };
        let status = child.wait().await?;
        Ok::<_, io::Error>(Some((stdout, status)))
    };
    let outcome = {
        let drain = drain(stderr, &mut kept);
        tokio::pin!(drain);
        let deadline = Instant::now() + limits.time;
        let mut drained = false;
        tokio::pin!(work);
        let outcome = loop {
            tokio::select! {
                outcome = timeout_at(deadline, &mut work) => break outcome,
                () = &mut drain, if !drained => drained = true,
            }
        };
        if !drained {
            let _ = tokio::time::timeout(STDERR_GRACE, drain).await;
        }
        outcome
    };
    let stderr = first_line(&kept);
    match outcome {
        Ok(Ok(Some((stdout, status)))) => match status.code() {
            Some(0) => Ok(Printed { stdout, stderr }),
            Some(NOT_FOUND) => Err(CommandFailure::NotFound { stderr }),
            _ => Err(CommandFailure::Exit { status, stderr }),
        },
        Ok(Ok(None)) => Err(CommandFailure::TooLong {
            limit: limits.output,
            stderr,
        }),
        Ok(Err(error)) => Err(CommandFailure::Read(error)),
        Err(_elapsed) => Err(CommandFailure::TooSlow {
            limit: limits.time,
            stderr,
        }),
    }
}

/// All bytes up to the end; `None` when there are more than `limit`.
async fn read_bounded(stream: impl AsyncRead + Unpin, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    stream.take(one_more).read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Reads to the end, so that the command never waits for a reader; keeps the beginning.
async fn drain(mut stream: impl AsyncRead + Unpin, kept: &mut Vec<u8>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = STDERR_KEPT.saturating_sub(kept.len());
        kept.extend(buffer.iter().take(count.min(room)));
    }
}

fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    without_credentials(line.unwrap_or_default())
}

/// Ends a command with its children and collects what is left of it. One that was waited for has no number any more, which may
/// by then be somebody else's.
fn end(mut child: Child) {
    let number = child.id().and_then(|id| i32::try_from(id).ok());
    let Some(group) = number.and_then(Pid::from_raw) else {
        return;
    };
    // It fails when the group is gone already: what was wanted.
    let _ = kill_process_group(group, Signal::KILL);
    // Dropped, it would be collected when the runtime next has something to do: never in a server at rest.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { child.wait().await });
    }
}
