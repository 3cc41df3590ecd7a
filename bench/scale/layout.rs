//! Which CPUs the shards and the threads of the generator get.
//!
//! Layouts nest: the shards of a small row are the first ones of the largest, with the same generator threads. So
//! each shard has the same neighbours in all rows, and a row differs from the next in the number of shards only.

use serde::Serialize;
use shardcast_os::cpu::{Machine, parse_list};

/// CPUs that may be used, by physical core.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Topology {
    /// Cores in the order of their first CPU; each has at least one.
    cores: Vec<Vec<usize>>,
    /// CPUs that may be busy at once; fewer than there are where a cgroup bounds their time.
    usable: usize,
}

/// Which CPU each thread runs on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Layout {
    /// The CPU of each shard; fewer CPUs than shards are used in turn.
    pub shard_cpus: Vec<usize>,
    /// The CPU of each generator thread, those of the first shard first; nothing for a thread without one.
    pub generator_cpus: Vec<Option<usize>>,
    /// How CPUs are shared, in words; empty where they are not.
    pub sharing: String,
}

/// More CPUs are needed than exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooFewCpus {
    /// CPUs that it needs.
    pub needed: usize,
    /// CPUs that exist.
    pub usable: usize,
}

impl Topology {
    /// The CPUs that this process may use.
    pub fn read() -> Self {
        let machine = Machine::read();
        let siblings = |cpu| {
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            std::fs::read_to_string(path).unwrap_or_default()
        };
        Self::new(&machine.allowed, siblings, machine.quota)
    }

    /// `siblings` gives the text of `thread_siblings_list` of a CPU; a CPU with an empty text is a separate core.
    /// `quota` is in CPUs.
    pub fn new(allowed: &[usize], siblings: impl Fn(usize) -> String, quota: Option<f64>) -> Self {
        let mut allowed = allowed.to_vec();
        allowed.sort_unstable();
        let mut cores: Vec<(usize, Vec<usize>)> = Vec::new();
        for &cpu in &allowed {
            let first = parse_list(&siblings(cpu)).ok().and_then(|list| list.into_iter().min());
            let core = first.unwrap_or(cpu);
            match cores.iter_mut().find(|(it, _)| *it == core) {
                Some((_, cpus)) => cpus.push(cpu),
                None => cores.push((core, vec![cpu])),
            }
        }
        let granted = quota.map_or(usize::MAX, |quota| quota as usize);
        let cores = cores.into_iter().map(|(_, cpus)| cpus).collect();
        Self { cores, usable: allowed.len().min(granted) }
    }

    /// The layout of `shards` shards with `threads` generator threads for each; without a number, as many as there are
    /// CPUs for, up to [`THREADS_MAX`].
    ///
    /// # Errors
    /// There are too few CPUs.
    pub fn plan(&self, shards: usize, threads: Option<usize>) -> Result<Layout, TooFewCpus> {
        let room = self.usable.saturating_sub(shards) / shards.max(1);
        let threads = threads.unwrap_or_else(|| room.clamp(1, THREADS_MAX));
        if threads > room {
            return Err(TooFewCpus { needed: shards * (1 + threads), usable: self.usable });
        }
        let shard_cpus: Vec<usize> = self.one_of_each_core_first().take(shards).collect();
        let others = self.one_of_each_core_first().filter(|cpu| !shard_cpus.contains(cpu));
        let (mut beside, free): (Vec<_>, Vec<_>) =
            others.partition(|&cpu| self.core_of(cpu).iter().any(|it| shard_cpus.contains(it)));
        let is_apart = free.len() >= shards * threads;
        let mut of_shards = vec![Vec::new(); shards];
        if !is_apart {
            // Every shard gets the generator threads of its own core, so that all shards are slowed alike.
            for (of_shard, &shard) in of_shards.iter_mut().zip(&shard_cpus) {
                let core = self.core_of(shard);
                of_shard.extend(beside.extract_if(.., |cpu| core.contains(cpu)).take(threads));
            }
        }
        let mut rest = free.into_iter().chain(beside);
        for wanted in 1..=threads {
            for of_shard in of_shards.iter_mut().filter(|it| it.len() < wanted) {
                of_shard.extend(rest.next());
            }
        }
        let sharing = self.sharing(shards, is_apart);
        let generator_cpus = of_shards.into_iter().flatten().map(Some).collect();
        Ok(Layout { shard_cpus, generator_cpus, sharing })
    }

    /// A layout that shares the existing CPUs. It shows that everything works, not how fast.
    pub fn oversubscribe(&self, shards: usize, threads: Option<usize>) -> Layout {
        let shard_cpus = self.one_of_each_core_first().cycle().take(shards).collect();
        let sharing = "shards and generator share CPUs: the figures mean nothing".to_owned();
        Layout { shard_cpus, generator_cpus: vec![None; shards * threads.unwrap_or(1)], sharing }
    }

    /// The first CPU of each core, then the second of each.
    fn one_of_each_core_first(&self) -> impl Iterator<Item = usize> + Clone {
        let depth = self.cores.iter().map(Vec::len).max().unwrap_or(0);
        (0..depth).flat_map(|at| self.cores.iter().filter_map(move |core| core.get(at).copied()))
    }

    fn core_of(&self, cpu: usize) -> &[usize] {
        self.cores.iter().find(|core| core.contains(&cpu)).map_or(&[], Vec::as_slice)
    }

    fn sharing(&self, shards: usize, is_apart: bool) -> String {
        let mut parts = Vec::new();
        if shards > self.cores.len() {
            parts.push("two shards share a physical core");
        }
        if !is_apart {
            parts.push("the generator's threads run beside shards on the same physical cores");
        }
        parts.join("; ")
    }
}

