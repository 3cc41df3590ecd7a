use shardcast::{
    ServerHandle,
    stats::{ListenerStats, ShardStats},
};

/// The counters of all shards of a server, added up.
pub(crate) struct Totals(Vec<ShardStats>);

impl Totals {
    pub(crate) fn of(server: &ServerHandle) -> Self {
        Self(server.stats())
    }

    pub(crate) fn shards(&self, count: impl Fn(&ShardStats) -> u64) -> u64 {
        self.0.iter().map(count).sum()
    }

    pub(crate) fn listeners(&self, count: impl Fn(&ListenerStats) -> u64) -> u64 {
        self.0.iter().flat_map(|shard| &shard.listeners).map(count).sum()
    }

    pub(crate) fn connections(&self) -> u64 {
        self.listeners(|listener| listener.connections)
    }

    pub(crate) fn closed(&self, code: &str) -> u64 {
        self.listeners(|listener| coded(&listener.closed, code))
    }

    pub(crate) fn rejected(&self, code: &str) -> u64 {
        self.listeners(|listener| coded(&listener.rejected, code))
    }

    pub(crate) fn decode_errors(&self, code: &str) -> u64 {
        self.listeners(|listener| coded(&listener.decode_errors, code))
    }

    /// Pushes dropped by a policy, before or after they reached their shard.
    pub(crate) fn dropped(&self, code: &str) -> u64 {
        self.listeners(|listener| coded(&listener.push_dropped, code))
            + self.shards(|shard| coded(&shard.push_refused, code))
    }

    /// Pushes dropped for any reason.
    pub(crate) fn dropped_at_all(&self) -> u64 {
        let sum = |counts: &[(&str, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
        self.listeners(|listener| sum(&listener.push_dropped)) + self.shards(|shard| sum(&shard.push_refused))
    }
}

#[track_caller]
fn coded(counts: &[(&'static str, u64)], code: &str) -> u64 {
    counts.iter().find(|(name, _)| *name == code).expect("a documented code").1
}
