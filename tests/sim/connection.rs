//! One connection of a shard: the core that the runtime drives as well, over a simulated transport.

use std::{collections::BTreeMap, rc::Rc};

use bytes::Bytes;
use shardcast_proto::{
    Command, EndOfStream, Holder, RequestId, Time,
    connection::{
        Acknowledgement, CloseReason, Connection as Core, Limits, MemoryShare, RequestShare, Role, Spares,
        State as Life,
    },
    outbox::{Parcel, Pushed, Pushing},
    push::{SubscriberId, schedule::RateLimit},
};

use crate::{
    account::{Account, State},
    client::Client,
    fault::Fault,
    frame::{Frame, frames},
    meter::Meter,
    model::Model,
    session::{Wire, Written},
    stream::Stream,
    transport::Transport,
};

/// Who has a request in progress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Service,
    Topics,
    /// A publication with a delay: it is not in progress.
    Delayed,
}

/// A connection as its shard has it. It ends when the core is cut.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) shard: u16,
    pub(crate) who: SubscriberId,
    /// What it holds counts for this connection.
    pub(crate) holder: Holder,
    pub(crate) core: Core,
    pub(crate) limits: Limits,
    pub(crate) transport: Transport,
    pub(crate) account: Account,
    /// Its requests that the shard counts.
    pub(crate) requests: RequestShare,
    /// What it holds, as the shard counts that.
    pub(crate) memory: MemoryShare,
    /// When its one timer goes off.
    pub(crate) timer: Option<Time>,
    /// It must be flushed at the end of the turn.
    is_dirty: bool,
    meter: Meter,
    is_rate_limited: bool,
    /// Requests that the application answers later (`true`) or abandons (`false`).
    pub(crate) jobs: Vec<(u64, bool)>,
    /// The topic of its automatic subscription.
    pub(crate) automatic: Option<usize>,
    /// The messages that its shard handed over, by topic.
    pub(crate) streams: BTreeMap<usize, Stream>,
}

impl Connection {
    pub(crate) fn new(client: &Client, shard: u16, who: SubscriberId, now: Time, model: &mut Model) -> Self {
        let character = &client.character;
        let (limits, mut rate_limit) = (character.limits, character.rate_limit);
        let meter = Meter::new(&rate_limit, 0);
        if !rate_limit.is_none() && model.sabotage.is_habit(Fault::ForgetRateLimit) {
            rate_limit = RateLimit::NONE;
        }
        let written = Rc::new(Written::default());
        let at_end = AT_END[client.life as usize % AT_END.len()];
        let first_by = character.first_request.map(|timeout| now + timeout);
        let mut core: Core = Core::new(Role::Accepting, &rate_limit, now);
        let mut account = Account::new(client.number, limits, at_end, Rc::clone(&written), now);
        account.causes.extend(first_by.map(|_| "late"));
        core.open(Box::new(Wire::new(written, at_end, first_by, character.beats_every, now)), now);
        let owner = if model.sabotage.is_habit(Fault::ShareOfAnother) { 0 } else { client.number as u64 };
        // Each client has its own address, and each of its connections its own number.
        let holder = Holder::connection(shard, client.life << 32 | owner, [10, 0, 0, owner as u8].into());
        Self {
            shard,
            who,
            holder,
            core,
            limits,
            transport: Transport::default(),
            account,
            requests: RequestShare::default(),
            memory: MemoryShare::default(),
            timer: None,
            is_dirty: false,
            meter,
            is_rate_limited: !rate_limit.is_none(),
            jobs: Vec::new(),
            automatic: None,
            streams: BTreeMap::new(),
        }
    }

    /// Its shard hands a message over; false when that ends the connection.
    pub(crate) fn hand(
        &mut self,
        client: usize,
        frame: Frame,
        bytes: Bytes,
        key: Option<u64>,
        (spares, now): (&Spares, Time),
        model: &mut Model,
    ) -> bool {
        let Frame::Message { id, .. } = frame else { return true };
        let mut expires = model.expires(id);
        if expires != Time::NEVER && model.sabotage.is_habit(Fault::ForgetExpiry) {
            expires = Time::NEVER;
        }
        self.account.hand(bytes.len());
        let pushing = Pushing { frame: bytes, key, posted: now, expires };
        let pushed = self.core.push_in_order(pushing, &self.limits, spares, now);
        model.trace.note("pushed", &[client as u64, id, u64::from(pushed == Pushed::Blocked)]);
        self.count_drops(model);
        if pushed == Pushed::Blocked {
            self.account.is_blocked = true;
            self.arm_timer(now);
        }
        self.queue_changed();
        pushed != Pushed::Disconnect
    }

