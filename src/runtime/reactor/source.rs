//! Poll sources: queues in memory that a shard checks in every turn, because no socket, timer or task announces them.
//!
//! The producer of such a queue writes to it without a system call. A [`Source`] is polled once in every turn of its
//! shard. Before the shard sleeps, it asks each source [how long it may sleep](Source::wait): until a producer rings
//! the [`Doorbell`], for a given time, or not at all.
//!
//! Do not wait for descriptors or for the results of long computations in a source: those belong in
//! [tasks](crate::task) and threads.
//!
//! # Examples
//! A queue that threads fill, drained on shard 0:
//! ```
//! use std::sync::mpsc;
//!
//! use shardcast::{Server, source::{self, Progress, Source, SourceHandle, Wait}, task};
//!
//! struct Numbers(mpsc::Receiver<u64>, mpsc::Sender<u64>);
//!
//! impl Source for Numbers {
//!     fn poll(&mut self) -> Progress {
//!         // One in a turn: what a poll does is bounded.
//!         let Ok(number) = self.0.try_recv() else { return Progress::Idle };
//!         let _ = self.1.send(number * 2);
//!         Progress::Worked
//!     }
//!
//!     fn wait(&mut self) -> Wait {
//!         // This queue can be checked only by taking from it.
//!         if self.poll() == Progress::Worked { Wait::Busy } else { Wait::Doorbell }
//!     }
//! }
//!
//! let server = Server::builder().shards(1).start()?;
//! let handle = server.handle();
//! let (numbers, queue) = mpsc::channel();
//! let (results, doubled) = mpsc::channel();
//! handle.run_on(0, || {
//!     let source: SourceHandle = source::add("numbers", Numbers(queue, results));
//!     // It stays as long as the handle does: here until the server stops.
//!     task::spawn("keeps the numbers", async move {
//!         let _source = source;
//!         std::future::pending::<()>().await;
//!     });
//! })?;
//! let doorbell = handle.call_on(0, source::doorbell)?.wait()?;
//!
//! numbers.send(21)?;
//! doorbell.ring();
//! assert_eq!(doubled.recv()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use super::{Reactor, current, sources::Entry};
use crate::mesh::Peer;

/// A queue that a shard checks in every turn.
///
/// Nothing of the shard is borrowed while it runs: it may send on connections, start tasks, and add and remove sources,
/// itself included. It must not block, and the work of one call must be bounded: everything else on the shard waits
/// meanwhile. The rest is done in the next turn. A call that takes too long is reported as a stall, with the name of
/// the source.
///
/// A panic removes the source, and is logged and counted in [`ShardStats::panics`](crate::stats::ShardStats::panics).
pub trait Source {
    /// Looks for work, and does a bounded part of it. Called once in every turn.
    fn poll(&mut self) -> Progress;

    /// How long the shard may sleep. Called only after a turn that found nothing to do.
    ///
    /// The shard publishes that it sleeps before it calls this. So check for work here once more: this finds what was
    /// queued before, and a producer that queues after that sees that it must wake the shard. If the producers use a
    /// flag of their own, for example in shared memory, set the flag first and then check. This call need not take the
    /// work: with [`Wait::Busy`] the next turn follows at once, and in every case [`poll`](Self::poll) is the next
    /// call.
    fn wait(&mut self) -> Wait;
}

/// What a [`Source`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It did something; there may be more. The shard does not sleep before the next poll.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// How long a shard may sleep, as far as one [`Source`] goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// Until something wakes the shard: producers ring the [`Doorbell`].
    Doorbell,
    /// As [`Doorbell`](Self::Doorbell), but no longer than this, counted from the beginning of the turn: for producers
    /// that have no doorbell. On a busy machine the shard may wake later.
    Within(Duration),
    /// Not at all: there is work.
    Busy,
}

/// Keeps a [`Source`] on its shard. Dropping it removes the source at once, or after the call in progress. Returned by
/// [`add`].
///
/// It is not `Send`: it belongs to its shard. All sources of a shard are dropped when the server stops, once its
/// connections have ended.
#[must_use = "dropping it removes the source"]
pub struct SourceHandle {
    entry: Rc<Entry>,
}

/// Wakes a shard for its sources, from any thread. Returned by [`doorbell`].
///
/// It may ring at any time and any number of times, also after the server has stopped. While the shard is awake, that
/// costs a memory fence and a load; while it sleeps, the first ring costs one system call.
#[derive(Clone, Debug)]
pub struct Doorbell {
    home: Arc<Peer>,
}

/// Adds a source to the current shard. Stalls are reported with `name`. Sources are polled in the order in which they
/// were added, at the beginning of a turn, so that what they send leaves in the same turn.
///
/// When the server stops and its last connection has ended, no source is added any more: `source` is dropped.
///
/// # Panics
/// On a thread that is not a shard.
pub fn add(name: &str, source: impl Source + 'static) -> SourceHandle {
    let add = |reactor: &Rc<Reactor>| Reactor::add_source(reactor, name, Box::new(source));
    SourceHandle { entry: current::with(add).expect("sources live on shards") }
}

/// The doorbell of the current shard, one for all its sources.
///
/// # Panics
/// On a thread that is not a shard.
pub fn doorbell() -> Doorbell {
    current::with(|reactor| Doorbell { home: reactor.router.peer_to_keep(reactor.id) })
        .expect("sources live on shards")
}

impl Doorbell {
    /// Wakes the shard if it sleeps; its sources are polled then. First queue the work, then ring.
    pub fn ring(&self) {
        self.home.wake();
    }
}

impl Drop for SourceHandle {
    fn drop(&mut self) {
        let source = self.entry.remove();
        drop(source);
    }
}

impl fmt::Debug for SourceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceHandle").finish_non_exhaustive()
    }
}
