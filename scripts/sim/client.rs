//! One client: what its shard keeps for it, the connection, and what it makes of what arrives.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use shardcast_proto::{
    Position, Time, TopicFilter,
    outbox::{Outbox, Parcel, Pushed, Pushing},
    push::{Subscriber, schedule::Pacer},
};

use crate::{
    fault::Fault,
    frame::Frame,
    meter::Meter,
    model::Model,
    scenario::{Character, Habit, TOPICS},
    stream::Stream,
};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) character: Character,
    /// While it is connected.
    pub(crate) connection: Option<Connection>,
    /// Where it was on each topic, for when it returns.
    pub(crate) seen: BTreeMap<usize, Position>,
    /// How often it has connected.
    pub(crate) life: u64,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) shard: u16,
    pub(crate) who: Subscriber,
    pub(crate) outbox: Outbox,
    pacer: Option<Pacer>,
    meter: Meter,
    /// What is on its way to the client.
    flight: Option<Vec<u8>>,
    pub(crate) is_stalled: bool,
    /// All subscriptions that there were, by number.
    pub(crate) subscriptions: Vec<Subscription>,
    /// What its shard handed over, by topic.
    pub(crate) streams: BTreeMap<usize, Stream>,
    /// Subscriptions that stand, as far as the client knows.
    view: BTreeSet<usize>,
    /// On each topic, what the client may not get again.
    floor: BTreeMap<usize, Position>,
    pushes: Pushes,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) filter: TopicFilter,
    pub(crate) since: Option<Position>,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Asked,
    Stands,
    Over,
}

/// What became of the messages that were handed over.
#[derive(Clone, Copy, Debug, Default)]
struct Pushes {
    handed: u64,
    received: u64,
    dropped: u64,
    expired: u64,
}

impl Connection {
    pub(crate) fn new(shard: u16, who: Subscriber, character: &Character, now: Time) -> Self {
        let pace = character.pace;
        Self {
            shard,
            who,
            outbox: Outbox::default(),
            pacer: (!pace.is_none()).then(|| Pacer::new(&pace, now)),
            meter: Meter::new(&pace, 0),
            flight: None,
            is_stalled: false,
            subscriptions: Vec::new(),
            streams: BTreeMap::new(),
            view: BTreeSet::new(),
            floor: BTreeMap::new(),
            pushes: Pushes::default(),
        }
    }

    /// Whether a subscription that is not over is to `filter`.
    pub(crate) fn standing(&self, filter: &TopicFilter) -> Option<usize> {
        self.subscriptions.iter().position(|it| it.filter == *filter && it.state != State::Over)
    }

    /// When it goes on by itself, if it waits for its pace or for the end of a block.
    pub(crate) fn next_time(&self, now: Time) -> Option<Time> {
        let paced = match (&self.pacer, self.outbox.next()) {
            (Some(pacer), Some((messages, bytes))) if self.flight.is_none() => {
                Some(pacer.ready_at(messages, bytes, now))
            }
            _ => None,
        };
        [paced, self.outbox.blocked_deadline()].into_iter().flatten().min()
    }
}

impl Client {
    pub(crate) const fn new(number: usize, character: Character) -> Self {
        Self { number, character, connection: None, seen: BTreeMap::new(), life: 0 }
    }

    /// Its shard hands a message over; false when that ends the connection.
    pub(crate) fn hand(
        &mut self,
        frame: &Frame,
        bytes: Bytes,
        key: Option<u64>,
        now: Time,
        model: &mut Model,
    ) -> bool {
        let Some(connection) = &mut self.connection else { return true };
        let Frame::Message { id, .. } = *frame else { return true };
        let mut expires = model.expires(id);
        if expires != Time::NEVER && model.sabotage.is_habit(Fault::ForgetExpiry) {
            expires = Time::NEVER;
        }
        connection.pushes.handed += 1;
        let pushed = connection.outbox.push_in_order(
            Pushing { frame: bytes, key, posted: now, expires },
            now,
            &self.character.bounds,
        );
        connection.pushes.expired += connection.outbox.take_expired() as u64;
        let mut dropped = match pushed {
            Pushed::Queued | Pushed::Blocked => 0,
            Pushed::QueuedDroppingOldest(dropped) => dropped as u64,
            Pushed::Replaced | Pushed::Dropped | Pushed::Disconnect => 1,
        };
        if dropped > 0 && model.strikes(Fault::HideDrop) {
            dropped -= 1;
        }
        connection.pushes.dropped += dropped;
        model.trace.note("pushed", &[self.number as u64, id, dropped, u64::from(pushed == Pushed::Blocked)]);
        pushed != Pushed::Disconnect
    }

    /// Its shard answers; `len` bytes belong to a message.
    pub(crate) fn answer(&mut self, frame: Frame, len: usize, now: Time) {
        let Some(connection) = &mut self.connection else { return };
        connection.pushes.dropped += connection.outbox.drop_blocked() as u64;
        let mut run = connection.outbox.take_run(now, Vec::new);
        run.bytes.extend_from_slice(&frame.encode(len));
        let _ = connection.outbox.put_run(run, 1);
    }

