//! The owner's role: one order per topic, its history, and the interested shards.

use std::{sync::Arc, time::Duration};

use super::{AskId, Hub, Outlet, Publish, Waiting};
use crate::{
    Position, Recovery, Refusal, Time, TopicFilter, TopicName,
    push::{
        HubMessage, HubResponse, Publication, Receipt, Subscribed, Ticket,
        history::History,
        schedule::{Admitted, Full, Priority, RateLimit, Submission, Submitted},
    },
};

/// The owner's data of a topic.
#[derive(Debug)]
pub(super) struct Owned {
    /// Position of the newest message.
    pub(super) head: Position,
    pub(super) history: History,
    /// Shards that subscribed to it by name, and their numbers of subscriptions.
    pub(super) interest: Vec<(u16, u32)>,
    /// Other shards that its messages go to: those above, and those that are interested in one of its
    /// prefixes.
    pub(super) targets: Vec<u16>,
    /// Its rule in the configuration.
    pub(super) priority: Priority,
    pub(super) rate_limit: RateLimit,
}

impl<F: Default> Hub<F> {
    /// Takes a publication of this shard. If this shard [owns](TopicName::owner) the topic, it waits for its
    /// turn here; otherwise it is sent to the owner. The [`HubResponse`] goes to `ticket`, if there is one. Only
    /// the ways to other shards in `outlet` are used.
    ///
    /// # Errors
    /// [`Refusal::Busy`]: the owner's backlog is full if it is here, or the way there is full, or too many
    /// requests wait. There will be no response for `ticket`.
    pub fn publish(
        &mut self,
        publish: Publish,
        ticket: Option<Ticket>,
        outlet: &mut impl Outlet<F>,
    ) -> Result<(), Refusal> {
        let owner = publish.topic.owner(self.shards);
        if owner == self.shard {
            let shard = self.shard;
            let ticket = ticket.map(|ticket| (shard, ticket));
            return self.accept(publish, ticket).map_err(|(refusal, _)| refusal);
        }
        if ticket.is_some()
            && let Err(refusal) = self.may_ask()
        {
            self.counters.busy += 1;
            return Err(refusal);
        }
        // Earlier requests go first.
        self.send_outgoing(outlet);
        let has_room = self.outgoing[usize::from(owner)].is_empty();
        if !has_room || outlet.post(owner, HubMessage::Publish { publish, ticket }).is_err() {
            self.counters.busy += 1;
            let max = outlet.capacity();
            return Err(Refusal::Busy { waiting: max, max });
        }
        self.published_elsewhere += usize::from(ticket.is_some());
        Ok(())
    }

    /// Whether this shard's backlog would take one more.
    pub fn has_backlog_room(&self) -> bool {
        self.backlog_len() < self.config.backlog_max
    }

    /// Publications that wait for their turn, or for room.
    pub(super) fn backlog_len(&self) -> usize {
        self.backlog.len() + usize::from(self.admitted.is_some())
    }

    #[inline]
    pub(super) fn accept(
        &mut self,
        publish: Publish,
        ticket: Option<(u16, Ticket)>,
    ) -> Result<(), (Refusal, Option<(u16, Ticket)>)> {
        if self.is_closed {
            self.counters.closed += 1;
            return Err((Refusal::Draining, ticket));
        }
        if !self.has_backlog_room() {
            self.counters.busy += 1;
            let (waiting, max) = (self.backlog_len() as u64, self.config.backlog_max as u64);
            return Err((Refusal::Busy { waiting, max }, ticket));
        }
        self.backlog.push_back(Waiting { publish, ticket });
        self.ready = true;
        Ok(())
    }

    /// Publishes what waits, in order; false when one found no room on its way.
    pub(super) fn publish_waiting(&mut self, now: Time, outlet: &mut impl Outlet<F>) -> bool {
        for _ in 0..PUBLICATIONS_PER_TURN {
            let Some(waiting) = self.next_admitted(now, outlet) else { break };
            // The response to the one before, which goes the same way, must not take its room.
            self.send_outgoing(outlet);
            match self.owned_or_new(&waiting.publish.topic, now) {
                Ok(_) if waiting.publish.expires <= now => {
                    self.counters.expired += 1;
                    self.tell(waiting.ticket, Err(Refusal::Expired), outlet);
                }
                Ok(index) if self.has_room_for_all(index, outlet) => {
                    self.publish_now(index, waiting, now, outlet);
                }
                Ok(_) => {
                    self.admitted = Some(waiting);
                    return false;
                }
                Err(refusal) => {
                    self.counters.topics_refused += 1;
                    self.tell(waiting.ticket, Err(refusal), outlet);
                }
            }
        }
        true
    }

