//! Which CPUs this process may use, and which shard runs on which CPU.
//!
//! The functions report the present state. Nothing here watches for CPUs that appear or disappear.

pub(crate) mod cgroup;
mod list;
mod plan;

use std::{fs, io, path::Path};

use rustix::thread::{CpuSet, sched_setaffinity};

pub use list::{ParseListError, format_list, parse_list};
pub use plan::{Choice, Count, Plan, PlanError, plan};

/// The CPUs to place shards on. Plain data: [`read`](Self::read) it, or make one up for a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// CPUs that the calling thread may run on: first one of each physical core, then the siblings.
    pub allowed: Vec<usize>,
    /// Physical cores among them: that many CPUs at the start of `allowed` are on different cores. At least
    /// 1.
    pub cores: usize,
    /// CPU time that the cgroup grants, in CPUs; `None` means no limit.
    pub quota: Option<f64>,
}

impl Machine {
    /// Reads the affinity mask, the cgroups (version 1 and 2) and `/sys`.
    ///
    /// Information that cannot be read counts as no restriction. Call it before the thread is pinned:
    /// afterwards the mask has one CPU.
    pub fn read() -> Self {
        let groups = cgroup::Groups::read();
        let mask = affinity_mask();
        let allowed = match groups.cpuset() {
            Some(set) if mask.iter().any(|cpu| set.contains(cpu)) => {
                mask.into_iter().filter(|cpu| set.contains(cpu)).collect()
            }
            // No cpuset, or the cpuset of another view of the host: the mask already obeys the real one.
            _ => mask,
        };
        Self::arrange(allowed, groups.quota(), first_sibling)
    }

    /// Puts one CPU of each core first; `core_of` returns the first sibling of a CPU.
    fn arrange(mut allowed: Vec<usize>, quota: Option<f64>, core_of: impl Fn(usize) -> usize) -> Self {
        allowed.sort_unstable();
        let (mut firsts, mut siblings, mut cores) = (Vec::new(), Vec::new(), Vec::new());
        for cpu in allowed {
            let core = core_of(cpu);
            if cores.contains(&core) {
                siblings.push(cpu);
            } else {
                cores.push(core);
                firsts.push(cpu);
            }
        }
        let cores = firsts.len().max(1);
        firsts.append(&mut siblings);
        Self { allowed: firsts, cores, quota }
    }
}

/// CPUs that the calling thread may run on, one per physical core first. See [`Machine::read`].
pub fn allowed() -> Vec<usize> {
    Machine::read().allowed
}

/// CPU time that the cgroup grants this process, in CPUs; `None` means no limit.
pub fn quota() -> Option<f64> {
    cgroup::Groups::read().quota()
}

/// Like [`quota`], for the system whose root is `root` (`/` is this one); an error when it has no readable
/// cgroups.
///
/// # Errors
/// Neither version of cgroups is mounted there, or may be read.
pub fn quota_under(root: &Path) -> io::Result<Option<f64>> {
    let groups = cgroup::Groups::read_under(root);
    if groups.is_found() { Ok(groups.quota()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Pins the calling thread to `cpu`; `false` when the system refuses.
pub fn pin_current_thread(cpu: usize) -> bool {
    cpu < CpuSet::MAX_CPU && core_affinity::set_for_current(core_affinity::CoreId { id: cpu })
}

/// Keeps the calling thread, which is not a shard, off the CPUs in `shards`, on the other allowed CPUs.
///
/// Returns `false`, and changes nothing, when no other CPU is left or the system refuses.
pub fn keep_off(shards: &[usize]) -> bool {
    let mut rest = CpuSet::new();
    let others = allowed().into_iter().filter(|cpu| !shards.contains(cpu) && *cpu < CpuSet::MAX_CPU);
    others.for_each(|cpu| rest.set(cpu));
    rest.count() > 0 && sched_setaffinity(None, &rest).is_ok()
}

fn affinity_mask() -> Vec<usize> {
    match core_affinity::get_core_ids() {
        Some(ids) if !ids.is_empty() => ids.into_iter().map(|core| core.id).collect(),
        // The mask has fewer bits than the host has CPUs, or the system hides it: count the CPUs instead.
        _ => (0..std::thread::available_parallelism().map_or(1, Into::into)).collect(),
    }
}

/// The lowest CPU of the physical core of `cpu`; `cpu` itself when the system does not say.
fn first_sibling(cpu: usize) -> usize {
    fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))
        .ok()
        .and_then(|text| parse_list(&text).ok())
        .and_then(|siblings| siblings.into_iter().min())
        .unwrap_or(cpu)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_cpu_of_each_core_comes_first() {
        let check = |allowed: &[usize], core_of: fn(usize) -> usize, expected: &[usize], cores| {
            let machine = Machine::arrange(allowed.to_vec(), None, core_of);
            assert_eq!((machine.allowed.as_slice(), machine.cores), (expected, cores));
        };
        // Siblings are n and n + 4, as on most servers; then neighbours, as on some virtual machines.
        check(&[0, 1, 2, 3, 4, 5, 6, 7], |cpu| cpu % 4, &[0, 1, 2, 3, 4, 5, 6, 7], 4);
        check(&[0, 1, 2, 3], |cpu| cpu & !1, &[0, 2, 1, 3], 2);
        check(&[7, 5, 1], |cpu| cpu % 4, &[1, 7, 5], 2);
        check(&[3], |cpu| cpu, &[3], 1);
        check(&[], |cpu| cpu, &[], 1);
    }

    #[test]
    fn this_machine_has_a_cpu_to_pin_to() {
        thread::spawn(|| {
            let cpus = allowed();
            let last = *cpus.last().expect("this test runs on one of them");
            assert!(pin_current_thread(last));
            assert_eq!(allowed(), [last]);
            assert!(!keep_off(&[last]), "no other is left");
            assert!(!pin_current_thread(usize::MAX));
        })
        .join()
        .expect("the thread does not panic");
    }

    #[test]
    fn a_helper_is_kept_off_the_cpus_of_shards() {
        thread::spawn(|| {
            let cpus = allowed();
            let (shards, rest) = cpus.split_at(cpus.len() / 2);
            assert!(keep_off(shards));
            let mut now = allowed();
            now.sort_unstable();
            let mut rest = rest.to_vec();
            rest.sort_unstable();
            assert_eq!(now, rest);
        })
        .join()
        .expect("the thread does not panic");
    }
}
