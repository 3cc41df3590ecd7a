//! What is known of one connection from outside: what its client requested, what was queued for it, what was sent,
//! and how these must agree. It compares the output of the core with its input.

use std::rc::Rc;

use shardcast_proto::{
    Amount, EndOfStream, Event, Position, Time, TopicFilter,
    connection::{CloseReason, Connection as Core, Cut, Drops, Hold, Limits},
};

use crate::{
    frame::{Frame, ResponseKind, frames},
    model::Model,
    session::{Kind, Written},
};

/// The account of one connection, while it exists.
#[derive(Debug)]
pub(crate) struct Account {
    client: usize,
    limits: Limits,
    /// What the session decides when the client ends its side.
    pub(crate) at_end: EndOfStream,
    /// All requests of the client, by number.
    pub(crate) requests: Vec<Request>,
    /// The requests before this one were taken.
    next: usize,
    in_progress: u32,
    topics_in_progress: u32,
    /// The requested history whose response is pending.
    history: Option<u64>,
    outbox_holds: bool,
    /// It holds more memory than its share. What it has sent completely is processed nevertheless.
    pub(crate) memory_holds: bool,
    requests_hold: bool,
    topic_requests_hold: bool,
    shard_hold: bool,
    /// From now on, requests may not be taken.
    pub(crate) is_ending: bool,
    /// Responses, as the session wrote them.
    written: Rc<Written>,
    /// Pushes that were handed over.
    handed: Sum,
    /// All that was sent.
    sent: Traffic,
    /// What the client received.
    received: Traffic,
    /// What was sent and did not reach the client.
    lost: Traffic,
    /// What was in a send that failed.
    failed: Traffic,
    /// Pushes that the outbox dropped, and that were dropped with the connection.
    dropped: u64,
    closed: u64,
    /// Pushes may wait outside the bounds.
    pub(crate) is_blocked: bool,
    /// The last request that was answered at once.
    last_at_once: Option<usize>,
    /// Pings, and notes, before these requests were answered.
    ping: usize,
    note: usize,
    /// Causes that may end the connection, by the code of the reason.
    pub(crate) causes: Vec<&'static str>,
    pub(crate) ended: Option<Ended>,
    /// Queued data must not be sent.
    pub(crate) is_cut_on_purpose: bool,
    /// Bytes that reached the server, and where requests end among all that were sent.
    pub(crate) delivered: u64,
    pub(crate) delivered_at: Time,
    /// Whether reading is held, and when the last hold was lifted.
    is_held: bool,
    lifted_at: Time,
    sent_up: u64,
}

/// A request of the client.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) topic: &'static str,
    pub(crate) body: usize,
    /// Of a subscription and of its end.
    pub(crate) filter: Option<TopicFilter>,
    pub(crate) since: Option<Position>,
    /// The state of a subscription.
    pub(crate) state: State,
    /// It must be answered.
    pub(crate) wants_response: bool,
    /// It was answered before the next one was taken.
    pub(crate) at_once: bool,
    pub(crate) is_taken: bool,
    /// The response was given.
    pub(crate) is_answered: bool,
    pub(crate) received: u32,
    /// Where it ends among the bytes of the client.
    pub(crate) end: u64,
}

/// The state of a subscription, as its shard knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Sent,
    Asked,
    Active,
    Over,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) why: CloseReason,
    /// The time by which it must be cut.
    pub(crate) deadline: Time,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sum {
    messages: u64,
    bytes: u64,
}

/// Frames, by whether a policy may drop them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traffic {
    pushes: Sum,
    responses: Sum,
}

impl Traffic {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut traffic = Self::default();
        frames(bytes).for_each(|(frame, len)| traffic.add(frame, len));
        traffic
    }

    fn add(&mut self, frame: Frame, len: usize) {
        let sum = if frame.is_push() { &mut self.pushes } else { &mut self.responses };
        sum.add(1, len as u64);
    }

    fn add_all(&mut self, other: Self) {
        self.pushes.add(other.pushes.messages, other.pushes.bytes);
        self.responses.add(other.responses.messages, other.responses.bytes);
    }

    const fn messages(self) -> u64 {
        self.pushes.messages + self.responses.messages
    }

    const fn bytes(self) -> u64 {
        self.pushes.bytes + self.responses.bytes
    }
}