    /// Lets the session send the client a response.
    pub(crate) fn say(&mut self, command: Command<'_>, spares: &Spares, now: Time) {
        let said = self.core.say(command, spares, now);
        debug_assert!(said, "the protocol can response its own requests");
        self.queue_changed();
    }

    /// The response to a request has arrived.
    pub(crate) fn answer(
        &mut self,
        number: u64,
        kind: Asked,
        command: Command<'_>,
        (spares, now): (&Spares, Time),
        model: &mut Model,
    ) {
        if self.core.is_open() {
            if !model.strikes(Fault::LoseResponse) {
                self.say(command, spares, now);
            }
            if model.strikes(Fault::DoubleResponse) {
                self.say(command, spares, now);
            }
            let is_kept = self.account.history() == Some(number) && model.strikes(Fault::KeepHistory);
            if !is_kept {
                self.core.handle_history(RequestId(number), now);
            }
            self.account.answer(number as usize, false, model);
        }
        self.end_request(kind, now, model);
    }

    /// Its shard has as many requests in progress as it may.
    pub(crate) fn handle_shard_full(&mut self) {
        self.core.handle_shard_full();
        self.account.shard_is_full();
    }

    /// Its shard has fewer.
    pub(crate) fn handle_shard_room(&mut self, now: Time) {
        self.account.shard_has_room();
        self.core.handle_shard_room(now);
    }

    /// A request has ended, answered or not.
    pub(crate) fn end_request(&mut self, kind: Asked, now: Time, model: &mut Model) {
        if kind == Asked::Delayed {
            return self.core.handle_delayed_ended(&self.limits, now);
        }
        self.account.end(kind == Asked::Topics);
        if model.strikes(Fault::ForgetRequestEnd) {
            return;
        }
        match kind {
            Asked::Topics => self.core.handle_topic_request_ended(&self.limits, now),
            Asked::Service | Asked::Delayed => self.core.handle_request_ended(&self.limits, now),
        }
    }

    pub(crate) fn count_drops(&mut self, model: &mut Model) {
        let Some(mut drops) = self.core.take_drops() else { return };
        if drops.overflow > 0 && model.strikes(Fault::HideDrop) {
            drops.overflow -= 1;
        }
        self.account.drop(drops);
    }

    /// What waits in the outbox is sent at the end of the turn.
    pub(crate) fn queue_changed(&mut self) {
        self.is_dirty |= self.core.is_ready();
    }

    /// Sends what waits, if allowed.
    pub(crate) fn flush(&mut self, client: usize, spares: &Spares, now: Time, model: &mut Model) {
        if !std::mem::take(&mut self.is_dirty) {
            return;
        }
        let is_open = self.core.is_open();
        let parcel = self.core.poll_transmit(&self.limits, spares, now);
        match parcel {
            Some(parcel) => {
                let bytes = bytes_of(parcel);
                self.check_parcel(client, &bytes, is_open, now, model);
                model.trace.note("sent", &[client as u64, bytes.len() as u64]);
                self.transport.send(client, bytes, model);
                let deadline = self.core.poll_send_timeout(&self.limits);
                deadline.into_iter().for_each(|deadline| self.arm_timer_by(deadline));
            }
            None => self.arm_timer(now),
        }
        self.count_drops(model);
        let must_wait = self.transport.flight.is_some() || (is_open && self.is_rate_limited);
        let waits = !self.core.outbox().is_empty();
        model.require(must_wait || !waits, || {
            format!("client {client}: queued data is not sent: {:?}", self.core)
        });
    }

