//! scripts/tune-host.sh against trees of files: it prints what it would change, and changes it only with `--apply`.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

#[test]
fn without_apply_it_only_prints() {
    let host = host();
    let output = tune(host.path(), &["--persist"]);
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}");
    for line in [
        "would   echo '4096' > /proc/sys/net/core/somaxconn    # now 128",
        "ok      /proc/sys/net/ipv4/tcp_max_syn_backlog = 8192",
        "would   echo 'performance' > /sys/devices/system/cpu/cpu1/cpufreq/scaling_governor    # now powersave",
        "would   echo 'madvise' > /sys/kernel/mm/transparent_hugepage/enabled    # now always",
        "would   echo '0' > /proc/irq/37/smp_affinity_list    # now 0-3",
        "            net.core.somaxconn = 4096",
        "nothing was changed; --apply does it",
    ] {
        assert!(printed.contains(&format!("{line}\n")), "{line:?} in\n{printed}");
    }
    assert!(!printed.contains("done"), "{printed}");
    assert_eq!(read(host.path(), "proc/sys/net/core/somaxconn"), "128");
    assert!(!host.path().join("etc/sysctl.d/60-shardcast.conf").exists());
}

#[test]
fn what_it_prints_is_what_it_does() {
    let host = host();
    let printed = String::from_utf8(tune(host.path(), &["--persist"]).stdout).expect("text");
    let output = tune(host.path(), &["--persist", "--apply"]);
    let done = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{done}");
    let count = |text: &str, word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!(count(&printed, "would "), count(&done, "done "), "{printed}\n{done}");
    for (path, value) in [
        ("proc/sys/net/core/somaxconn", "4096"),
        ("proc/sys/net/ipv4/tcp_max_syn_backlog", "8192"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "madvise"),
        ("proc/irq/37/smp_affinity_list", "0"),
        ("proc/irq/38/smp_affinity_list", "1"),
    ] {
        assert_eq!(read(host.path(), path), value, "{path}");
    }
    let kept = read(host.path(), "etc/sysctl.d/60-shardcast.conf");
    assert!(kept.ends_with("net.core.somaxconn = 4096"), "{kept}");
}

#[test]
fn interrupts_are_kept_off_the_cpus_of_shards() {
    for (arguments, expected) in [
        (&["--shard-cpus", "0-1"][..], ["2", "3"]),
        (&["--shard-cpus", "0,2-3"], ["1", "1"]),
        (&["--shard-cpus", "0-3"], ["0", "1"]),
        (&["--interface", "eth1"], ["0-3", "0-3"]),
    ] {
        let host = host();
        let output = tune(host.path(), &[arguments, &["--apply"]].concat());
        assert!(output.status.success(), "{output:?}");
        let found = ["37", "38"].map(|irq| read(host.path(), &format!("proc/irq/{irq}/smp_affinity_list")));
        assert_eq!(found, expected, "{arguments:?}");
    }
}

#[test]
fn invalid_arguments_are_refused() {
    for arguments in [
        &["--aply"][..],
        &["--shard-cpus"],
        &["--shard-cpus", "0;reboot"],
        &["--interface", "../../etc"],
        &["--interface", "*"],
        &["--connections", "many"],
    ] {
        let host = host();
        let output = tune(host.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(read(host.path(), "proc/sys/net/core/somaxconn"), "128");
    }
}

#[test]
fn a_host_with_nothing_to_tune_is_not_an_error() {
    let host = tempfile::tempdir().expect("a folder of our own");
    let output = tune(host.path(), &["--apply"]);
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("done"), "{output:?}");
}

fn tune(root: &Path, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/tune-host.sh");
    Command::new("bash").arg(script).args(arguments).env("TUNE_ROOT", root).output().expect("bash is there")
}

fn host() -> TempDir {
    let host = tempfile::tempdir().expect("a folder of our own");
    for (path, text) in [
        ("proc/sys/net/core/somaxconn", "128"),
        ("proc/sys/net/ipv4/tcp_max_syn_backlog", "8192"),
        ("sys/devices/system/cpu/online", "0-3"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
        ("sys/devices/pci/msi_irqs/36", ""),
        ("sys/devices/pci/msi_irqs/37", ""),
        ("sys/devices/pci/msi_irqs/38", ""),
        ("sys/devices/pci/virtio2/net/eth0/mtu", "1500"),
        ("sys/devices/virtual/net/lo/mtu", "65536"),
        ("proc/interrupts", "      CPU0\n 37:   0 x\n 38:   5 y\n"),
        ("proc/irq/37/smp_affinity_list", "0-3"),
        ("proc/irq/38/smp_affinity_list", "0-3"),
        ("etc/sysctl.d/README", ""),
        ("sys/class/net/none", ""),
    ] {
        let path = host.path().join(path);
        fs::create_dir_all(path.parent().expect("files are in folders")).expect("ours");
        fs::write(path, format!("{text}\n")).expect("ours");
    }
    let class = host.path().join("sys/class/net");
    symlink("../../devices/pci/virtio2/net/eth0", class.join("eth0")).expect("ours");
    symlink("../../devices/virtual/net/lo", class.join("lo")).expect("ours");
    symlink("../..", host.path().join("sys/devices/pci/virtio2/net/eth0/device")).expect("ours");
    host
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("it is there").trim().to_owned()
}
