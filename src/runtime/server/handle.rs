use std::{
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{Time, outbox::OutboxBounds};

use super::{Shared, stats};
use crate::{
    BroadcastError, Busy, ConnId, Limits, PushEveryError,
    mesh::{Envelope, Router},
    push,
    shard::{Shard, boot::Lifecycle, current},
    stats::{ConnectionInfo, ShardStats},
};

/// A handle to a running server: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) router: Arc<Router>,
}

/// A repeated push, for as long as the server runs or until [`stop`](Self::stop).
#[must_use]
pub struct PeriodicPush {
    number: u64,
    server: ServerHandle,
}

impl ServerHandle {
    pub(crate) const fn new(shared: Arc<Shared>, router: Arc<Router>) -> Self {
        Self { shared, router }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.router.shards()
    }

    /// Address that the listener called `name` listens on.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.shared.listeners.iter().find(|it| it.name == name).map(|it| it.address)
    }

    /// Names, protocols and addresses of the listeners.
    pub fn listeners(&self) -> impl Iterator<Item = (&str, Vec<&'static str>, SocketAddr)> {
        self.shared.listeners.iter().map(|it| {
            (it.name.as_str(), it.protocols.iter().map(|(protocol, _)| protocol.name()).collect(), it.address)
        })
    }

    /// Pushes `body` to every connection of the listener called `name`, on all shards.
    ///
    /// The bytes are shared, not copied. Broadcasts of one thread arrive in order at every connection.
    ///
    /// # Errors
    /// The server has no such listener, or the queue of a shard is full: its connections do not get this one, the
    /// others do.
    pub fn broadcast(&self, name: &str, body: impl Into<Bytes>) -> Result<(), BroadcastError> {
        self.broadcast_keyed(name, None, body.into())
    }

    /// As [`broadcast`](Self::broadcast), with the key by which [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate) replaces.
    ///
    /// # Errors
    /// As for [`broadcast`](Self::broadcast).
    pub fn broadcast_keyed(&self, name: &str, key: Option<u64>, body: Bytes) -> Result<(), BroadcastError> {
        let listener = self.listener(name).ok_or_else(|| BroadcastError::UnknownListener(name.to_owned()))?;
        let posted = current::now();
        let envelope = || Envelope::Broadcast { listener, body: body.clone(), key, posted };
        let full =
            (0..self.shards() as u16).filter(|&shard| self.router.post(shard, envelope()).is_err()).count();
        if full == 0 { Ok(()) } else { Err(Busy { full, shards: self.shards() }.into()) }
    }

    /// Pushes `body` to every connection of the listener called `name` each `interval`, beginning one
    /// interval from now. The times are fixed by the first one, so that delays do not add up; a shard that
    /// was late by more than an interval leaves out what it missed.
    ///
    /// # Errors
    /// The server has no such listener, or `interval` is zero.
    pub fn push_every(
        &self,
        name: &str,
        interval: Duration,
        body: impl Into<Bytes>,
    ) -> Result<PeriodicPush, PushEveryError> {
        let listener = self.listener(name).ok_or_else(|| PushEveryError::UnknownListener(name.to_owned()))?;
        if interval.is_zero() {
            return Err(PushEveryError::ZeroInterval);
        }
        let number = self.shared.next_number();
        let body = body.into();
        let first = Time::from_nanos(clock::now_nanos()) + interval;
        self.run_everywhere(move |shard| shard.add_periodic(number, listener, body.clone(), interval, first));
        Ok(PeriodicPush { number, server: self.clone() })
    }

    /// Runs `f` on a shard, between two looks at the network: it must not block, and may
    /// [start tasks](crate::task::spawn). What one thread sends to one shard runs in order.
    ///
    /// # Errors
    /// [`Busy`] when the shard's queue is full, has no such number or has ended: `f` was dropped.
    pub fn run_on(&self, shard: u16, f: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        let known = usize::from(shard) < self.shards();
        let posted = known && self.router.post(shard, Envelope::Run(Box::new(move |_| f()))).is_ok();
        if posted { Ok(()) } else { Err(Busy { full: 1, shards: 1 }) }
    }

    /// As [`run_on`](Self::run_on), and gives what `f` returns: to be awaited, or waited for.
    ///
    /// # Errors
    /// As for [`run_on`](Self::run_on). The reply is an error when the server ends before `f` has run, or `f` panics.
    pub fn call_on<T: Send + 'static>(
        &self,
        shard: u16,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Result<push::Reply<T>, Busy> {
        let (answer, reply) = push::Reply::new();
        self.run_on(shard, move || {
            // The reply may have been dropped.
            let _ = answer.send(f());
        })?;
        Ok(reply)
    }

    /// Whether the server was told to stop.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// For each shard, how long its turn has gone on by now; zero while it sleeps. More than a moment means
    /// that it is stuck.
    pub fn turn_times(&self) -> Vec<Duration> {
        let now = clock::now_nanos();
        let of_shard = self.shared.counters.iter().map(|it| match it.turn_started.read() {
            0 => Duration::ZERO,
            started => Duration::from_nanos(now.saturating_sub(started)),
        });
        of_shard.collect()
    }

    /// Begins to stop, and returns; see [`Server::drain`](crate::Server::drain). A shorter `timeout` may follow.
    pub fn begin_drain(&self, timeout: Duration) {
        self.shared.draining.store(true, Ordering::Relaxed);
        let deadline = Time::from_nanos(clock::now_nanos()) + timeout;
        self.shared.stop_at.fetch_min(deadline.as_nanos(), Ordering::AcqRel);
        // At once is whenever a shard hears of it, which may be in a turn that began before now.
        let deadline = (!timeout.is_zero()).then_some(deadline);
        self.run_everywhere(move |shard| shard.begin_stop(deadline));
        // Whoever waits for the end has a deadline now.
        let _ = self.shared.lifecycle.send(Lifecycle::StopRequested);
    }

    /// Changes the bounds of the whole server from now on, for connections that stand already too:
    /// `connections_max`, `connections_per_ip_max`, `unidentified_max`, `requests_in_progress_max`, `requests_in_progress_shard_max`, `identify_timeout`,
    /// `frame_timeout`, `unacknowledged_timeout`. No connection is ended for a bound on a number: the bound applies to new ones.
    ///
    /// `connections_max` has no effect beyond what the server was started with: tables are made for that. The
    /// other fields are those of a listener, or of the sockets that listen already, and are not looked at.
    pub fn set_limits(&self, limits: &Limits) {
        self.shared.limits.set(limits);
        self.run_everywhere(|shard| shard.apply_limits(0));
    }

    /// Changes the bounds of one listener from now on, for connections that stand already too: `idle_timeout`,
    /// `overflow` and the `outbox_` ones; false when there is no such listener. What waits in an outbox beyond
    /// a smaller bound is sent.
    pub fn set_listener_limits(&self, name: &str, limits: &Limits) -> bool {
        let Some(listener) = self.listener(name) else { return false };
        let bounds = OutboxBounds {
            bytes_max: limits.outbox_bytes_max,
            messages_max: limits.outbox_messages_max,
            age_max: limits.outbox_age_max,
            overflow: limits.overflow,
        };
        self.shared.listeners[listener as usize].limits.set(&bounds, limits.idle_timeout);
        self.run_everywhere(|shard| shard.apply_limits(0));
        true
    }

    /// Ends the connection with this id, as [`CloseReason::Kicked`](crate::CloseReason::Kicked): what was
    /// queued for it is sent, for a few seconds at most. False: no such connection is open. Waits for its
    /// shard, up to `patience`; not to be called on a shard.
    ///
    /// # Errors
    /// [`Busy`] when the shard did not answer; the connection may end yet.
    pub fn kick(&self, id: ConnId, patience: Duration) -> Result<bool, Busy> {
        self.ask_to_kick(id, patience, Shard::kick)
    }

    /// As [`kick`](Self::kick), but at once: what was queued is lost, and counted. It also cuts a connection that is
    /// ending already.
    ///
    /// # Errors
    /// As for [`kick`](Self::kick).
    pub fn kick_now(&self, id: ConnId, patience: Duration) -> Result<bool, Busy> {
        self.ask_to_kick(id, patience, Shard::kick_now)
    }

    fn ask_to_kick(
        &self,
        id: ConnId,
        patience: Duration,
        kick: fn(&Shard, ConnId) -> bool,
    ) -> Result<bool, Busy> {
        if id.node != 0 || usize::from(id.shard) >= self.shards() {
            return Ok(false);
        }
        let deadline = Instant::now() + patience;
        stats::ask(self, id.shard, deadline, move |shard| kick(shard, id)).ok_or(Busy { full: 1, shards: 1 })
    }

    /// Counters of every shard.
    pub fn stats(&self) -> Vec<ShardStats> {
        stats::read(&self.shared, &self.router)
    }

    /// The open connections. A shard that does not answer within `patience` is left out.
    pub fn connections(&self, patience: Duration) -> Vec<ConnectionInfo> {
        stats::connections(self, patience)
    }

    /// The last 1,000 connections that ended, the newest first; as for [`connections`](Self::connections).
    pub fn closed_connections(&self, patience: Duration) -> Vec<ConnectionInfo> {
        stats::closed_connections(self, patience)
    }

    /// A shard for the thing with this number, in turn.
    pub(crate) fn place(&self, number: u64) -> (Arc<Router>, u16) {
        (Arc::clone(&self.router), (number % self.shards() as u64) as u16)
    }

    fn listener(&self, name: &str) -> Option<u32> {
        self.shared.listeners.iter().position(|it| it.name == name).map(|index| index as u32)
    }

    /// Runs `f` on every shard. Waits where a queue is full: this is not for a message's path.
    fn run_everywhere(&self, f: impl Fn(&Rc<Shard>) + Clone + Send + 'static) {
        for shard in 0..self.shards() as u16 {
            let f = f.clone();
            let mut envelope = Envelope::Run(Box::new(move |shard| f(shard)));
            for _ in 0..RUN_TRIES {
                if self.router.peer(shard).has_ended() {
                    break;
                }
                match self.router.post(shard, envelope) {
                    Ok(()) => break,
                    Err(refused) => envelope = refused,
                }
                std::thread::sleep(RUN_PAUSE);
            }
        }
    }
}

impl PeriodicPush {
    pub(crate) const fn new(number: u64, server: ServerHandle) -> Self {
        Self { number, server }
    }

    /// Ends the repetition.
    pub fn stop(self) {
        let number = self.number;
        self.server.run_everywhere(move |shard| shard.remove_periodic(number));
    }

    /// Lets it go on for as long as the server runs.
    pub fn forget(self) {}
}

/// How often, and how long apart, a control message is offered to a shard whose queue is full.
const RUN_TRIES: usize = 1000;
const RUN_PAUSE: Duration = Duration::from_millis(1);
