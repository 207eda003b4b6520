//! What the process holds: sockets, tasks, memory.

/// Open file handles; none where they cannot be counted.
pub fn handles() -> Option<usize> {
    // The look itself takes one.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() - 1)
}

/// Memory in use, in MiB.
pub fn memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// Tasks that are alive.
pub fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}
