//! The bounds of a turn: each stage does a part of what waits, and the next turn continues.
//!
//! Work is counted in units, each about one look-up or one change of a list; never in time, so that a core needs no
//! clock. Each stage has the whole budget, so that none takes it from the others.

use std::sync::Arc;

use super::{Hub, Outlet};
use crate::{
    Time,
    push::{HubMessage, Publication, SubscriberId},
};

impl<F: Default> Hub<F> {
    /// Whether the hub takes another envelope of this queue before its next [`turn`](Self::turn). The driver should ask
    /// before each, and [begin](Self::begin_stage) before each queue: envelopes that the hub does not take yet wait on
    /// their way, in order. While too many deliveries wait, it takes none, since the next one may be a message. As soon
    /// as there is room, this shard's own publications and the queues of others come first in turns; the driver should
    /// begin with another queue in each turn.
    #[inline]
    pub fn may_take(&self) -> bool {
        self.may_publish() && !(self.is_own_turn && self.publications_wait)
    }

    /// As [`may_take`](Self::may_take), for publications of this shard itself.
    #[inline]
    pub(super) fn may_publish(&self) -> bool {
        self.may_work() && !self.fan_out.is_full()
    }

    /// Notes at the end of a turn who comes first in the next one, if messages had to wait in this one.
    pub(super) fn take_turns(&mut self, publications_wait: bool) {
        self.publications_wait = publications_wait && self.fan_out.is_full();
        self.is_own_turn = !self.is_own_turn;
    }

    /// A subscriber that has [left](Self::leave) and has no subscription any more: the driver may use its number again.
    pub fn poll_left(&mut self) -> Option<SubscriberId> {
        self.gone.pop()
    }

    /// What follows has a budget of its own: envelopes of another queue, or another part of the turn.
    pub const fn begin_stage(&mut self) {
        self.work = 0;
    }

    #[inline]
    pub(super) const fn spend(&mut self, units: usize) {
        self.work = self.work.saturating_add(units);
    }

    /// Whether the budget has something left: as [`may_take`](Self::may_take), for envelopes that are not messages.
    #[inline]
    pub const fn may_work(&self) -> bool {
        self.work < self.config.turn_work_max
    }

    /// Ends subscriptions of subscribers that have left.
    pub(super) fn work_on_leavers(&mut self) {
        self.begin_stage();
        while self.may_work()
            && let Some(who) = self.leavers.front().copied()
        {
            // It may have been finished meanwhile, because its number was used again.
            if !self.is_leaving(who) || !self.end_last_subscription(who) {
                self.leavers.pop_front();
                self.finish_leaving(who);
            }
            self.spend(1);
        }
    }

    /// Handles envelopes of this shard to itself.
    pub(super) fn work_on_inbox(&mut self, now: Time, outlet: &mut impl Outlet<F>) {
        self.begin_stage();
        while self.may_work()
            && let Some(envelope) = self.inbox.pop_front()
        {
            self.handle_envelope(self.shard, envelope, now, outlet);
        }
    }

    /// What it costs to handle an envelope, besides a fan-out.
    pub(super) fn cost_of(&self, envelope: &HubMessage) -> usize {
        match envelope {
            HubMessage::Response { missed, .. } => 1 + cost_of_recovery(missed),
            HubMessage::Ask { since: Some(_), .. } => 1 + self.config.history_messages_max.min(ASK_COST_MAX),
            HubMessage::AskHistory { .. } => 1 + self.config.history_messages_max.min(ASK_COST_MAX),
            HubMessage::HistoryResponse { history, .. } => 1 + cost_of_recovery(&history.messages),
            HubMessage::AskPresence { list: true, .. } => 1 + self.config.presence_list_max / LIST_PER_UNIT,
            _ => 1,
        }
    }
}

/// What it costs to hand these messages to a subscriber that asked for them.
fn cost_of_recovery(missed: &[Arc<Publication>]) -> usize {
    missed.iter().map(|message| RECOVERY_COST + message.body.len() / BYTES_PER_UNIT).sum()
}

/// The cost of a recovered message, which is framed for its subscriber alone.
const RECOVERY_COST: usize = 4;

/// The cost of a copy.
const BYTES_PER_UNIT: usize = 1 << 10;

/// The most that finding the missed messages costs; copying references to them is quick.
const ASK_COST_MAX: usize = 16;

/// Subscribers that are put into a list.
pub(super) const LIST_PER_UNIT: usize = 64;
