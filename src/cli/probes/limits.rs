//! Limits of the process: open files, memory, locked memory, shared memory.

use shardcast::MemoryMax;
use shardcast_os::{
    memory::{Bounds, Usage},
    needs::{self, Charge},
    ring::Features,
};

use super::{Condition, Finding, Host, Needs};

pub(super) fn nofile(host: &Host, needs: &Needs) -> Finding {
    let wanted = needs.connections_max.saturating_add(FILES_BESIDE);
    let condition = Condition::new("nofile", format!("{wanted} for all connections"));
    // The server raises its soft limit to the hard one.
    let Some(hard) = limit(host, "Max open files").map(|(_, hard)| hard) else {
        return condition.unknown("not in /proc");
    };
    let fix = format!("LimitNOFILE={wanted} in the systemd unit, or `docker run --ulimit nofile={wanted}`");
    let size = needs::Size { shards: needs.shards, listeners: needs.listeners };
    match hard {
        _ if hard >= wanted => condition.ok(number(hard)),
        _ if hard < size.descriptors() + FILES_BESIDE_MIN => condition.failure(number(hard), fix),
        _ => condition.warning(number(hard), fix + ", or a smaller limits.connections_max"),
    }
}

/// As computed by `serve`: how much it wants, and whether it can run with less.
pub(super) fn memlock(host: &Host, needs: &Needs) -> Finding {
    let read = |path| host.read(path).unwrap_or_default();
    let charge =
        Charge::of(&read("proc/sys/kernel/osrelease"), &read("proc/self/status"), &read("proc/self/uid_map"));
    let missing = host.ring.as_ref().map_or(Features::NONE, |missing| *missing);
    let features = Features::ALL.minus(missing).minus(needs.ring.disable);
    let wanted = needs::locked_bytes(needs.shards, &needs.ring, features, charge);
    let condition =
        Condition::new("memlock", format!("{} KiB for {} shards", wanted.div_ceil(1024), needs.shards));
    let Some((_, hard)) = limit(host, "Max locked memory") else {
        return condition.unknown("not in /proc");
    };
    let current = if hard == u64::MAX { "unlimited".to_owned() } else { format!("{} KiB", hard / 1024) };
    if hard >= wanted {
        return condition.ok(current);
    }
    if may_raise_limits(host) {
        return condition.ok(current + ", and may be raised");
    }
    let kib = wanted.div_ceil(1024);
    let fix = format!("LimitMEMLOCK={kib}K in the systemd unit, or `docker run --ulimit memlock={wanted}`");
    match needs::fit(needs.shards, &needs.ring, features, charge, hard) {
        Ok(_) => condition.warning(current, fix + ": rings are smaller with less"),
        Err(least) => {
            let least = least.need_bytes.div_ceil(1024);
            condition.failure(current, format!("{fix}; at least {least} KiB are needed"))
        }
    }
}

/// The bound of the memory of `serve`, and what it comes from.
pub(super) fn memory(host: &Host, needs: &Needs) -> Finding {
    // A server begins with about the memory of this process.
    let usage = Usage::read();
    let least =
        usage.resident_bytes + needs::memory_bytes(needs.shards, &needs.ring) + needs::PEERS_BYTES_MIN;
    let condition = Condition::new("memory", format!("about {} for {} shards", mib(least), needs.shards));
    let limit = |name| limit(host, name).map(|(soft, _)| soft).filter(|bytes| *bytes != u64::MAX);
    let Bounds { machine, group, .. } = Bounds::under(host.root());
    let (address_space, data) = (limit("Max address space"), limit("Max data size"));
    let none = Bounds::default();
    let automatic = [
        ("3/4 of the cgroup's", Bounds { group, ..none }),
        ("half of the machine's", Bounds { machine, ..none }),
        ("half of what ulimit -v or -d leaves", Bounds { address_space, data, ..none }),
    ];
    let automatic = automatic.into_iter().filter(|(_, bounds)| *bounds != none);
    let automatic = automatic.map(|(source, bounds)| (bounds.suggested(usage), source)).min();
    match needs.memory_max {
        MemoryMax::Auto => {
            let Some((bytes, source)) = automatic else { return condition.unknown("no bound in /proc") };
            let current = format!("{}: {source}", mib(bytes));
            if bytes >= least {
                return condition.ok(current);
            }
            condition.warning(current, "raise it, or run fewer shards: the server uses more than this")
        }
        MemoryMax::Bytes(max) => {
            let current = format!("{}: limits.memory_max", mib(max));
            let most = [group, machine, address_space, data].into_iter().flatten().min();
            match most {
                _ if max < least => {
                    condition.failure(current, "a greater limits.memory_max, or fewer shards")
                }
                Some(most) if max > most => condition.warning(
                    current,
                    format!("limits.memory_max = \"auto\": only {} may be used here", mib(most)),
                ),
                _ => condition.ok(current),
            }
        }
    }
}

pub(super) fn shared_memory(host: &Host) -> Finding {
    let condition = Condition::new("/dev/shm", format!("{} MiB or more, writable", SHM_BYTES_MIN >> 20));
    let path = host.path("dev/shm");
    let fix =
        "mount -t tmpfs tmpfs /dev/shm; `docker run --shm-size=256m`: peers on this host share memory there";
    let Ok(system) = rustix::fs::statvfs(&path) else { return condition.warning("missing", fix) };
    let bytes = system.f_blocks.saturating_mul(system.f_frsize);
    let current = format!("{} MiB", bytes >> 20);
    if rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_err() {
        return condition.warning(current + ", not writable", fix);
    }
    if bytes < SHM_BYTES_MIN { condition.warning(current, fix) } else { condition.ok(current) }
}

/// Soft and hard limit of this process; no limit is `u64::MAX`.
fn limit(host: &Host, name: &str) -> Option<(u64, u64)> {
    let limits = host.read("proc/self/limits")?;
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut values = rest.split_whitespace().map(|word| match word {
        "unlimited" => Some(u64::MAX),
        word => word.parse().ok(),
    });
    Some((values.next()??, values.next()??))
}

/// CAP_SYS_RESOURCE, as root has it outside of containers.
fn may_raise_limits(host: &Host) -> bool {
    let status = host.read("proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or_default();
    bits & 1 << CAP_SYS_RESOURCE != 0
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

fn number(limit: u64) -> String {
    if limit == u64::MAX { "unlimited".to_owned() } else { limit.to_string() }
}

/// Rings, queues, listeners, logs, and readers of the admin pages.
const FILES_BESIDE: u64 = 256;
/// Standard streams, admin pages, signals, and the first connections: the server cannot work without them.
const FILES_BESIDE_MIN: u64 = 32;
/// The default of containers.
const SHM_BYTES_MIN: u64 = 64 << 20;
/// See capabilities(7).
const CAP_SYS_RESOURCE: u32 = 24;
