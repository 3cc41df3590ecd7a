//! What a shard hands to one client on one topic: everything since the subscription began.

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
    /// The beginning is not known.
    #[default]
    Anywhere,
    /// At this position or before it: all messages after it must come.
    NotAfter(Position),
    /// After this one, with nothing in between.
    After(Position),
}

impl Stream {
    /// A subscription by name begins: the next message is the one after `before`.
    pub(crate) const fn begin_after(&mut self, before: Position) {
        self.begin(Place::After(before));
    }

    /// A subscription by prefix begins: all messages stamped after `head` must come.
    pub(crate) const fn begin_not_after(&mut self, head: Position) {
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

    pub(crate) const fn end(&mut self) {
        self.covered = self.covered.saturating_sub(1);
    }

    pub(crate) const fn is_covered(&self) -> bool {
        self.covered > 0
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
    }
}
