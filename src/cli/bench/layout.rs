//! The CPUs of shards and generator threads during a measurement.

use std::net::SocketAddr;

use shardcast_load::generator::Wait;
use shardcast_os::cpu::Machine;

/// CPUs of shards and of generator threads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// Shards to start; none if the server is elsewhere.
    pub(super) shards: Option<u16>,
    /// Their CPUs; empty when the system places them.
    pub(super) shard_cpus: Vec<usize>,
    /// The CPU of each generator thread, if it has one.
    pub(super) threads: Vec<Option<usize>>,
    pub(super) wait: Wait,
}

impl Layout {
    pub(super) fn plan(
        connect: Option<SocketAddr>,
        shards: Option<u16>,
        threads: Option<usize>,
        connections: usize,
    ) -> Self {
        let cpus = Machine::read().allowed;
        match connect {
            Some(address) => Self::remote(&cpus, address, threads, connections),
            None => Self::in_process(&cpus, shards, threads, connections),
        }
    }

    /// Half of the CPUs for shards, the others for the generator. Neither spins on a CPU of the other.
    fn in_process(cpus: &[usize], shards: Option<u16>, threads: Option<usize>, connections: usize) -> Self {
        let shards = shards.unwrap_or_else(|| (cpus.len() / 2).clamp(1, usize::from(u16::MAX)) as u16);
        let (ours, rest) = cpus.split_at(usize::from(shards).min(cpus.len()));
        let is_apart = usize::from(shards) < cpus.len();
        let wanted = threads.unwrap_or_else(|| rest.len().clamp(1, usize::from(shards))).min(connections);
        let has_own = is_apart && wanted <= rest.len();
        Self {
            shards: Some(shards),
            shard_cpus: if usize::from(shards) <= cpus.len() { ours.to_vec() } else { Vec::new() },
            threads: (0..wanted).map(|it| has_own.then(|| rest[it])).collect(),
            wait: if has_own { Wait::Spin } else { Wait::Sleep { spin_nanos: 0 } },
        }
    }

    /// The last CPUs: a server with one shard uses the first. A server on this host may use all of them.
    fn remote(cpus: &[usize], address: SocketAddr, threads: Option<usize>, connections: usize) -> Self {
        let wanted =
            threads.unwrap_or_else(|| (cpus.len() / 2).clamp(1, REMOTE_THREADS_MAX)).min(connections);
        let has_own = wanted < cpus.len() || (wanted == cpus.len() && !address.ip().is_loopback());
        let from_back = |it: usize| cpus[cpus.len() - 1 - it];
        Self {
            shards: None,
            shard_cpus: Vec::new(),
            threads: (0..wanted).map(|it| has_own.then(|| from_back(it))).collect(),
            wait: if has_own && !address.ip().is_loopback() {
                Wait::Spin
            } else {
                Wait::Sleep { spin_nanos: SPIN_NANOS }
            },
        }
    }
}

/// A few threads can load any server; more are started on request.
const REMOTE_THREADS_MAX: usize = 4;

/// For a server on the same host: long enough to be awake under load, short enough to let the server run.
const SPIN_NANOS: u64 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: &Layout, shard_cpus: &[usize], threads: &[Option<usize>], spins: bool) {
        assert_eq!(layout.shard_cpus, shard_cpus, "{layout:?}");
        assert_eq!(layout.threads, threads, "{layout:?}");
        assert_eq!(layout.wait == Wait::Spin, spins, "{layout:?}");
    }

    #[test]
    fn the_generator_keeps_off_the_shards() {
        check(&Layout::in_process(&[0, 1], None, None, 64), &[0], &[Some(1)], true);
        check(&Layout::in_process(&[4, 5, 6, 7], None, None, 64), &[4, 5], &[Some(6), Some(7)], true);
        check(&Layout::in_process(&[4, 5, 6, 7], None, None, 1), &[4, 5], &[Some(6)], true);
        check(&Layout::in_process(&[0, 1, 2, 3], Some(1), None, 64), &[0], &[Some(1)], true);
    }

    #[test]
    fn who_shares_a_cpu_does_not_spin() {
        check(&Layout::in_process(&[3], None, None, 64), &[3], &[None], false);
        check(&Layout::in_process(&[0, 1], Some(2), None, 64), &[0, 1], &[None], false);
        check(&Layout::in_process(&[0, 1], Some(5), None, 64), &[], &[None], false);
        check(&Layout::in_process(&[0, 1], Some(1), Some(2), 64), &[0], &[None, None], false);
        check(&Layout::in_process(&[0, 1], Some(1), Some(2), 1), &[0], &[Some(1)], true);
    }

    #[test]
    fn beside_a_server_elsewhere_the_generator_may_spin() {
        let remote = |address: &str, cpus: &[usize]| {
            Layout::remote(cpus, address.parse().expect("an address"), None, 64)
        };
        check(&remote("10.0.0.1:1", &[0, 1, 2, 3]), &[], &[Some(3), Some(2)], true);
        check(&remote("10.0.0.1:1", &[0]), &[], &[Some(0)], true);
        check(&remote("127.0.0.1:1", &[0, 1]), &[], &[Some(1)], false);
        check(&remote("127.0.0.1:1", &[0]), &[], &[None], false);
    }
}
