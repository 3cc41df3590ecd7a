//! Which shard runs on which CPU, and the warnings for the operator about it.

use super::{Machine, list::format_list};

/// The requested number of shards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Count {
    /// One per physical core that may be used; with a list, one per CPU of the list.
    #[default]
    Auto,
    /// Exactly this many.
    Exactly(usize),
}

/// The CPUs that shards may be pinned to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Choice {
    /// All allowed CPUs, one per physical core first.
    #[default]
    Auto,
    /// These, in this order; round robin when there are more shards.
    List(Vec<usize>),
    /// None: the system schedules the shards.
    Unpinned,
}

/// The placement of the shards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The CPU that each shard is pinned to, or `None` to leave it to the system.
    pub cpus: Vec<Option<usize>>,
    /// Some shard has no CPU of its own: polling before it sleeps (spinning) would take time from other
    /// shards, and should be off.
    pub shared: bool,
    /// The disadvantages of this placement, in sentences for the log.
    pub warnings: Vec<String>,
}

/// The requested placement is impossible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A shard cannot be pinned to this CPU.
    #[error(
        "CPU {cpu} is not one that this process may use; those are {} (affinity mask and cgroup)",
        format_list(allowed)
    )]
    NotAllowed {
        /// The first such CPU of the list.
        cpu: usize,
        /// The CPUs that may be used.
        allowed: Vec<usize>,
    },
    /// The list has no CPU.
    #[error("the list of CPUs is empty")]
    NoCpus,
    /// Zero shards.
    #[error("at least one shard is needed")]
    NoShards,
}

/// Places shards on this machine; see [`Machine::plan`].
///
/// # Errors
///
/// As there.
pub fn plan(count: Count, choice: &Choice) -> Result<Plan, PlanError> {
    Machine::read().plan(count, choice)
}

impl Machine {
    /// Places shards: each on a CPU of its own while there are enough. With more shards, the system schedules
    /// them, or they share the CPUs of a list in turn, with a warning.
    ///
    /// # Errors
    ///
    /// The list is empty or names a CPU that is not allowed, or the number of shards is zero.
    pub fn plan(&self, count: Count, choice: &Choice) -> Result<Plan, PlanError> {
        let cpus = self.chosen(choice)?;
        let shards = match (count, choice) {
            (Count::Exactly(0), _) => return Err(PlanError::NoShards),
            (Count::Exactly(shards), _) => shards,
            (Count::Auto, Choice::List(_)) => cpus.len(),
            (Count::Auto, _) => self.cores,
        };
        let place = |shard: usize| match choice {
            Choice::List(_) => Some(cpus[shard % cpus.len()]),
            Choice::Auto if shards <= cpus.len() => Some(cpus[shard]),
            Choice::Auto | Choice::Unpinned => None,
        };
        let too_little_time = self.quota.is_some_and(|quota| quota < shards as f64);
        Ok(Plan {
            cpus: (0..shards).map(place).collect(),
            shared: shards > cpus.len() || self.allowed.len() <= 1 || too_little_time,
            warnings: self.warnings(shards, &cpus, choice),
        })
    }