    fn check_parcel(&mut self, client: usize, bytes: &[u8], is_open: bool, now: Time, model: &mut Model) {
        for (frame, _) in frames(bytes) {
            if let Frame::Message { id, was_missed: false, .. } = frame {
                let expires = model.expires(id);
                model.require(expires > now, || {
                    format!("{id} was sent to client {client} when it had expired")
                });
            }
        }
        if is_open {
            let fault = meter_all(&mut self.meter, bytes, now);
            model.require(fault.is_ok(), || format!("client {client} got too much: {}", fault.unwrap_err()));
        }
        let is_over = matches!(self.core.state(), Life::Lingering(_) | Life::Cut);
        model.require(!is_over, || format!("client {client} is sent data after its end"));
    }

    /// Makes sure that the timer goes off by the earliest deadline.
    pub(crate) fn arm_timer(&mut self, now: Time) {
        if let Some(deadline) = self.core.poll_timeout(&self.limits, now) {
            self.arm_timer_by(deadline);
        }
    }

    fn arm_timer_by(&mut self, deadline: Time) {
        self.timer = Some(self.timer.map_or(deadline, |at| at.min(deadline)));
    }

    /// The timer has gone off, if its time has come.
    pub(crate) fn handle_timer(&mut self, spares: &Spares, now: Time) -> bool {
        if self.timer.take_if(|at| *at <= now).is_none() {
            return false;
        }
        if self.core.wants_acknowledgement(&self.limits, now) {
            let unacknowledged_bytes = self.transport.unacknowledged();
            let known = Acknowledgement { unacknowledged_bytes, ..Acknowledgement::default() };
            self.core.handle_acknowledgement(known, &self.limits, now);
        }
        self.core.handle_timeout(&self.limits, spares, now);
        true
    }

    /// Ends it for a reason outside the connection.
    pub(crate) fn end(&mut self, why: CloseReason, now: Time) {
        self.account.causes.push(why.code());
        self.core.end(why, &self.limits, now);
    }

    /// It was removed from the hub, so it has no subscriptions any more.
    pub(crate) fn forget_subscriptions(&mut self) {
        self.streams.clear();
        self.account.requests.iter_mut().for_each(|it| it.state = State::Over);
    }

    /// Nothing moves, and nothing waits for something.
    pub(crate) fn is_quiet(&self) -> bool {
        self.core.is_open() && self.transport.is_quiet() && self.core.outbox().is_empty() && self.is_idle()
    }

    /// No reply to the client is pending.
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.core.requests_in_progress() == 0 && !self.transport.up_has_ended
    }

    /// Checks the bounds of its outbox.
    pub(crate) fn check_bounds(&self, client: usize, model: &mut Model) {
        let (outbox, bounds) = (self.core.outbox(), self.limits.outbox);
        let (bytes, messages, responses) = (outbox.bytes(), outbox.messages(), outbox.response_bytes());
        let pushes = bytes - responses;
        // Responses are never dropped, and one message always fits.
        let fits =
            responses > 0 || messages <= 1 || (pushes <= bounds.bytes_max && messages <= bounds.messages_max);
        model.require(fits, || {
            format!("client {client}: {bytes} bytes, {messages} messages wait: {bounds:?} {outbox:?}")
        });
    }
}

fn bytes_of(parcel: Parcel) -> Vec<u8> {
    match parcel {
        Parcel::Gathered(all) => all,
        Parcel::Shared(all) => all.to_vec(),
        Parcel::Pieces(pieces) => pieces.concat(),
    }
}

/// Measures a send as the rate limit does: message by message, and consecutive responses as one.
fn meter_all(meter: &mut Meter, bytes: &[u8], now: Time) -> Result<(), String> {
    let mut run = (0, 0);
    for (frame, len) in frames(bytes) {
        if frame.is_push() {
            meter.pass(run.0, run.1, now)?;
            meter.pass(1, len, now)?;
            run = (0, 0);
        } else {
            run = (run.0 + 1, run.1 + len);
        }
    }
    meter.pass(run.0, run.1, now)
}

/// What sessions decide about the end of a client's stream, one connection after the other.
const AT_END: [EndOfStream; 3] = [EndOfStream::Respond, EndOfStream::Stay, EndOfStream::Close];
