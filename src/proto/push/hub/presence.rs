//! Presence: the subscribers of a topic, requested from all shards and added up.

use super::{AskId, Group, Hub, Outlet, work::LIST_PER_UNIT};
use crate::{
    Holder, Refusal, TopicName,
    push::{HubMessage, HubResponse, PresenceResponse, PresentSubscriber, SubscriberId, Ticket},
};

/// A request that not all shards have answered yet.
#[derive(Debug)]
pub(super) struct Gather {
    ticket: Ticket,
    holder: Holder,
    due: u16,
    presence: PresenceResponse,
}

impl<F: Default> Hub<F> {
    /// Requests the subscribers of `topic`, by name or by prefix, for `holder`; with `list` also their identities.
    /// The [`HubResponse`] goes to `ticket`.
    ///
    /// # Errors
    /// Too many requests wait ([`Refusal::Busy`]).
    pub fn presence(
        &mut self,
        topic: &TopicName,
        list: bool,
        ticket: Ticket,
        holder: &Holder,
    ) -> Result<(), Refusal> {
        self.ask(holder)?;
        let presence = PresenceResponse::default();
        let gather = Gather { ticket, holder: *holder, due: self.shards, presence };
        let gather = self.gathers.insert(gather);
        let ask = AskId(self.gathers.key(gather));
        for shard in 0..self.shards {
            self.request(shard, holder, HubMessage::AskPresence { ask, topic: topic.clone(), list });
        }
        Ok(())
    }

    pub(super) fn local_presence(
        &mut self,
        topic: &TopicName,
        list: bool,
        outlet: &impl Outlet<F>,
    ) -> PresenceResponse {
        let (shard, named) = (self.shard, if list { self.config.presence_list_max } else { 0 });
        let response = |members: &[SubscriberId]| {
            let named = members.iter().take(named);
            let subscribers = named.map(|who| PresentSubscriber { shard, identity: outlet.identify(*who) });
            PresenceResponse { count: members.len() as u32, subscribers: subscribers.collect() }
        };
        if self.leavers.is_empty()
            && let Some(members) = self.only_group(topic)
        {
            return response(members);
        }
        let members = self.subscribers_of(topic);
        response(&members)
    }

    pub(super) fn gathered(&mut self, ask: AskId, presence: PresenceResponse, outlet: &mut impl Outlet<F>) {
        let Some(index) = self.gathers.find(ask.0) else { return };
        let Some(gather) = self.gathers.get_mut(index) else { return };
        gather.presence.count += presence.count;
        gather.presence.subscribers.extend(presence.subscribers);
        gather.due -= 1;
        if gather.due == 0
            && let Some(Gather { ticket, holder, presence, .. }) = self.gathers.remove(index)
        {
            self.responded(&holder);
            outlet.respond(ticket, HubResponse::Presence(presence));
        }
    }

    /// The subscribers of a topic, if one filter has all of them: then none is there twice.
    fn only_group(&self, topic: &TopicName) -> Option<&[SubscriberId]> {
        let by_name = self.names.get(topic).and_then(|index| self.topics.get(*index));
        let by_prefix = self.prefix_index.prefixes_of(topic).filter_map(|prefix| self.prefixes.get(prefix));
        let groups =
            by_name.map(|topic| &topic.group).into_iter().chain(by_prefix.map(|prefix| &prefix.group));
        let mut groups = groups.map(Group::members).filter(|members| !members.is_empty());
        let first = groups.next().unwrap_or_default();
        groups.next().is_none().then_some(first)
    }

    /// The subscribers of a topic, whether it is known here or only its prefixes are.
    fn subscribers_of(&mut self, topic: &TopicName) -> Vec<SubscriberId> {
        if let Some(index) = self.names.get(topic) {
            return self.everybody(*index);
        }
        let groups = self.prefix_index.prefixes_of(topic).filter_map(|prefix| self.prefixes.get(prefix));
        let mut members: Vec<_> = groups.flat_map(|prefix| prefix.group.members()).copied().collect();
        self.spend(members.len() / LIST_PER_UNIT);
        self.once(&mut members);
        members
    }
}
