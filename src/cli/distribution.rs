//! What the environment says about workers: read here, and nowhere else.

use distributed::Source;

/// The variable that holds the discovery command.
const COMMAND: &str = "GADGETRON_REMOTE_WORKER_COMMAND";

/// Where workers come from.
pub(super) fn source() -> Source {
    let command = std::env::var_os(COMMAND).filter(|command| !command.is_empty());
    // A shell takes any bytes; what is not UTF-8 would not survive the way there and is no command.
    match command.map(|command| command.into_string()) {
        Some(Ok(command)) => Source::Command(command),
        Some(Err(_)) => {
            tracing::warn!("{COMMAND} is not UTF-8 and is not used");
            Source::Unset
        }
        None => Source::Unset,
    }
}
