//! Subscribers of this shard: they subscribe, wait for the owner, get messages, and leave.

use std::sync::Arc;

use super::{
    AskId, Hub, List, Outlet, Prefix, Route, Slab,
    routes::{Way, chain},
};
use crate::{
    Amount, Holder, Position, Refusal, Time, TopicFilter, TopicName,
    push::{
        HubMessage, HubResponse, Publication, Subscribed, SubscriberId, Ticket, group::Group, names::Names,
        prefix_index::PrefixIndex,
    },
};

/// One entry in the list of a subscriber.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) route: Route,
    place: Place,
}

/// Where a subscription is: among the members of its group, or among those that wait for a response. The
/// highest bit says which.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

/// A subscription that waits for the response of the owner, or of all shards.
#[derive(Debug)]
pub(super) struct Pending {
    /// The subscriber, and the place in its list; `None` when it has left or unsubscribed.
    who: Option<(SubscriberId, u32)>,
    route: Route,
    ticket: Option<Ticket>,
    holder: Holder,
    /// Responses still to come.
    due: u16,
}

impl<F: Default> Hub<F> {
    /// Subscribes `who`, whose connection is `holder`. The [`HubResponse`] goes to `ticket`, if there is one; messages begin after it.
    ///
    /// Several subscriptions of one subscriber may match a topic; it gets each message once, also if one of them
    /// asks for missed messages.
    ///
    /// # Errors
    /// Nothing was done; there will be no response for `ticket`.
    pub fn subscribe(
        &mut self,
        who: SubscriberId,
        filter: &TopicFilter,
        since: Option<Position>,
        ticket: Option<Ticket>,
        holder: &Holder,
        now: Time,
    ) -> Result<(), Refusal> {
        if since.is_some() && matches!(filter, TopicFilter::Prefix(_)) {
            return Err(Refusal::SinceOnPrefix);
        }
        let known = self.route(filter);
        if self.is_leaving(who) {
            // The driver did not wait: it has the number already.
            while self.end_last_subscription(who) {}
            self.leaving[who.0 as usize] = false;
        }
        let list = self.subscribers.get(who.0 as usize);
        if known.is_some_and(|route| list.is_some_and(|list| list.find(route).is_some())) {
            return Err(Refusal::AlreadySubscribed);
        }
        let max = self.config.subscriptions_per_subscriber_max;
        if list.map_or(0, List::len) >= max {
            return Err(Refusal::TooManySubscriptions { max: max as u64 });
        }
        if let Err(no_room) = self.subscriptions.take(holder, Amount::one(0)) {
            return Err(Refusal::TooManySubscriptions { max: no_room.max });
        }
        self.list(who).holder = *holder;
        let is_receiving = |route| self.group_of(route).is_some_and(Group::is_receiving);
        if ticket.is_none()
            && since.is_none()
            && let Some(route) = known.filter(|route| is_receiving(*route))
        {
            // Messages arrive already, and the subscriber did not ask for a position.
            let back = self.list(who).len() as u32;
            let place = self.enter(route, who, back);
            self.list(who).push(Subscription { route, place });
            self.touch(route);
            return Ok(());
        }
        if let Err(refusal) = self.ask(holder) {
            self.subscriptions.give_back(holder, Amount::one(0));
            return Err(refusal);
        }
        let route = known.unwrap_or_else(|| self.route_or_new(filter, now));
        let back = self.list(who).len() as u32;
        let group = self.group(route).expect("found or made above");
        group.waiting += 1;
        group.asked += 1;
        let members = group.len();
        let due = if matches!(filter, TopicFilter::Exact(_)) { 1 } else { self.shards };
        let pending =
            self.pending.insert(Pending { who: Some((who, back)), route, ticket, holder: *holder, due });
        self.list(who).push(Subscription { route, place: Place::pending(pending) });
        let ask = AskId(self.pending.key(pending));
        let envelope = HubMessage::Ask { ask, filter: filter.clone(), since, members, holder: *holder };
        match filter {
            TopicFilter::Exact(name) => {
                let owner = name.owner(self.shards);
                if owner == self.shard {
                    self.members_of(ask);
                }
                self.request(owner, holder, envelope);
            }
            TopicFilter::Prefix(_) => {
                // One of the requests is for this shard.
                self.members_of(ask);
                (0..self.shards).for_each(|shard| self.request(shard, holder, envelope.clone()));
            }
        }
        Ok(())
    }

