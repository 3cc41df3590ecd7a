use std::time::Duration;

use bytes::Bytes;

use super::{Call, CallError, Caller, OwnedResponse, Pending, Purpose, State};
use crate::{OwnedRoute, Request, RequestId, Time};

/// A request that no session has taken yet.
#[derive(Debug)]
pub(super) struct Waiting {
    id: u64,
    route: OwnedRoute,
    head: Bytes,
    body: Bytes,
    deadline: Time,
}

/// The request side: calls, registration, heartbeats.
impl Caller {
    /// Accepts a request, to be sent over the current connection or the next one.
    ///
    /// # Errors
    /// It was not accepted, and there will be no event; see [`CallError`].
    pub fn call(&mut self, call: Call, now: Time) -> Result<(), CallError> {
        let Call { token, id, route, head, body, deadline, one_way } = call;
        if self.state == State::Closed {
            return Err(CallError::Closed);
        }
        if self.refuses_calls() {
            return Err(CallError::ConnectFailed);
        }
        if self.calls.len() >= self.config.calls_max {
            return Err(CallError::QueueFull);
        }
        if id == 0 {
            return Err(CallError::IdTaken);
        }
        if deadline <= now {
            return Err(CallError::TimedOut);
        }
        let waiting = Waiting { id, route, head, body, deadline };
        let is_full = !self.is_connected() && self.waiting.len() >= self.config.queue_max;
        if is_full || self.waiting_bytes.saturating_add(waiting.len()) > self.config.queue_bytes_max {
            return Err(CallError::QueueFull);
        }
        let pending = Pending { purpose: Purpose::Call { token }, one_way, waits: true };
        if !self.calls.try_insert(id, pending, deadline) {
            return Err(CallError::IdTaken);
        }
        self.waiting_bytes += waiting.len();
        self.waiting.push_back(waiting);
        Ok(())
    }

    /// The response to this call is no longer expected: there will be no event, and a response counts as
    /// late. Its request is still sent. False when the call has ended already.
    pub fn forget(&mut self, id: u64) -> bool {
        match self.calls.get_mut(&id) {
            None => return false,
            Some(pending) if pending.waits => pending.purpose = Purpose::Forgotten,
            Some(_) => _ = self.calls.remove(&id),
        }
        true
    }

    /// As [`forget`](Self::forget), but a request that no session has taken yet is not sent.
    pub fn withdraw(&mut self, id: u64) -> bool {
        if self.calls.get(&id).is_none_or(|pending| !pending.waits) {
            return self.forget(id);
        }
        self.calls.remove(&id);
        let place = self.waiting.iter().position(|waiting| waiting.id == id);
        if let Some(withdrawn) = place.and_then(|place| self.waiting.remove(place)) {
            self.waiting_bytes -= withdrawn.len();
        }
        true
    }

    /// Passes the next request to `say`, which passes it to the session and returns whether the session could
    /// encode it. False when there is no request, or no connection. Call it while the connection has room.
    pub fn poll_request(&mut self, say: impl FnOnce(Request<'_>) -> bool) -> bool {
        if !self.is_connected() {
            return false;
        }
        let Some(Waiting { id, route, head, body, deadline }) = self.waiting.pop_front() else {
            return false;
        };
        self.waiting_bytes -= len(&head, &body);
        let Some(pending) = self.calls.get_mut(&id) else { return true };
        pending.waits = false;
        let (one_way, is_forgotten) = (pending.one_way, pending.purpose == Purpose::Forgotten);
        let request = Request {
            id: RequestId(id),
            route: route.as_route(),
            head: &head,
            body: &body,
            deadline: Some(deadline),
            expects_response: !one_way,
        };
        if !say(request) {
            self.end(id, Err(CallError::TooLarge));
        } else if one_way || is_forgotten {
            self.end(id, Ok(OwnedResponse::new(Bytes::new())));
        }
        true
    }

    /// Whether requests wait for a connection, or for room in it.
    pub fn has_requests(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The first request on a connection.
    pub(super) fn register(&mut self, now: Time) {
        match (self.config.registration_body.clone(), self.config.heartbeat) {
            (Some(body), _) => self.heartbeat(body, now),
            (None, Some(_)) => self.heartbeat(self.config.heartbeat_body.clone(), now),
            (None, None) => {}
        }
    }

    /// Sends a heartbeat, ahead of all waiting calls, and sets the time of the next.
    pub(super) fn heartbeat(&mut self, body: Bytes, now: Time) {
        let next = self.config.heartbeat.map_or(Time::NEVER, |interval| now + interval.max(HEARTBEAT_MIN));
        self.state = State::Connected { heartbeat_at: next };
        let id = self.next_id();
        let deadline = now + self.config.heartbeat_timeout;
        let route = self.config.heartbeat_route.clone();
        let waiting = Waiting { id, route, head: Bytes::new(), body, deadline };
        self.waiting_bytes += waiting.len();
        self.waiting.push_front(waiting);
        let pending = Pending { purpose: Purpose::Heartbeat, one_way: false, waits: true };
        self.calls.insert(id, pending, deadline);
    }

    /// Keeps the waiting requests whose calls have not ended.
    pub(super) fn keep_waiting(&mut self) {
        let calls = &self.calls;
        let waits = |id: &u64| calls.get(id).is_some_and(|pending| pending.waits);
        self.waiting.retain(|waiting| waits(&waiting.id));
        self.waiting_bytes = self.waiting.iter().map(Waiting::len).sum();
    }
}

impl Waiting {
    fn len(&self) -> usize {
        len(&self.head, &self.body)
    }
}

/// What a request counts as: its bytes, and about the overhead of a protocol.
fn len(head: &Bytes, body: &Bytes) -> usize {
    head.len() + body.len() + REQUEST_OVERHEAD
}

/// So that empty requests are bounded too.
const REQUEST_OVERHEAD: usize = 8;

/// However short the interval, heartbeats leave room for everything else.
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);
