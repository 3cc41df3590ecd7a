use core::net::SocketAddr;
use std::collections::VecDeque;

use super::{Backoff, CallError, CallTable, Cause, ConnectFailure};
use crate::{Response, Route, Time};

mod call;
mod config;
mod pending;
mod request;

#[cfg(test)]
mod tests;

pub use call::{Action, Call, CallerEvent, Failed, OwnedResponse};
pub use config::CallerConfig;

use pending::{Pending, Purpose};
use request::Waiting;

/// The client of one peer: calls, pushes and heartbeats over many connections, one after another.
///
/// ```text
///             handle_resolved            handle_connected
/// Resolving ───────────────▶ Connecting ───────────────▶ Connected
///   ▲   │                     │  ▲  │                        │ handle_closed,
///   │   │ nothing found       │  └──┘ handle_closed or       │ too many silent heartbeats
///   │   ▼                     ▼       timeout: next endpoint │
///  Pausing ◀──────── all endpoints failed                    │
///      ▲─────────────────────────────────────────────────────┘      any ── close ──▶ Closed
/// ```
///
/// It knows no protocol: a session encodes the requests from [`poll_request`](Self::poll_request), and
/// decodes the input for [`handle_response`](Self::handle_response) and [`handle_push`](Self::handle_push).
/// After any `handle_*`, `call` or `close`, poll [`poll_action`](Self::poll_action),
/// [`poll_request`](Self::poll_request), [`poll_event`](Self::poll_event) and
/// [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
///
/// A lost connection is opened again after a pause that doubles with each attempt and varies by half. Each
/// attempt resolves names again and tries the addresses in turn, the last successful one first; if one
/// refuses, the next is tried at once. Every connection begins with the registration or a heartbeat, so that
/// a server that pushes to its known clients recognises this one. When the connection is lost, calls in
/// flight fail at once; calls that no connection has taken yet wait for the next one until their deadline.
///
/// # Examples
/// ```
/// use std::{net::SocketAddr, time::Duration};
///
/// use bytes::Bytes;
/// use shardcast_proto::{
///     OwnedRoute, RequestId, Response, Route, Time,
///     rpc::{
///         Action, Call, CallError, Caller, CallerConfig, CallerEvent, Cause, ConnectFailure, Failed, OwnedResponse,
///     },
/// };
///
/// let now = Time::from_nanos(0);
/// let peer = SocketAddr::from(([127, 0, 0, 1], 10099));
/// let mut caller = Caller::new(CallerConfig::quiet(), 1, now);
///
/// // The driver resolves and connects.
/// assert_eq!(caller.poll_action(), Some(Action::Resolve));
/// caller.handle_resolved([peer], now);
/// assert_eq!(caller.poll_action(), Some(Action::Connect(peer)));
/// caller.handle_connected(now);
/// assert_eq!(caller.poll_event(), Some(CallerEvent::Connected));
///
/// // A call, whose request a session encodes.
/// let id = caller.next_id();
/// let call = |token, id| Call {
///     token,
///     id,
///     route: OwnedRoute::Only,
///     head: Bytes::new(),
///     body: Bytes::from_static(b"price?"),
///     deadline: now + Duration::from_secs(5),
///     one_way: false,
/// };
/// caller.call(call(7, id), now)?;
/// assert!(caller.poll_request(|request| request.body == b"price?"));
///
/// // The response that a session has decoded.
/// caller.handle_response(&Response { id: RequestId(id), head: &[], result: Ok(b"2410") });
/// let result = Ok(OwnedResponse::new("2410".into()));
/// assert_eq!(caller.poll_event(), Some(CallerEvent::Done { token: 7, id, result }));
///
/// // A push. The owner takes no events for a while, so nothing is read; then it continues.
/// caller.handle_push(Route::Only, &[], b"2411");
/// caller.handle_held(true);
/// let push = CallerEvent::Push { route: OwnedRoute::Only, head: Bytes::new(), body: "2411".into() };
/// assert_eq!(caller.poll_event(), Some(push));
/// assert!(caller.wants_input());
/// caller.handle_held(false);
///
/// // The owner gives up a call in flight, whose response then comes too late.
/// let id = caller.next_id();
/// caller.call(call(9, id), now)?;
/// assert!(caller.has_requests());
/// caller.poll_request(|_| true);
/// assert!(caller.forget(id));
/// assert_eq!(caller.call_count(), 0);
/// caller.handle_response(&Response { id: RequestId(id), head: &[], result: Ok(b"2410") });
/// assert_eq!((caller.poll_event(), caller.late_response_count()), (None, 1));
///
/// // It withdraws one whose request no session has taken.
/// let id = caller.next_id();
/// caller.call(call(10, id), now)?;
/// assert!(caller.withdraw(id));
/// assert!(!caller.has_requests());
///
/// // Another call fails with its connection; the next attempt comes after a pause.
/// let id = caller.next_id();
/// caller.call(call(8, id), now)?;
/// caller.poll_request(|_| true);
/// caller.handle_closed(Cause::Peer, now);
/// assert_eq!(caller.poll_event(), Some(CallerEvent::Disconnected(Cause::Peer)));
/// let result = Err(CallError::Disconnected);
/// assert_eq!(caller.poll_event(), Some(CallerEvent::Done { token: 8, id, result }));
/// assert!(!caller.is_connected() && !caller.refuses_calls() && caller.poll_timeout().is_some());
///
/// // The next attempt fails: why, is that of its last address.
/// caller.handle_timeout(caller.poll_timeout().expect("the end of the pause"));
/// caller.handle_resolved([peer], now);
/// caller.handle_connect_failed(ConnectFailure::Refused, now);
/// assert_eq!(caller.poll_event(), Some(CallerEvent::ConnectFailed(ConnectFailure::Refused)));
///
/// // A peer may also respond that it has no result.
/// let failed = Failed { code: -3, text: "no such function".into() };
/// assert_eq!(failed.to_string(), "the call failed with code -3: no such function");
/// # Ok::<(), CallError>(())
/// ```
#[derive(Debug)]
pub struct Caller {
    config: CallerConfig,
    state: State,
    backoff: Backoff,
    /// The last id that was assigned.
    last_id: u64,
    /// Calls that are not in `waiting` are in flight.
    calls: CallTable<u64, Pending>,
    /// Requests in the order of their calls, for [`poll_request`](Self::poll_request).
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    events: VecDeque<CallerEvent>,
    /// Addresses that this attempt has not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The address in use, or the last successful one.
    address: Option<SocketAddr>,
    /// At most `Disconnect`, then another action.
    disconnect: bool,
    action: Option<Action>,
    heartbeats_missed: u32,
    held: bool,
    late_response_count: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Resolving {
        deadline: Time,
    },
    Connecting {
        to: SocketAddr,
        deadline: Time,
    },
    Connected {
        heartbeat_at: Time,
    },
    /// Calls fail meanwhile if `refuses`.
    Pausing {
        until: Time,
        refuses: bool,
    },
    Closed,
}