impl Sum {
    const fn add(&mut self, messages: u64, bytes: u64) {
        self.messages += messages;
        self.bytes += bytes;
    }
}

impl Request {
    pub(crate) const fn new(kind: Kind, wants_response: bool) -> Self {
        Self {
            kind,
            topic: "",
            body: 0,
            filter: None,
            since: None,
            state: State::Sent,
            wants_response,
            at_once: false,
            is_taken: false,
            is_answered: false,
            received: 0,
            end: 0,
        }
    }

    /// Whether the application receives it as an event.
    const fn is_event(&self) -> bool {
        !matches!(self.kind, Kind::Ping | Kind::Note | Kind::Bye | Kind::Broken)
    }

    /// Whether requests after it are not taken.
    const fn is_last(&self) -> bool {
        matches!(self.kind, Kind::Bye | Kind::Broken)
    }

    const fn fits(&self, response: ResponseKind) -> bool {
        matches!(
            (self.kind, response),
            (Kind::Subscribe, ResponseKind::Subscribed | ResponseKind::Refused)
                | (Kind::Unsubscribe, ResponseKind::Unsubscribed | ResponseKind::Refused)
                | (Kind::Publish, ResponseKind::Published | ResponseKind::Refused)
                | (Kind::Presence, ResponseKind::Present | ResponseKind::Refused)
                | (Kind::Hello, ResponseKind::Welcome)
                | (Kind::Request | Kind::Pair, ResponseKind::Plain)
        )
    }
}

impl Account {
    pub(crate) fn new(
        client: usize,
        limits: Limits,
        at_end: EndOfStream,
        written: Rc<Written>,
        now: Time,
    ) -> Self {
        Self {
            client,
            limits,
            at_end,
            requests: Vec::new(),
            next: 0,
            in_progress: 0,
            topics_in_progress: 0,
            history: None,
            outbox_holds: false,
            memory_holds: false,
            requests_hold: false,
            topic_requests_hold: false,
            shard_hold: false,
            is_ending: false,
            written,
            handed: Sum::default(),
            sent: Traffic::default(),
            received: Traffic::default(),
            lost: Traffic::default(),
            failed: Traffic::default(),
            dropped: 0,
            closed: 0,
            is_blocked: false,
            last_at_once: None,
            ping: 0,
            note: 0,
            causes: Vec::new(),
            ended: None,
            is_cut_on_purpose: false,
            delivered: 0,
            delivered_at: now,
            is_held: false,
            lifted_at: now,
            sent_up: 0,
        }
    }

    /// The client sends a request of `len` bytes.
    pub(crate) fn send(&mut self, request: Request, len: usize) {
        self.sent_up += len as u64;
        self.requests.push(Request { end: self.sent_up, ..request });
    }

    /// A subscription to `filter` that is not over, as far as its shard knows.
    pub(crate) fn active_subscription(&mut self, filter: &TopicFilter) -> Option<&mut Request> {
        let is_active = |it: &&mut Request| {
            matches!(it.state, State::Asked | State::Active) && it.filter.as_ref() == Some(filter)
        };
        self.requests.iter_mut().find(is_active)
    }

    /// The core makes its next step: it places holds now.
    pub(crate) fn before_step(&mut self) {
        self.outbox_holds |= self.unsent_bytes() >= self.limits.outbox.bytes_max as u64;
        self.requests_hold |= self.in_progress as usize >= self.limits.requests_in_progress_max;
        self.topic_requests_hold |= self.topics_in_progress as usize >= self.limits.topic_requests_max;
    }

    /// Responses that were written and not sent.
    fn unsent_bytes(&self) -> u64 {
        let sent = self.sent.responses.bytes + self.failed.responses.bytes;
        // After a fault, it may have been more.
        self.written.bytes.get().saturating_sub(sent)
    }