    /// The number of subscriptions that a request for a subscription reports, now that it is sent.
    pub(super) fn members_of(&mut self, ask: AskId) -> u32 {
        let pending = self.pending.find(ask.0).and_then(|index| self.pending.get(index));
        let Some(route) = pending.map(|pending| pending.route) else { return 0 };
        let Some(group) = self.group(route) else { return 0 };
        let members = group.len();
        if matches!(route.way(), Way::Topic(_)) {
            group.announced = members;
        } else if group.announced != members {
            // The shards get these requests at different times: all of them must be informed once more.
            group.announced = Group::UNKNOWN;
            self.touch(route);
        }
        members
    }

    /// Ends a subscription: `who` gets nothing more through it, including messages that wait for a later
    /// turn. A subscription that still waits for its response gets one anyway.
    ///
    /// # Errors
    /// There is no such subscription ([`Refusal::NotSubscribed`]).
    pub fn unsubscribe(&mut self, who: SubscriberId, filter: &TopicFilter) -> Result<(), Refusal> {
        let list = self.subscribers.get(who.0 as usize).filter(|_| !self.is_leaving(who));
        let found = self.route(filter).and_then(|route| list?.find(route));
        match found {
            Some(index) => {
                let removed = self.remove_subscription(who, index, true);
                if removed.place.as_active().is_some() && !self.fan_out.is_empty() {
                    let others = match filter {
                        TopicFilter::Exact(topic) => self.matching(who, topic),
                        TopicFilter::Prefix(_) => 0,
                    };
                    self.fan_out.end(who, filter, others);
                }
                Ok(())
            }
            None => Err(Refusal::NotSubscribed),
        }
    }

    /// `who` has left: it gets nothing more, and pending responses do not come. Its subscriptions end in the next
    /// turns; its number may be reused when [`poll_left`](Self::poll_left) has returned it.
    pub fn leave(&mut self, who: SubscriberId) {
        self.fan_out.leave(who);
        let index = who.0 as usize;
        if self.subscribers.get(index).is_none_or(|list| list.len() == 0) {
            return self.gone.push(who);
        }
        self.leaving.resize(self.subscribers.len(), false);
        if !std::mem::replace(&mut self.leaving[index], true) {
            self.leavers.push_back(who);
        }
        self.ready = true;
    }

    /// Whether `who` has left, and still has subscriptions.
    pub(super) fn is_leaving(&self, who: SubscriberId) -> bool {
        self.leaving.get(who.0 as usize).copied().unwrap_or_default()
    }

    /// Ends one subscription of a subscriber that has left; false if there is none.
    pub(super) fn end_last_subscription(&mut self, who: SubscriberId) -> bool {
        let Some(last) = self.subscribers[who.0 as usize].len().checked_sub(1) else { return false };
        self.remove_subscription(who, last, false);
        true
    }

    pub(super) fn finish_leaving(&mut self, who: SubscriberId) {
        if std::mem::take(&mut self.leaving[who.0 as usize]) {
            self.gone.push(who);
        }
    }

    /// Whether `who` gets the messages of `topic`.
    pub fn is_subscribed(&self, who: SubscriberId, topic: &str) -> bool {
        !self.is_leaving(who) && self.matching(who, topic) > 0
    }

    /// Active subscriptions of `who` that match `topic`.
    fn matching(&self, who: SubscriberId, topic: &str) -> usize {
        matching(&self.subscribers, &self.names, &self.prefix_index, who, topic)
    }

