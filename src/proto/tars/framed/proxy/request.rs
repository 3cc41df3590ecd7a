use std::time::Duration;

use bytes::Bytes;

use super::{Call, CallError, Pending, Proxy, Purpose, State};
use crate::{Time, tars::framed::frame};

/// The asking half: calls, registration, heartbeats.
impl Proxy {
    /// Sends a request, or keeps it until there is a connection.
    ///
    /// # Errors
    /// Nothing was sent or kept, and there will be no event; see [`CallError`].
    pub fn call(&mut self, call: Call<'_>, now: Time) -> Result<(), CallError> {
        let Call { token, id, body, deadline, one_way } = call;
        if self.state != State::Closed && self.calls.len() >= self.config.calls_max {
            return Err(CallError::QueueFull);
        }
        self.admit(Pending { purpose: Purpose::Call { token }, one_way }, id, body, deadline, now)
    }

    /// The first request on a connection.
    pub(super) fn register(&mut self, now: Time) {
        match (self.config.registration_body.clone(), self.config.heartbeat) {
            (Some(body), _) => self.heartbeat(body, now),
            (None, Some(_)) => self.heartbeat(self.config.heartbeat_body.clone(), now),
            (None, None) => {}
        }
    }

    /// Sends a heartbeat and sets the time of the next.
    pub(super) fn heartbeat(&mut self, body: Bytes, now: Time) {
        let next = self.config.heartbeat.map_or(Time::NEVER, |interval| now + interval.max(HEARTBEAT_MIN));
        self.state = State::Connected { heartbeat_at: next };
        let id = self.gen_requestid();
        let deadline = now + self.config.heartbeat_timeout;
        let pending = Pending { purpose: Purpose::Heartbeat, one_way: false };
        if let Err(error) = self.admit(pending, id, &body, deadline, now) {
            self.events.push_back(pending.done(id, Err(error)));
        }
    }

    fn admit(
        &mut self,
        pending: Pending,
        id: u32,
        body: &[u8],
        deadline: Time,
        now: Time,
    ) -> Result<(), CallError> {
        if self.state == State::Closed {
            return Err(CallError::Closed);
        }
        if id == frame::PUSH_ID || self.calls.contains(&id) {
            return Err(CallError::IdTaken);
        }
        if deadline <= now {
            return Err(CallError::TimedOut);
        }
        let connected = self.is_connected();
        if connected {
            self.transmit_request(id, body)?
        } else {
            self.keep_request(id, body)?
        }
        self.calls.insert(id, pending, deadline);
        if connected && pending.one_way {
            self.end(id, Ok(Bytes::new()));
        }
        Ok(())
    }

    fn transmit_request(&mut self, id: u32, body: &[u8]) -> Result<(), CallError> {
        let before = self.transmit.len();
        let mut result = self.codec.encode_request(id, body, &mut self.transmit);
        if result.is_ok() && self.transmit.len() > self.config.queue_bytes_max {
            result = Err(CallError::QueueFull);
        }
        if result.is_err() {
            self.transmit.truncate(before);
        }
        result
    }

    fn keep_request(&mut self, id: u32, body: &[u8]) -> Result<(), CallError> {
        if self.waiting.len() >= self.config.queue_max {
            return Err(CallError::QueueFull);
        }
        let mut frame = Vec::new();
        self.codec.encode_request(id, body, &mut frame)?;
        if self.waiting_bytes + frame.len() > self.config.queue_bytes_max {
            return Err(CallError::QueueFull);
        }
        self.waiting_bytes += frame.len();
        self.waiting.push_back((id, frame));
        Ok(())
    }
}

/// However short an interval is asked for, heartbeats leave room for everything else.
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);
