//! Tasks and time on a shard.
//!
//! A task may await anything that wakes it, from any thread: channels, responses to clients, other tasks. It cannot
//! await futures that need their own runtime on this thread, such as sockets and timers of other executors.

mod queue;

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

pub use queue::{Queue, QueueError, queue, spawn_in, spawn_in_for};

use shardcast_proto::Time;

use crate::{
    Connection,
    reactor::{self, Reactor, Start, TimerKey, current},
};

/// Starts a task on the current shard, and polls it at once. It ends when the server stops. `name` is the kind of task;
/// stalls are reported with it. A task that a task of a [`Queue`] starts is in the same queue.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::{Server, task};
///
/// let server = Server::builder().shards(1).start()?;
/// let (done, is_done) = std::sync::mpsc::channel();
/// server.handle().run_on(0, move || {
///     task::spawn("waits", async move {
///         task::sleep(Duration::from_millis(5)).await;
///         task::yield_now().await;
///         let _ = done.send(());
///     });
/// })?;
/// is_done.recv()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// On a thread that is not a shard.
pub fn spawn(name: &str, future: impl Future<Output = ()> + 'static) {
    let start = Start { name, owner: None, closes: None };
    current::with(|reactor| reactor::spawn(reactor, start, future)).expect("tasks live on shards");
}

/// As [`spawn`], for a connection of this shard: when the connection ends, the task is dropped in its next turn, and a
/// panic in the task closes the connection. Does nothing if the connection has ended.
///
/// # Panics
/// On a thread that is not a shard.
pub fn spawn_for(connection: &Connection, name: &str, future: impl Future<Output = ()> + 'static) {
    let spawn = |reactor: &Rc<Reactor>| {
        if connection.is_open() {
            reactor::spawn(reactor, Start::of(connection, name), future);
        }
    };
    current::with(spawn).expect("tasks live on shards");
}

/// Waits for `duration`, from its first poll. It takes at most a millisecond longer, unless the shard is stalled.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { duration, deadline: None, timer: None, shard: PhantomData }
}

/// Gives way to everything else on this shard until the next turn, or, in a [`Queue`], until it is the queue's turn again.
pub async fn yield_now() {
    futures_lite::future::yield_now().await;
}

/// The future of [`sleep`]. It holds one timer of its shard from its first poll until it ends or is dropped, and can be
/// polled any number of times; it allocates nothing.
///
/// It is not `Send`: its timer belongs to the shard that polls it first.
///
/// # Panics
/// When polled on a thread that is not a shard.
///
/// # Cancel safety
/// Dropping it cancels the timer; nothing remains.
///
/// # Examples
/// ```
/// use std::{sync::mpsc, time::Duration};
///
/// use shardcast::{Server, task::{self, Sleep}};
///
/// /// The output of `future`, if it comes in time.
/// async fn within<T>(limit: Sleep, future: impl Future<Output = T>) -> Option<T> {
///     let in_time = async { Some(future.await) };
///     let too_late = async {
///         limit.await;
///         None
///     };
///     futures_lite::future::or(in_time, too_late).await
/// }
///
/// let server = Server::builder().shards(1).start()?;
/// let (outcome, received) = mpsc::channel();
/// server.handle().run_on(0, move || {
///     task::spawn("waits", async move {
///         let endless = std::future::pending::<()>();
///         let _ = outcome.send(within(task::sleep(Duration::from_millis(1)), endless).await);
///     });
/// })?;
/// assert_eq!(received.recv()?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Sleep {
    duration: Duration,
    deadline: Option<Time>,
    timer: Option<TimerKey>,
    shard: PhantomData<Rc<()>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        current::with(|reactor| {
            let duration = self.duration;
            let deadline = *self.deadline.get_or_insert_with(|| reactor.now() + duration);
            if deadline <= reactor.now() {
                return Poll::Ready(());
            }
            self.timer = Some(reactor.wake_at(deadline, cx.waker(), self.timer));
            Poll::Pending
        })
        .expect("tasks live on shards")
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Without a shard there are no timers any more.
        if let Some(timer) = self.timer {
            current::with(|reactor| reactor.cancel_wake(timer));
        }
    }
}