    /// How many subscriptions `who` has.
    pub fn subscriptions_of(&self, who: SubscriberId) -> usize {
        self.subscribers.get(who.0 as usize).filter(|_| !self.is_leaving(who)).map_or(0, List::len)
    }

    /// Handles the owner's response.
    pub(super) fn complete(
        &mut self,
        ask: AskId,
        result: Result<Subscribed, Refusal>,
        missed: &[Arc<Publication>],
        now: Time,
        outlet: &mut impl Outlet<F>,
    ) {
        // The number cannot be stale: a request is forgotten when its last response has come.
        let Some(index) = self.pending.find(ask.0) else { return };
        let Some(pending) = self.pending.get_mut(index) else { return };
        pending.due -= 1;
        if pending.due > 0 && result.is_ok() {
            return;
        }
        if let Some((who, back)) = pending.who
            && self.is_leaving(who)
        {
            self.remove_subscription(who, back as usize, false);
        }
        let Some(Pending { who, route, ticket, holder, .. }) = self.pending.remove(index) else { return };
        self.responded(&holder);
        if let Some(group) = self.group(route) {
            group.asked -= 1;
        }
        match ticket {
            Some(ticket) => {
                // Earlier messages, which another subscription of the same peer may match, must not come
                // after it.
                self.fan_out.pass(now, &mut |message, made, to| outlet.deliver(message, made, to));
                outlet.respond(ticket, HubResponse::Subscribed(result));
            }
            None => self.counters.automatic_refused += u64::from(result.is_err() && who.is_some()),
        }
        let Some((who, back)) = who else {
            // Perhaps the route has no interest any more.
            return self.touch(route);
        };
        match result {
            Ok(_) => {
                if let Some(group) = self.group(route) {
                    group.waiting -= 1;
                }
                let place = self.enter(route, who, back);
                self.subscribers[who.0 as usize].get_mut(back).place = place;
                let delivered = self.delivered_from(who, route, missed);
                for message in missed.iter().filter(|message| message.sequence <= delivered) {
                    self.counters.delivered += 1;
                    outlet.recover(message, who);
                }
            }
            Err(_) => {
                // It is no longer in `pending`.
                self.subscribers[who.0 as usize].get_mut(back).place = Place::NOWHERE;
                if let Some(group) = self.group(route) {
                    group.waiting -= 1;
                    // The owner has not recorded this one; perhaps it has recorded later ones.
                    group.announced = Group::UNKNOWN;
                }
                self.remove_subscription(who, back as usize, false);
            }
        }
    }

    /// Makes `who` a member of the group of `route`: messages that come from now on are delivered to it.
    fn enter(&mut self, route: Route, who: SubscriberId, back: u32) -> Place {
        if self.fan_out.notes_changes(who)
            && let Some(filter) = self.filter(route)
        {
            self.fan_out.begin(who, &filter);
        }
        if let Some(prefix) = prefix_of(&mut self.prefixes, route) {
            prefix.starts.insert(who, self.received.snapshot());
        }
        Place::active(self.group(route).expect("a subscription keeps its route").insert(who, back))
    }

    /// Messages with a higher sequence number than this were delivered to `who` already, by a prefix that matches the
    /// topic of `route`: they came here after that subscription had begun.
    fn delivered_from(&mut self, who: SubscriberId, route: Route, missed: &[Arc<Publication>]) -> u64 {
        let (Some(message), Way::Topic(index)) = (missed.first(), route.way()) else { return u64::MAX };
        self.resolve(index);
        let Some(topic) = self.topics.get(index) else { return u64::MAX };
        let starts =
            chain(&self.prefixes, topic.longest).filter_map(|prefix| prefix.starts.of(who, message.owner));
        starts.min().unwrap_or(u64::MAX)
    }

