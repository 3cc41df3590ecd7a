//! The host that is examined, and the needs of the server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shardcast::{CpuChoice, MemoryMax, ServerConfig, ShardCount};
use shardcast_os::{
    cpu,
    ring::{Feature, Features, Ring, RingConfig, RingError},
};

use crate::config::Config;

/// A system: this one, or a tree of files that looks like one.
#[derive(Debug)]
pub(crate) struct Host {
    root: PathBuf,
    /// The result of creating a ring: the features that it lacks.
    pub(super) ring: Result<Features, RingError>,
}

impl Host {
    /// This system.
    pub(crate) fn real() -> Self {
        let small = RingConfig { slots: 8, ..RingConfig::default().probe() };
        let ring = Ring::new(&small).map(|ring| Features::ALL.minus(ring.features()));
        Self { root: PathBuf::from("/"), ring }
    }

    #[cfg(test)]
    pub(super) fn fake(root: &Path, ring: Result<Features, RingError>) -> Self {
        Self { root: root.to_owned(), ring }
    }

    /// Where a path of the system is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The content of a file, trimmed; nothing if it cannot be read, or is not text.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok().map(|text| text.trim().to_owned())
    }

    /// The number in a file.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    /// Names of the entries of a folder, sorted.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.flatten().filter_map(|it| it.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// The needs of a server.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    pub(crate) connections_max: u64,
    /// Ports that it listens on.
    pub(crate) ports: Vec<u16>,
    /// How many shards it runs.
    pub(crate) shards: usize,
    /// CPUs that they are pinned to.
    pub(crate) cpus: Vec<usize>,
    /// How many listeners each has.
    pub(crate) listeners: usize,
    /// The ring of each.
    pub(crate) ring: RingConfig,
    /// The bound of its memory.
    pub(crate) memory_max: MemoryMax,
}

impl Needs {
    /// The needs of `serve` with this configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let admin = config.admin.listen.0.map(|address| address.port());
        let ports = config.listener.iter().map(|it| it.listen.0.port()).chain(admin);
        Self {
            ports: ports.filter(|port| *port != 0).collect(),
            listeners: config.listener.len(),
            ..Self::of_layout(&config.server_config())
        }
    }

    /// The needs of a server of the library.
    pub(crate) fn of_layout(config: &ServerConfig) -> Self {
        let count = match config.shards {
            ShardCount::Auto => cpu::Count::Auto,
            ShardCount::Exactly(shards) => cpu::Count::Exactly(shards.into()),
        };
        let choice = match &config.cpus {
            CpuChoice::Auto => cpu::Choice::Auto,
            CpuChoice::List(cpus) => cpu::Choice::List(cpus.clone()),
            CpuChoice::Unpinned => cpu::Choice::Unpinned,
        };
        // `serve` reports a layout that is not possible here.
        let plan = cpu::plan(count, &choice).unwrap_or_default();
        Self {
            connections_max: config.limits.connections_max as u64,
            ports: Vec::new(),
            shards: plan.cpus.len().max(1),
            cpus: plan.cpus.into_iter().flatten().collect(),
            listeners: 1,
            ring: RingConfig {
                buffers: config.receive_buffers,
                buffer_bytes: config.receive_buffer_bytes,
                // `serve` reports an unknown feature.
                disable: config
                    .io_uring_disable
                    .iter()
                    .filter_map(|name| name.parse::<Feature>().ok())
                    .collect(),
                ..RingConfig::default()
            },
            memory_max: config.limits.memory_max,
        }
    }
}
