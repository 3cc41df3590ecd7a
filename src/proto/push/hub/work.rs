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
    /// their way, in order. When too many deliveries wait, it takes a few more of each queue in a turn, so that no queue
    /// keeps the others from it.
    #[inline]
    pub fn may_take(&self) -> bool {
        self.may_work() && self.taken_while_full < TAKEN_WHILE_FULL
    }

    /// A message joins the deliveries.
    #[inline]
    pub(super) fn note_taken(&mut self) {
        if self.taken_while_full > 0 || self.fan_out.is_full() {
            self.taken_while_full += 1;
        }
    }

    /// A subscriber that has [left](Self::leave) and has no subscription any more: the driver may use its number again.
    pub fn poll_left(&mut self) -> Option<SubscriberId> {
        self.gone.pop()
    }

    /// What follows has a budget of its own: envelopes of another queue, or another part of the turn.
    pub const fn begin_stage(&mut self) {
        (self.work, self.taken_while_full) = (0, 0);
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
            HubMessage::AskPresence { list: true, .. } => 1 + self.config.presence_list_max / LIST_PER_UNIT,
            _ => 1,
        }
    }
}

/// What it costs to hand these messages to a subscriber that asked for them.
fn cost_of_recovery(missed: &[Arc<Publication>]) -> usize {
    missed.iter().map(|message| RECOVERY_COST + message.body.len() / BYTES_PER_UNIT).sum()
}

/// Messages of one queue that are taken in a turn while too many deliveries wait.
const TAKEN_WHILE_FULL: u8 = 4;

/// The cost of a recovered message, which is framed for its subscriber alone.
const RECOVERY_COST: usize = 4;

/// The cost of a copy.
const BYTES_PER_UNIT: usize = 1 << 10;

/// The most that finding the missed messages costs; copying references to them is quick.
const ASK_COST_MAX: usize = 16;

/// Subscribers that are put into a list.
pub(super) const LIST_PER_UNIT: usize = 64;