    /// The next publication that is due: first the one that found no room, then those that have waited, then
    /// new ones.
    fn next_admitted(&mut self, now: Time, outlet: &mut impl Outlet<F>) -> Option<Waiting> {
        if let Some(waiting) = self.admitted.take() {
            return Some(waiting);
        }
        while self.is_admission_due(now)
            && let Some(admitted) = self.admission.poll(now)
        {
            match admitted {
                Admitted::Publish(waiting) => return Some(waiting),
                Admitted::Expired(waiting) => self.tell(waiting.ticket, Err(Refusal::Expired), outlet),
                Admitted::Refused(_) => {} // A repetition: no publisher waits for it. It is counted.
            }
        }
        loop {
            let waiting = self.backlog.pop_front()?;
            let is_plain = waiting.publish.due <= now && waiting.publish.expires > now;
            if is_plain && self.config.rules.is_empty() && self.admission.waiting() == 0 {
                return Some(waiting);
            }
            let ticket = waiting.ticket;
            match self.admission.submit(self.submission(waiting), now) {
                Submitted::Passes(waiting) => return Some(waiting),
                Submitted::Waits => {}
                Submitted::Expired(_) => self.tell(ticket, Err(Refusal::Expired), outlet),
                Submitted::Refused(_, full) => {
                    let limits = &self.config.admission;
                    let (waiting, max) = match full {
                        Full::Delayed { messages, .. } => (messages, limits.delayed.messages_max),
                        Full::RateLimited { messages } => (messages, limits.rate_limited.messages_max),
                    };
                    let refusal = Refusal::Busy { waiting: waiting as u64, max: max as u64 };
                    self.tell(ticket, Err(refusal), outlet);
                }
            }
        }
    }

    /// The data of a publication that decides when it is published.
    pub(super) fn submission(&self, waiting: Waiting) -> Submission<TopicName, Waiting> {
        let Publish { topic, body, due, expires, .. } = &waiting.publish;
        let owned = self.names.get(topic).and_then(|index| self.topics.get(*index)?.owned.as_deref());
        let rate_limit = owned.map_or_else(|| self.config.rules.of(topic).1, |owned| owned.rate_limit);
        Submission {
            key: topic.clone(),
            rate_limit,
            bytes: body.len(),
            due: *due,
            expires: *expires,
            item: waiting,
        }
    }

    #[inline]
    pub(super) fn is_admission_due(&self, now: Time) -> bool {
        self.admission.poll_timeout().is_some_and(|due| due <= now)
    }

    fn has_room_for_all(&self, index: u32, outlet: &impl Outlet<F>) -> bool {
        let owned = self.topics.get(index).and_then(|topic| topic.owned.as_deref());
        owned.is_none_or(|owned| owned.targets.iter().all(|shard| self.has_room(*shard, outlet)))
    }

    /// Gives a publication its position, keeps it in the history, and sends it to all interested shards.
    fn publish_now(&mut self, index: u32, waiting: Waiting, now: Time, outlet: &mut impl Outlet<F>) {
        let Waiting { publish, ticket } = waiting;
        let Some(topic) = self.topics.get_mut(index) else { return };
        let Some(owned) = topic.owned.as_deref_mut() else { return };
        topic.used = now;
        owned.head.offset += 1;
        let message = Arc::new(Publication {
            topic: topic.name.clone(),
            position: owned.head,
            body: publish.body,
            key: publish.key,
            // The time of a delayed publication is when it was due.
            posted: if publish.posted == Time::default() { now } else { publish.posted.max(publish.due) },
            published: now,
            expires: publish.expires,
            priority: owned.priority.min(publish.priority),
        });
        owned.history.push(Arc::clone(&message), &self.config, &mut self.history_bytes);
        self.counters.published += 1;
        self.counters.forwarded += owned.targets.len() as u64;
        let mut returned = Vec::new();
        for shard in &owned.targets {
            if let Err(envelope) = outlet.post(*shard, HubMessage::Message(Arc::clone(&message))) {
                returned.push((*shard, envelope));
            }
        }
        // There was room a moment ago; in any case they are not lost.
        returned.into_iter().for_each(|(shard, envelope)| self.send(shard, envelope));
        self.fan_out(index, &message, now, outlet);
        if ticket.is_some() {
            let receipt = Receipt { position: message.position, receivers: self.receivers(index) };
            self.tell(ticket, Ok(receipt), outlet);
        }
    }

    /// Reports the result to the publisher, if it waits for one.
    pub(super) fn tell(
        &mut self,
        ticket: Option<(u16, Ticket)>,
        result: Result<Receipt, Refusal>,
        outlet: &mut impl Outlet<F>,
    ) {
        let Some((shard, ticket)) = ticket else { return };
        if shard == self.shard {
            return outlet.respond(ticket, HubResponse::Published(result));
        }
        self.send(shard, HubMessage::Published { ticket, result });
    }

    /// Subscriptions that get the messages of a topic, on all shards.
    fn receivers(&self, index: u32) -> u32 {
        let Some(topic) = self.topics.get(index) else { return 0 };
        let by_prefix = topic.prefixes.iter().filter_map(|prefix| self.prefixes.get(*prefix));
        let by_name = topic.owned.iter().flat_map(|owned| &owned.interest);
        by_name.chain(by_prefix.flat_map(|prefix| &prefix.interest)).map(|(_, members)| *members).sum()
    }

