//! CPU time of server and generator, interval by interval.

use rustix::time::{ClockId, clock_gettime};
use shardcast_os::clock;

use super::live::{ThreadLive, totals};
use crate::process;

/// Whose CPU time counts as the server's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServerCpu {
    /// All threads of this process that are not the generator's.
    ThisProcess,
    /// All threads of another process on this host.
    Process(u32),
    /// The server runs on another host.
    Unknown,
}

impl ServerCpu {
    /// Whether the CPU time of the server can be read.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

/// CPU time in an interval, in CPUs: 1 is one CPU, busy all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuShare {
    /// The server; zero when it is unknown.
    pub server: f64,
    /// The generator's threads. A thread that spins always uses a whole CPU.
    pub generator: f64,
}

/// Reads CPU times, and returns the shares between two readings.
pub(super) struct CpuMeter<'a> {
    server: ServerCpu,
    threads: &'a [ThreadLive],
    last: Reading,
}

#[derive(Clone, Copy)]
struct Reading {
    at: u64,
    server: u64,
    generator: u64,
}

impl<'a> CpuMeter<'a> {
    pub(super) fn start(server: ServerCpu, threads: &'a [ThreadLive]) -> Self {
        Self { server, threads, last: Reading::now(server, threads) }
    }

    /// The shares since the last call.
    pub(super) fn lap(&mut self) -> CpuShare {
        let now = Reading::now(self.server, self.threads);
        let before = std::mem::replace(&mut self.last, now);
        let nanos = now.at.saturating_sub(before.at).max(1) as f64;
        CpuShare {
            server: now.server.saturating_sub(before.server) as f64 / nanos,
            generator: now.generator.saturating_sub(before.generator) as f64 / nanos,
        }
    }
}

impl Reading {
    fn now(server: ServerCpu, threads: &[ThreadLive]) -> Self {
        let generator = totals(threads).cpu_nanos;
        let server = match server {
            ServerCpu::ThisProcess => process::own_cpu_nanos().saturating_sub(generator + own_thread_nanos()),
            ServerCpu::Process(pid) => process::cpu_nanos(pid),
            ServerCpu::Unknown => 0,
        };
        Self { at: clock::now_nanos(), server, generator }
    }
}

fn own_thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
