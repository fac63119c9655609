//! What the server says of itself: `--info` and the answers to queries.

use protocol::query::ServerInformation;

/// Version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, where the build knew.
pub const BUILD: &str = match option_env!("GADGETRON_BUILD_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Memory of this machine in bytes, 0 where the system does not say.
pub fn system_memory() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else {
        return 0;
    };
    text.lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}

/// What this server tells of itself: `--info` prints it, queries ask for it. Nothing here runs in Python, Julia or
/// Matlab.
pub fn information() -> ServerInformation {
    ServerInformation {
        version: VERSION.to_owned(),
        build: BUILD.to_owned(),
        memory_bytes: system_memory(),
        ..ServerInformation::default()
    }
}