    /// An event, which must be the next request: its number.
    pub(crate) fn take(&mut self, event: &Event<'_>, model: &mut Model) -> Option<usize> {
        let client = self.client;
        let (kind, id, topic, body) = parts(event);
        let is_held = self.holds() || self.is_ending;
        model.require(!is_held, || {
            format!("client {client}: request {id:?} was taken while reading was held")
        });
        let rest = &mut self.requests[self.next..];
        let passed = rest.iter().position(Request::is_event);
        let is_after_end = rest.iter().take(passed.unwrap_or(0)).any(Request::is_last);
        let Some(passed) = passed.filter(|_| !is_after_end) else {
            model.fail(|| format!("client {client}: request {id:?} was never made, or is after the end"));
            return None;
        };
        let (number, request) = (self.next + passed, &mut rest[passed]);
        let is_kind = request.kind == kind || (request.kind == Kind::Pair && kind == Kind::Request);
        let is_whole = (topic, body.len()) == (request.topic, request.body);
        let is_next = id.is_none_or(|id| id == number as u64) && is_kind && is_whole;
        model.require(is_next, || format!("client {client}: {event:?} in place of {request:?}"));
        request.is_taken = true;
        self.next = number + 1;
        is_next.then_some(number)
    }

    /// A request is in progress from now on.
    pub(crate) const fn begin(&mut self) {
        self.in_progress += 1;
    }

    /// As [`begin`](Self::begin), for one about a topic.
    pub(crate) fn begin_topic(&mut self, number: usize) {
        self.begin();
        self.topics_in_progress += 1;
        let request = &self.requests[number];
        if request.kind == Kind::Subscribe && request.since.is_some() {
            self.history = Some(number as u64);
        }
    }

    /// The request for a history that has not been answered.
    pub(crate) const fn history(&self) -> Option<u64> {
        self.history
    }

    /// A request gets its response.
    pub(crate) fn answer(&mut self, number: usize, at_once: bool, model: &mut Model) {
        let client = self.client;
        let Some(request) = self.requests.get_mut(number) else {
            return model.fail(|| format!("client {client}: {number} is answered and was never made"));
        };
        let is_first = request.is_taken && !request.is_answered;
        request.is_answered = true;
        request.at_once = at_once;
        model.require(is_first, || format!("client {client}: {number} is answered twice, or too early"));
        if self.history == Some(number as u64) {
            self.history = None;
        }
    }

    /// A request is no longer in progress.
    pub(crate) const fn end(&mut self, is_about_topic: bool) {
        self.in_progress = self.in_progress.saturating_sub(1);
        self.topics_in_progress = self.topics_in_progress.saturating_sub(is_about_topic as u32);
        if self.in_progress as usize <= self.limits.requests_in_progress_max / 2 {
            self.requests_hold = false;
        }
        if self.topics_in_progress as usize <= self.limits.topic_requests_max / 2 {
            self.topic_requests_hold = false;
        }
        if self.in_progress == 0 {
            self.shard_hold = false;
        }
    }

    /// Its shard has reached its bound of requests: the connection begins no other while it has one.
    pub(crate) const fn shard_is_full(&mut self) {
        self.shard_hold |= self.in_progress > 0;
    }

    pub(crate) const fn shard_has_room(&mut self) {
        self.shard_hold = false;
    }

    /// Requests in progress.
    pub(crate) const fn in_progress(&self) -> u32 {
        self.in_progress
    }

    /// Its shard holds reading.
    pub(crate) const fn is_held_by_shard(&self) -> bool {
        self.shard_hold
    }

    pub(crate) const fn hand(&mut self, len: usize) {
        self.handed.add(1, len as u64);
    }

    pub(crate) fn drop(&mut self, drops: Drops) {
        self.closed += u64::from(drops.closed);
        self.dropped += drops.total() - u64::from(drops.closed);
    }

    /// The transport took a send. `by_core`: its bytes and messages as the core counts them.
    pub(crate) fn sent(&mut self, bytes: &[u8], by_core: Amount, model: &mut Model) {
        let traffic = Traffic::of(bytes);
        let is_same = (bytes.len(), traffic.messages()) == (by_core.bytes, by_core.messages as u64);
        model.require(is_same, || format!("client {}: {traffic:?} was sent as {by_core:?}", self.client));
        self.sent.add_all(traffic);
        if self.unsent_bytes() <= self.limits.outbox.bytes_max as u64 / 2 {
            self.outbox_holds = false;
        }
    }

    /// A send failed.
    pub(crate) fn failed(&mut self, bytes: &[u8]) {
        self.failed.add_all(Traffic::of(bytes));
    }

    /// What was sent did not reach the client.
    pub(crate) fn lost(&mut self, bytes: &[u8]) {
        self.lost.add_all(Traffic::of(bytes));
    }

