use std::{collections::VecDeque, sync::Arc};

use super::{HubConfig, Publication};
use crate::{Position, Recovery, Time};

/// The last messages of one topic.
///
/// Invariant: offsets follow each other without a gap, up to the head of the topic; `bytes` is their sum.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: VecDeque<Arc<Publication>>,
    bytes: usize,
}

impl History {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Keeps `message`, and removes the oldest messages according to the bounds. `total` counts the bytes of
    /// all topics together, and is updated.
    pub(super) fn push(&mut self, message: Arc<Publication>, config: &HubConfig, total: &mut usize) {
        let cost = cost(&message);
        self.expire(message.published, config, total);
        if config.history_messages_max == 0 || cost > config.history_bytes_max {
            return self.clear(total);
        }
        while !self.messages.is_empty()
            && (self.messages.len() >= config.history_messages_max
                || self.bytes + cost > config.history_bytes_max
                || *total + cost > config.history_total_bytes_max)
        {
            self.pop(total);
        }
        if *total + cost > config.history_total_bytes_max {
            return;
        }
        self.bytes += cost;
        *total += cost;
        self.messages.push_back(message);
    }

    /// Removes messages that are too old; returns how many.
    pub(super) fn expire(&mut self, now: Time, config: &HubConfig, total: &mut usize) -> usize {
        if config.history_age_max.is_zero() {
            return 0;
        }
        let before = self.messages.len();
        while self.messages.front().is_some_and(|oldest| now - oldest.published >= config.history_age_max) {
            self.pop(total);
        }
        before - self.messages.len()
    }

    pub(super) fn clear(&mut self, total: &mut usize) {
        while !self.messages.is_empty() {
            self.pop(total);
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
        (recovery, self.messages.iter().skip(skipped).cloned().collect())
    }

    fn pop(&mut self, total: &mut usize) {
        let Some(message) = self.messages.pop_front() else { return };
        self.bytes -= cost(&message);
        *total -= cost(&message);
    }
}

/// Bytes that a message counts as: its body, and approximately its overhead.
fn cost(message: &Publication) -> usize {
    message.body.len() + size_of::<Publication>()
}
