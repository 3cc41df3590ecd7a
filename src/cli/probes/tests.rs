//! Hosts made of files: good ones, bad ones, and some that report nothing.

use std::{fs, ops::Deref, os::unix::fs::symlink};

use shardcast::MemoryMax;
use shardcast_os::ring::{Feature, Features, RingConfig, RingError};
use tempfile::TempDir;

use super::*;
use crate::doctor::print;

/// A host without findings.
const GOOD: &[(&str, &str)] = &[
    ("proc/sys/kernel/osrelease", "6.6.10-generic\n"),
    ("proc/self/limits", LIMITS),
    ("proc/self/status", "Name:\tshardcast\nCapEff:\t0000000000000000\n"),
    ("proc/sys/net/core/somaxconn", "4096\n"),
    ("proc/sys/net/ipv4/tcp_max_syn_backlog", "8192\n"),
    ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("proc/sys/net/ipv4/ip_local_reserved_ports", "\n"),
    ("proc/sys/net/ipv4/tcp_congestion_control", "bbr\n"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ("sys/devices/pci/virtio2/net/eth0/mtu", "1500\n"),
    ("sys/devices/pci/msi_irqs/37", "msix\n"),
    ("sys/devices/pci/msi_irqs/38", "msix\n"),
    ("sys/devices/pci/msi_irqs/39", "msix\n"),
    ("proc/interrupts", INTERRUPTS),
    ("proc/irq/38/effective_affinity_list", "1\n"),
    ("proc/irq/39/effective_affinity_list", "0\n"),
    ("proc/self/cgroup", "0::/app\n"),
    ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
    ("sys/fs/cgroup/app/cpu.max", "max 100000\n"),
    ("sys/fs/cgroup/app/memory.max", "max\n"),
    ("proc/meminfo", "MemTotal:        8388608 kB\n"),
    ("dev/shm/x", ""),
];

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max locked memory         8388608              unlimited            bytes
";

const INTERRUPTS: &str = "           CPU0       CPU1
 37:          0          0 PCI-MSIX-0000:00:03.0   0-edge      virtio2-config
 38:          0       4249 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0
 39:       3094          0 PCI-MSIX-0000:00:03.0   2-edge      virtio2-output.0
NMI:          0          0   Non-maskable interrupts
";

#[test]
fn a_good_host_has_nothing_to_fix() {
    for finding in examine(&host(&[]), &needs()) {
        assert_eq!((finding.severity, finding.fix.as_str()), (Severity::Ok, ""), "{finding:?}");
    }
}

#[test]
fn each_bad_condition_is_found_and_has_a_fix() {
    use Severity::{Failure, Warning};
    for (condition, path, text, severity, current, fix) in [
        ("kernel", "proc/sys/kernel/osrelease", "5.19.0", Warning, "5.19.0", "6.1"),
        ("kernel", "proc/sys/kernel/osrelease", "5.15.0-91", Failure, "5.15.0-91", "upgrade"),
        (
            "nofile",
            "proc/self/limits",
            "Max open files 1024 4096 files",
            Warning,
            "4096",
            "LimitNOFILE=65792",
        ),
        ("nofile", "proc/self/limits", "Max open files 40 40 files", Failure, "40", "--ulimit nofile"),
        (
            "memlock",
            "proc/self/limits",
            "Max locked memory 65536 65536 bytes",
            Failure,
            "64 KiB",
            "LimitMEMLOCK",
        ),
        (
            "memory",
            "proc/meminfo",
            "MemTotal: 32768 kB",
            Warning,
            "16 MiB: half of the machine",
            "fewer shards",
        ),
        ("somaxconn", "proc/sys/net/core/somaxconn", "128", Warning, "128", "net.core.somaxconn=4096"),
        (
            "syn backlog",
            "proc/sys/net/ipv4/tcp_max_syn_backlog",
            "512",
            Warning,
            "512",
            "tcp_max_syn_backlog=4096",
        ),
        (
            "port range",
            "proc/sys/net/ipv4/ip_local_port_range",
            "32768 40000",
            Warning,
            "32768-40000",
            "60999",
        ),
        (
            "port range",
            "proc/sys/net/ipv4/ip_local_port_range",
            "1024 65535",
            Warning,
            "with 10099",
            "reserved_ports=10099",
        ),
        ("congestion", "proc/sys/net/ipv4/tcp_congestion_control", "reno", Warning, "reno", "cubic"),
        (
            "clocksource",
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "hpet",
            Warning,
            "hpet",
            "tsc",
        ),
        (
            "governor",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor",
            "powersave",
            Warning,
            "performance, powersave",
            "cpupower",
        ),
        (
            "huge pages",
            "sys/kernel/mm/transparent_hugepage/enabled",
            "[always] madvise never",
            Warning,
            "always",
            "madvise",
        ),
        ("interrupts", "proc/irq/38/effective_affinity_list", "0", Warning, "eth0 on CPU 0", "spread"),
        ("cgroup quota", "sys/fs/cgroup/app/cpu.max", "150000 100000", Warning, "1.5 CPUs", "run 1 shards"),
    ] {
        let finding = only(&host(&[(path, text)]), condition);
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert!(finding.current.contains(current) && finding.fix.contains(fix), "{finding:?}");
    }
}

#[test]
fn a_host_that_reports_nothing_is_unknown_and_not_an_error() {
    let findings = examine(&empty(Ok(Features::NONE)), &needs());
    for finding in &findings {
        let expected = match finding.condition {
            "io_uring" => Severity::Ok,
            // A missing file is reported as missing even without permissions.
            "/dev/shm" => Severity::Warning,
            _ => Severity::Unknown,
        };
        assert_eq!(finding.severity, expected, "{finding:?}");
    }
}

#[test]
fn files_full_of_nonsense_are_unknown_and_no_error() {
    let nonsense = ["", "\0\0\0", "-1", "99999999999999999999999", "[", "a b c d", "Max open files"];
    for text in nonsense {
        let all: Vec<(&str, &str)> = GOOD.iter().map(|(path, _)| (*path, text)).collect();
        for finding in examine(&host(&all), &needs()) {
            assert_ne!(finding.severity, Severity::Failure, "{text:?}: {finding:?}");
        }
    }
}

#[test]
fn io_uring_is_judged_by_trying_it() {
    let judged = |ring, disabled: &str| {
        only(&with_ring(&[("proc/sys/kernel/io_uring_disabled", disabled)], ring), "io_uring")
    };
    assert_eq!(judged(Ok(Features::NONE.with(Feature::NoIowait)), "0").severity, Severity::Ok);
    let some = Features::NONE.with(Feature::DeferTaskrun);
    assert_eq!(judged(Ok(some), "0").severity, Severity::Warning);
    assert!(judged(Ok(some), "0").current.contains("defer-taskrun"));
    for (disabled, current) in [("2", "= 2"), ("1", "without privileges"), ("0", "seccomp")] {
        let finding = judged(Err(RingError::Forbidden), disabled);
        assert_eq!(finding.severity, Severity::Failure);
        assert!(finding.current.contains(current), "{finding:?}");
    }
    assert_eq!(judged(Err(RingError::TooOld), "0").severity, Severity::Failure);
}

#[test]
fn locked_memory_is_judged_by_what_the_rings_of_all_shards_need() {
    let judged = |release: &str, kib: u64| {
        let limits = format!("Max locked memory {0} {0} bytes", kib * 1024);
        let host = host(&[("proc/sys/kernel/osrelease", release), ("proc/self/limits", limits.as_str())]);
        let finding = only(&host, "memlock");
        (finding.severity, finding.fix)
    };
    // For 2 shards: 776 KiB each, and 24 KiB while they start.
    assert_eq!(judged("6.18.1", 1576).0, Severity::Ok);
    let (severity, fix) = judged("6.18.1", 1575);
    assert_eq!(severity, Severity::Warning, "rings are smaller then");
    assert!(fix.contains("LimitMEMLOCK=1576K"), "{fix}");
    let (severity, fix) = judged("6.18.1", 512);
    assert_eq!(severity, Severity::Failure);
    assert!(fix.contains("at least 584 KiB are needed"), "{fix}");
    assert_eq!(judged("6.6.10", 512).0, Severity::Ok, "rings are free there");
    assert_eq!(judged("6.6.10", 511).0, Severity::Failure);
}

#[test]
fn who_may_raise_limits_has_them() {
    let limits = "Max locked memory 65536 65536 bytes";
    let capable = "CapEff:\t000001ffffffffff";
    let host = host(&[("proc/self/limits", limits), ("proc/self/status", capable)]);
    assert_eq!(only(&host, "memlock").severity, Severity::Ok);
}

#[test]
fn the_bound_of_memory_comes_from_the_smallest_limit_or_from_the_configuration() {
    let limited = "Max address space 68719476736 68719476736 bytes\nMax data size unlimited unlimited bytes";
    let group = ("sys/fs/cgroup/app/memory.max", "2147483648");
    let judged = |files: &[(&str, &str)], memory_max| {
        let findings = examine(&host(files), &Needs { memory_max, ..needs() });
        let finding = findings.into_iter().find(|it| it.condition == "memory").expect("listed");
        (finding.severity, finding.current)
    };
    for (files, current) in [
        (&[][..], "4096 MiB: half of the machine's"),
        (&[group], "1536 MiB: 3/4 of the cgroup's"),
        (&[("proc/self/limits", limited)], "4096 MiB: half of the machine's"),
    ] {
        assert_eq!(judged(files, MemoryMax::Auto), (Severity::Ok, current.to_owned()));
    }
    for (max, severity) in
        [(1 << 20, Severity::Failure), (1 << 30, Severity::Ok), (3 << 30, Severity::Warning)]
    {
        let current = format!("{} MiB: limits.memory_max", max >> 20);
        assert_eq!(judged(&[group], MemoryMax::Bytes(max)), (severity, current));
    }
}

#[test]
fn a_reserved_port_is_not_used_for_outgoing_connections() {
    let host = host(&[
        ("proc/sys/net/ipv4/ip_local_port_range", "1024 65535"),
        ("proc/sys/net/ipv4/ip_local_reserved_ports", "80,10000-10100,x-y,9180"),
    ]);
    assert_eq!(only(&host, "port range").severity, Severity::Ok);
}

#[test]
fn interrupts_matter_where_shards_are() {
    let one = host(&[("proc/irq/38/effective_affinity_list", "0")]);
    let judged = |shards: usize, cpus: Vec<usize>| {
        let findings = examine(&one, &Needs { shards, cpus, ..needs() });
        findings.into_iter().find(|it| it.condition == "interrupts").expect("listed").severity
    };
    assert_eq!(judged(2, vec![0, 1]), Severity::Warning);
    assert_eq!(judged(2, vec![1, 2]), Severity::Ok, "no shard is on that CPU");
    assert_eq!(judged(1, vec![0]), Severity::Ok, "there is no other shard to share with");
}

#[test]
fn quotas_of_both_versions_count() {
    let first = host(&[
        ("proc/self/cgroup", "4:cpu,cpuacct:/a\n"),
        ("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"),
        ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000\n"),
        ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
    ]);
    let finding = only(&first, "cgroup quota");
    assert_eq!((finding.severity, finding.current.as_str()), (Severity::Warning, "0.5 CPUs"));
    // A limit of a group above applies as well.
    let above = host(&[("sys/fs/cgroup/cpu.max", "300000 100000")]);
    assert_eq!(only(&above, "cgroup quota").current, "3.0 CPUs");
}

#[test]
fn this_host_can_be_examined() {
    let findings = examine(&Host::real(), &needs());
    assert_eq!(findings.len(), 15);
    assert!(print::report(&findings).lines().all(|line| line.chars().count() <= 100));
    let json = serde_json::to_value(&findings).expect("JSON");
    for key in ["condition", "required", "current", "severity", "fix"] {
        assert!(json[0][key].is_string(), "{key}");
    }
}

fn needs() -> Needs {
    Needs {
        connections_max: 65_536,
        ports: vec![10_099, 9180],
        shards: 2,
        cpus: vec![0, 1],
        listeners: 1,
        ring: RingConfig::default(),
        memory_max: MemoryMax::Auto,
    }
}

#[track_caller]
fn only(host: &Host, condition: &str) -> Finding {
    let findings = examine(host, &needs());
    findings.into_iter().find(|it| it.condition == condition).expect("such a condition")
}

/// A host made of files, which are removed with it.
struct Fake {
    host: Host,
    _files: TempDir,
}

impl Deref for Fake {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

/// The good host with these files replaced.
fn host(files: &[(&str, &str)]) -> Fake {
    with_ring(files, Ok(Features::NONE))
}

fn with_ring(files: &[(&str, &str)], ring: Result<Features, RingError>) -> Fake {
    let fake = empty(ring);
    let root = fake.path("");
    for (path, text) in GOOD.iter().chain(files) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("files are in folders")).expect("ours");
        fs::write(path, text).expect("ours");
    }
    fs::create_dir_all(root.join("sys/class/net")).expect("ours");
    symlink("../../devices/pci/virtio2/net/eth0", root.join("sys/class/net/eth0")).expect("ours");
    symlink("../..", root.join("sys/devices/pci/virtio2/net/eth0/device")).expect("ours");
    fake
}

fn empty(ring: Result<Features, RingError>) -> Fake {
    let files = tempfile::tempdir().expect("a folder of our own");
    Fake { host: Host::fake(files.path(), ring), _files: files }
}