    /// The client receives a frame.
    pub(crate) fn receive(&mut self, frame: Frame, len: usize, model: &mut Model) {
        self.received.add(frame, len);
        match frame {
            Frame::Response { request, kind } => self.receive_response(request as usize, kind, model),
            Frame::Own { pings, notes, .. } => {
                (0..pings).for_each(|_| self.receive_own(Kind::Ping, model));
                (0..notes).for_each(|_| self.receive_own(Kind::Note, model));
            }
            Frame::Message { .. } | Frame::LastWord => {}
        }
    }

    fn receive_response(&mut self, number: usize, kind: ResponseKind, model: &mut Model) {
        let client = self.client;
        let Some(request) = self.requests.get_mut(number) else {
            return model.fail(|| format!("client {client} got {kind:?} to {number}, which it never sent"));
        };
        request.received += 1;
        let is_right = request.wants_response && request.received == 1 && request.fits(kind);
        let at_once = request.at_once;
        model.require(is_right, || {
            format!("client {client} got {kind:?} to {number}: {:?}", self.requests[number])
        });
        if at_once {
            self.receive_at_once(number, model);
        }
    }

    /// The session has answered the next ping or note.
    fn receive_own(&mut self, kind: Kind, model: &mut Model) {
        let client = self.client;
        let next = if kind == Kind::Ping { &mut self.ping } else { &mut self.note };
        let Some(passed) = self.requests[*next..].iter().position(|it| it.kind == kind) else {
            return model
                .fail(|| format!("client {client} got an response to a {kind:?} that it never sent"));
        };
        let number = *next + passed;
        *next = number + 1;
        self.requests[number].received = 1;
        // Notes are answered after all that was received with them.
        if kind == Kind::Ping {
            self.receive_at_once(number, model);
        }
    }

    /// Requests that are answered at once are answered in order.
    fn receive_at_once(&mut self, number: usize, model: &mut Model) {
        let last = self.last_at_once.replace(number);
        model.require(last.is_none_or(|last| last < number), || {
            format!("client {} got the response to {number} after that to {last:?}", self.client)
        });
    }

    /// Whether there is a temporary hold on reading.
    const fn holds(&self) -> bool {
        let by_requests = self.requests_hold || self.topic_requests_hold || self.shard_hold;
        self.outbox_holds || by_requests || self.history.is_some()
    }

    /// Checks that the core agrees with this account.
    pub(crate) fn agree(&mut self, core: &Core, now: Time, model: &mut Model) {
        let client = self.client;
        let is_held = self.holds() || self.memory_holds;
        // One that is to end stays held.
        if self.is_held && !is_held && !self.is_ending {
            self.lifted_at = now;
        }
        self.is_held = is_held;
        for (hold, expected) in [
            (Hold::Outbox, self.outbox_holds),
            (Hold::Requests, self.requests_hold),
            (Hold::TopicRequests, self.topic_requests_hold),
            (Hold::ShardRequests, self.shard_hold),
            (Hold::Memory, self.memory_holds),
            (Hold::History, self.history.is_some()),
        ] {
            model.require(core.holds().has(hold) == expected, || {
                format!("client {client}: {:?} hold it, and {hold:?} should be {expected}", core.holds())
            });
        }
        let (is, expected) = (core.requests_in_progress(), self.in_progress);
        model.require(is == expected, || format!("client {client}: {is} requests, and {expected} expected"));
        let (is, expected) = (core.outbox().response_bytes() as u64, self.unsent_bytes());
        model.require(is == expected, || format!("client {client}: {is} of responses, not {expected}"));
    }

    /// Checks that a client that could send, and has not for too long, is disconnected.
    pub(crate) fn require_input(&self, now: Time, model: &mut Model) {
        // The end of its stream was the last thing that it had to send.
        if self.is_held || self.is_ending || self.caused("peer-closed") || self.was_reached(Kind::Bye) {
            return;
        }
        let silence = now - self.delivered_at.max(self.lifted_at);
        let Limits { idle_timeout, frame_timeout, .. } = self.limits;
        for (timeout, is_late) in [(idle_timeout, true), (frame_timeout, self.is_partial())] {
            let is_over = !timeout.is_zero() && is_late && silence >= timeout;
            model.require(!is_over, || {
                format!(
                    "client {} is open, and silent for {silence:?}: {timeout:?} is the bound",
                    self.client
                )
            });
        }
    }

