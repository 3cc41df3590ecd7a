//! The kernel: its age, io_uring, its clock, huge pages.

use shardcast_os::ring::{Feature, Features, RingError};

use super::{Condition, Finding, Host};

pub(super) fn version(host: &Host) -> Finding {
    let condition = Condition::new("kernel", "Linux 6.1 or newer, at least 5.19");
    let Some(release) = host.read("proc/sys/kernel/osrelease") else {
        return condition.unknown("not in /proc");
    };
    match parse_release(&release) {
        None => condition.unknown(release),
        Some(version) if version >= (6, 1) => condition.ok(release),
        Some(version) if version >= (5, 19) => condition
            .warning(release, "upgrade: 6.1 has io_uring's defer-taskrun, which costs less CPU per message"),
        Some(_) => condition.failure(release, "upgrade: the server needs io_uring's provided buffer rings"),
    }
}

pub(super) fn io_uring(host: &Host) -> Finding {
    let condition = Condition::new("io_uring", "allowed, with all features");
    match &host.ring {
        Ok(missing) if *missing == Features::NONE => condition.ok("works, with all features"),
        // It costs no time: without it, /proc/pressure/io only shows an idle server as waiting for I/O.
        Ok(missing) if *missing == Features::NONE.with(Feature::NoIowait) => {
            condition.ok(format!("works, without {missing}"))
        }
        Ok(missing) => {
            condition.warning(format!("works, without {missing}"), "upgrade the kernel to 6.6 or newer")
        }
        Err(RingError::LockedMemory) => condition.warning("too little locked memory", "see memlock"),
        Err(RingError::Forbidden) => condition.failure(why_forbidden(host), FORBIDDEN_FIX),
        Err(error) => condition.failure("does not work", error.to_string()),
    }
}

fn why_forbidden(host: &Host) -> &'static str {
    match host.number("proc/sys/kernel/io_uring_disabled") {
        Some(2) => "forbidden: kernel.io_uring_disabled = 2",
        Some(1) => "forbidden without privileges: kernel.io_uring_disabled = 1",
        _ => "forbidden, most likely by seccomp",
    }
}

pub(super) fn clocksource(host: &Host) -> Finding {
    let condition = Condition::new("clocksource", "one that can be read without a system call");
    let Some(source) = host.read("sys/devices/system/clocksource/clocksource0/current_clocksource") else {
        return condition.unknown("not in /sys");
    };
    match source.as_str() {
        "hpet" | "acpi_pm" | "refined-jiffies" | "jiffies" | "xen" | "pit" => condition.warning(
            source,
            "boot with clocksource=tsc if the processor's is stable: each reading of this one is a system call",
        ),
        _ => condition.ok(source),
    }
}

pub(super) fn transparent_huge_pages(host: &Host) -> Finding {
    let condition = Condition::new("huge pages", "madvise or never");
    let text = host.read("sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let chosen = text.split('[').nth(1).and_then(|rest| rest.split(']').next());
    match chosen {
        None => condition.unknown("not in /sys"),
        Some("always") => condition.warning(
            "always",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: compacting memory stalls shards",
        ),
        Some(chosen) => condition.ok(chosen),
    }
}

/// Major and minor of `6.1.0-13-amd64`.
fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

const FORBIDDEN_FIX: &str = "sysctl -w kernel.io_uring_disabled=0; in a container, allow io_uring_setup, io_uring_enter and \
    io_uring_register in its seccomp profile";