impl Layout {
    /// The part of this layout that `shards` of its shards take.
    pub fn first(&self, shards: usize) -> Self {
        let threads = self.generator_cpus.len() / self.shard_cpus.len().max(1);
        Self {
            shard_cpus: self.shard_cpus[..shards].to_vec(),
            generator_cpus: self.generator_cpus[..shards * threads].to_vec(),
            sharing: self.sharing.clone(),
        }
    }

    /// Whether every thread has its own CPU.
    pub fn is_pinned(&self) -> bool {
        self.generator_cpus.iter().all(Option::is_some)
    }
}

/// Generator threads for each shard at most, where their number is not given: a thread costs about what a shard does.
pub const THREADS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn no_siblings(cpu: usize) -> String {
        cpu.to_string()
    }

    /// As on most servers: the second thread of core n is CPU n + `cores`.
    fn far_siblings(cores: usize) -> impl Fn(usize) -> String {
        move |cpu| format!("{},{}\n", cpu % cores, cpu % cores + cores)
    }

    /// As on many virtual machines: 0-1, 2-3 and so on.
    fn near_siblings(cpu: usize) -> String {
        format!("{}-{}\n", cpu & !1, cpu | 1)
    }

    fn of(cpus: usize, siblings: impl Fn(usize) -> String) -> Topology {
        Topology::new(&(0..cpus).collect::<Vec<_>>(), siblings, None)
    }

    fn check(
        topology: &Topology,
        shards: usize,
        threads: Option<usize>,
        shard_cpus: &[usize],
        generator: &[usize],
    ) {
        let layout = topology.plan(shards, threads).expect("there are enough CPUs");
        let found: Vec<_> = layout.generator_cpus.iter().copied().flatten().collect();
        assert_eq!((layout.shard_cpus.as_slice(), found.as_slice()), (shard_cpus, generator), "{topology:?}");
        assert!(layout.is_pinned());
    }

    #[test]
    fn shards_come_first_and_the_generator_takes_the_others() {
        let sixteen = of(16, no_siblings);
        check(&sixteen, 8, None, &[0, 1, 2, 3, 4, 5, 6, 7], &[8, 9, 10, 11, 12, 13, 14, 15]);
        check(&sixteen, 4, None, &[0, 1, 2, 3], &[4, 8, 12, 5, 9, 13, 6, 10, 14, 7, 11, 15]);
        check(&sixteen, 2, Some(1), &[0, 1], &[2, 3]);
        check(&of(2, no_siblings), 1, None, &[0], &[1]);
        check(&Topology::new(&[7, 3, 5, 9], no_siblings, None), 2, None, &[3, 5], &[7, 9]);
        check(&of(4, |_| String::new()), 2, None, &[0, 1], &[2, 3]);
    }

    #[test]
    fn shards_do_not_share_a_core_while_there_are_enough() {
        let all: Vec<usize> = (0..8).collect();
        check(&of(16, far_siblings(8)), 8, None, &all, &[8, 9, 10, 11, 12, 13, 14, 15]);
        check(&of(16, near_siblings), 8, None, &[0, 2, 4, 6, 8, 10, 12, 14], &[1, 3, 5, 7, 9, 11, 13, 15]);
        check(&of(16, near_siblings), 2, Some(2), &[0, 2], &[4, 8, 6, 10]);
        // Five of eight cores have a shard: each shard gets its sibling and one thread elsewhere.
        let generator = [1, 10, 3, 12, 5, 14, 7, 11, 9, 13];
        check(&of(16, near_siblings), 5, None, &[0, 2, 4, 6, 8], &generator);
        // Six shards on four cores: two cores have two of them.
        let layout = of(16, |cpu| format!("{}-{}", cpu & !3, cpu | 3)).plan(6, Some(1)).expect("enough");
        assert_eq!(layout.shard_cpus, [0, 4, 8, 12, 1, 5]);
        assert!(layout.sharing.contains("two shards share"), "{layout:?}");
    }

    #[test]
    fn every_cpu_has_one_task_and_rows_nest() {
        for topology in
            [of(16, no_siblings), of(16, near_siblings), of(16, far_siblings(8)), of(24, near_siblings)]
        {
            for (shards, threads) in [(1, None), (2, None), (3, Some(2)), (5, None), (8, None)] {
                let layout = topology.plan(shards, threads).expect("there are enough CPUs");
                let mut all = layout.shard_cpus.clone();
                all.extend(layout.generator_cpus.iter().flatten());
                let used = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), used, "{layout:?}");
                let one = layout.first(1);
                assert_eq!(one.shard_cpus, layout.shard_cpus[..1]);
                assert_eq!(one.generator_cpus, layout.generator_cpus[..layout.generator_cpus.len() / shards]);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_or_shares() {
        let two = of(2, no_siblings);
        assert_eq!(two.plan(2, None), Err(TooFewCpus { needed: 4, usable: 2 }));
        assert_eq!(two.plan(1, Some(2)), Err(TooFewCpus { needed: 3, usable: 2 }));
        let bounded = Topology::new(&(0..16).collect::<Vec<_>>(), no_siblings, Some(7.5));
        assert_eq!(bounded.plan(4, None), Err(TooFewCpus { needed: 8, usable: 7 }));
        assert!(bounded.plan(3, None).is_ok());
        let layout = two.oversubscribe(4, None);
        assert_eq!((layout.shard_cpus.as_slice(), layout.generator_cpus.len()), (&[0, 1, 0, 1][..], 4));
        assert!(!layout.is_pinned());
    }
}
