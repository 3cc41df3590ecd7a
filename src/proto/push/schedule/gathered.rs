//! The messages of one turn, before they are delivered.

use std::{ops::Range, sync::Arc};

use super::{delivery_cost, fanout::SEND_COST};
use crate::push::{Publication, SubscriberId};

/// Messages and their subscribers, in the order of the calls. The memory is reused in the next turn.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Each message with its part of `to`.
    messages: Vec<(Arc<Publication>, Range<usize>)>,
    /// Lists of subscribers; equal lists that follow each other are stored once.
    to: Vec<SubscriberId>,
    /// Invariant: the sum over all deliveries, and the sends of all lists.
    cost: u64,
}

impl Gathered {
    pub(super) fn push(&mut self, message: &Arc<Publication>, to: &[SubscriberId]) {
        let mut each = delivery_cost(message.body.len());
        let last = self.messages.last().map(|(_, range)| range.clone());
        let range = last.filter(|range| self.to[range.clone()] == *to).unwrap_or_else(|| {
            each += SEND_COST;
            let start = self.to.len();
            self.to.extend_from_slice(to);
            start..self.to.len()
        });
        self.cost = self.cost.saturating_add(each.saturating_mul(to.len() as u64));
        self.messages.push((Arc::clone(message), range));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The cost of delivering all of it.
    pub(super) const fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<Publication>, &[SubscriberId])> {
        self.messages.iter().map(|(message, range)| (message, &self.to[range.clone()]))
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.to.clear();
        self.cost = 0;
        self.messages.shrink_to(MESSAGES_KEPT);
        self.to.shrink_to(SUBSCRIBERS_KEPT);
    }
}

/// Memory that is kept between turns: 32 KiB and 64 KiB.
const MESSAGES_KEPT: usize = 1024;
const SUBSCRIBERS_KEPT: usize = 16_384;
