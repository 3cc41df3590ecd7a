//! The counters of the task queues of a shard.

use std::sync::{Arc, Mutex, PoisonError};

use super::Counter;
use crate::stats::TaskQueueStats;

/// Counters of one task queue.
#[derive(Debug, Default)]
pub(crate) struct QueueCounters {
    name: String,
    pub(crate) shares: Counter,
    pub(crate) run_nanos: Counter,
    pub(crate) polls: Counter,
    pub(crate) tasks: Counter,
}

/// Those of all queues of a shard. The lock is taken to add a queue and to read them, and never to count.
#[derive(Debug, Default)]
pub(crate) struct AllQueueCounters(Mutex<Vec<Arc<QueueCounters>>>);

impl AllQueueCounters {
    pub(crate) fn add(&self, name: &str, shares: u16) -> Arc<QueueCounters> {
        let counters = Arc::new(QueueCounters { name: name.to_owned(), ..QueueCounters::default() });
        counters.shares.set(shares.into());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    pub(crate) fn read(&self) -> Vec<TaskQueueStats> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|counters| counters.read()).collect()
    }
}

impl QueueCounters {
    fn read(&self) -> TaskQueueStats {
        TaskQueueStats {
            name: self.name.clone(),
            shares: self.shares.read() as u16,
            run_nanos: self.run_nanos.read(),
            polls: self.polls.read(),
            tasks: self.tasks.read(),
        }
    }
}
