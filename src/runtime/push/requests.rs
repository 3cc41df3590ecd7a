//! Requests of peers to the hub, in all protocols.

use std::time::Duration;

use bytes::Bytes;
use shardcast_proto::{
    Command, Event, Holder, Operation, Position, PublishHeader, Refusal, RequestId, TopicFilter, TopicName,
    TopicPrefix,
    connection::Outcome,
    push::{Publish, Ticket, schedule::Priority},
};

use super::{
    Push, ShardOutlet, connection,
    outlet::{DELAYED, identity_of},
};
use crate::{Connection, conns::Topics, reactor::Notice};

impl Topics for Push {
    fn subscribe_to_listener(&self, listener: u32, peer: &Connection) {
        let topic = TopicFilter::Exact(self.conns.shared.listeners[listener as usize].topic.clone());
        let (who, now) = (connection(peer.id().slot), self.reactor.now());
        let subscribed = self.hub().subscribe(who, &topic, None, None, &holder(peer), now);
        if let Err(refusal) = subscribed {
            self.reactor.counters.push.automatic_refused.add(1);
            if self.reactor.may_log(Notice::SubscriptionRefused) {
                let listener = &self.conns.shared.listeners[listener as usize].name;
                tracing::warn!(shard = self.reactor.id, %listener, %refusal, "automatic subscription refused");
            }
        }
    }

    fn event(&self, listener: u32, peer: &Connection, event: Event<'_>) -> Outcome<'static> {
        let (operation, id, result) = match event {
            Event::Hello { id } => {
                let topic = TopicFilter::Exact(self.conns.shared.listeners[listener as usize].topic.clone());
                // It may never have been subscribed: not all protocols subscribe automatically.
                let _ = self.end_subscription(peer, &topic);
                return Outcome::Say(Command::Welcome { id, epoch: self.epoch });
            }
            Event::Subscribe { id, topic, prefix, since } => {
                (Operation::Subscribe, id, self.ask_to_subscribe(peer, id, topic, prefix, since))
            }
            Event::Unsubscribe { id, topic, prefix } => {
                let ended = filter(topic, prefix).and_then(|filter| self.end_subscription(peer, &filter));
                if ended.is_ok() {
                    return Outcome::Say(Command::Unsubscribed { id });
                }
                (Operation::Unsubscribe, id, ended)
            }
            Event::Publish { id, topic, options, body } => {
                let mark = if options.delay.is_some() { DELAYED } else { 0 };
                let ticket = id.map(|id| {
                    let Ticket(identity, id) = ticket(peer, id);
                    Ticket(identity | mark, id)
                });
                let result = self.ask_to_publish(holder(peer), ticket, topic, options, body);
                match id {
                    Some(_) if result.is_ok() && options.delay.is_some() => {
                        return Outcome::Delayed;
                    }
                    Some(id) => (Operation::Publish, id, result),
                    None => {
                        self.count_quiet(result);
                        return Outcome::Nothing;
                    }
                }
            }
            Event::Presence { id, topic } => {
                (Operation::Presence, id, self.ask_for_presence(peer, id, topic))
            }
            Event::History { id, topic, since, max } => {
                (Operation::History, id, self.ask_for_history(peer, id, topic, since, max))
            }
            _ => return Outcome::Nothing,
        };
        match result {
            Ok(()) => Outcome::TopicInProgress,
            Err(refusal) => Outcome::Say(Command::Refused { id, operation, refusal }),
        }
    }

    fn left(&self, peer: &Connection) {
        // It is reported to the hub before the hub does anything else.
        self.left.borrow_mut().push((connection(peer.id().slot), holder(peer)));
    }
}

impl Push {
    fn end_subscription(&self, peer: &Connection, filter: &TopicFilter) -> Result<(), Refusal> {
        self.hub().unsubscribe(connection(peer.id().slot), filter)
    }

    fn ask_to_subscribe(
        &self,
        peer: &Connection,
        id: RequestId,
        topic: &str,
        prefix: bool,
        since: Option<Position>,
    ) -> Result<(), Refusal> {
        self.refuse_while_draining()?;
        let (who, filter) = (connection(peer.id().slot), filter(topic, prefix)?);
        self.hub().subscribe(who, &filter, since, Some(ticket(peer, id)), &holder(peer), self.reactor.now())
    }

