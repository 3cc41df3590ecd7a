use std::collections::VecDeque;

use bytes::Bytes;

use super::frame;
use crate::{
    Error, Time,
    rpc::{Backoff, CallTable},
};

mod call;
mod codec;
mod config;
mod pending;
mod request;

#[cfg(test)]
mod tests;

pub use crate::rpc::{CallError, Cause};
pub use call::{Action, Call, ProxyEvent};
pub use codec::{ClientCodec, Decoded, LengthPrefixedCodec};
pub use config::ProxyConfig;

use pending::{Pending, Purpose};

/// The client of one peer: calls, pushes and heartbeats over many connections, one after another.
///
/// ```text
///           handle_connected
/// Connecting ───────────────▶ Connected
///   ▲   │ handle_closed           │ handle_closed, bad input,
///   │   │ or connect_timeout      │ too many silent heartbeats
///   │   ▼                         │
///  Pausing ◀──────────────────────┘          any ── close ──▶ Closed
/// ```
///
/// After any `handle_*`, `call` or `close`, poll [`poll_action`](Self::poll_action),
/// [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event) and
/// [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
///
/// A connection that drops is opened again after a pause that doubles with each attempt and varies by
/// half. Every connection begins with the registration or a heartbeat, so that a server that pushes to
/// whoever has spoken to it knows this client again. Calls in flight fail at once when the connection
/// drops; calls made without a connection wait for one until their deadline.
pub struct Proxy {
    config: ProxyConfig,
    codec: Box<dyn ClientCodec>,
    state: State,
    backoff: Backoff,
    /// The last id given out.
    last_id: u32,
    /// While connected, all of them are in flight; otherwise all are in `waiting`.
    calls: CallTable<u32, Pending>,
    /// Encoded requests in the order of their calls; empty while connected.
    waiting: VecDeque<(u32, Vec<u8>)>,
    waiting_bytes: usize,
    /// Encoded requests for the connection; empty while there is none.
    transmit: Vec<u8>,
    events: VecDeque<ProxyEvent>,
    /// At most `Disconnect`, then `Connect`.
    disconnect: bool,
    connect: bool,
    heartbeats_missed: u32,
    late_response_count: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Connecting { deadline: Time },
    Connected { heartbeat_at: Time },
    Pausing { until: Time },
    Closed,
}

impl Proxy {
    /// A proxy that wants to connect at once. `seed` feeds the jitter only.
    pub fn new(config: ProxyConfig, codec: Box<dyn ClientCodec>, seed: u64, now: Time) -> Self {
        Self {
            state: State::Connecting { deadline: now + config.connect_timeout },
            backoff: Backoff::new(config.backoff_min, config.backoff_max, seed),
            config,
            codec,
            last_id: 0,
            calls: CallTable::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            transmit: Vec::new(),
            events: VecDeque::new(),
            disconnect: false,
            connect: true,
            heartbeats_missed: 0,
            late_response_count: 0,
        }
    }

