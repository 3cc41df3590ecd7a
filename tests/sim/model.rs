//! What the simulation knows from outside: what was published, its position, and its fate. It does not look into the
//! cores; it compares their outputs at different places.

use std::collections::BTreeMap;

use shardcast_proto::{
    Position, Recovery, Refusal, Time,
    push::{HubConfig, Publication, Receipt, Subscribed},
};

use crate::{
    fault::{Fault, Sabotage},
    meter::Meter,
    requests::client_of,
    scenario::{Scenario, TOPICS},
    trace::Trace,
};

/// All that is known, and the first violation.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) publications: Vec<Published>,
    /// The publication at each topic and position.
    stamps: BTreeMap<(usize, Position), Stamp>,
    skipped: Vec<Skipped>,
    gaps: Vec<Gap>,
    /// Responses to presence requests: ticket and count.
    pub(crate) presence: Vec<(u64, u32)>,
    /// Turns of each shard.
    turns: Vec<u64>,
    /// Connections that ended, by source of publications.
    left: BTreeMap<u64, Left>,
    /// How many publications there were when each got its fate.
    decided: BTreeMap<u64, usize>,
    /// Bounds at which a publication is refused although its holder has nothing else.
    bounds: Vec<u64>,
    pub(crate) violation: Option<String>,
    pub(crate) trace: Trace,
    pub(crate) sabotage: Sabotage,
}

/// One publication, as its publisher knows it.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) topic: usize,
    /// The publisher; publications of one source on one topic stay in order.
    pub(crate) source: u64,
    pub(crate) due: Time,
    pub(crate) expires: Time,
    pub(crate) is_delayed: bool,
    pub(crate) bytes: usize,
    pub(crate) fate: Fate,
    /// The connection that expects a response.
    pub(crate) asker: Option<Asker>,
}

/// A connection that published, and its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) client: usize,
    pub(crate) life: u64,
    pub(crate) request: u64,
    pub(crate) is_delayed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Open,
    Stamped(Position),
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug)]
struct Stamp {
    id: u64,
    bytes: usize,
    published: Option<Time>,
}

/// A publisher that has left.
#[derive(Debug)]
struct Left {
    /// The turns of the shards then.
    turns: Vec<u64>,
    /// When every shard certainly knew it.
    known: Option<Time>,
}

/// A client received nothing of a topic between two positions, the last by this time.
#[derive(Debug)]
struct Skipped {
    topic: usize,
    after: Position,
    before: Position,
    /// Nothing may be missing at the end of the epoch of `after`, as far as it is known.
    by: Time,
    who: usize,
}

/// A client was informed that messages are lost.
#[derive(Debug)]
struct Gap {
    topic: usize,
    from: Position,
    to: u64,
    head: u64,
    reported: Time,
}

impl Model {
    pub(crate) fn new(trace: Trace, sabotage: Sabotage, scenario: &Scenario) -> Self {
        let hub = &scenario.hub;
        let bounds = [
            hub.backlog_max,
            hub.requests_max,
            hub.admission.delayed.messages_max,
            hub.admission.rate_limited.messages_max,
        ];
        Self {
            publications: Vec::new(),
            stamps: BTreeMap::new(),
            skipped: Vec::new(),
            gaps: Vec::new(),
            presence: Vec::new(),
            turns: vec![0; scenario.shards.into()],
            left: BTreeMap::new(),
            decided: BTreeMap::new(),
            // A share of two requests may be taken by a subscription.
            bounds: if hub.requests_max > 2 { bounds.map(|it| it as u64).to_vec() } else { Vec::new() },
            violation: None,
            trace,
            sabotage,
        }
    }

