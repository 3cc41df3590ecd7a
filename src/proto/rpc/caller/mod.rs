use core::net::SocketAddr;
use std::collections::VecDeque;

use super::{Backoff, CallError, CallTable, Cause};
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
/// It knows no protocol: a session encodes what [`poll_request`](Self::poll_request) gives, and decodes what
/// [`handle_response`](Self::handle_response) and [`handle_push`](Self::handle_push) take. After any `handle_*`,
/// `call` or `close`, poll [`poll_action`](Self::poll_action), [`poll_request`](Self::poll_request),
/// [`poll_event`](Self::poll_event) and [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
///
/// A connection that drops is opened again after a pause that doubles with each attempt and varies by
/// half. Each attempt resolves names anew and tries the addresses in turn, the one that worked last first; the next is
/// tried at once when one refuses. Every connection begins with the registration or a heartbeat, so that a server that
/// pushes to its known clients knows this one again. Calls in flight fail at once when the connection drops; calls that
/// no connection has taken yet wait for the next until their deadline.
#[derive(Debug)]
pub struct Caller {
    config: CallerConfig,
    state: State,
    backoff: Backoff,
    /// The last id given out.
    last_id: u64,
    /// Those that are not in `waiting` are in flight.
    calls: CallTable<u64, Pending>,
    /// Requests in the order of their calls, to be taken by [`poll_request`](Self::poll_request).
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    events: VecDeque<CallerEvent>,
    /// Addresses of this attempt that were not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The address in use, or the one that worked last.
    address: Option<SocketAddr>,
    /// At most `Disconnect`, then another one.
    disconnect: bool,
    action: Option<Action>,
    heartbeats_missed: u32,
    held: bool,
    late_response_count: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Resolving { deadline: Time },
    Connecting { to: SocketAddr, deadline: Time },
    Connected { heartbeat_at: Time },
    Pausing { until: Time },
    Closed,
}

impl Caller {
    /// A caller that wants to connect at once. `seed` feeds the jitter only.
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

    /// An id for the next call: counts from 1 to `u32::MAX` and again, never 0, never that of a call under way.
    pub fn next_id(&mut self) -> u64 {
        loop {
            self.last_id = self.last_id % u64::from(u32::MAX) + 1;
            if !self.calls.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// The addresses of the endpoints, in the order in which they are to be tried; none if there are none, or if they
    /// could not be found.
    pub fn handle_resolved(&mut self, addresses: impl IntoIterator<Item = SocketAddr>, now: Time) {
        if !matches!(self.state, State::Resolving { .. }) {
            return;
        }
        self.action = None;
        self.addresses = addresses.into_iter().collect();
        if let Some(at) = self.addresses.iter().position(|address| Some(*address) == self.address) {
            self.addresses.rotate_left(at);
        }
        self.connect_next(now);
    }

    /// There is a connection now, empty in both directions.
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

    /// The peer answered.
    pub fn handle_response(&mut self, response: &Response<'_>) {
        if !self.is_connected() {
            return;
        }
        self.heard();
        // One that no session has taken has no answer.
        let is_in_flight = self.calls.get(&response.id.0).is_some_and(|pending| !pending.waits);
        if !is_in_flight || !self.end(response.id.0, Ok(OwnedResponse::copy(response))) {
            self.late_response_count += 1;
        }
    }

    /// The peer sent a message that was not asked for.
    pub fn handle_push(&mut self, route: Route<'_>, body: &[u8]) {
        if self.is_connected() {
            self.heard();
            let body = bytes::Bytes::copy_from_slice(body);
            self.events.push_back(CallerEvent::Push { route: route.into(), body });
        }
    }

    /// The connection is gone, or the attempt to open one failed.
    pub fn handle_closed(&mut self, cause: Cause, now: Time) {
        match self.state {
            State::Connecting { .. } => self.connect_next(now),
            State::Connected { .. } => self.drop_connection(cause, now),
            State::Resolving { .. } | State::Pausing { .. } | State::Closed => {}
        }
    }

    /// Nothing is read from the peer for now, because the owner takes no more; or that is over. The peer is not to blame
    /// for heartbeats that go unanswered meanwhile.
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
                self.pause(CallerEvent::ConnectFailed, now);
            }
            State::Connecting { deadline, .. } if deadline <= now => {
                self.abandon();
                self.connect_next(now);
            }
            State::Connected { .. } if self.is_silent() => self.give_up(Cause::Silent, now),
            State::Connected { heartbeat_at } if heartbeat_at <= now => {
                self.heartbeat(self.config.heartbeat_body.clone(), now);
            }
            State::Pausing { until } if until <= now => {
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

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<CallerEvent> {
        self.events.pop_front()
    }

    /// Whether responses and pushes are welcome now: fewer than [`CallerConfig::events_max`] events wait.
    pub fn wants_input(&self) -> bool {
        self.events.len() < self.config.events_max.max(1)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        let state = match self.state {
            State::Resolving { deadline } | State::Connecting { deadline, .. } => deadline,
            State::Connected { heartbeat_at } => heartbeat_at,
            State::Pausing { until } => until,
            State::Closed => return None,
        };
        let next = self.calls.next_deadline().map_or(state, |deadline| deadline.min(state));
        (next != Time::NEVER).then_some(next)
    }

    /// Ends it: drops the connection and fails all calls ([`CallError::Closed`]).
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

    /// Responses to calls that had ended already, or to none: ignored.
    pub fn late_response_count(&self) -> u64 {
        self.late_response_count
    }

    /// Calls waiting or in flight, heartbeats included.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// The peer is there, and speaks the protocol.
    fn heard(&mut self) {
        self.backoff.reset();
        self.heartbeats_missed = 0;
    }

    /// Ends a call under way; false when there is none of that id.
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

    /// Goes on with the next address; when none is left, the attempt has failed.
    fn connect_next(&mut self, now: Time) {
        match self.addresses.pop_front() {
            Some(to) => {
                self.state = State::Connecting { to, deadline: now + self.config.connect_timeout };
                self.action = Some(Action::Connect(to));
            }
            None => self.pause(CallerEvent::ConnectFailed, now),
        }
    }

    /// Drops a connection that still exists.
    fn give_up(&mut self, cause: Cause, now: Time) {
        self.abandon();
        self.drop_connection(cause, now);
    }

    /// Calls in flight fail; those that no session has taken wait for the next connection.
    fn drop_connection(&mut self, cause: Cause, now: Time) {
        self.pause(CallerEvent::Disconnected(cause), now);
        let in_flight = |pending: &Pending| !pending.waits || pending.purpose == Purpose::Heartbeat;
        for (id, pending) in self.calls.drain_where(in_flight) {
            self.events.extend(pending.done(id, Err(CallError::Disconnected)));
        }
        self.keep_waiting();
    }

    fn pause(&mut self, event: CallerEvent, now: Time) {
        self.state = State::Pausing { until: now + self.backoff.pause() };
        self.addresses.clear();
        self.events.push_back(event);
    }

    /// Makes the driver drop what it has, or not begin.
    fn abandon(&mut self) {
        if self.action.take().is_none() {
            self.disconnect = true;
        }
    }
}
