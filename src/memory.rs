//! How the system's allocator keeps what arrays leave behind: for the next array, which is as large.
//!
//! By itself it gives pages back whenever a large array is dropped, and each next one costs a page fault for every 4 KiB.
//! Measured on two cores with 84 MB of readouts: `Generic_Cartesian_Grappa.xml` takes 20,000 page faults and 0.18 s of
//! processor time as it is, 5,000 and 0.16 s this way, and its peak is 95 MB instead of 101, because threads share what is
//! left behind. For this there is no option: whoever sets `GLIBC_TUNABLES` or the `MALLOC_` variables is left alone.

/// Call it before other threads exist. Does nothing where the allocator is not glibc's.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "a foreign function that sets numbers; the need is measured, see above"
)]
pub(crate) fn keep_for_the_next_array() {
    /// Arrays beyond are given back at once; the most that glibc allows.
    const LARGE_BYTES: libc::c_int = 32 << 20;
    /// So much stays when all is dropped.
    const KEPT_BYTES: libc::c_int = 64 << 20;
    /// Threads that share a heap: the fewer heaps, the less lies idle in each.
    const THREADS_TO_A_HEAP: usize = 4;

    let chosen = |name: &std::ffi::OsStr| name == "GLIBC_TUNABLES" || name.to_string_lossy().starts_with("MALLOC_");
    if std::env::vars_os().any(|(name, _)| chosen(&name)) {
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let heaps = libc::c_int::try_from(threads.div_ceil(THREADS_TO_A_HEAP)).unwrap_or(1);
    for (number, value) in [
        (libc::M_ARENA_MAX, heaps),
        (libc::M_MMAP_THRESHOLD, LARGE_BYTES),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
    ] {
        // SAFETY: `mallopt` takes two numbers and touches no memory of ours. Where it refuses, the default stays.
        unsafe { libc::mallopt(number, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_for_the_next_array() {}
