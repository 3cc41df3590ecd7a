use std::{fmt, future::Future, marker::PhantomData, rc::Rc};

use crate::{
    Connection,
    reactor::{
        self, Reactor, Start, current,
        queues::{QUEUES_MAX, QueueId, SHARES_MAX},
    },
};

/// A task queue of one shard: its tasks run after the other work of each turn, and share the time that is left with the
/// tasks of other queues. While several queues have something to run, each gets CPU time in proportion to its shares.
///
/// A task runs until it awaits something, so a task that computes should call [`yield_now`](super::yield_now) every few
/// hundred microseconds. In each turn of the shard, queues run for 250 us to 1 ms, and a task that is running then is
/// awaited. So they delay everything else by that time and one piece of work. Tasks without a queue run before them.
///
/// This is a handle, made by [`queue`]: the queue itself remains until its server has ended. It is not `Send`, since each
/// shard has its own queues.
///
/// # Examples
/// ```
/// use shardcast::{Server, task::{self, Queue, QueueError}};
///
/// let server = Server::builder().shards(1).start()?;
/// let (done, is_done) = std::sync::mpsc::channel();
/// server.handle().run_on(0, move || {
///     let reports: Queue = task::queue("reports", 100).expect("there are few queues");
///     assert_eq!((reports.name(), reports.shares()), ("reports", 100));
///     assert!(Queue::current().is_none());
///     task::spawn_in(&reports, "report", async move {
///         let queue = Queue::current().expect("it runs in a queue");
///         assert_eq!(queue.set_shares(0), Err(QueueError::Shares(0)));
///         queue.set_shares(200).expect("1 to 1,000");
///         let _ = done.send(queue.name().to_owned());
///     });
/// })?;
/// assert_eq!(is_done.recv()?, "reports");
/// let shards = server.handle().stats();
/// assert_eq!((&*shards[0].task_queues[0].name, shards[0].task_queues[0].shares), ("reports", 200));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Queue {
    id: QueueId,
    name: Rc<str>,
    shard: PhantomData<Rc<()>>,
}

/// A task queue was not made, or not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The shard has as many task queues as it may have. They remain, so use one of them.
    #[error("the shard has {QUEUES_MAX} task queues already")]
    TooMany,
    /// The shares are out of range.
    #[error("a task queue has 1 to {SHARES_MAX} shares, not {0}")]
    Shares(u16),
}

/// The task queue of the current shard that has this name. If there is none yet, it is made, with 1 to 1,000 `shares`;
/// otherwise it keeps those that it has. A shard has at most 64. The factory of a service may call this, too.
///
/// # Errors
/// There are too many, or the shares are out of range.
///
/// # Panics
/// On a thread that is not a shard.
///
/// # Examples
/// See [`Queue`].
pub fn queue(name: &str, shares: u16) -> Result<Queue, QueueError> {
    let shares = checked(shares)?;
    with_shard(|reactor| {
        let id = reactor.tasks.queues.named(reactor, name, shares).ok_or(QueueError::TooMany)?;
        Ok(Queue::new(reactor, id))
    })
}

/// As [`spawn`](super::spawn), in a task queue: the future is not polled at once, but when the queue runs. The factory of a
/// service may call this, too: the task begins when the shard runs.
///
/// # Panics
/// On a thread that is not a shard.
///
/// # Examples
/// See [`Queue`].
pub fn spawn_in(queue: &Queue, name: &str, future: impl Future<Output = ()> + 'static) {
    let start = Start { name, owner: None, closes: None };
    with_shard(|reactor| reactor::spawn_in(reactor, queue.id, start, future));
}

/// As [`spawn_for`](super::spawn_for), in a task queue: the future is not polled at once, but when the queue runs. When
/// the connection ends, the task is dropped in its next turn, whatever its queue.
///
/// # Panics
/// On a thread that is not a shard.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::{Connection, task::{self, Queue}};
///
/// /// Sends the news of the day, when there is time for that.
/// fn send_news(connection: &Connection, in_spare_time: &Queue, news: Vec<&'static str>) {
///     let peer = connection.clone();
///     task::spawn_in_for(in_spare_time, connection, "news", async move {
///         for line in news {
///             let _ = peer.push(line);
///             task::sleep(Duration::from_secs(1)).await;
///         }
///     });
/// }
/// ```
pub fn spawn_in_for(
    queue: &Queue,
    connection: &Connection,
    name: &str,
    future: impl Future<Output = ()> + 'static,
) {
    with_shard(|reactor| {
        if connection.is_open() {
            reactor::spawn_in(reactor, queue.id, Start::of(connection, name), future);
        }
    });
}

impl Queue {
    fn new(reactor: &Reactor, id: QueueId) -> Self {
        Self { id, name: reactor.tasks.queues.name(id), shard: PhantomData }
    }

    /// The queue of the task that runs now, if that is in a queue.
    pub fn current() -> Option<Self> {
        current::with(|reactor| reactor.tasks.queues.current().map(|id| Self::new(reactor, id))).flatten()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shares now.
    ///
    /// # Panics
    /// When its shard has ended.
    pub fn shares(&self) -> u16 {
        with_shard(|reactor| reactor.tasks.queues.shares(self.id))
    }

    /// Changes its shares, from the next task on that runs.
    ///
    /// # Errors
    /// They are out of range.
    ///
    /// # Panics
    /// When its shard has ended.
    pub fn set_shares(&self, shares: u16) -> Result<(), QueueError> {
        let shares = checked(shares)?;
        with_shard(|reactor| reactor.tasks.queues.set_shares(self.id, shares));
        Ok(())
    }

    pub(crate) const fn id(&self) -> QueueId {
        self.id
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.name).finish()
    }
}

fn checked(shares: u16) -> Result<u16, QueueError> {
    if (1..=SHARES_MAX).contains(&shares) { Ok(shares) } else { Err(QueueError::Shares(shares)) }
}

fn with_shard<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> R {
    current::with_starting(f).expect("task queues live on shards")
}
