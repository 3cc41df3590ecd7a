//! Tasks and time on a shard.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use crate::{
    Connection,
    shard::{current, tasks},
};

/// Starts a task on the current shard. It is ended when the server stops. Name the kind of task: it is what
/// a stall is reported under.
///
/// # Panics
/// On a thread that is no shard.
pub fn spawn(name: &str, future: impl Future<Output = ()> + 'static) {
    current::with(|shard| tasks::spawn(shard, name, None, future)).expect("tasks live on shards");
}

/// As [`spawn`], on behalf of `connection`, which a panic in the task closes.
///
/// # Panics
/// On a thread that is no shard.
pub fn spawn_for(connection: &Connection, name: &str, future: impl Future<Output = ()> + 'static) {
    let connection = Some(connection.clone());
    current::with(|shard| tasks::spawn(shard, name, connection, future)).expect("tasks live on shards");
}

/// Waits for `duration`, a millisecond longer at most while the shard is not stalled.
///
/// # Panics
/// When polled on a thread that is no shard.
pub async fn sleep(duration: Duration) {
    let mut deadline = None;
    poll_fn(|cx| {
        current::with(|shard| {
            let at = *deadline.get_or_insert_with(|| shard.now() + duration);
            if at <= shard.now() {
                return Poll::Ready(());
            }
            shard.wake_at(at, cx.waker().clone());
            Poll::Pending
        })
        .expect("tasks live on shards")
    })
    .await;
}

/// Lets everything else on this shard have its turn.
pub async fn yield_now() {
    futures_lite::future::yield_now().await;
}
