//! What cgroups (version 1 and 2) say about CPUs and memory. Each file is parsed by a function of its text.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::list::parse_list;

/// The folders of this process's cgroups, from its own up to the highest that is visible.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Groups {
    /// The root of the system; empty for the real one.
    root: PathBuf,
    cpu: Vec<PathBuf>,
    cpuset: Vec<PathBuf>,
    memory: Vec<PathBuf>,
    unified: Vec<PathBuf>,
}

impl Groups {
    pub(crate) fn read() -> Self {
        Self::read_under(Path::new("/"))
    }

    /// Like [`read`](Self::read), for the system whose root is `root`.
    pub(crate) fn read_under(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let found = Self::find(&text("proc/self/cgroup"), &text("proc/self/mountinfo"));
        Self { root: root.to_owned(), ..found }
    }

    /// Whether anything that could grant or limit time was found.
    pub(super) const fn is_found(&self) -> bool {
        !self.cpu.is_empty() || !self.unified.is_empty()
    }

    fn find(own: &str, mounts: &str) -> Self {
        let folders = |wanted| {
            let path = own.lines().find_map(|line| group_path(line, wanted));
            let mount = mounts.lines().find_map(|line| mount_of(line, wanted));
            path.zip(mount).map_or_else(Vec::new, |(path, (root, point))| folders(path, root, point))
        };
        Self {
            cpu: folders(Hierarchy::Controller("cpu")),
            cpuset: folders(Hierarchy::Controller("cpuset")),
            memory: folders(Hierarchy::Controller("memory")),
            unified: folders(Hierarchy::Unified),
            root: PathBuf::new(),
        }
    }

    /// The smallest quota of all groups that contain this process, because each of them applies.
    pub(super) fn quota(&self) -> Option<f64> {
        let unified = self.unified.iter().filter_map(|folder| cpu_max(&self.read_file(folder, "cpu.max")?));
        let first = self.cpu.iter().filter_map(|folder| {
            cfs_quota(
                &self.read_file(folder, "cpu.cfs_quota_us")?,
                &self.read_file(folder, "cpu.cfs_period_us")?,
            )
        });
        unified.chain(first).min_by(f64::total_cmp)
    }

    /// The CPUs of the innermost group that names any.
    pub(super) fn cpuset(&self) -> Option<Vec<usize>> {
        let unified =
            self.unified.iter().filter_map(|folder| self.read_file(folder, "cpuset.cpus.effective"));
        let first = self.cpuset.iter().filter_map(|folder| {
            self.read_file(folder, "cpuset.effective_cpus").or_else(|| self.read_file(folder, "cpuset.cpus"))
        });
        unified.chain(first).find_map(|text| parse_list(&text).ok().filter(|cpus| !cpus.is_empty()))
    }

    /// The smallest memory limit, in bytes, of all groups that contain this process.
    pub(crate) fn memory_max(&self) -> Option<u64> {
        let unified = self.unified.iter().filter_map(|folder| self.read_file(folder, "memory.max"));
        let first = self.memory.iter().filter_map(|folder| self.read_file(folder, "memory.limit_in_bytes"));
        unified.chain(first).filter_map(|text| memory_limit(&text)).min()
    }

    fn read_file(&self, folder: &Path, file: &str) -> Option<String> {
        let below = folder.strip_prefix("/").unwrap_or(folder);
        fs::read_to_string(self.root.join(below).join(file)).ok()
    }
}