    /// A shard subscribes.
    pub(super) fn handle_ask(
        &mut self,
        from: u16,
        ask: AskId,
        filter: TopicFilter,
        since: Option<Position>,
        members: u32,
        now: Time,
    ) {
        let (mut result, mut missed) =
            (Ok(Subscribed { head: Position::default(), recovery: Recovery::NotRequested }), Vec::new());
        match &filter {
            TopicFilter::Prefix(_) => self.note_interest(from, &filter, members, now),
            TopicFilter::Exact(name) => match self.owned_or_new(name, now) {
                Ok(index) => {
                    self.note_interest(from, &filter, members, now);
                    let (subscribed, messages) = self.recover(index, since, now);
                    (result, missed) = (Ok(subscribed), messages);
                }
                Err(refusal) => result = Err(refusal),
            },
        }
        self.send(from, HubMessage::Response { ask, result, missed });
    }

    fn recover(
        &mut self,
        index: u32,
        since: Option<Position>,
        now: Time,
    ) -> (Subscribed, Vec<Arc<Publication>>) {
        let owned = self.topics.get_mut(index).and_then(|topic| topic.owned.as_deref_mut());
        let owned = owned.expect("the caller made sure");
        let head = owned.head;
        let Some(since) = since else {
            return (Subscribed { head, recovery: Recovery::NotRequested }, Vec::new());
        };
        owned.history.expire(now, &self.config, &mut self.history_bytes);
        let (recovery, mut missed) = owned.history.since(since, head);
        let kept = missed.len();
        missed.retain(|message| message.expires > now);
        self.counters.outlived += (kept - missed.len()) as u64;
        match recovery {
            Recovery::Recovered => self.counters.recovered += 1,
            _ => self.counters.gaps += 1,
        }
        (Subscribed { head, recovery }, missed)
    }

    /// The topic with this name, which is owned here from now on.
    fn owned_or_new(&mut self, name: &TopicName, now: Time) -> Result<u32, Refusal> {
        let known = self.names.get(name).copied();
        if let Some(index) = known
            && self.topics.get(index).is_some_and(|topic| topic.owned.is_some())
        {
            return Ok(index);
        }
        if self.owned_count >= self.config.topics_max {
            return Err(Refusal::TooManyTopics { max: self.config.topics_max as u64 });
        }
        let index = known.unwrap_or_else(|| self.topic_or_new(name, now));
        let head = Position { epoch: self.epoch, offset: 0 };
        let (priority, rate_limit) = self.config.rules.of(name);
        self.epoch += 1;
        self.owned_count += 1;
        if let Some(topic) = self.topics.get_mut(index) {
            topic.owned = Some(Box::new(Owned {
                head,
                history: History::default(),
                interest: Vec::new(),
                targets: Vec::new(),
                priority,
                rate_limit,
            }));
            topic.used = now;
        }
        self.aim(index);
        Ok(index)
    }

    /// Ensures that [`sweep`](Self::sweep) is called.
    pub(super) fn sweep_by(&mut self, now: Time) {
        if self.sweep_at.is_none() {
            self.sweep_at = Some(now + self.sweep_interval());
        }
    }

    /// Checks some topics: their history may be too old, and they may be idle.
    pub(super) fn sweep(&mut self, now: Time) {
        let end = self.topics.end();
        let until = end.min(self.sweep_from.saturating_add(SWEEP_TOPICS));
        for index in self.sweep_from..until {
            let Some(topic) = self.topics.get_mut(index) else { continue };
            if let Some(owned) = &mut topic.owned {
                owned.history.expire(now, &self.config, &mut self.history_bytes);
            }
            let wanted = topic.group.is_wanted()
                || topic.owned.as_deref().is_some_and(|it| !it.interest.is_empty() || !it.history.is_empty());
            if !wanted && now - topic.used >= self.config.topic_idle_timeout {
                self.forget_topic(index);
            }
        }
        self.sweep_from = if until == end { 0 } else { until };
        if until == end {
            self.admission.forget_rested(now);
        }
        self.sweep_at = match until == end {
            false => Some(now + SWEEP_PAUSE),
            true => (self.topics.len() > 0).then(|| now + self.sweep_interval()),
        };
    }

    /// Often enough to keep ages accurate to a quarter.
    fn sweep_interval(&self) -> Duration {
        let ages = [self.config.history_age_max, self.config.topic_idle_timeout];
        let shortest = ages.into_iter().filter(|age| !age.is_zero()).min();
        (shortest.unwrap_or(SWEEP_INTERVAL_MAX) / 4).clamp(SWEEP_INTERVAL_MIN, SWEEP_INTERVAL_MAX)
    }
}

/// Publications that get their position in one turn, so that other work on the shard gets its time.
const PUBLICATIONS_PER_TURN: usize = 256;

/// Topics checked in one sweep, and the pause before the next.
const SWEEP_TOPICS: u32 = 4096;
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

const SWEEP_INTERVAL_MIN: Duration = Duration::from_millis(10);
const SWEEP_INTERVAL_MAX: Duration = Duration::from_secs(10);
