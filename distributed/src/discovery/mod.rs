//! "What workers are available to me right now?": a command of the user's answers.
//!
//! The command is anything a shell runs; it prints a JSON list of addresses, `["a:9002", "b:9002"]`. Whatever goes
//! wrong is told in one warning, and the work is done without the workers.

mod command;
mod list;

use std::{mem::discriminant, time::Duration};

pub use command::CommandFailure;
pub use list::{ListError, Listed, parse_list};

use crate::Address;

/// Where workers come from.
#[derive(Clone, Default)]
pub enum Source {
    /// Nowhere: the variable is not set.
    #[default]
    Unset,
    /// A command for the shell, which prints the list.
    Command(String),
    /// These and no others.
    Fixed(Vec<Address>),
}

// By hand: a command can hold credentials, and what is printed ends in logs.
impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset => formatter.write_str("Unset"),
            Self::Command(_) => formatter.write_str("Command(..)"),
            Self::Fixed(addresses) => formatter.debug_tuple("Fixed").field(addresses).finish(),
        }
    }
}

/// Bounds on the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryLimits {
    /// How long the command may take; then it is ended with its children. Default 10 s.
    pub time: Duration,
    /// How much it may print, in bytes. Default 1 MiB.
    pub output: usize,
}

impl Default for DiscoveryLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            output: 1 << 20,
        }
    }
}

/// Why there are no workers.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// No command is set.
    #[error("no workers: GADGETRON_REMOTE_WORKER_COMMAND is not set")]
    Unset,
    /// The command failed.
    #[error("no workers: the discovery command {0}")]
    Command(#[from] CommandFailure),
    /// What it printed is no list of addresses.
    #[error("no workers: the discovery command printed no JSON list of addresses: {problem}{}", said(.stderr))]
    List {
        /// What is wrong with it.
        problem: ListError,
        /// The first line of its error output.
        stderr: String,
    },
    /// The list is empty.
    #[error("no workers: the discovery command printed an empty list{}", said(.stderr))]
    Empty {
        /// The first line of its error output.
        stderr: String,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; its error output begins: {stderr}")
    }
}

impl DiscoveryError {
    /// Whether it is the same that went wrong, whatever the words.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Command(one), Self::Command(other)) => discriminant(one) == discriminant(other),
            _ => discriminant(self) == discriminant(other),
        }
    }
}

/// Asks once. Gives each address once, in the order listed, and the entries that are no address.
///
/// Dropping the future ends the command and its children.
pub async fn discover(source: &Source, limits: &DiscoveryLimits) -> Result<Listed, DiscoveryError> {
    let command = match source {
        Source::Unset => return Err(DiscoveryError::Unset),
        Source::Fixed(addresses) => {
            return match list::each_once(addresses.clone()) {
                addresses if addresses.is_empty() => Err(DiscoveryError::Empty { stderr: String::new() }),
                addresses => Ok(Listed {
                    addresses,
                    skipped: Vec::new(),
                }),
            };
        }
        Source::Command(command) => command,
    };
    let printed = command::run(command, limits).await?;
    let listed = match list::parse_list(&printed.stdout) {
        Ok(listed) => listed,
        Err(problem) => {
            let stderr = printed.stderr;
            return Err(DiscoveryError::List { problem, stderr });
        }
    };
    if listed.addresses.is_empty() {
        return Err(DiscoveryError::Empty { stderr: printed.stderr });
    }
    tracing::debug!(workers = listed.addresses.len(), "workers discovered");
    Ok(listed)
}

#[cfg(test)]
mod tests;
