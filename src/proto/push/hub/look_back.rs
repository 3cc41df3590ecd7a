//! Requests for messages of a history, without a subscription.

use super::{AskId, Hub, Outlet};
use crate::{
    Holder, Position, Refusal, Time, TopicName,
    push::{HistoryResponse, HubMessage, HubResponse, Ticket},
};

/// A request that the owner has not answered yet.
#[derive(Debug)]
pub(super) struct LookBack {
    ticket: Ticket,
    holder: Holder,
}

impl<F: Default> Hub<F> {
    /// Requests messages that `topic` has kept, for `holder`: those after `since`, or the oldest ones; at most `max`, and at most
    /// 1,000 messages or 1 MiB. The [`HubResponse`] goes to `ticket`.
    ///
    /// # Errors
    /// Too many requests wait ([`Refusal::Busy`]).
    pub fn history(
        &mut self,
        topic: &TopicName,
        since: Option<Position>,
        max: u32,
        ticket: Ticket,
        holder: &Holder,
    ) -> Result<(), Refusal> {
        self.ask(holder)?;
        let index = self.look_backs.insert(LookBack { ticket, holder: *holder });
        let ask = AskId(self.look_backs.key(index));
        let topic = topic.clone();
        let owner = topic.owner(self.shards);
        self.request(owner, holder, HubMessage::AskHistory { ask, topic, since, max });
        Ok(())
    }

    /// What this shard has of a topic that it owns, or would own.
    pub(super) fn local_history(
        &mut self,
        topic: &TopicName,
        since: Option<Position>,
        max: u32,
        now: Time,
    ) -> HistoryResponse {
        let index = self.names.get(topic).copied();
        let owned = index.and_then(|index| self.topics.get_mut(index)?.owned.as_deref_mut());
        let Some(owned) = owned else { return HistoryResponse::unknown(since) };
        owned.history.expire(now, &self.config, &mut self.kept);
        let (head, start) = (owned.head, since.unwrap_or(Position { offset: 0, ..owned.head }));
        let (recovery, mut messages) = owned.history.since(start, head);
        messages.retain(|message| message.expires > now);
        messages.truncate((max as usize).min(HISTORY_MESSAGES_MAX));
        let mut bytes = 0;
        let fits = messages.iter().take_while(|message| {
            bytes += message.body.len();
            bytes <= HISTORY_BYTES_MAX
        });
        let fitting = fits.count();
        messages.truncate(fitting.max(1));
        HistoryResponse { head, recovery, messages }
    }

    pub(super) fn looked_back(&mut self, ask: AskId, history: HistoryResponse, outlet: &mut impl Outlet<F>) {
        let Some(index) = self.look_backs.find(ask.0) else { return };
        if let Some(LookBack { ticket, holder }) = self.look_backs.remove(index) {
            self.responded(&holder);
            outlet.respond(ticket, HubResponse::History(history));
        }
    }
}

/// The most messages of one response.
const HISTORY_MESSAGES_MAX: usize = 1_000;
/// The most bytes of their bodies; one message may exceed them.
const HISTORY_BYTES_MAX: usize = 1 << 20;