    /// Its shard sends what waits, if it may.
    pub(crate) fn flush(&mut self, now: Time, model: &mut Model) {
        let Some(connection) = &mut self.connection else { return };
        connection.pushes.dropped += connection.outbox.unblock(now, &self.character.bounds) as u64;
        let is_paced = connection.pacer.is_some() && !model.sabotage.is_habit(Fault::ForgetPace);
        let pacer = &mut connection.pacer;
        let parcel =
            connection.outbox.take_while(&self.character.bounds, now, Vec::new, |messages, bytes| {
                let Some(pacer) = pacer.as_mut().filter(|_| is_paced) else { return true };
                let is_ready = pacer.ready_at(messages, bytes, now) <= now;
                if is_ready {
                    pacer.take(messages, bytes, now);
                }
                is_ready
            });
        connection.pushes.expired += connection.outbox.take_expired() as u64;
        let Some(parcel) = parcel else { return };
        let mut bytes = Vec::new();
        match parcel {
            Parcel::Gathered(all) => bytes = all,
            Parcel::Shared(all) => bytes.extend_from_slice(&all),
            Parcel::Pieces(pieces) => pieces.iter().for_each(|piece| bytes.extend_from_slice(piece)),
        }
        let number = self.number;
        for frame in frames(&bytes) {
            if let Frame::Message { id, was_missed: false, .. } = frame {
                let expires = model.expires(id);
                model.require(expires > now, || {
                    format!("{id} was sent to client {number} when it had expired")
                });
            }
        }
        let fault = meter_all(&mut connection.meter, &bytes, now);
        model.require(fault.is_ok(), || format!("client {number} got too much: {}", fault.unwrap_err()));
        model.trace.note("sent", &[number as u64, bytes.len() as u64]);
        connection.flight = Some(bytes);
    }

    /// What is on its way arrives; true when anything was.
    pub(crate) fn arrive(&mut self, model: &mut Model) -> bool {
        let Some(connection) = self.connection.as_mut().filter(|it| !it.is_stalled) else { return false };
        let Some(bytes) = connection.flight.take() else { return false };
        connection.outbox.sent();
        for frame in frames(&bytes) {
            self.receive(frame, model);
        }
        true
    }

    fn receive(&mut self, frame: Frame, model: &mut Model) {
        let Some(connection) = &mut self.connection else { return };
        match frame {
            Frame::Subscribed { number } => {
                connection.view.insert(number);
                let subscription = &connection.subscriptions[number];
                if let (TopicFilter::Exact(name), Some(since)) = (&subscription.filter, subscription.since) {
                    // It may get again what it asked for again, and all of it if it asked for what never was.
                    let topic = TOPICS.iter().position(|topic| **topic == **name).expect("one of ours");
                    let floor = connection.floor.entry(topic).or_default();
                    let is_back = since.epoch == floor.epoch && since <= *floor;
                    *floor = if is_back { since } else { Position::default() };
                }
            }
            Frame::Unsubscribed { number } => {
                connection.view.remove(&number);
            }
            Frame::Message { topic, position, id, was_missed } => {
                connection.pushes.received += u64::from(!was_missed);
                let is_wanted = self.character.habit == Habit::Unasked
                    || connection
                        .view
                        .iter()
                        .any(|number| connection.subscriptions[*number].filter.matches(TOPICS[topic]));
                let number = self.number;
                model.require(is_wanted, || {
                    format!("client {number} got {id} of {} outside of its subscription", TOPICS[topic])
                });
                let floor = connection.floor.insert(topic, position).unwrap_or_default();
                model.require(floor < position, || {
                    format!("client {number} got {position:?} of {} behind {floor:?}", TOPICS[topic])
                });
                self.seen.insert(topic, position);
            }
        }
    }

    /// The connection is over: what was handed over has arrived, was dropped, or is lost with it.
    pub(crate) fn disconnect(&mut self, model: &mut Model) -> Option<Connection> {
        let mut connection = self.connection.take()?;
        let flight = connection.flight.take().unwrap_or_default();
        let flying =
            frames(&flight).filter(|frame| matches!(frame, Frame::Message { was_missed: false, .. })).count();
        let lost = (connection.outbox.clear() + flying) as u64;
        let Pushes { handed, received, dropped, expired } = connection.pushes;
        let number = self.number;
        model.require(handed == received + dropped + expired + lost, || {
            format!(
                "client {number} was handed {handed}: {received} received, {dropped} dropped, {expired} \
                 expired, {lost} lost"
            )
        });
        Some(connection)
    }

    /// Nothing waits for it, and nothing is on its way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.connection.as_ref().is_none_or(|it| it.flight.is_none() && it.outbox.is_empty())
    }

    /// The bounds of its outbox hold.
    pub(crate) fn check_bounds(&self, model: &mut Model) {
        let Some(connection) = &self.connection else { return };
        let (bytes, messages) = (connection.outbox.bytes(), connection.outbox.messages());
        let responses = connection.outbox.response_bytes();
        let bounds = self.character.bounds;
        let pushes = bytes - responses;
        // Responses are never dropped, and one message always fits.
        let fits =
            responses > 0 || messages <= 1 || (pushes <= bounds.bytes_max && messages <= bounds.messages_max);
        model.require(fits, || {
            format!(
                "client {}: {bytes} bytes, {messages} messages wait: {bounds:?} {:?}",
                self.number, connection.outbox
            )
        });
    }
}

fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Frame> + '_ {
    std::iter::from_fn(move || {
        let (frame, rest) = Frame::decode(bytes)?;
        bytes = rest;
        Some(frame)
    })
}

/// What leaves together is measured as the pacer sees it: message by message, and answers in a row as one.
fn meter_all(meter: &mut Meter, bytes: &[u8], now: Time) -> Result<(), String> {
    let mut run = (0, 0);
    let mut rest = bytes;
    while let Some((frame, behind)) = Frame::decode(rest) {
        let len = rest.len() - behind.len();
        rest = behind;
        if matches!(frame, Frame::Message { was_missed: false, .. }) {
            meter.pass(run.0, run.1, now)?;
            meter.pass(1, len, now)?;
            run = (0, 0);
        } else {
            run = (run.0 + 1, run.1 + len);
        }
    }
    meter.pass(run.0, run.1, now)
}
