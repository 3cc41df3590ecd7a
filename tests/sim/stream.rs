//! What a shard hands to one client on one topic: everything since the subscription began, once.

use std::{collections::BTreeMap, ops::Bound};

use shardcast_proto::{Position, Time, TopicPrefix};

use crate::{model::Model, scenario::TOPICS};

#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// Subscriptions that match the topic. None: nothing may be handed over.
    covered: usize,
    place: Place,
    /// Active prefixes, with the number of messages that had been handed over when they began.
    prefixes: Vec<(TopicPrefix, usize)>,
    /// What was handed over since the topic is covered, in which order.
    handed: BTreeMap<Position, usize>,
    hands: usize,
    /// Between these positions, nothing may be missing: a subscription asked for what it had missed, while another
    /// one was active.
    asked: Vec<(Position, Position)>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// The beginning is not known.
    #[default]
    Anywhere,
    /// At this position or before it: all messages after it must come.
    NotAfter(Position),
    /// After this one, with nothing in between.
    After(Position),
}

impl Stream {
    /// A subscription by name begins: the next message is the one after `before`, unless another subscription is
    /// active. Then those up to `head` come now, if they have not come yet.
    pub(crate) fn begin_after(&mut self, before: Position, head: Position) {
        if self.covered > 0 && before < head {
            self.asked.push((before, head));
        }
        self.begin(Place::After(before));
    }

    /// A subscription by prefix begins: all messages stamped after `head` must come.
    pub(crate) fn begin_not_after(&mut self, prefix: &TopicPrefix, head: Position) {
        self.prefixes.push((prefix.clone(), self.hands));
        self.begin(Place::NotAfter(head));
    }

    /// A subscription that is not answered.
    pub(crate) const fn begin_anywhere(&mut self) {
        self.begin(Place::Anywhere);
    }

    const fn begin(&mut self, place: Place) {
        if self.covered == 0 {
            self.place = place;
        }
        self.covered += 1;
    }

    /// A subscription ends; `prefix`, if it is one by prefix.
    pub(crate) fn end(&mut self, prefix: Option<&TopicPrefix>) {
        self.prefixes.retain(|(it, _)| Some(it) != prefix);
        self.covered = self.covered.saturating_sub(1);
        if self.covered == 0 {
            *self = Self::default();
        }
    }

    pub(crate) const fn is_covered(&self) -> bool {
        self.covered > 0
    }

    /// A message is handed over that a subscription had asked for.
    pub(crate) fn recover(&mut self, who: usize, topic: usize, at: Position, now: Time, model: &mut Model) {
        let is_asked = self.asked.last().is_some_and(|(before, head)| at > *before && at <= *head);
        match is_asked {
            true => self.take(who, topic, at, model),
            false => self.hand(who, topic, at, now, model),
        }
    }

    /// A message is handed over.
    pub(crate) fn hand(&mut self, who: usize, topic: usize, at: Position, now: Time, model: &mut Model) {
        let name = TOPICS[topic];
        model.require(self.covered > 0, || {
            format!("client {who} was handed {at:?} of {name} without a subscription")
        });
        match self.place {
            Place::NotAfter(head) if at > head => model.skip(who, topic, head, at, now),
            Place::After(last) => {
                model.require(at > last, || {
                    format!("client {who} was handed {at:?} of {name} after {last:?}")
                });
                model.skip(who, topic, last, at, now);
            }
            Place::NotAfter(_) | Place::Anywhere => {}
        }
        self.place = Place::After(at);
        self.take(who, topic, at, model);
    }

    /// Nothing comes twice while a prefix is active.
    fn take(&mut self, who: usize, topic: usize, at: Position, model: &mut Model) {
        let before = self.handed.insert(at, self.hands);
        self.hands += 1;
        let is_new = before.is_none_or(|before| self.prefixes.iter().all(|(_, began)| before < *began));
        model.require(is_new, || format!("client {who} was handed {at:?} of {} twice", TOPICS[topic]));
    }

    /// Nothing more will come: all that was stamped should be there.
    pub(crate) fn judge(&self, who: usize, topic: usize, now: Time, model: &mut Model) {
        let end = Position { epoch: u64::MAX, offset: u64::MAX };
        match self.place {
            Place::NotAfter(last) | Place::After(last) if self.covered > 0 => {
                model.skip(who, topic, last, end, now);
            }
            _ => {}
        }
        for (before, head) in &self.asked {
            let after = Position { offset: head.offset + 1, ..*head };
            let came = self.handed.range((Bound::Excluded(*before), Bound::Included(*head)));
            let mut last = *before;
            for at in came.map(|(at, _)| *at).chain([after]) {
                model.skip(who, topic, last, at, now);
                last = at;
            }
        }
    }
}
