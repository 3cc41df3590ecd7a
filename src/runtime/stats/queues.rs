/// Counters of one task queue of a shard: see [`task::queue`](crate::task::queue).
///
/// # Examples
/// ```
/// use shardcast::{ServerHandle, stats::TaskQueueStats};
///
/// fn tasks_in_queues(handle: &ServerHandle) -> u64 {
///     let shards = handle.stats();
///     shards.iter().flat_map(|shard| &shard.task_queues).map(|queue: &TaskQueueStats| queue.tasks).sum()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TaskQueueStats {
    /// Its name.
    pub name: String,
    /// Its shares now.
    pub shares: u16,
    /// How long its tasks ran, in nanoseconds. Turns of the shard that did nothing else are part of it.
    pub run_nanos: u64,
    /// Times that a task of it ran.
    pub polls: u64,
    /// Its tasks alive now. Those that wait for their end, because their connection has ended, do not count.
    pub tasks: u64,
}
