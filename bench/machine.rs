//! The machine that benchmarks run on: CPUs, and CPU time of threads.

use std::{fs, io};

/// Pins the current thread.
///
/// # Errors
/// The CPU does not exist or is not allowed.
pub fn pin(cpu: usize) -> io::Result<()> {
    if shardcast_os::cpu::pin_current_thread(cpu) {
        return Ok(());
    }
    Err(io::Error::other(format!("cannot pin to CPU {cpu}")))
}

/// CPU time of the threads of this process with this name, in nanoseconds.
pub fn thread_cpu_nanos(name: &str) -> u64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0 };
    tasks
        .flatten()
        .filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|it| it.trim() == name))
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// One line on where this runs: a figure is worth nothing without it.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!(
        "{} CPUs, {}, Linux {}, tcp {}, load average {}",
        cpus.lines().filter(|line| line.starts_with("processor")).count(),
        model.trim_start_matches(['\t', ' ', ':']),
        read("/proc/sys/kernel/osrelease"),
        read("/proc/sys/net/ipv4/tcp_congestion_control"),
        read("/proc/loadavg"),
    )
}
