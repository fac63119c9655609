//! How much memory there is at this moment, where Linux says so: on the machine, and in the control group (container) of
//! this process.

use std::{
    fs::read_to_string,
    path::{Component, Path},
};

/// Where control groups of version 2 are.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes that can be had without swapping; `None` where nothing says how many.
pub(super) fn bytes() -> Option<usize> {
    let machine = read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| number(&text, "MemAvailable:")?.checked_mul(1024));
    machine.into_iter().chain(of_groups()).min()
}

/// Of the process's control group and of those around it: the least that one of them has left.
fn of_groups() -> Option<usize> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // Outside of the process's namespace a path begins with dots.
    let named = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let folder = Path::new(GROUPS).join(if named { path } else { "" });
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(GROUPS));
    let left = folders.filter_map(|folder| {
        let read = |name: &str| read_to_string(folder.join(name)).ok();
        left(&read("memory.max")?, &read("memory.current")?, &read("memory.stat")?)
    });
    left.min()
}

/// What a group with a limit has left. Cached files count as used, but make room when it is needed.
fn left(most: &str, used: &str, parts: &str) -> Option<usize> {
    let (most, used): (usize, usize) = (most.trim().parse().ok()?, used.trim().parse().ok()?);
    let files = ["inactive_file", "active_file"].map(|name| number(parts, name).unwrap_or(0));
    Some(most.saturating_sub(used.saturating_sub(files.iter().sum())))
}

/// The number after `name`, at the start of a line of `text`.
fn number(text: &str, name: &str) -> Option<usize> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| {
        words
            .next()
            .filter(|word| *word == name)
            .and(words.next()?.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_a_limit_has_left_what_is_not_used_and_what_files_are_cached() {
        let parts = "anon 300\nfile 200\ninactive_file 50\nactive_file 100\n";
        assert_eq!(left("1000\n", "600\n", parts), Some(550));
        assert_eq!(left("500\n", "900\n", ""), Some(0));
        assert_eq!(left("max\n", "600\n", parts), None, "no limit");
    }

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let text = "MemTotal:       100 kB\nMemAvailable:    42 kB\n";
        assert_eq!(number(text, "MemAvailable:"), Some(42));
        assert_eq!(number(text, "Mem"), None);
        assert_eq!(number("Mem\n", "Mem"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_says_how_much_it_has() {
        assert!(bytes().is_some_and(|bytes| bytes > 0));
    }
}