    /// Checks that a session was called in time, and has written its data if there was room.
    pub(crate) fn require_beat(&self, now: Time, model: &mut Model) {
        let client = self.client;
        let is_late = self.written.beats_at.get().is_some_and(|at| at <= now);
        model.require(!is_late, || format!("the session of client {client} was not called in time"));
        // Data without room is requested again when half of the queue was sent.
        let has_room = self.unsent_bytes() <= self.limits.outbox.bytes_max as u64 / 2;
        let is_written = !self.written.beat_waits.get();
        model.require(is_written || !has_room, || format!("the session of client {client} was not asked"));
    }

    /// The connection ends for the application. There must be a cause, and all that must come before.
    pub(crate) fn end_for(&mut self, why: CloseReason, now: Time, model: &mut Model) {
        let client = self.client;
        model.require(self.ended.is_none(), || format!("client {client} ended twice: {why}"));
        self.ended = Some(Ended { why, deadline: now + self.limits.flush_timeout });
        let is_caused = match why {
            CloseReason::Idle => {
                let timeout = self.limits.idle_timeout;
                // A client that is held may be waiting to send, unless it has ended its side.
                let may_send = !self.holds() && !self.memory_holds && !self.is_ending;
                let is_silent = now - self.delivered_at.max(self.lifted_at) >= timeout;
                !timeout.is_zero() && is_silent && (may_send || self.caused("peer-closed"))
            }
            CloseReason::PeerClosed => self.was_reached(Kind::Bye) || self.caused("peer-closed"),
            CloseReason::ProtocolError(_) => {
                self.was_reached(Kind::Broken) || self.caused("late") || self.is_partial()
            }
            CloseReason::Slow => self.caused("slow") || !self.limits.outbox.age_max.is_zero(),
            other => self.caused(other.code()),
        };
        model.require(is_caused, || format!("client {client} ended for no reason: {why}"));
        let is_answered = match why {
            CloseReason::PeerClosed => self.was_reached(Kind::Bye) || self.at_end != EndOfStream::Close,
            why => why == CloseReason::Drained,
        };
        if is_answered {
            let missing = self.requests.iter().position(|it| {
                // The response to a publication with a delay may be far off; a drain refuses it at once.
                let is_waited_for = it.kind != Kind::Publish || why == CloseReason::Drained;
                it.is_taken && it.wants_response && !it.is_answered && is_waited_for
            });
            model.require(self.in_progress == 0 && missing.is_none(), || {
                format!("client {client} ended before request {missing:?} was answered")
            });
        }
        if why == CloseReason::PeerClosed {
            self.require_all_taken(model);
        }
    }

    fn caused(&self, code: &str) -> bool {
        self.causes.contains(&code)
    }

    /// A frame of this kind has reached the server.
    fn was_reached(&self, kind: Kind) -> bool {
        self.requests.iter().any(|it| it.kind == kind && it.end <= self.delivered)
    }

    /// The server has the beginning of a frame, and the client may still send the rest.
    fn is_partial(&self) -> bool {
        let timed = !self.limits.frame_timeout.is_zero() && !self.caused("peer-closed");
        timed && self.delivered > 0 && self.requests.iter().all(|it| it.end != self.delivered)
    }

    /// Checks that all requests that reached the server were taken, up to a goodbye.
    fn require_all_taken(&self, model: &mut Model) {
        let rest = self.requests[self.next..].iter();
        let of_rest = rest.take_while(|it| !it.is_last() && it.end <= self.delivered);
        let missing = of_rest.filter(|it| it.is_event()).count();
        model
            .require(missing == 0, || format!("client {}: {missing} requests were never taken", self.client));
    }