    /// A violation. Only the first one is kept, because the others follow from it.
    pub(crate) fn fail(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.trace.note(&what, &[]);
            self.violation = Some(what);
        }
    }

    pub(crate) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what);
        }
    }

    /// A shard has a turn.
    pub(crate) fn turn(&mut self, shard: u16, now: Time) {
        self.turns[usize::from(shard)] += 1;
        for left in self.left.values_mut().filter(|left| left.known.is_none()) {
            let is_known =
                self.turns.iter().zip(&left.turns).all(|(turns, then)| turns - then >= KNOWN_TURNS);
            left.known = is_known.then_some(now);
        }
    }

    /// The connection with this source has ended.
    pub(crate) fn publisher_left(&mut self, source: u64) {
        self.left.insert(source, Left { turns: self.turns.clone(), known: None });
    }

    /// Whether a refusal is right for a publication of this source.
    fn judge_refusal(&mut self, id: u64, source: u64, is_delayed: bool, refusal: Refusal) {
        match refusal {
            Refusal::PublisherLeft => {
                let is_right = is_delayed && self.left.contains_key(&source);
                self.require(is_right, || {
                    format!("publication {id} was withdrawn, and its publisher is there")
                });
            }
            Refusal::Busy { max, .. }
                if !self.bounds.is_empty() && !self.bounds.contains(&max) && max > 0 =>
            {
                let client = client_of(source);
                // The refusal may have been decided when those that were published meanwhile still waited.
                let was_open = |other: u64| self.decided.get(&other).is_none_or(|made| *made > id as usize);
                let mut others = (0..).zip(&self.publications).filter(|(other, _)| *other != id);
                let holds_more = others.any(|(other, it)| client_of(it.source) == client && was_open(other));
                self.require(client.is_some() && holds_more, || {
                    format!("publication {id} of {source} was refused with a share of {max}, and it is the only one")
                });
            }
            _ => {}
        }
    }

    /// A publisher got the response to its publication.
    pub(crate) fn answered(&mut self, id: u64, result: Result<Receipt, Refusal>) {
        let made = self.publications.len();
        let Some(publication) = self.publications.get_mut(id as usize) else {
            return self.fail(|| format!("publication {id} was answered and never made"));
        };
        let (topic, fate, bytes) = (publication.topic, publication.fate, publication.bytes);
        match result {
            Ok(receipt) => self.stamped(topic, receipt.position, Stamp { id, bytes, published: None }),
            Err(refusal) => {
                publication.fate = Fate::Refused(refusal);
                self.decided.entry(id).or_insert(made);
                let (source, is_delayed) = (publication.source, publication.is_delayed);
                self.judge_refusal(id, source, is_delayed, refusal);
                self.require(fate == Fate::Open, || format!("publication {id} was {fate:?}, then {refusal}"));
            }
        }
    }

    /// A message was seen.
    pub(crate) fn seen(&mut self, message: &Publication) -> (usize, u64) {
        let topic = TOPICS.iter().position(|it| **it == *message.topic).expect("one of ours");
        let id = id_of(&message.body);
        let stamp = Stamp { id, bytes: message.body.len(), published: Some(message.published) };
        self.stamped(topic, message.position, stamp);
        if let Some(publication) = self.publications.get(id as usize) {
            let (due, expires, at) = (publication.due, publication.expires, message.published);
            self.require(due <= at, || format!("publication {id} was stamped before it was due"));
            self.require(expires > at, || format!("publication {id} was stamped when it had expired"));
            self.require(expires == message.expires, || format!("publication {id} expires at another time"));
        }
        (topic, id)
    }

    fn stamped(&mut self, topic: usize, position: Position, stamp: Stamp) {
        let known = self.stamps.entry((topic, position)).or_insert(stamp);
        known.published = known.published.or(stamp.published);
        let (known, id) = (known.id, stamp.id);
        self.require(known == id, || format!("{position:?} of {} is {known} and {id}", TOPICS[topic]));
        let made = self.publications.len();
        let Some(publication) = self.publications.get_mut(id as usize) else { return };
        let (before, right) = (publication.fate, publication.topic == topic);
        publication.fate = Fate::Stamped(position);
        self.decided.entry(id).or_insert(made);
        let left = self.left.get(&publication.source).and_then(|left| left.known);
        let is_withdrawn = publication.is_delayed && left.is_some_and(|known| publication.due > known);
        self.require(!is_withdrawn, || format!("publication {id} was published, and its publisher had left"));
        let same = before == Fate::Open || before == Fate::Stamped(position);
        self.require(same && right, || format!("publication {id} was {before:?}, then at {position:?}"));
    }

    /// `who` received nothing of a topic between two messages: those between must have expired by now.
    pub(crate) fn skip(&mut self, who: usize, topic: usize, after: Position, before: Position, by: Time) {
        let is_next = after.epoch == before.epoch && after.offset + 1 == before.offset;
        if !is_next {
            self.skipped.push(Skipped { topic, after, before, by, who });
        }
    }

    /// A client with the position `since` was answered. Returns the position before its first message.
    pub(crate) fn recovered(
        &mut self,
        topic: usize,
        since: Option<Position>,
        response: Subscribed,
        now: Time,
    ) -> Position {
        let head = response.head;
        let is_known = |since: Position| since.epoch == head.epoch && since.offset <= head.offset;
        let before = match (since, response.recovery) {
            (None, Recovery::NotRequested) => head.offset,
            (Some(since), Recovery::Recovered) if is_known(since) => since.offset,
            (Some(since), Recovery::Gap { from, to }) => {
                let first = if is_known(since) { since.offset + 1 } else { 1 };
                self.require(from == first && to <= head.offset, || {
                    format!("at {since:?} of {head:?}, the gap {from}..={to} was reported")
                });
                let from = Position { epoch: head.epoch, offset: from };
                self.gaps.push(Gap { topic, from, to, head: head.offset, reported: now });
                to
            }
            (since, recovery) => {
                self.fail(|| format!("asked for {since:?} of {head:?}, and answered {recovery:?}"));
                head.offset
            }
        };
        Position { offset: before, ..head }
    }

    /// The checks that are possible only at the end.
    pub(crate) fn judge(&mut self, config: &HubConfig) {
        for index in 0..self.skipped.len() {
            self.judge_skipped(index);
        }
        for index in 0..self.gaps.len() {
            self.judge_gap(index, config);
        }
        self.judge_order();
        self.judge_rate_limits(config);
        let open = self.publications.iter().position(|publication| publication.fate == Fate::Open);
        self.require(open.is_none(), || format!("publication {open:?} is neither stamped nor refused"));
    }

    /// Every position that a client did not receive had expired.
    fn judge_skipped(&mut self, index: usize) {
        let Skipped { topic, after, before, by, who } = self.skipped[index];
        let first = Position { offset: after.offset.saturating_add(1), ..after };
        let mut known = 0;
        let mut unexpired = None;
        for ((_, position), stamp) in self.stamps.range((topic, first)..(topic, before)) {
            known += u64::from(position.epoch == before.epoch);
            let expires = self
                .publications
                .get(stamp.id as usize)
                .map_or(Time::NEVER, |publication| publication.expires);
            if expires > by {
                unexpired = unexpired.or(Some(*position));
            }
        }
        let name = TOPICS[topic];
        self.require(unexpired.is_none(), || format!("client {who} never got {unexpired:?} of {name}"));
        let from = if after.epoch == before.epoch { after.offset } else { 0 };
        let expected = before.offset.saturating_sub(from + 1);
        let is_open = before.epoch == u64::MAX;
        self.require(is_open || known == expected, || {
            format!("client {who} got nothing of {name} from {after:?} to {before:?}")
        });
    }

    /// Messages reported as lost were lost for a reason: a bound of the history.
    fn judge_gap(&mut self, index: usize, config: &HubConfig) {
        let Gap { topic, from, to, head, reported } = self.gaps[index];
        if to < from.offset || config.history_total_bytes_max < 1 << 20 {
            return;
        }
        // If the newest lost message had to be dropped, so had all before it.
        let at = |offset| self.stamps.get(&(topic, Position { offset, ..from }));
        let cost = |stamp: &Stamp| stamp.bytes + size_of::<Publication>();
        let Some(lost) = (to..=head).map(|offset| at(offset).map(cost)).collect::<Option<Vec<_>>>() else {
            return; // No client received some of them, so their sizes are not known.
        };
        let crowded = head - to >= config.history_messages_max as u64;
        let heavy = lost.iter().sum::<usize>() > config.history_bytes_max;
        let stamp = at(to).expect("looked up above");
        let earliest = self
            .publications
            .get(stamp.id as usize)
            .map_or_else(Time::default, |publication| publication.due);
        let old = !config.history_age_max.is_zero() && reported - earliest >= config.history_age_max;
        self.require(crowded || heavy || old, || {
            format!("{to} of {} was reported as lost at {head} for no reason", TOPICS[topic])
        });
    }

    /// The publications of one publisher on one topic stay in order, except delayed ones.
    fn judge_order(&mut self) {
        let mut last: BTreeMap<(u64, usize), Position> = BTreeMap::new();
        for id in 0..self.publications.len() {
            let publication = &self.publications[id];
            let Fate::Stamped(position) = publication.fate else { continue };
            if publication.is_delayed {
                continue;
            }
            let (source, topic) = (publication.source, publication.topic);
            let before = last.insert((source, topic), position);
            self.require(before.is_none_or(|before| before < position), || {
                format!("publication {id} of {source} on {} was overtaken", TOPICS[topic])
            });
        }
    }

    /// Checks the rate limit of each topic. A message that found no room may leave together with the next.
    fn judge_rate_limits(&mut self, config: &HubConfig) {
        for (topic, name) in TOPICS.iter().enumerate() {
            let (_, rate_limit) = config.rules.of(name);
            let mut meter = Meter::new(&rate_limit, 1);
            let of_topic = self.stamps.range((topic, Position::default())..(topic + 1, Position::default()));
            let passed = of_topic.filter_map(|(_, stamp)| Some((stamp.bytes, stamp.published?)));
            let fault = passed.map(|(bytes, at)| meter.pass(1, bytes, at)).find_map(Result::err);
            self.require(fault.is_none(), || format!("{name} was too fast: {}", fault.unwrap_or_default()));
        }
    }

    /// The number of known positions of publications, without repetitions.
    pub(crate) fn stamped_count(&self) -> u64 {
        self.publications.iter().filter(|publication| matches!(publication.fate, Fate::Stamped(_))).count()
            as u64
    }

    pub(crate) fn refused_count(&self, is_meant: impl Fn(Refusal) -> bool) -> u64 {
        let fates = self.publications.iter().map(|publication| publication.fate);
        fates.filter(|fate| matches!(fate, Fate::Refused(refusal) if is_meant(*refusal))).count() as u64
    }

    /// When a publication expires; repetitions never do.
    pub(crate) fn expires(&self, id: u64) -> Time {
        self.publications.get(id as usize).map_or(Time::NEVER, |publication| publication.expires)
    }

    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        self.sabotage.strikes(fault)
    }
}

/// The publication that a body belongs to; none for a repetition.
pub(crate) fn id_of(body: &[u8]) -> u64 {
    body.first_chunk().map_or(REPETITION, |id| u64::from_le_bytes(*id))
}

/// The first id of periodic pushes.
pub(crate) const REPETITION: u64 = 1 << 32;

/// After as many turns of every shard, an envelope has arrived.
const KNOWN_TURNS: u64 = 40;
