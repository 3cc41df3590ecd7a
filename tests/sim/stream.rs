//! What a shard hands to one client on one topic: everything, from where the subscription began.

use shardcast_proto::{Position, Time};

use crate::{model::Model, scenario::TOPICS};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stream {
    /// Subscriptions that match the topic. None: nothing may be handed over.
    covered: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Nobody was told where it begins.
    #[default]
    Anywhere,
    /// At this position or before it: what is behind must come.
    NotBehind(Position),
    /// Behind this one, with nothing in between.
    Behind(Position),
}

impl Stream {
    /// A subscription by name stands: the next message is the one behind `before`.
    pub(crate) const fn begin_behind(&mut self, before: Position) {
        self.begin(Place::Behind(before));
    }

    /// A subscription by prefix stands: whatever is stamped after `head` must come.
    pub(crate) const fn begin_not_behind(&mut self, head: Position) {
        self.begin(Place::NotBehind(head));
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

    pub(crate) const fn end(&mut self) {
        self.covered = self.covered.saturating_sub(1);
    }

    pub(crate) const fn is_covered(&self) -> bool {
        self.covered > 0
    }

    /// A message is handed over.
    pub(crate) fn hand(&mut self, who: usize, topic: usize, at: Position, now: Time, model: &mut Model) {
        let name = TOPICS[topic];
        model.require(self.covered > 0, || format!("client {who} was handed {at:?} of {name} unasked"));
        match self.place {
            Place::NotBehind(head) if at > head => model.skip(who, topic, head, at, now),
            Place::Behind(last) => {
                model.require(at > last, || {
                    format!("client {who} was handed {at:?} of {name} behind {last:?}")
                });
                model.skip(who, topic, last, at, now);
            }
            Place::NotBehind(_) | Place::Anywhere => {}
        }
        self.place = Place::Behind(at);
    }

    /// Nothing more will come: all that was stamped should be there.
    pub(crate) fn judge(&self, who: usize, topic: usize, now: Time, model: &mut Model) {
        let end = Position { epoch: u64::MAX, offset: u64::MAX };
        match self.place {
            Place::NotBehind(last) | Place::Behind(last) if self.covered > 0 => {
                model.skip(who, topic, last, end, now);
            }
            _ => {}
        }
    }
}
