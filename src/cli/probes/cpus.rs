//! CPUs: their frequency, their interrupts, and the quota of the process.

use std::collections::BTreeSet;

use shardcast_os::cpu;

use super::{Condition, Finding, Host, Needs};

pub(super) fn governor(host: &Host) -> Finding {
    let condition = Condition::new("governor", "performance");
    let cpus = host.names("sys/devices/system/cpu");
    let read = |cpu: &String| host.read(&format!("sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor"));
    let found: BTreeSet<String> = cpus.iter().filter_map(read).collect();
    let current = found.iter().cloned().collect::<Vec<_>>().join(", ");
    match found.iter().all(|it| it == "performance") {
        true if found.is_empty() => condition.unknown("not in /sys, as on most virtual machines"),
        true => condition.ok(current),
        false => {
            condition.warning(current, "cpupower frequency-set -g performance: a slow CPU wakes up slowly")
        }
    }
}

/// Interrupts of network cards: if one CPU handles all of them, its shard does the work of all others.
pub(super) fn interrupts(host: &Host, needs: &Needs) -> Finding {
    let condition =
        Condition::new("interrupts", "of network cards: on several CPUs, or on those without a shard");
    let cards = cards(host);
    if cards.is_empty() {
        return condition.unknown("no network card found");
    }
    let mut described = Vec::new();
    let mut crowded = false;
    for (card, interrupts) in &cards {
        let cpus: BTreeSet<usize> = interrupts.iter().flat_map(|irq| cpus_of(host, *irq)).collect();
        if cpus.is_empty() {
            continue;
        }
        let list: Vec<usize> = cpus.iter().copied().collect();
        let with_shard = list.iter().any(|cpu| needs.cpus.contains(cpu));
        crowded |= list.len() == 1 && with_shard && needs.shards > 1;
        described.push(format!("{card} on CPU {}", cpu::format_list(&list)));
    }
    let current = described.join("; ");
    match (described.is_empty(), crowded) {
        (true, _) => condition.unknown("not in /proc"),
        (false, false) => condition.ok(current),
        (false, true) => condition.warning(
            current,
            "spread them (scripts/tune-host.sh shows how), or keep shards off that CPU with --cpus",
        ),
    }
}

pub(super) fn quota(host: &Host, needs: &Needs) -> Finding {
    let shards = needs.shards;
    let condition = Condition::new("cgroup quota", format!("none, or a CPU for each of {shards} shards"));
    match cpu::quota_under(host.root()) {
        Err(_) => condition.unknown("no cgroup found"),
        Ok(None) => condition.ok("none"),
        Ok(Some(quota)) if quota >= shards as f64 => condition.ok(format!("{quota:.1} CPUs")),
        Ok(Some(quota)) => condition.warning(
            format!("{quota:.1} CPUs"),
            format!(
                "raise it, or run {} shards: when it is used up, all shards stop for the rest of the period",
                (quota as usize).max(1)
            ),
        ),
    }
}

/// Real network cards, each with its interrupts.
fn cards(host: &Host) -> Vec<(String, Vec<u32>)> {
    let interrupts = |card: &String| {
        // The interrupts of a virtual card belong to its parent device.
        let folders =
            ["device/msi_irqs", "device/../msi_irqs"].map(|it| format!("sys/class/net/{card}/{it}"));
        let names = folders.iter().map(|folder| host.names(folder)).find(|names| !names.is_empty());
        names.unwrap_or_default().iter().filter_map(|name| name.parse().ok()).collect::<Vec<u32>>()
    };
    let cards = host.names("sys/class/net").into_iter().map(|card| {
        let interrupts = interrupts(&card);
        (card, interrupts)
    });
    cards.filter(|(_, interrupts)| !interrupts.is_empty()).collect()
}

/// CPUs that have received this interrupt, if any; some interrupts of a card never occur.
fn cpus_of(host: &Host, irq: u32) -> Vec<usize> {
    let table = host.read("proc/interrupts").unwrap_or_default();
    let label = format!("{irq}:");
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(&label));
    let Some(line) = line else { return Vec::new() };
    let columns = table.lines().next().unwrap_or_default().split_whitespace();
    let counts = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
    let seen = columns.zip(counts).filter(|(_, count)| *count > 0);
    let seen: Vec<usize> = seen.filter_map(|(cpu, _)| cpu.strip_prefix("CPU")?.parse().ok()).collect();
    if seen.is_empty() {
        return seen;
    }
    // Only the current CPUs count, if they can be read.
    let files = ["effective_affinity_list", "smp_affinity_list"];
    let now =
        files.iter().find_map(|file| cpu::parse_list(&host.read(&format!("proc/irq/{irq}/{file}"))?).ok());
    now.filter(|cpus| !cpus.is_empty()).unwrap_or(seen)
}