    pub(super) fn ask_to_publish(
        &self,
        holder: Holder,
        ticket: Option<Ticket>,
        topic: &str,
        options: PublishHeader,
        body: &[u8],
    ) -> Result<(), Refusal> {
        self.refuse_while_draining()?;
        self.refuse_for_memory(body.len())?;
        let PublishHeader { key, delay, ttl, priority } = options;
        check_delay(delay, self.delay_max)?;
        let priority = priority
            .map_or(Ok(Priority::Bulk), |number| Priority::from_number(number).ok_or(Refusal::Malformed))?;
        let topic = TopicName::new(topic).map_err(|_| Refusal::BadTopic)?;
        let posted = self.reactor.now();
        let body: Bytes = self.conns.shared.memory.count(self.reactor.id, body.to_vec());
        let publish = Publish { key, priority, posted, holder, ..Publish::new(topic, body) };
        let publish = publish.timed(delay, ttl, self.reactor.now());
        self.hub().publish(publish, ticket, &mut ShardOutlet(self))
    }

    /// The outcome of a publication whose publisher expects no response.
    pub(super) fn count_quiet(&self, result: Result<(), Refusal>) {
        // The hub has counted its own refusals.
        let is_quiet = result.is_err_and(|refusal| !matches!(refusal, Refusal::Busy { .. }));
        self.reactor.counters.push.quiet_refused.add(is_quiet.into());
    }

    fn ask_for_presence(&self, peer: &Connection, id: RequestId, topic: &str) -> Result<(), Refusal> {
        let topic = TopicName::new(topic).map_err(|_| Refusal::BadTopic)?;
        self.hub().presence(&topic, false, ticket(peer, id), &holder(peer))
    }

    fn ask_for_history(
        &self,
        peer: &Connection,
        id: RequestId,
        topic: &str,
        since: Option<Position>,
        max: u32,
    ) -> Result<(), Refusal> {
        let topic = TopicName::new(topic).map_err(|_| Refusal::BadTopic)?;
        self.hub().history(&topic, since, max, ticket(peer, id), &holder(peer))
    }

    /// Refuses a body of this size if memory is short.
    fn refuse_for_memory(&self, bytes: usize) -> Result<(), Refusal> {
        if !self.conns.refuses_for_memory(bytes) {
            return Ok(());
        }
        self.reactor.counters.push.memory_refused.add(1);
        let (waiting, max) = self.conns.shared.memory.used_and_max();
        Err(Refusal::Busy { waiting, max })
    }

    pub(super) fn refuse_while_draining(&self) -> Result<(), Refusal> {
        if self.reactor.is_draining() { Err(Refusal::Draining) } else { Ok(()) }
    }
}

/// Whether a publication may wait so long. The owner of its topic knows only how much of the delay is left, which is less
/// than was requested.
pub(super) fn check_delay(delay: Option<Duration>, max: Duration) -> Result<(), Refusal> {
    if delay.is_none_or(|delay| delay <= max) {
        return Ok(());
    }
    Err(Refusal::DelayTooLong { max_ms: u64::try_from(max.as_millis()).unwrap_or(u64::MAX) })
}

/// The connection, as far as shares are concerned.
fn holder(peer: &Connection) -> Holder {
    let id = peer.id();
    Holder::connection(id.shard, identity_of(id.slot, id.generation), peer.peer().ip())
}

/// The ticket by which the response finds the connection and its request.
fn ticket(peer: &Connection, id: RequestId) -> Ticket {
    Ticket(identity_of(peer.id().slot, peer.id().generation), id.0)
}

pub(crate) fn filter(topic: &str, prefix: bool) -> Result<TopicFilter, Refusal> {
    let filter = match prefix {
        true => TopicPrefix::new(topic).map(TopicFilter::Prefix),
        false => TopicName::new(topic).map(TopicFilter::Exact),
    };
    filter.map_err(|_| Refusal::BadTopic)
}