/// Which hierarchy of groups.
#[derive(Clone, Copy)]
enum Hierarchy {
    /// Version 1: the hierarchy with this controller.
    Controller(&'static str),
    /// Version 2.
    Unified,
}

/// The group of a line of `/proc/self/cgroup` (`4:cpu,cpuacct:/a/b`, `0::/a/b`), if the line is of that
/// hierarchy.
fn group_path(line: &str, wanted: Hierarchy) -> Option<&str> {
    let mut parts = line.splitn(3, ':');
    let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let found = match wanted {
        Hierarchy::Controller(name) => controllers.split(',').any(|controller| controller == name),
        Hierarchy::Unified => id == "0" && controllers.is_empty(),
    };
    found.then_some(path)
}

/// Root and mount point of a line of `/proc/self/mountinfo`, if it mounts that hierarchy.
fn mount_of(line: &str, wanted: Hierarchy) -> Option<(&str, &str)> {
    let (mount, system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, point) = (mount.next()?, mount.next()?);
    let mut system = system.split(' ');
    let (kind, options) = (system.next()?, system.nth(1)?);
    let found = match wanted {
        Hierarchy::Controller(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
        Hierarchy::Unified => kind == "cgroup2",
    };
    found.then_some((root, point))
}

/// `path` below the mount point, and the folders above it. In a container, `path` may be a path of the host
/// that is not below `root`; then the mount point is our own group.
fn folders(path: &str, root: &str, point: &str) -> Vec<PathBuf> {
    let point = Path::new(point);
    let below = Path::new(path).strip_prefix(root).unwrap_or_else(|_| Path::new(""));
    let plain = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let own = if plain { point.join(below) } else { point.to_owned() };
    own.ancestors().take_while(|folder| folder.starts_with(point)).map(Path::to_owned).collect()
}

/// CPUs of a `cpu.max` (version 2): `max 100000`, or microseconds per period as in `150000 100000`.
fn cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ').unwrap_or_else(|| (text.trim(), "100000"));
    cfs_quota(quota, period)
}

/// CPUs of a quota and its period in microseconds; `None` when there is no limit (-1, `max`) or the numbers
/// are invalid.
fn cfs_quota(quota: &str, period: &str) -> Option<f64> {
    let (quota, period) = (quota.trim().parse::<u64>().ok()?, period.trim().parse::<u64>().ok()?);
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// Bytes of a `memory.max` (version 2) or `memory.limit_in_bytes`; `None` when there is no limit, which version 1
/// writes as the largest multiple of a page, or when the text is invalid.
fn memory_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < u64::MAX >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Vec<PathBuf> {
        texts.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn version_2_is_found_with_the_groups_above() {
        let groups = Groups::find(
            "0::/user.slice/app.service\n",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
        );
        let expected =
            ["/sys/fs/cgroup/user.slice/app.service", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"];
        assert_eq!(groups, Groups { unified: paths(&expected), ..Groups::default() });
    }

    #[test]
    fn version_1_is_found_by_controller() {
        let groups = Groups::find(
            "9:name=systemd:/\n4:cpu,cpuacct:/a\n3:cpuset:/\n0::/x\n",
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n",
        );
        assert_eq!(
            groups,
            Groups {
                cpu: paths(&["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"]),
                cpuset: paths(&["/sys/fs/cgroup/cpuset"]),
                ..Groups::default()
            }
        );
    }

    #[test]
    fn a_path_of_the_host_is_not_followed_inside_a_container() {
        let point = "/sys/fs/cgroup";
        assert_eq!(folders("/docker/abc", "/docker/abc", point), paths(&[point]));
        assert_eq!(folders("/docker/abc", "/other", point), paths(&[point]));
        assert_eq!(folders("/../../init", "/", point), paths(&[point]));
        assert_eq!(folders("/docker/abc/d", "/docker/abc", point), paths(&["/sys/fs/cgroup/d", point]));
    }

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        for own in ["", ":", "::", "x", "0:/a", "1:cpus:/", "1::/a"] {
            for mounts in ["", " - ", "1 2 3", "1 2 3 4 - cgroup2", "1 2 3 / /a - cgroup2 x"] {
                assert_eq!(Groups::find(own, mounts), Groups::default(), "{own:?} {mounts:?}");
            }
        }
    }

    #[test]
    fn memory_limits_are_read_in_both_versions() {
        for (text, limit) in
            [("max\n", None), ("536870912\n", Some(512 << 20)), ("9223372036854771712\n", None), ("", None)]
        {
            assert_eq!(memory_limit(text), limit, "{text:?}");
        }
    }

    #[test]
    fn quotas_are_read_in_cpus() {
        for (text, quota) in [
            ("max 100000\n", None),
            ("150000 100000\n", Some(1.5)),
            ("50000", Some(0.5)),
            ("0 100000", None),
            ("1 0", None),
            ("", None),
            ("a b c", None),
            ("-1 100000", None),
        ] {
            assert_eq!(cpu_max(text), quota, "{text:?}");
        }
        assert_eq!(cfs_quota("-1\n", "100000\n"), None);
        assert_eq!(cfs_quota("400000\n", "100000\n"), Some(4.0));
    }
}