    /// The subscriptions of `who`.
    fn list(&mut self, who: SubscriberId) -> &mut List {
        let index = who.0 as usize;
        if self.subscribers.len() <= index {
            self.subscribers.resize_with(index + 1, List::default);
        }
        &mut self.subscribers[index]
    }

    /// Removes a subscription from the subscriber's list and from its group. `answered`: if it waits, the
    /// requester still gets the result. Returns it.
    fn remove_subscription(&mut self, who: SubscriberId, index: usize, answered: bool) -> Subscription {
        let holder = self.subscribers[who.0 as usize].holder;
        let removed = self.subscribers[who.0 as usize].swap_remove(index);
        if let Some(moved) = self.subscribers[who.0 as usize].get(index) {
            self.moved_in_list(moved, who, index as u32);
        }
        self.subscriptions.give_back(&holder, Amount::one(0));
        if let Some(place) = removed.place.as_active() {
            if let Some(prefix) = prefix_of(&mut self.prefixes, removed.route) {
                prefix.starts.remove(who);
            }
            let moved = self.group(removed.route).and_then(|group| group.remove(place));
            if let Some((other, back)) = moved {
                self.subscribers[other.0 as usize].get_mut(back).place = Place::active(place);
            }
        } else if let Some(pending) = removed.place.as_pending()
            && let Some(pending) = self.pending.get_mut(pending)
        {
            pending.who = None;
            pending.ticket = pending.ticket.filter(|_| answered);
            if let Some(group) = self.group(removed.route) {
                group.waiting -= 1;
            }
        }
        self.touch(removed.route);
        removed
    }

    /// A subscription has moved to another place in its subscriber's list.
    fn moved_in_list(&mut self, moved: Subscription, who: SubscriberId, index: u32) {
        if let Some(place) = moved.place.as_active() {
            if let Some(group) = self.group(moved.route) {
                group.moved(place, index);
            }
        } else if let Some(pending) = moved.place.as_pending()
            && let Some(pending) = self.pending.get_mut(pending)
        {
            pending.who = Some((who, index));
        }
    }
}

/// How many active subscriptions of a subscriber match a topic.
pub(super) fn counter<'a>(
    subscribers: &'a [List],
    names: &'a Names,
    prefix_index: &'a PrefixIndex,
) -> impl Fn(SubscriberId, &TopicName) -> usize + Copy {
    move |who, topic| matching(subscribers, names, prefix_index, who, topic)
}

fn matching(
    subscribers: &[List],
    names: &Names,
    prefix_index: &PrefixIndex,
    who: SubscriberId,
    topic: &str,
) -> usize {
    let Some(list) = subscribers.get(who.0 as usize) else { return 0 };
    let by_name = names.get(topic).copied().map(Route::topic);
    let routes = by_name.into_iter().chain(prefix_index.prefixes_of(topic).map(Route::prefix));
    let found = routes.filter_map(|route| list.get(list.find(route)?));
    found.filter(|it| it.place.as_active().is_some()).count()
}

fn prefix_of(prefixes: &mut Slab<Prefix>, route: Route) -> Option<&mut Prefix> {
    match route.way() {
        Way::Topic(_) => None,
        Way::Prefix(index) => prefixes.get_mut(index),
    }
}

impl Place {
    /// A place that does not exist, while it is taken out.
    const NOWHERE: Self = Self(u32::MAX);

    const fn active(place: u32) -> Self {
        Self(place)
    }

    const fn pending(index: u32) -> Self {
        Self(index | PENDING_BIT)
    }

    fn as_active(self) -> Option<u32> {
        (self.0 & PENDING_BIT == 0).then_some(self.0)
    }

    fn as_pending(self) -> Option<u32> {
        (self.0 & PENDING_BIT != 0 && self.0 != Self::NOWHERE.0).then_some(self.0 & !PENDING_BIT)
    }
}

const PENDING_BIT: u32 = 1 << 31;