    /// The connection is cut; `in_flight` is the send that the transport has not taken.
    pub(crate) fn cut(&mut self, cut: Cut, in_flight: &[u8], model: &mut Model) {
        let client = self.client;
        let flight = Traffic::of(in_flight);
        let (sent, failed) = (self.sent, self.failed);
        let passed = sent.pushes.messages + flight.pushes.messages + self.dropped + self.closed;
        model.require(self.handed.messages == passed, || {
            format!(
                "client {client} was handed {}: {sent:?} sent, {flight:?} in progress, {} dropped, {} closed",
                self.handed.messages, self.dropped, self.closed
            )
        });
        let pushes = self.handed.messages - sent.pushes.messages - failed.pushes.messages - self.dropped;
        let responses = self.written.frames.get() - sent.responses.messages - failed.responses.messages;
        let expected = pushes + responses;
        // Only the outbox knows how many wait outside the bounds.
        let least = if self.is_blocked { flight.messages() } else { expected };
        let is_right = (least..=expected).contains(&cut.queued_messages);
        model.require(is_right, || format!("client {client}: {cut:?}, and {expected} messages expected"));
        let bytes = self.handed.bytes + self.written.bytes.get() - sent.bytes() - failed.bytes();
        if self.dropped == 0 && !self.is_blocked {
            let is_right = cut.queued_bytes == bytes;
            model.require(is_right, || format!("client {client}: {cut:?}, and {bytes} bytes expected"));
        }
    }

    /// Checks that a connection that has not ended in order is cut at once.
    pub(crate) fn require_cut(&self, model: &mut Model) {
        let ended = self.ended.filter(|it| self.is_cut_on_purpose || !it.why.is_gentle());
        model.require(ended.is_none(), || format!("client {} is not cut: {ended:?}", self.client));
    }

    /// Checks that a connection that ended in order, and was cut before its time, was flushed, and the client has all
    /// data.
    pub(crate) fn require_flushed(&self, cut: Cut, resets: bool, now: Time, model: &mut Model) {
        let Some(ended) = self.ended else {
            return model.fail(|| format!("client {} is cut and has not ended", self.client));
        };
        let is_gentle = ended.why.is_gentle() && !self.is_cut_on_purpose && !self.caused("reset");
        let is_flushed = cut.queued_messages == 0 && !resets;
        model.require(!is_gentle || is_flushed || now >= ended.deadline, || {
            format!("client {} ended ({}) and is cut too early: {cut:?}", self.client, ended.why)
        });
    }

    /// The connection has ended, or is at rest: all that was sent has arrived, or is lost with it.
    pub(crate) fn check_sent(&self, model: &mut Model) {
        let Self { sent, received, lost, client, .. } = self;
        let mut arrived = *received;
        arrived.add_all(*lost);
        model.require(*sent == arrived, || {
            format!("client {client} was sent {sent:?}, and got {received:?}; {lost:?} lost")
        });
    }

    /// Nothing moves any more, and the connection is open: all requests were taken, and answered once.
    pub(crate) fn check_open(&self, model: &mut Model) {
        let client = self.client;
        self.check_sent(model);
        let (handed, received, dropped) = (self.handed.messages, self.received.pushes.messages, self.dropped);
        model.require(handed == received + dropped, || {
            format!("client {client} was handed {handed}: {received} received, {dropped} dropped")
        });
        self.require_all_taken(model);
        let wrong = self.requests.iter().position(|it| {
            let expected = u32::from(it.wants_response || matches!(it.kind, Kind::Ping | Kind::Note));
            it.received != expected && !it.is_last()
        });
        model.require(wrong.is_none(), || {
            format!("client {client}: {wrong:?} is not answered once: {:?}", self.requests[wrong.unwrap()])
        });
    }
}

/// The kind of an event, its number, its topic and its body.
fn parts<'a>(event: &Event<'a>) -> (Kind, Option<u64>, &'a str, &'a [u8]) {
    let (kind, id, topic, body): (_, _, &str, &[u8]) = match *event {
        Event::Request(request) => (Kind::Request, Some(request.id), "", request.body),
        Event::Hello { id } => (Kind::Hello, Some(id), "", &[]),
        Event::Subscribe { id, topic, .. } => (Kind::Subscribe, Some(id), topic, &[]),
        Event::Unsubscribe { id, topic, .. } => (Kind::Unsubscribe, Some(id), topic, &[]),
        Event::Publish { id, topic, body, .. } => (Kind::Publish, id, topic, body),
        Event::Presence { id, topic } => (Kind::Presence, Some(id), topic, &[]),
        _ => (Kind::Broken, None, "", &[]),
    };
    (kind, id.map(|id| id.0), topic, body)
}
