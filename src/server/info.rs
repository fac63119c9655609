//! What the server says of itself: `--info` and the answers to queries.

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

/// The table that `gadgetron --info` prints; the original's test runner reads it line by line.
pub fn table() -> String {
    let memory = system_memory() / (1024 * 1024);
    format!(
        "Gadgetron Version Info\n\
         \x20 -- Version            : {VERSION}\n\
         \x20 -- Git SHA1           : {BUILD}\n\
         \x20 -- System Memory size : {memory} MB\n\
         \x20 -- Python Support     : NO\n\
         \x20 -- Julia Support      : NO\n\
         \x20 -- Matlab Support     : NO\n\
         \x20 -- CUDA Support       : NO\n\n"
    )
}

/// The answer to a query; the words of the original where the key is unknown.
pub fn answer(query: &str) -> String {
    match query {
        "ismrmrd::version" => "1.14.0".into(),
        "gadgetron::version" => VERSION.into(),
        "gadgetron::build" => BUILD.into(),
        "gadgetron::info" => table(),
        "gadgetron::info::memory" => system_memory().to_string(),
        "gadgetron::info::python" | "gadgetron::info::matlab" | "gadgetron::info::julia" => "0".into(),
        "gadgetron::info::cuda" | "gadgetron::cuda::devices" => "0".into(),
        "gadgetron::cuda::driver" | "gadgetron::cuda::runtime" => "N/A".into(),
        "gadgetron::cuda::memory" | "gadgetron::cuda::capabilities" => String::new(),
        _ => "Unknown query".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_lines_the_test_runner_looks_for() {
        let table = table();
        for name in [
            "Version",
            "Git SHA1",
            "System Memory size",
            "Python Support",
            "CUDA Support",
        ] {
            assert!(
                table
                    .lines()
                    .any(|line| line.trim_start_matches([' ', '-']).starts_with(name)),
                "{name}"
            );
        }
        assert_eq!(answer("gadgetron::info"), table);
        assert_eq!(answer("no such thing"), "Unknown query");
    }
}