impl Caller {
    /// Creates a caller that connects at once. `seed` is used for the jitter only.
    pub fn new(config: CallerConfig, seed: u64, now: Time) -> Self {
        Self {
            state: State::Resolving { deadline: now + config.connect_timeout },
            backoff: Backoff::new(config.backoff_min, config.backoff_max, seed),
            config,
            last_id: 0,
            calls: CallTable::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            events: VecDeque::new(),
            addresses: VecDeque::new(),
            address: None,
            disconnect: false,
            action: Some(Action::Resolve),
            heartbeats_missed: 0,
            held: false,
            late_response_count: 0,
        }
    }

    /// An id for the next call: counts from 1 to `u32::MAX` and again; never 0, never the id of a call in
    /// flight.
    pub fn next_id(&mut self) -> u64 {
        loop {
            self.last_id = self.last_id % u64::from(u32::MAX) + 1;
            if !self.calls.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// The addresses of the endpoints, in the order in which to try them; empty if there are none, or if
    /// resolving failed.
    pub fn handle_resolved(&mut self, addresses: impl IntoIterator<Item = SocketAddr>, now: Time) {
        if !matches!(self.state, State::Resolving { .. }) {
            return;
        }
        self.action = None;
        self.addresses = addresses.into_iter().collect();
        if let Some(at) = self.addresses.iter().position(|address| Some(*address) == self.address) {
            self.addresses.rotate_left(at);
        }
        self.connect_next(ConnectFailure::NoAddress, now);
    }

    /// The connection is established, empty in both directions.
    pub fn handle_connected(&mut self, now: Time) {
        let State::Connecting { to, .. } = self.state else { return };
        self.address = Some(to);
        self.state = State::Connected { heartbeat_at: Time::NEVER };
        self.action = None;
        self.heartbeats_missed = 0;
        self.held = false;
        self.events.push_back(CallerEvent::Connected);
        self.register(now);
    }

    /// The peer sent a response.
    pub fn handle_response(&mut self, response: &Response<'_>) {
        if !self.is_connected() {
            return;
        }
        self.peer_responded();
        // A request that no session has taken has no response.
        match self.calls.remove_if(&response.id.0, |pending| !pending.waits) {
            Some(pending) => {
                let result = Ok(OwnedResponse::copy(response));
                self.events.extend(pending.done(response.id.0, result));
            }
            None => self.late_response_count += 1,
        }
    }

    /// The peer sent a message without a request.
    pub fn handle_push(&mut self, route: Route<'_>, head: &[u8], body: &[u8]) {
        if self.is_connected() {
            self.peer_responded();
            let [head, body] = [head, body].map(bytes::Bytes::copy_from_slice);
            self.events.push_back(CallerEvent::Push { route: route.into(), head, body });
        }
    }

    /// The attempt to open a connection failed.
    pub fn handle_connect_failed(&mut self, why: ConnectFailure, now: Time) {
        if let State::Connecting { .. } = self.state {
            self.connect_next(why, now);
        }
    }

    /// The connection is lost, or ended before it was established.
    pub fn handle_closed(&mut self, cause: Cause, now: Time) {
        match (self.state, cause) {
            (State::Connecting { .. }, Cause::Protocol(error)) => {
                self.connect_next(ConnectFailure::Protocol(error), now);
            }
            (State::Connecting { .. }, _) => self.connect_next(ConnectFailure::PeerClosed, now),
            (State::Connected { .. }, _) => self.drop_connection(cause, now),
            (State::Resolving { .. } | State::Pausing { .. } | State::Closed, _) => {}
        }
    }

    /// Reading is held, because the owner accepts no more, or is no longer held. Meanwhile the peer is not
    /// responsible for missing heartbeat responses.
    pub fn handle_held(&mut self, held: bool) {
        self.held = held;
        self.heartbeats_missed = 0;
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.expire_calls(now);
        match self.state {
            State::Resolving { deadline } if deadline <= now => {
                self.action = None;
                self.fail_attempt(ConnectFailure::TimedOut, now);
            }
            State::Connecting { deadline, .. } if deadline <= now => {
                self.abandon();
                self.connect_next(ConnectFailure::TimedOut, now);
            }
            State::Connected { .. } if self.is_silent() => self.give_up(Cause::Silent, now),
            State::Connected { heartbeat_at } if heartbeat_at <= now => {
                self.heartbeat(self.config.heartbeat_body.clone(), now);
            }
            State::Pausing { until, .. } if until <= now => {
                self.state = State::Resolving { deadline: now + self.config.connect_timeout };
                self.action = Some(Action::Resolve);
            }
            _ => {}
        }
    }

    /// What to do about the connection, if anything.
    pub fn poll_action(&mut self) -> Option<Action> {
        if std::mem::take(&mut self.disconnect) {
            return Some(Action::Disconnect);
        }
        self.action.take()
    }

    /// The events, in order.
    pub fn poll_event(&mut self) -> Option<CallerEvent> {
        self.events.pop_front()
    }

    /// Whether responses and pushes may be passed in now: fewer than [`CallerConfig::events_max`] events
    /// wait.
    pub fn wants_input(&self) -> bool {
        self.events.len() < self.config.events_max.max(1)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        let state = match self.state {
            State::Resolving { deadline } | State::Connecting { deadline, .. } => deadline,
            State::Connected { heartbeat_at } => heartbeat_at,
            State::Pausing { until, .. } => until,
            State::Closed => return None,
        };
        let next = self.calls.next_deadline().map_or(state, |deadline| deadline.min(state));
        (next != Time::NEVER).then_some(next)
    }

    /// Ends the client: drops the connection and fails all calls ([`CallError::Closed`]).
    pub fn close(&mut self) {
        let connected = self.is_connected();
        if connected || matches!(self.state, State::Connecting { .. }) {
            self.abandon();
        }
        self.action = None;
        self.state = State::Closed;
        if connected {
            self.events.push_back(CallerEvent::Disconnected(Cause::Closed));
        }
        self.waiting.clear();
        self.waiting_bytes = 0;
        for (id, pending) in self.calls.drain() {
            self.events.extend(pending.done(id, Err(CallError::Closed)));
        }
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Whether calls fail, because no endpoint could be connected to; see [`CallerConfig::fail_fast`].
    pub fn refuses_calls(&self) -> bool {
        matches!(self.state, State::Pausing { refuses: true, .. } | State::Closed)
    }

    /// Ignored responses: to calls that had ended already, or to no call.
    pub fn late_response_count(&self) -> u64 {
        self.late_response_count
    }

    /// Calls waiting or in flight, including heartbeats.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// The peer responds, and uses the protocol.
    fn peer_responded(&mut self) {
        self.backoff.reset();
        self.heartbeats_missed = 0;
    }

    /// Ends a call in flight; false when there is none with that id.
    fn end(&mut self, id: u64, result: Result<OwnedResponse, CallError>) -> bool {
        let Some(pending) = self.calls.remove(&id) else { return false };
        self.events.extend(pending.done(id, result));
        true
    }

    fn expire_calls(&mut self, now: Time) {
        let connected = self.is_connected();
        let error = if connected { CallError::TimedOut } else { CallError::ConnectFailed };
        let mut waited = false;
        while let Some((id, pending)) = self.calls.pop_expired(now) {
            if pending.purpose == Purpose::Heartbeat && !self.held {
                self.heartbeats_missed += 1;
            }
            waited |= pending.waits;
            self.events.extend(pending.done(id, Err(error)));
        }
        if waited {
            self.keep_waiting();
        }
    }

    fn is_silent(&self) -> bool {
        let max = self.config.heartbeats_missed_max;
        max != 0 && self.heartbeats_missed >= max
    }

    /// Continues with the next address; when none is left, the attempt has failed, because of what happened last.
    fn connect_next(&mut self, last: ConnectFailure, now: Time) {
        match self.addresses.pop_front() {
            Some(to) => {
                self.state = State::Connecting { to, deadline: now + self.config.connect_timeout };
                self.action = Some(Action::Connect(to));
            }
            None => self.fail_attempt(last, now),
        }
    }

    /// No endpoint could be connected to.
    fn fail_attempt(&mut self, why: ConnectFailure, now: Time) {
        let refuses = self.config.fail_fast || !self.config.reconnect;
        self.pause(CallerEvent::ConnectFailed(why), refuses, now);
        if refuses {
            self.waiting.clear();
            self.waiting_bytes = 0;
            for (id, pending) in self.calls.drain() {
                self.events.extend(pending.done(id, Err(CallError::ConnectFailed)));
            }
        }
        self.close_unless_it_reconnects();
    }

    fn close_unless_it_reconnects(&mut self) {
        if !self.config.reconnect {
            self.close();
        }
    }

    /// Drops an existing connection.
    fn give_up(&mut self, cause: Cause, now: Time) {
        self.abandon();
        self.drop_connection(cause, now);
    }

    /// Calls in flight fail; those that no session has taken wait for the next connection.
    fn drop_connection(&mut self, cause: Cause, now: Time) {
        self.pause(CallerEvent::Disconnected(cause), false, now);
        let in_flight = |pending: &Pending| !pending.waits || pending.purpose == Purpose::Heartbeat;
        for (id, pending) in self.calls.drain_where(in_flight) {
            self.events.extend(pending.done(id, Err(CallError::Disconnected)));
        }
        self.keep_waiting();
        self.close_unless_it_reconnects();
    }

    fn pause(&mut self, event: CallerEvent, refuses: bool, now: Time) {
        self.state = State::Pausing { until: now + self.backoff.pause(), refuses };
        self.addresses.clear();
        self.events.push_back(event);
    }

    /// Makes the driver drop the connection, or not open one.
    fn abandon(&mut self) {
        if self.action.take().is_none() {
            self.disconnect = true;
        }
    }
}