    /// An id for the next call: counts from 1, never 0, never that of a call under way.
    pub fn gen_requestid(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != frame::PUSH_ID && !self.calls.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// There is a connection now, empty in both directions.
    pub fn handle_connected(&mut self, now: Time) {
        if !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        self.state = State::Connected { heartbeat_at: Time::NEVER };
        self.connect = false;
        self.heartbeats_missed = 0;
        self.events.push_back(ProxyEvent::Connected);
        self.register(now);
        while let Some((id, frame)) = self.waiting.pop_front() {
            self.transmit.extend_from_slice(&frame);
            if self.calls.get(&id).is_some_and(|pending| pending.one_way) {
                self.end(id, Ok(Bytes::new()));
            }
        }
        self.waiting_bytes = 0;
    }

    /// Takes as many whole frames from the front of `input` as there are, and says how many bytes they had.
    ///
    /// Stops early when [`ProxyConfig::events_max`] events wait: drain [`poll_event`](Self::poll_event),
    /// then call again with the rest, until 0 says that it is the front of a frame.
    ///
    /// # Errors
    /// The peer broke the protocol. The proxy has given the connection up, as
    /// [`poll_action`](Self::poll_action) says; forget the input.
    pub fn handle_input(&mut self, input: &[u8], now: Time) -> Result<usize, Error> {
        let mut taken = 0;
        while self.is_connected() && self.events.len() < self.config.events_max.max(1) {
            match self.decode(&input[taken..]) {
                Ok(0) => break,
                Ok(len) => taken += len,
                Err(error) => {
                    self.give_up(Cause::Protocol(error), now);
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    /// The connection is gone, or the attempt to open one failed.
    pub fn handle_closed(&mut self, now: Time) {
        match self.state {
            State::Connecting { .. } => self.pause(ProxyEvent::ConnectFailed, now),
            State::Connected { .. } => self.drop_connection(Cause::Peer, now),
            State::Pausing { .. } | State::Closed => {}
        }
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        self.expire_calls(now);
        match self.state {
            State::Connecting { deadline } if deadline <= now => {
                self.abandon();
                self.pause(ProxyEvent::ConnectFailed, now);
            }
            State::Connected { .. } if self.is_silent() => self.give_up(Cause::Silent, now),
            State::Connected { heartbeat_at } if heartbeat_at <= now => {
                self.heartbeat(self.config.heartbeat_body.clone(), now);
            }
            State::Pausing { until } if until <= now => {
                self.state = State::Connecting { deadline: now + self.config.connect_timeout };
                self.connect = true;
            }
            _ => {}
        }
    }

    /// What to do about the connection, if anything.
    pub fn poll_action(&mut self) -> Option<Action> {
        if std::mem::take(&mut self.disconnect) {
            return Some(Action::Disconnect);
        }
        std::mem::take(&mut self.connect).then_some(Action::Connect)
    }

    /// Appends what is to be sent over the connection.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.transmit);
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ProxyEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        let state = match self.state {
            State::Connecting { deadline } => deadline,
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
        self.state = State::Closed;
        if connected {
            self.events.push_back(ProxyEvent::Disconnected(Cause::Closed));
        }
        self.fail_calls(CallError::Closed);
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

    /// Takes one frame; 0 when there is none yet.
    fn decode(&mut self, input: &[u8]) -> Result<usize, Error> {
        let Some(Decoded { taken, id, body }) = self.codec.decode_response(input)? else { return Ok(0) };
        if taken == 0 || taken > input.len() {
            return Err(Error::Refused);
        }
        let body = Bytes::copy_from_slice(body);
        self.backoff.reset();
        self.heartbeats_missed = 0;
        if id == frame::PUSH_ID {
            self.events.push_back(ProxyEvent::Push(body));
        } else if !self.end(id, Ok(body)) {
            self.late_response_count += 1;
        }
        Ok(taken)
    }

    /// Ends a call under way; false when there is none of that id.
    fn end(&mut self, id: u32, result: Result<Bytes, CallError>) -> bool {
        let Some(pending) = self.calls.remove(&id) else { return false };
        self.events.push_back(pending.done(id, result));
        true
    }

    fn expire_calls(&mut self, now: Time) {
        let connected = self.is_connected();
        let error = if connected { CallError::TimedOut } else { CallError::ConnectFailed };
        while let Some((id, pending)) = self.calls.pop_expired(now) {
            if matches!(pending.purpose, Purpose::Heartbeat) {
                self.heartbeats_missed += 1;
            }
            self.events.push_back(pending.done(id, Err(error)));
        }
        if !connected {
            self.waiting.retain(|(id, _)| self.calls.contains(id));
            self.waiting_bytes = self.waiting.iter().map(|(_, frame)| frame.len()).sum();
        }
    }

    fn is_silent(&self) -> bool {
        let max = self.config.heartbeats_missed_max;
        max != 0 && self.heartbeats_missed >= max
    }

    /// Drops a connection that still stands.
    fn give_up(&mut self, cause: Cause, now: Time) {
        self.abandon();
        self.drop_connection(cause, now);
    }

    fn drop_connection(&mut self, cause: Cause, now: Time) {
        self.pause(ProxyEvent::Disconnected(cause), now);
        self.fail_calls(CallError::Disconnected);
    }

    fn pause(&mut self, event: ProxyEvent, now: Time) {
        self.state = State::Pausing { until: now + self.backoff.pause() };
        self.connect = false;
        self.events.push_back(event);
    }

    fn fail_calls(&mut self, error: CallError) {
        self.transmit.clear();
        self.waiting.clear();
        self.waiting_bytes = 0;
        for (id, pending) in self.calls.drain() {
            self.events.push_back(pending.done(id, Err(error)));
        }
    }

    /// Tells the driver to drop what it has, or not to begin.
    fn abandon(&mut self) {
        if !std::mem::take(&mut self.connect) {
            self.disconnect = true;
        }
    }
}