    /// The CPUs that shards may run on, each once.
    fn chosen(&self, choice: &Choice) -> Result<Vec<usize>, PlanError> {
        let Choice::List(list) = choice else { return Ok(self.allowed.clone()) };
        if list.is_empty() {
            return Err(PlanError::NoCpus);
        }
        if let Some(&cpu) = list.iter().find(|cpu| !self.allowed.contains(cpu)) {
            return Err(PlanError::NotAllowed { cpu, allowed: self.allowed.clone() });
        }
        let mut cpus = Vec::with_capacity(list.len());
        for &cpu in list {
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
        Ok(cpus)
    }

    fn warnings(&self, shards: usize, cpus: &[usize], choice: &Choice) -> Vec<String> {
        let mut warnings = Vec::new();
        let list = format_list(cpus);
        if shards > cpus.len() {
            let how = if matches!(choice, Choice::List(_)) { "pinned in turn" } else { "not pinned" };
            warnings.push(format!(
                "{shards} shards share {} CPUs ({list}) and are {how}: a shard waits whole time slices (milliseconds) \
                 for another, and does not spin before it sleeps",
                cpus.len()
            ));
        } else if *choice == Choice::Auto && shards > self.cores {
            warnings.push(format!(
                "{shards} shards on {} physical cores: the two threads of a core share its caches and units, so \
                 that expect well below twice the work of one",
                self.cores
            ));
        }
        if let Some(quota) = self.quota
            && quota < shards as f64
        {
            warnings.push(format!(
                "the cgroup grants {quota} CPUs of time to {shards} shards: when it is used up, all of them stop \
                 until the next period (often 100 ms); run at most {} or raise the quota",
                (quota as usize).max(1)
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four cores with two threads each, and no quota.
    fn machine() -> Machine {
        Machine { allowed: (0..8).collect(), cores: 4, quota: None }
    }

    fn check(
        machine: &Machine,
        count: Count,
        choice: Choice,
        cpus: &[Option<usize>],
        warnings: &[&str],
    ) -> Plan {
        let plan = machine.plan(count, &choice).expect("it is possible");
        assert_eq!(plan.cpus, cpus);
        assert_eq!(plan.warnings.len(), warnings.len(), "{:?}", plan.warnings);
        for (warning, part) in plan.warnings.iter().zip(warnings) {
            assert!(warning.contains(part), "{part} in {warning}");
        }
        plan
    }

    #[test]
    fn shards_get_a_physical_core_each() {
        let plan = check(&machine(), Count::Auto, Choice::Auto, &[Some(0), Some(1), Some(2), Some(3)], &[]);
        assert!(!plan.shared);
        check(&machine(), Count::Exactly(2), Choice::Auto, &[Some(0), Some(1)], &[]);
        check(&machine(), Count::Auto, Choice::Unpinned, &[None; 4], &[]);
        check(&machine(), Count::Auto, Choice::List(vec![6, 2]), &[Some(6), Some(2)], &[]);
        check(&machine(), Count::Exactly(1), Choice::List(vec![6, 2]), &[Some(6)], &[]);
    }

    #[test]
    fn more_shards_than_cores_work_with_a_warning() {
        let five = [0, 1, 2, 3, 4].map(Some);
        assert!(!check(&machine(), Count::Exactly(5), Choice::Auto, &five, &["4 physical cores"]).shared);
        assert!(
            check(&machine(), Count::Exactly(9), Choice::Auto, &[None; 9], &["share 8 CPUs (0-7)"]).shared
        );
        let in_turn = [6, 2, 6].map(Some);
        let list = Choice::List(vec![6, 2, 6]);
        assert!(
            check(&machine(), Count::Exactly(3), list.clone(), &in_turn, &["(2,6) and are pinned in turn"])
                .shared
        );
        check(&machine(), Count::Auto, list, &in_turn[..2], &[]);
        check(&machine(), Count::Exactly(9), Choice::Unpinned, &[None; 9], &["not pinned"]);
    }

    #[test]
    fn one_cpu_is_enough_for_one_shard() {
        let machine = Machine { allowed: vec![3], cores: 1, quota: None };
        assert!(check(&machine, Count::Auto, Choice::Auto, &[Some(3)], &[]).shared);
        check(&machine, Count::Exactly(2), Choice::Auto, &[None; 2], &["share 1 CPUs (3)"]);
    }

    #[test]
    fn a_quota_below_the_shards_is_warned_about() {
        let machine = Machine { quota: Some(1.5), ..machine() };
        assert!(!check(&machine, Count::Exactly(1), Choice::Auto, &[Some(0)], &[]).shared);
        let plan =
            check(&machine, Count::Exactly(2), Choice::Auto, &[Some(0), Some(1)], &["grants 1.5 CPUs"]);
        assert!(plan.shared);
        assert!(plan.warnings[0].contains("run at most 1 "), "{:?}", plan.warnings);
    }

    #[test]
    fn what_is_not_possible_is_named() {
        let error = machine().plan(Count::Auto, &Choice::List(vec![0, 9, 10])).expect_err("9 is not there");
        assert_eq!(error, PlanError::NotAllowed { cpu: 9, allowed: (0..8).collect() });
        assert_eq!(
            error.to_string(),
            "CPU 9 is not one that this process may use; those are 0-7 (affinity mask and cgroup)"
        );
        assert_eq!(machine().plan(Count::Auto, &Choice::List(vec![])), Err(PlanError::NoCpus));
        assert_eq!(machine().plan(Count::Exactly(0), &Choice::Auto), Err(PlanError::NoShards));
    }

    #[test]
    fn this_machine_can_be_planned_for() {
        let plan = plan(Count::Auto, &Choice::Auto).expect("there is a CPU");
        assert!(!plan.cpus.is_empty());
    }
}
