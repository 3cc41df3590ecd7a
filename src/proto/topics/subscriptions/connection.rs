use bytes::Bytes;

use super::{State, Subscriptions, Task};
use crate::{
    Route, Time, TopicFilter, TopicName,
    rpc::{CallError, Cause},
    topics::{
        Incoming, Request, RequestError, RequestKind, TopicEvent, TopicResponse, Wire, positions::Arrival,
    },
};

/// The events of the connection, and the requests to send over it.
impl<W: Wire> Subscriptions<W> {
    /// The connection is established; the driver has sent [`Request::Hello`].
    pub fn handle_connected(&mut self) {
        self.connected = true;
        self.events.push_back(TopicEvent::Connected);
        for (filter, subscription) in &self.wanted {
            // A request without a response was sent over this connection, or fails and is repeated.
            if subscription.state == State::Waiting {
                let task = Task::Subscribe { filter: filter.clone(), life: subscription.life };
                self.ready.push_back(task);
            }
        }
    }

    /// An attempt to connect failed.
    pub fn handle_connect_failed(&mut self) {
        self.events.push_back(TopicEvent::ConnectFailed);
    }

    /// The connection is lost, and the server has forgotten its subscriptions.
    pub fn handle_disconnected(&mut self, cause: Cause) {
        self.connected = false;
        self.ready.clear();
        self.pauses.clear();
        self.leaving.clear();
        for subscription in self.wanted.values_mut() {
            subscription.was_asked = false;
            subscription.backoff.reset();
            if subscription.state == State::Active {
                subscription.state = State::Waiting;
            }
        }
        self.events.push_back(TopicEvent::Disconnected(cause));
    }

    /// A payload arrived that is not a response. The body of its message shares the payload's memory.
    pub fn handle_message(&mut self, payload: &Bytes) {
        // Anything else is a push from before the server had read HELLO.
        let Some(Incoming::Message { topic, position, body }) = self.wire.decode(payload) else { return };
        let (topic, epoch) = (topic.to_owned(), position.epoch);
        let is_awaited = || {
            let filter = TopicName::new(&topic).map(TopicFilter::Exact);
            let subscription = filter.ok().and_then(|filter| self.wanted.get(&filter));
            subscription.is_some_and(|it| it.state != State::Active)
        };
        match self.positions.handle_message(&topic, position, is_awaited) {
            Arrival::Next => {}
            Arrival::Duplicate => return,
            Arrival::After(lost) => {
                let lost = lost.into_iter().map(|(from, to)| TopicEvent::Lost {
                    topic: topic.clone(),
                    epoch,
                    from,
                    to,
                });
                self.events.extend(lost);
            }
            Arrival::NewEpoch => self.events.push_back(TopicEvent::NewEpoch { topic: topic.clone(), epoch }),
        }
        self.events.push_back(TopicEvent::Message { topic, position, body: payload.slice_ref(body) });
    }

    /// A request of [`poll_request`](Self::poll_request) has its response, or failed. Unknown ids are
    /// ignored.
    pub fn handle_response(&mut self, id: u64, response: Result<&[u8], CallError>, now: Time) {
        match response {
            Ok(payload) => self.ended(id, now, |wire, kind| wire.decode_response(kind, payload)),
            Err(error) => self.handle_failed(id, error.into(), now),
        }
    }

    /// As [`handle_response`](Self::handle_response), for a response that is a failure of the protocol, not a payload.
    pub fn handle_failed(&mut self, id: u64, error: RequestError, now: Time) {
        self.ended(id, now, |_, _| Err(error));
    }

    fn ended(
        &mut self,
        id: u64,
        now: Time,
        read: impl FnOnce(&W, RequestKind) -> Result<TopicResponse, RequestError>,
    ) {
        let Some(task) = self.calls.remove(&id).or_else(|| self.late.remove(&id)) else { return };
        let outcome = read(&self.wire, task.kind());
        match task {
            Task::Subscribe { filter, life } => self.subscribe_ended(id, filter, life, outcome, now),
            Task::Unsubscribe { filter } => self.unsubscribe_ended(id, filter, outcome, now),
        }
    }

    /// The route of a request that [`poll_request`](Self::poll_request) has just returned.
    pub fn route(&self, id: u64) -> Route<'static> {
        self.calls.get(&id).map_or(Route::Only, |task| self.wire.route(task.kind()))
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((id, task)) = self.calls.pop_expired(now) {
            self.late.insert(id, task.clone(), now + self.config.late_response_timeout);
            self.timed_out(id, task, now);
        }
        while let Some((id, task)) = self.late.pop_expired(now) {
            if let Task::Subscribe { filter, .. } = task {
                self.is_answered(&filter, id);
            }
        }
        while let Some((task, ())) = self.pauses.pop_expired(now) {
            self.ready.push_back(task);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        let times = [self.calls.next_deadline(), self.late.next_deadline(), self.pauses.next_deadline()];
        times.into_iter().flatten().min()
    }

    /// Appends the payload of the next request to `out`, and returns its id for
    /// [`handle_response`](Self::handle_response). Send the requests in this order.
    pub fn poll_request(&mut self, out: &mut Vec<u8>, now: Time) -> Option<u64> {
        while self.connected && self.calls.len() < self.config.requests_max.max(1) {
            let task = self.ready.pop_front()?;
            let id = self.last_id + 1;
            let is_due = match &task {
                Task::Subscribe { filter, life } => self.encode_subscribe(id, filter, *life, out),
                Task::Unsubscribe { filter } => self.encode_unsubscribe(id, filter, out),
            };
            if is_due {
                self.last_id = id;
                self.calls.insert(id, task, now + self.config.response_timeout);
                return Some(id);
            }
        }
        None
    }

    /// Appends a request, unless it is outdated.
    fn encode_subscribe(&mut self, id: u64, filter: &TopicFilter, life: u64, out: &mut Vec<u8>) -> bool {
        let task = Task::Subscribe { filter: filter.clone(), life };
        if self.pauses.contains(&task) {
            return false;
        }
        let Some(subscription) = self.wanted.get_mut(filter) else { return false };
        if subscription.life != life || subscription.state != State::Waiting {
            return false;
        }
        subscription.state = State::Asked(id);
        subscription.was_asked = true;
        subscription.unanswered.push(id);
        let since = match filter {
            TopicFilter::Exact(topic) => self.positions.get(topic),
            TopicFilter::Prefix(_) => None,
        };
        self.wire.encode(&Request::Subscribe { filter, since }, out);
        true
    }

    fn encode_unsubscribe(&mut self, id: u64, filter: &TopicFilter, out: &mut Vec<u8>) -> bool {
        let Some(leaving) = self.leaving.get_mut(filter).filter(|it| it.asked.is_none()) else {
            return false;
        };
        leaving.asked = Some(id);
        self.wire.encode(&Request::Unsubscribe { filter }, out);
        true
    }
}
