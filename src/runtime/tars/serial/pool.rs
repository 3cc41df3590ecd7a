//! The connections of a client, and the calls that wait for a free one.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_proto::{
    Protocol, Route,
    rpc::{CallError, CallerConfig},
};

use super::BodyResult;
use crate::client::{CallOptions, CallResult, Client, Endpoint, Place};

pub(super) struct Pool {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) place: Place,
    pub(super) connections_max: usize,
    pub(super) waiting_max: usize,
    pub(super) timeout: Duration,
    pub(super) state: Mutex<PoolState>,
}

#[derive(Default)]
pub(super) struct PoolState {
    idle: Vec<Client>,
    /// Idle and leased ones.
    pub(super) made: usize,
    pub(super) waiting: VecDeque<Waiting>,
}

/// Gets the next free connection.
pub(super) enum Waiting {
    /// A thread that waits for it.
    Thread(flume::Sender<LeaseResult>),
    Job(Job),
}

/// A call that begins as soon as there is a free connection.
pub(super) struct Job {
    pub(super) body: Bytes,
    pub(super) deadline: Instant,
    /// The connection while the call is in flight.
    pub(super) lease: LeaseSlot,
    pub(super) done: Box<dyn FnOnce(BodyResult) + Send>,
    /// The future that waits for the result, if one does.
    pub(super) future: Option<flume::Sender<BodyResult>>,
}

pub(super) type LeaseSlot = Arc<Mutex<Option<Lease>>>;

/// A connection for one call; free again when it is dropped.
pub(super) struct Lease {
    pool: Arc<Pool>,
    pub(super) client: Client,
    /// A response may still come.
    is_busy: bool,
}

pub(super) type LeaseResult = Result<Lease, CallError>;

impl Pool {
    /// Gives `waiting` a connection, now or later.
    pub(super) fn acquire(self: &Arc<Self>, waiting: Waiting) {
        let mut state = self.lock();
        if let Some(client) = state.idle.pop() {
            drop(state);
            waiting.give(Ok(self.lease(client)));
        } else if state.made < self.connections_max {
            state.made += 1;
            drop(state);
            waiting.give(self.connect());
        } else if state.waiting.len() < self.waiting_max {
            state.waiting.push_back(waiting);
        } else {
            drop(state);
            waiting.give(Err(CallError::QueueFull));
        }
    }

    /// A lease of this connection has ended.
    fn release(self: &Arc<Self>, client: Client, is_busy: bool) {
        loop {
            let mut state = self.lock();
            let Some(waiting) = state.next_waiting() else {
                if is_busy {
                    state.made -= 1;
                } else {
                    state.idle.push(client);
                }
                return;
            };
            drop(state);
            let lease = if is_busy { self.connect() } else { Ok(self.lease(client.clone())) };
            let has_failed = lease.is_err();
            waiting.give(lease);
            if !has_failed {
                return;
            }
            // The next one that waits may make it.
            self.lock().made += 1;
        }
    }

    /// Makes one of the connections, which has been counted.
    fn connect(self: &Arc<Self>) -> LeaseResult {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % self.endpoints.len();
        let (first, rest) = self.endpoints.split_at(number);
        let endpoints = rest.iter().chain(first).cloned();
        let config = CallerConfig::quiet().with(|it| {
            it.fail_fast = true;
            it.backoff_max = Duration::from_secs(1);
        });
        let builder = Client::shared(Arc::clone(&self.protocol), endpoints).config(config);
        match builder.place(self.place.clone()).connect() {
            Ok(client) => Ok(self.lease(client)),
            Err(error) => {
                tracing::error!(%error, "cannot make a client");
                self.lock().made -= 1;
                Err(CallError::ConnectFailed)
            }
        }
    }

    fn lease(self: &Arc<Self>, client: Client) -> Lease {
        Lease { pool: Arc::clone(self), client, is_busy: false }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PoolState> {
        lock(&self.state)
    }
}

impl PoolState {
    fn next_waiting(&mut self) -> Option<Waiting> {
        std::iter::from_fn(|| self.waiting.pop_front()).find(Waiting::is_wanted)
    }
}

impl Waiting {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Thread(sender) => !sender.is_disconnected(),
            Self::Job(job) => job.is_wanted(),
        }
    }

    fn give(self, lease: LeaseResult) {
        match (self, lease) {
            // What is not received is free again.
            (Self::Thread(sender), lease) => _ = sender.send(lease),
            (Self::Job(job), Ok(lease)) => job.begin(lease),
            (Self::Job(job), Err(error)) => (job.done)(Err(error)),
        }
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.future.as_ref().is_none_or(|future| !future.is_disconnected())
    }

    fn begin(self, mut lease: Lease) {
        let client = lease.client.clone();
        let options = lease.begin(self.deadline);
        *lock(&self.lease) = Some(lease);
        if !self.is_wanted() {
            // Nothing was sent.
            if let Some(mut lease) = lock(&self.lease).take() {
                lease.is_busy = false;
            }
            return;
        }
        let Self { body, lease, done, .. } = self;
        client.call_then(Route::Only, body, options, move |result| {
            let lease = lock(&lease).take();
            // The connection is free for a call of the callback.
            let result = match lease {
                Some(mut lease) => lease.end(result),
                None => Err(CallError::Closed),
            };
            done(result);
        });
    }
}

impl Lease {
    /// A call begins, and ends at this time.
    pub(super) fn begin(&mut self, deadline: Instant) -> CallOptions {
        self.is_busy = true;
        let timeout = deadline.saturating_duration_since(Instant::now());
        CallOptions { timeout: Some(timeout), ..CallOptions::default() }
    }

    pub(super) fn end(&mut self, result: CallResult) -> BodyResult {
        self.is_busy = result == Err(CallError::TimedOut);
        // Frames have no failures: each response is a body.
        result.map(|response| response.result.unwrap_or_default())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.client.clone(), self.is_busy);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So that the connections of a client, and clients, begin with different endpoints.
static NEXT: AtomicUsize = AtomicUsize::new(0);
