//! Task queues, among the metrics.

use shardcast::stats::{ShardStats, TaskQueueStats};

use super::metrics::{Number, Page};

pub(super) fn render(shards: &[ShardStats], page: &mut Page) {
    for (name, kind, help, value) in NUMBERS {
        page.family(name, kind, help);
        for_each(shards, |labels, queue| page.sample(name, labels, value(queue)));
    }
    page.family(RUN, "counter", "Time that tasks of the queue ran.");
    for_each(shards, |labels, queue| page.sample(RUN, labels, queue.run_nanos as f64 / 1e9));
}

fn for_each(shards: &[ShardStats], mut then: impl FnMut(&[(&str, &str)], &TaskQueueStats)) {
    for shard in shards {
        let number = shard.shard.to_string();
        shard.task_queues.iter().for_each(|queue| then(&[("shard", &number), ("queue", &queue.name)], queue));
    }
}

const RUN: &str = "shardcast_task_queue_run_seconds_total";

const NUMBERS: [Number<TaskQueueStats>; 3] = [
    ("shardcast_task_queue_shares", "gauge", "Shares of the task queue.", |q| q.shares.into()),
    ("shardcast_task_queue_tasks", "gauge", "Tasks of the queue alive now.", |q| q.tasks),
    ("shardcast_task_queue_polls_total", "counter", "Times that a task of the queue ran.", |q| q.polls),
];
