//! The environment of a run. A figure is worth nothing without it.

use std::fs;

use serde::{Deserialize, Serialize};

/// The host, and the CPUs that server and generator used.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Environment {
    /// Version of the program.
    pub version: String,
    /// Revision of its sources, if known.
    pub revision: Option<String>,
    /// Whether it was built with optimisation.
    pub optimised: bool,
    /// When the run began, in seconds since 1970.
    pub began_unix_s: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Model of the CPU.
    pub cpu_model: String,
    /// CPUs of the host.
    pub cpus: usize,
    /// Shards of the server, where it ran in the same process.
    pub shards: Option<usize>,
    /// Their CPUs; empty when they are not pinned, or unknown.
    pub shard_cpus: Vec<usize>,
    /// Threads of the generator.
    pub generator_threads: usize,
    /// Their CPUs; empty when they are not pinned.
    pub generator_cpus: Vec<usize>,
    /// Whether the generator never sleeps.
    pub generator_spins: bool,
    /// Congestion control of TCP.
    pub congestion_control: String,
    /// Source of the kernel's clock.
    pub clocksource: String,
    /// Frequency governor of the first CPU; empty where there is none.
    pub governor: String,
    /// Load average over a minute when the run began.
    pub load_average: f64,
    /// What the hypervisor took away during the run, in CPUs.
    pub steal: f64,
    /// What `shardcast doctor` warns about on this host.
    pub doctor: Vec<String>,
}

impl Environment {
    /// The description of this host.
    pub fn read() -> Self {
        let cpus = read("/proc/cpuinfo");
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease"),
            cpu_model: model.trim_start_matches(['\t', ' ', ':']).to_owned(),
            cpus: cpus.lines().filter(|line| line.starts_with("processor")).count(),
            optimised: !cfg!(debug_assertions),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load_average: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|it| it.parse().ok())
                .unwrap_or(0.0),
            ..Self::default()
        }
    }
}

/// Time that the hypervisor took away from all CPUs so far, in seconds.
pub fn steal_seconds() -> f64 {
    let stat = read("/proc/stat");
    let ticks = stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<f64>().ok());
    ticks.unwrap_or(0.0) / TICKS_PER_SECOND
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// USER_HZ, which is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
