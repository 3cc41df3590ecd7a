use std::{collections::VecDeque, sync::Arc};

use super::{
    HubConfig, Publication,
    kept::{AccountId, Kept},
};
use crate::{Holder, Position, Recovery, Time};

/// The last messages of one topic.
///
/// Invariant: offsets follow each other without a gap, up to the head of the topic; `bytes` is their sum.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: VecDeque<(Arc<Publication>, AccountId)>,
    bytes: usize,
}

impl History {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Keeps `message` of `holder`, and removes the oldest messages according to the bounds. `kept` counts those of
    /// all topics together. Without room there, or at the share of the holder, the message takes the place of as many
    /// bytes of older ones of its topic; if those are not enough, the topic keeps none. Returns how many messages are
    /// not kept because of that.
    pub(super) fn push(
        &mut self,
        message: Arc<Publication>,
        holder: &Holder,
        config: &HubConfig,
        kept: &mut Kept,
    ) -> u64 {
        let cost = cost(&message);
        self.expire(message.published, config, kept);
        if config.history_messages_max == 0 || cost > config.history_bytes_max {
            self.clear(kept);
            return 0;
        }
        let mut freed = 0;
        while !self.messages.is_empty()
            && (self.messages.len() >= config.history_messages_max
                || self.bytes + cost > config.history_bytes_max)
        {
            freed += self.pop(kept);
        }
        let mut displaced = 0;
        let account = loop {
            let taken = match freed >= cost {
                true => Some(kept.replace(holder, cost)),
                false => kept.take(holder, cost),
            };
            if let Some(account) = taken {
                break account;
            }
            displaced += 1;
            if self.messages.is_empty() {
                return displaced;
            }
            freed += self.pop(kept);
        };
        self.bytes += cost;
        self.messages.push_back((message, account));
        displaced
    }

    /// Removes messages that are too old; returns how many.
    pub(super) fn expire(&mut self, now: Time, config: &HubConfig, kept: &mut Kept) -> usize {
        if config.history_age_max.is_zero() {
            return 0;
        }
        let before = self.messages.len();
        let is_old = |message: &Publication| now - message.published >= config.history_age_max;
        while self.messages.front().is_some_and(|(oldest, _)| is_old(oldest)) {
            self.pop(kept);
        }
        before - self.messages.len()
    }

    pub(super) fn clear(&mut self, kept: &mut Kept) {
        while !self.messages.is_empty() {
            self.pop(kept);
        }
    }

    /// What a subscriber has missed since the position `since`, when the topic is at `head`.
    pub(super) fn since(&self, since: Position, head: Position) -> (Recovery, Vec<Arc<Publication>>) {
        let known = since.epoch == head.epoch && since.offset <= head.offset;
        let wanted = if known { since.offset + 1 } else { 1 };
        let oldest = head.offset + 1 - self.messages.len() as u64;
        let recovery = match wanted >= oldest {
            true if known => Recovery::Recovered,
            _ => Recovery::Gap { from: wanted, to: oldest - 1 },
        };
        let skipped = usize::try_from(wanted.saturating_sub(oldest)).unwrap_or(usize::MAX);
        (recovery, self.messages.iter().skip(skipped).map(|(message, _)| Arc::clone(message)).collect())
    }

    /// Removes the oldest message; returns its bytes.
    fn pop(&mut self, kept: &mut Kept) -> usize {
        let Some((message, account)) = self.messages.pop_front() else { return 0 };
        let cost = cost(&message);
        self.bytes -= cost;
        kept.give_back(account, cost);
        cost
    }
}

/// Bytes that a message counts as: its body, and approximately its overhead.
fn cost(message: &Publication) -> usize {
    message.body.len() + size_of::<Publication>()
}
