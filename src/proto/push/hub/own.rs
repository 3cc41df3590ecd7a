//! The owner's role: one order per topic, its history, and the interested shards.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{AskId, Asker, Hub, Outlet, Publish, Waiting, backlog::Item, routes::chain};
use crate::{
    Amount, Holder, Position, Recovery, Refusal, Time, TopicFilter, TopicName,
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
    /// prefixes. They are known while the topic is [resolved](Hub::resolve).
    pub(super) targets: Vec<u16>,
    /// Its rule in the configuration.
    pub(super) priority: Priority,
    pub(super) rate_limit: RateLimit,
    /// Publications that wait for room on the way to one of `targets`, in order. They count in the backlog.
    pub(super) parked: VecDeque<Waiting>,
    /// Who published or subscribed to it first: it is in that share.
    pub(super) creator: Holder,
}

/// A publication that waits for the response of its owner, which is another shard.
#[derive(Debug)]
pub(super) struct Elsewhere {
    ticket: Ticket,
    /// The holder in whose share of requests it counts: not if it is delayed.
    holder: Option<Holder>,
}

/// A step towards the next publication.
#[derive(Debug)]
enum Next {
    Publish(Waiting),
    /// Another one was refused, or waits: there may be more.
    Done,
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
            return self.accept(publish, ticket.map(Asker::Local)).map_err(|(refusal, _)| refusal);
        }
        let (holder, is_delayed) = (publish.holder, publish.due != Time::default());
        let counted = (!is_delayed).then_some(holder);
        if ticket.is_some()
            && let Some(holder) = &counted
            && let Err(refusal) = self.ask(holder)
        {
            self.counters.busy += 1;
            return Err(refusal);
        }
        let ask = ticket.map(|ticket| {
            let index = self.elsewhere.insert(Elsewhere { ticket, holder: counted });
            AskId(self.elsewhere.key(index))
        });
        let publication = HubMessage::Publish { publish, ask };
        if let Err(refusal) = self.send_publication(owner, publication, outlet) {
            self.counters.busy += 1;
            if let Some(index) = ask.and_then(|ask| self.elsewhere.find(ask.0)) {
                self.forget_elsewhere(index);
            }
            return Err(refusal);
        }
        if is_delayed && holder != Holder::PROGRAM {
            let shards = self.delayed_at.entry(holder.connection).or_default();
            if !shards.contains(&owner) {
                shards.push(owner);
            }
        }
        Ok(())
    }

    /// Sends a publication to its owner: at once if nothing is before it and there is room.
    fn send_publication(
        &mut self,
        owner: u16,
        publication: HubMessage,
        outlet: &mut impl Outlet<F>,
    ) -> Result<(), Refusal> {
        let max = Amount { messages: self.config.backlog_max, bytes: self.config.backlog_bytes_max };
        let way = &mut self.ways[usize::from(owner)];
        let is_clear = way.is_clear() && way.has_no_request() && outlet.has_room_for_request(owner);
        let publication = match is_clear {
            true => match outlet.post(owner, publication) {
                Ok(()) => return Ok(()),
                Err(publication) => publication,
            },
            false => publication,
        };
        self.ready = true;
        Ok(way.push_publication(publication, max)?)
    }

    /// Handles the response of an owner.
    pub(super) fn published(
        &mut self,
        ask: AskId,
        result: Result<Receipt, Refusal>,
        outlet: &mut impl Outlet<F>,
    ) {
        let Some(index) = self.elsewhere.find(ask.0) else { return };
        if let Some(ticket) = self.forget_elsewhere(index) {
            outlet.respond(ticket, HubResponse::Published(result));
        }
    }

    fn forget_elsewhere(&mut self, index: u32) -> Option<Ticket> {
        let Elsewhere { ticket, holder } = self.elsewhere.remove(index)?;
        if let Some(holder) = holder {
            self.responded(&holder);
        }
        Some(ticket)
    }

    /// A connection of this shard has ended: what it has delayed is withdrawn, on all shards.
    pub fn publisher_left(&mut self, holder: &Holder) {
        for shard in self.delayed_at.remove(&holder.connection).unwrap_or_default() {
            // After the publications of this connection.
            self.request(shard, holder, HubMessage::Ended { holder: *holder });
        }
        if self.admission.waiting() > 0 || self.backlog.has_next() {
            self.withdraw_delayed(*holder);
        }
    }

    /// What this connection has delayed here is withdrawn, after all of its publications have been looked at.
    pub(super) fn withdraw_delayed(&mut self, holder: Holder) {
        self.ready = true;
        self.backlog.push_end(holder);
    }

    /// Whether this shard's backlog would take one more.
    pub const fn has_backlog_room(&self) -> bool {
        self.backlog.has_room()
    }

    #[inline]
    pub(super) fn accept(
        &mut self,
        publish: Publish,
        asker: Option<Asker>,
    ) -> Result<(), (Refusal, Option<Asker>)> {
        if self.is_closed {
            self.counters.closed += 1;
            return Err((Refusal::Draining, asker));
        }
        self.ready = true;
        self.backlog.push(publish, asker).map_err(|(no_room, asker)| {
            self.counters.busy += 1;
            (no_room.into(), asker)
        })
    }

    /// Publishes what waits, as far as there is room on the way to other shards. Of a long backlog it publishes a part.
    pub(super) fn publish_waiting(&mut self, now: Time, outlet: &mut impl Outlet<F>) {
        let mut budget = PUBLICATIONS_PER_TURN;
        if self.backlog.is_blocked() {
            self.publish_parked(&mut budget, now, outlet);
        }
        while budget > 0
            && self.may_publish()
            && let Some(next) = self.next_admitted(now, outlet)
        {
            match next {
                Next::Publish(waiting) => {
                    budget -= 1;
                    self.publish_or_park(waiting, now, outlet);
                }
                Next::Done => self.spend(1),
            }
        }
    }

    fn publish_or_park(&mut self, mut waiting: Waiting, now: Time, outlet: &mut impl Outlet<F>) {
        match self.owned_or_new(&waiting.publish.topic, &waiting.publish.holder, now) {
            Ok(index) => match self.blocked_by(index, outlet) {
                None => self.publish_now(index, waiting, now, outlet),
                Some(shard) => {
                    self.backlog.keep(&mut waiting);
                    let owned = self.topics.get_mut(index).and_then(|topic| topic.owned.as_deref_mut());
                    let Some(owned) = owned else { return };
                    if owned.parked.is_empty() {
                        self.backlog.block(index, shard);
                        if !owned.rate_limit.is_none() {
                            let topic = waiting.publish.topic.clone();
                            self.admission.suspend(topic, &owned.rate_limit, now);
                        }
                    }
                    owned.parked.push_back(waiting);
                }
            },
            Err(refusal) => {
                self.counters.topics_refused += 1;
                self.refuse(waiting, refusal, outlet);
            }
        }
    }

    /// Publishes what waits with its topic, for each shard that has room again: a few of each topic in turn.
    fn publish_parked(&mut self, budget: &mut usize, now: Time, outlet: &mut impl Outlet<F>) {
        for shard in 0..self.shards {
            while *budget > 0
                && self.may_publish()
                && self.has_room(shard, outlet)
                && let Some(index) = self.backlog.unblock(shard)
            {
                self.spend(1);
                let mut blocked_by = None;
                for _ in 0..PARKED_PER_TURN {
                    if self.fan_out.is_full() {
                        break;
                    }
                    let Some(owned) = self.owned_mut(index) else { break };
                    let Some(waiting) = owned.parked.pop_front() else { break };
                    blocked_by = self.blocked_by_target(index, outlet);
                    if blocked_by.is_some() {
                        if let Some(owned) = self.owned_mut(index) {
                            owned.parked.push_front(waiting);
                        }
                        break;
                    }
                    self.publish_now(index, waiting, now, outlet);
                    *budget = budget.saturating_sub(1);
                }
                let Some(topic) = self.topics.get(index) else { continue };
                let Some(owned) = topic.owned.as_deref() else { continue };
                if !owned.parked.is_empty() {
                    self.backlog.block(index, blocked_by.unwrap_or(shard));
                } else if !owned.rate_limit.is_none() {
                    self.admission.resume(&topic.name, now);
                }
            }
        }
    }

    fn owned_mut(&mut self, index: u32) -> Option<&mut Owned> {
        self.topics.get_mut(index)?.owned.as_deref_mut()
    }

    /// One step towards the next publication that is due: first those that have waited for that, then new ones. `None`
    /// when there is none.
    #[inline]
    fn next_admitted(&mut self, now: Time, outlet: &mut impl Outlet<F>) -> Option<Next> {
        if self.can_admit(now)
            && let Some(admitted) = self.admission.poll(now)
        {
            match admitted {
                Admitted::Publish(waiting) => return Some(Next::Publish(waiting)),
                Admitted::Expired(waiting) => self.tell(waiting.asker, Err(Refusal::Expired), outlet),
                // A repetition: no publisher waits for it. It is counted.
                Admitted::Refused(_) | Admitted::Waits => {}
            }
            return Some(Next::Done);
        }
        let waiting = match self.backlog.pop()? {
            Item::Publication(waiting) => waiting,
            Item::Ended(holder) => {
                if let Some(waiting) = self.admission.withdraw(&holder) {
                    self.tell(waiting.asker, Err(Refusal::PublisherLeft), outlet);
                    // There may be more.
                    self.backlog.push_end(holder);
                }
                return Some(Next::Done);
            }
        };
        let is_plain = waiting.publish.due <= now && waiting.publish.expires > now;
        if is_plain && self.config.rules.is_empty() && self.admission.waiting() == 0 {
            return Some(Next::Publish(waiting));
        }
        Some(self.admit(waiting, now, outlet))
    }

    /// A new publication that may have to wait for its time or for the rate limit of its topic.
    fn admit(&mut self, mut waiting: Waiting, now: Time, outlet: &mut impl Outlet<F>) -> Next {
        self.backlog.finish(&mut waiting);
        let asker = waiting.asker;
        match self.admission.submit(self.submission(waiting), now) {
            Submitted::Passes(mut waiting) => {
                self.backlog.keep(&mut waiting);
                return Next::Publish(waiting);
            }
            Submitted::Waits => {}
            Submitted::Expired(_) => self.tell(asker, Err(Refusal::Expired), outlet),
            Submitted::Refused(_, full) => {
                let refusal = match full {
                    Full::Delayed(no_room) | Full::RateLimited(no_room) => no_room.into(),
                    Full::DelayTooLong { max } => {
                        Refusal::DelayTooLong { max_ms: u64::try_from(max.as_millis()).unwrap_or(u64::MAX) }
                    }
                };
                self.tell(asker, Err(refusal), outlet);
            }
        }
        Next::Done
    }

    /// The data of a publication that decides when it is published.
    pub(super) fn submission(&self, waiting: Waiting) -> Submission<TopicName, Waiting> {
        let Publish { topic, body, due, expires, holder, .. } = &waiting.publish;
        let owned = self.names.get(topic).and_then(|index| self.topics.get(*index)?.owned.as_deref());
        let rate_limit = owned.map_or_else(|| self.config.rules.of(topic).1, |owned| owned.rate_limit);
        Submission {
            key: topic.clone(),
            rate_limit,
            bytes: body.len(),
            holder: *holder,
            due: *due,
            expires: *expires,
            item: waiting,
        }
    }

    #[inline]
    pub(super) fn is_admission_due(&self, now: Time) -> bool {
        self.admission.poll_timeout().is_some_and(|due| due <= now)
    }

    /// Whether a publication that has waited is due, and there would be room to let it wait for other shards.
    #[inline]
    pub(super) fn can_admit(&self, now: Time) -> bool {
        self.is_admission_due(now) && (self.backlog.has_room() || !self.backlog.is_blocked())
    }

    /// A shard for which a publication of this topic has to wait: one without room, or that of the topic's earlier ones.
    #[inline]
    fn blocked_by(&mut self, index: u32, outlet: &impl Outlet<F>) -> Option<u16> {
        let owned = self.topics.get(index).and_then(|topic| topic.owned.as_deref())?;
        if !owned.parked.is_empty() {
            return Some(self.shard);
        }
        self.blocked_by_target(index, outlet)
    }

    #[inline]
    fn blocked_by_target(&mut self, index: u32, outlet: &impl Outlet<F>) -> Option<u16> {
        self.resolve(index);
        let owned = self.topics.get(index).and_then(|topic| topic.owned.as_deref())?;
        owned.targets.iter().copied().find(|shard| !self.has_room(*shard, outlet))
    }

    /// Refuses a publication of the backlog.
    fn refuse(&mut self, mut waiting: Waiting, refusal: Refusal, outlet: &mut impl Outlet<F>) {
        self.backlog.finish(&mut waiting);
        self.tell(waiting.asker, Err(refusal), outlet);
    }

    /// Gives a publication its position, keeps it in the history, and sends it to all interested shards.
    fn publish_now(&mut self, index: u32, mut waiting: Waiting, now: Time, outlet: &mut impl Outlet<F>) {
        if waiting.publish.expires <= now {
            self.counters.expired += 1;
            return self.refuse(waiting, Refusal::Expired, outlet);
        }
        self.backlog.finish(&mut waiting);
        let Waiting { publish, asker, .. } = waiting;
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
            owner: self.shard,
            sequence: self.received.count(self.shard),
        });
        let kept = &mut self.kept;
        let displaced = owned.history.push(Arc::clone(&message), &publish.holder, &self.config, kept);
        self.counters.displaced += displaced;
        self.counters.published += 1;
        self.counters.forwarded += owned.targets.len() as u64;
        let mut returned = Vec::new();
        for shard in &owned.targets {
            let envelope = HubMessage::Message(Arc::clone(&message));
            if !self.ways[usize::from(*shard)].is_clear() {
                returned.push((*shard, envelope));
            } else if let Err(envelope) = outlet.post(*shard, envelope) {
                returned.push((*shard, envelope));
            }
        }
        // They wait after the responses before them.
        returned.into_iter().for_each(|(shard, envelope)| self.send(shard, envelope));
        self.fan_out(index, &message, now);
        if asker.is_some() {
            let receipt = Receipt { position: message.position, receivers: self.receivers(index) };
            self.tell(asker, Ok(receipt), outlet);
        }
    }

    /// Reports the result to the publisher, if it waits for one.
    pub(super) fn tell(
        &mut self,
        asker: Option<Asker>,
        result: Result<Receipt, Refusal>,
        outlet: &mut impl Outlet<F>,
    ) {
        match asker {
            Some(Asker::Local(ticket)) => outlet.respond(ticket, HubResponse::Published(result)),
            Some(Asker::Remote(shard, ask)) => {
                let response = HubMessage::Published { ask, result };
                // At once, so that the next message need not wait after it.
                let response = match self.ways[usize::from(shard)].is_clear() {
                    true => outlet.post(shard, response),
                    false => Err(response),
                };
                if let Err(response) = response {
                    self.send(shard, response);
                }
            }
            None => {}
        }
    }

    /// Subscriptions that get the messages of a topic, on all shards.
    fn receivers(&self, index: u32) -> u32 {
        let Some(topic) = self.topics.get(index) else { return 0 };
        let by_prefix = chain(&self.prefixes, topic.longest).flat_map(|prefix| &prefix.interest);
        let by_name = topic.owned.iter().flat_map(|owned| &owned.interest);
        by_name.chain(by_prefix).map(|(_, members)| *members).sum()
    }

    /// A shard subscribes. Returns the response.
    pub(super) fn handle_ask(
        &mut self,
        from: u16,
        ask: AskId,
        filter: TopicFilter,
        since: Option<Position>,
        (members, holder): (u32, Holder),
        now: Time,
    ) -> HubMessage {
        let (mut result, mut missed) =
            (Ok(Subscribed { head: Position::default(), recovery: Recovery::NotRequested }), Vec::new());
        match &filter {
            TopicFilter::Prefix(_) => self.note_interest(from, &filter, members, now),
            TopicFilter::Exact(name) => match self.owned_or_new(name, &holder, now) {
                Ok(index) => {
                    self.note_interest(from, &filter, members, now);
                    let (subscribed, messages) = self.recover(index, since, now);
                    (result, missed) = (Ok(subscribed), messages);
                }
                Err(refusal) => result = Err(refusal),
            },
        }
        let sequence = self.received.of(self.shard);
        HubMessage::Response { ask, result, missed, sequence }
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
        owned.history.expire(now, &self.config, &mut self.kept);
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
    fn owned_or_new(&mut self, name: &TopicName, holder: &Holder, now: Time) -> Result<u32, Refusal> {
        let known = self.names.get(name).copied();
        if let Some(index) = known
            && self.topics.get(index).is_some_and(|topic| topic.owned.is_some())
        {
            return Ok(index);
        }
        if let Err(no_room) = self.owned.take(holder, Amount::one(0)) {
            return Err(Refusal::TooManyTopics { max: no_room.max });
        }
        let index = known.unwrap_or_else(|| self.topic_or_new(name, now));
        let head = Position { epoch: self.epoch, offset: 0 };
        let (priority, rate_limit) = self.config.rules.of(name);
        self.epoch += 1;
        if let Some(topic) = self.topics.get_mut(index) {
            topic.owned = Some(Box::new(Owned {
                head,
                history: History::default(),
                interest: Vec::new(),
                targets: Vec::new(),
                priority,
                rate_limit,
                parked: VecDeque::new(),
                creator: *holder,
            }));
            topic.used = now;
        }
        self.unresolve(index);
        Ok(index)
    }

    /// Ensures that [`sweep`](Self::sweep) is called.
    pub(super) fn sweep_by(&mut self, now: Time) {
        if self.sweep_at.is_none() {
            self.sweep_at = Some(now + self.sweep_interval());
        }
    }

    /// Checks some topics: their history may be too old, and they may be idle. After all of them, some rate limits.
    pub(super) fn sweep(&mut self, now: Time) {
        if let Some(from) = self.sweep_from {
            self.sweep_from = self.sweep_topics(from, now);
        }
        let is_done = self.sweep_from.is_none() && self.admission.forget_rested(now, SWEEP_TOPICS as usize);
        self.sweep_at = match is_done {
            false => Some(now + SWEEP_PAUSE),
            true => {
                self.sweep_from = Some(0);
                (self.topics.len() > 0).then(|| now + self.sweep_interval())
            }
        };
    }

    /// Checks some topics from this place on; returns the place of the next one.
    fn sweep_topics(&mut self, from: u32, now: Time) -> Option<u32> {
        let end = self.topics.end();
        let mut until = end.min(from.saturating_add(SWEEP_TOPICS));
        let mut removed = 0;
        for index in from..until {
            if removed >= SWEEP_MESSAGES {
                until = index;
                break;
            }
            let Some(topic) = self.topics.get_mut(index) else { continue };
            if let Some(owned) = &mut topic.owned {
                removed += owned.history.expire(now, &self.config, &mut self.kept);
            }
            let wanted = topic.group.is_wanted() || topic.owned.as_deref().is_some_and(is_needed);
            if !wanted && now - topic.used >= self.config.topic_idle_timeout {
                self.forget_topic(index);
            }
        }
        (until < end).then_some(until)
    }

    /// Often enough to keep ages accurate to a quarter.
    fn sweep_interval(&self) -> Duration {
        let ages = [self.config.history_age_max, self.config.topic_idle_timeout];
        let shortest = ages.into_iter().filter(|age| !age.is_zero()).min();
        (shortest.unwrap_or(SWEEP_INTERVAL_MAX) / 4).clamp(SWEEP_INTERVAL_MIN, SWEEP_INTERVAL_MAX)
    }
}

fn is_needed(owned: &Owned) -> bool {
    !owned.interest.is_empty() || !owned.history.is_empty() || !owned.parked.is_empty()
}

/// Publications that get their position in one turn, so that other work on the shard gets its time.
const PUBLICATIONS_PER_TURN: usize = 256;

/// Publications of one topic that had no room, before another topic gets its turn.
const PARKED_PER_TURN: usize = 8;

/// Topics, or rate limits of topics, checked in one sweep, and the pause before the next.
const SWEEP_TOPICS: u32 = 4096;

/// Messages after which a sweep ends; those of one more topic may be added.
const SWEEP_MESSAGES: usize = 4096;
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

const SWEEP_INTERVAL_MIN: Duration = Duration::from_millis(10);
const SWEEP_INTERVAL_MAX: Duration = Duration::from_secs(10);
