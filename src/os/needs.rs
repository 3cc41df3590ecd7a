//! What a server needs from the limits of its process: descriptors and memory. It is computed before
//! anything is created, so that an impossible start is refused with the number.
//!
//! This module changes no limit; [`rlimit`](crate::rlimit) does.

use std::{fs, io};

use crate::{
    executor,
    ring::{self, Features, RingConfig},
    rlimit::{DescriptorError, MEMLOCK_BYTES_MIN, MemlockError},
};

/// A server, as far as its descriptors depend on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// The number of shards.
    pub shards: usize,
    /// The number of listeners.
    pub listeners: usize,
}

impl Size {
    /// Descriptors of the running server without connections: those of its shards and of their listening
    /// sockets.
    pub const fn descriptors(self) -> u64 {
        (self.shards * (executor::DESCRIPTORS + ring::DESCRIPTORS + self.listeners)) as u64
    }
}

/// Checks that `limit` (RLIMIT_NOFILE) leaves enough descriptors for a server besides those that this process
/// has open.
///
/// # Errors
/// There are too few; the error says how many are needed.
pub fn check_descriptors(size: Size, limit: u64) -> Result<(), DescriptorError> {
    // Without /proc the number of open descriptors is unknown. If there are too few, a later creation fails.
    let open = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1) as u64);
    let need = open + size.descriptors() + DESCRIPTORS_SPARE;
    let Size { shards, listeners } = size;
    if limit >= need { Ok(()) } else { Err(DescriptorError { have: limit, open, need, shards, listeners }) }
}

/// How the kernel charges locked memory to this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Charge {
    /// Rings count against RLIMIT_MEMLOCK, summed over all processes of the user.
    Rings,
    /// Rings are free: an older kernel, or a privileged process. Only the executor's own check remains.
    Nothing,
}

impl Charge {
    /// That of this process.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/proc/sys/kernel/osrelease"), &read("/proc/self/status"), &read("/proc/self/uid_map"))
    }

    /// That of a process with this kernel release, `/proc/PID/status` and `/proc/PID/uid_map`.
    ///
    /// Linux 6.13 and 6.14 charge for rings again, which had been free since 5.12. CAP_IPC_LOCK exempts a
    /// process, but not if it holds the capability in a user namespace only.
    pub fn of(release: &str, status: &str, uid_map: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let version = (numbers.next().and_then(Result::ok), numbers.next().and_then(Result::ok));
        let is_old = matches!(version, (Some(major), Some(minor)) if (major, minor) < (6, 13));
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let bits = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or_default();
        let mut map = uid_map.split_whitespace();
        let is_mapped = map.clone().next().is_some() && !map.by_ref().eq(["0", "0", "4294967295"]);
        if is_old || (bits & 1 << CAP_IPC_LOCK != 0 && !is_mapped) { Self::Nothing } else { Self::Rings }
    }
}

/// Locked memory that a server needs, in bytes, while it starts and while it runs. A limit of this size is
/// enough.
///
/// `features` are the features of its rings.
pub fn locked_bytes(shards: usize, ring: &RingConfig, features: Features, charge: Charge) -> u64 {
    let charged = match charge {
        Charge::Nothing => 0,
        Charge::Rings => {
            let shard = executor::locked_bytes() + ring::locked_bytes(ring, features);
            shards as u64 * shard
                + ring::locked_bytes(&ring.probe(), features)
                + executor::probe_locked_bytes()
        }
    };
    charged.max(MEMLOCK_BYTES_MIN)
}

/// Memory that a server uses without peers, in bytes, besides what its process has used before.
pub fn memory_bytes(shards: usize, ring: &RingConfig) -> u64 {
    shards as u64 * (SHARD_BYTES + ring::buffer_bytes(ring))
}

/// The least memory that a server must have for its peers.
pub const PEERS_BYTES_MIN: u64 = 8 << 20;

/// The rings of a server that fit into `limit` bytes of locked memory: `ring` itself, or with fewer entries,
/// down to [`ring::ENTRIES_MIN`].
///
/// # Errors
/// The smallest rings do not fit; the error says what they need.
pub fn fit(
    shards: usize,
    ring: &RingConfig,
    features: Features,
    charge: Charge,
    limit: u64,
) -> Result<RingConfig, MemlockError> {
    let mut ring = ring.clone();
    loop {
        let need = locked_bytes(shards, &ring, features, charge);
        if need <= limit {
            return Ok(ring);
        }
        if ring.entries <= ring::ENTRIES_MIN {
            return Err(MemlockError { have_bytes: limit, need_bytes: need });
        }
        ring.entries = (ring.entries / 2).max(ring::ENTRIES_MIN);
    }
}

/// Repeats `make` for a moment while it fails because locked memory is short: the kernel returns the memory
/// of a process that has just ended, such as the server that this one replaces, a little later.
pub(crate) fn retry_while_short<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..SHORT_TRIES {
        match make() {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => std::thread::sleep(SHORT_PAUSE),
            result => return result,
        }
    }
    make()
}

/// What a shard uses without peers, besides its receive buffers.
const SHARD_BYTES: u64 = 3 << 20;

/// For the first connections, and for descriptors that are open briefly.
const DESCRIPTORS_SPARE: u64 = 8;

/// See capabilities(7).
const CAP_IPC_LOCK: u32 = 14;

/// A quarter of a second in total.
pub(crate) const SHORT_TRIES: usize = 12;
pub(crate) const SHORT_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_count_on_new_kernels_without_the_capability() {
        let (none, all) = ("CapEff:\t0000000000000000", "Name:\tx\nCapEff:\t000001ffffffffff\n");
        let (host, container) = ("         0          0 4294967295\n", "0 100000 65536\n");
        for (release, status, uid_map, expected) in [
            ("6.18.44", none, host, Charge::Rings),
            ("6.13.0-rc1", none, host, Charge::Rings),
            ("6.12.9-amd64", none, host, Charge::Nothing),
            ("5.19", none, host, Charge::Nothing),
            ("6.18.44", all, host, Charge::Nothing),
            ("6.18.44", all, container, Charge::Rings),
            ("6.18.44", all, "", Charge::Nothing),
            ("unreadable", none, host, Charge::Rings),
        ] {
            assert_eq!(Charge::of(release, status, uid_map), expected, "{release} {status} {uid_map}");
        }
    }

    #[test]
    fn rings_shrink_no_further_than_they_must() {
        let (ring, features) = (RingConfig::default(), Features::ALL);
        let need = |entries, shards| {
            let ring = RingConfig { entries, ..ring.clone() };
            locked_bytes(shards, &ring, features, Charge::Rings)
        };
        let fit = |shards, limit| fit(shards, &ring, features, Charge::Rings, limit).map(|it| it.entries);
        for shards in [2, 8] {
            assert_eq!(fit(shards, need(4096, shards)), Ok(4096));
            assert_eq!(fit(shards, need(4096, shards) - 1), Ok(2048));
            assert_eq!(fit(shards, need(2048, shards)), Ok(2048));
            let least = need(ring::ENTRIES_MIN, shards);
            assert_eq!(fit(shards, least), Ok(ring::ENTRIES_MIN));
            let error = MemlockError { have_bytes: least - 1, need_bytes: least };
            assert_eq!(fit(shards, least - 1), Err(error));
        }
    }

    #[test]
    fn where_rings_are_free_only_the_executors_own_minimum_counts() {
        let need = |shards| locked_bytes(shards, &RingConfig::default(), Features::ALL, Charge::Nothing);
        assert_eq!((need(1), need(64)), (MEMLOCK_BYTES_MIN, MEMLOCK_BYTES_MIN));
    }
}
