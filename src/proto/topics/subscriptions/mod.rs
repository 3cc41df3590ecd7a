mod connection;
mod outcome;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{RequestKind, SubscriptionConfig, TopicEvent, Wire, positions::Positions};
use crate::{
    Position, Recovery, TopicFilter,
    rpc::{Backoff, CallTable},
};

/// The subscriptions of one client, over one connection after another.
///
/// A subscription lasts until the application ends it, or the server refuses it for a permanent reason:
///
/// ```text
///              poll_request          Subscribed
///  Waiting ───────────────▶ Asked ───────────────▶ Active
///   ▲  ▲                      │                      │
///   │  └── busy, no response ─┤        disconnected  │
///   └─────────────────────────┼──────────────────────┘
///                             └── refused ──▶ ended
/// ```
///
/// | outcome of SUBSCRIBE | what follows |
/// | --- | --- |
/// | `busy`, `draining`, no response in time, no room to send it | a retry after a pause, or on the next connection |
/// | the connection is lost | a retry on the next connection |
/// | `already-subscribed` | active: an earlier request succeeded, and its response is late |
/// | any other refusal, or an invalid response | ended: [`TopicEvent::Refused`] |
///
/// A request without a response in time is repeated, and its response is still recognised if it comes late.
/// So no subscription is made twice, and no message is lost.
///
/// After anything else, poll [`poll_request`](Self::poll_request) until there is none,
/// [`poll_event`](Self::poll_event) likewise, and [`poll_timeout`](Self::poll_timeout). The driver calls in
/// the order of the events: each request that it took ends with one [`handle_response`](Self::handle_response),
/// including failures, and responses of a connection come before its
/// [`handle_disconnected`](Self::handle_disconnected).
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Position, Recovery, Route, Time, TopicFilter,
///     rpc::Cause,
///     topics::{
///         SubscriptionConfig, Subscriptions, TopicEvent, TopicResponse,
///         control::{ControlWire, encode_response},
///     },
/// };
///
/// let now = Time::from_nanos(0);
/// let mut client = Subscriptions::new(ControlWire, SubscriptionConfig::default(), 7);
/// let gold: TopicFilter = "prices.gold".parse()?;
/// client.subscribe(gold.clone(), None);
/// client.handle_connect_failed();
/// client.handle_connected();
///
/// let mut request = Vec::new();
/// let id = client.poll_request(&mut request, now).expect("it subscribes");
/// let head = Position { epoch: 1, offset: 9 };
/// let mut response = Vec::new();
/// encode_response(&TopicResponse::Subscribed { head, recovery: Recovery::NotRequested }, &mut response);
/// client.handle_response(id, Ok(&response), now);
/// assert!(client.is_active(&gold));
/// assert_eq!(client.route(id), Route::Only);
///
/// // It survives the connection, and is requested again on the next one.
/// client.handle_disconnected(Cause::Peer);
/// assert!(!client.is_active(&gold) && client.filters().eq([&gold]));
/// client.handle_connected();
/// assert!(client.poll_request(&mut request, now).is_some());
///
/// let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
/// assert_eq!(events[0], TopicEvent::ConnectFailed);
/// assert!(matches!(events[3..], [TopicEvent::Disconnected(Cause::Peer), TopicEvent::Connected]));
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
#[derive(Debug)]
pub struct Subscriptions<W> {
    wire: W,
    config: SubscriptionConfig,
    connected: bool,
    wanted: BTreeMap<TopicFilter, Subscription>,
    /// Subscriptions of this connection that must end.
    leaving: BTreeMap<TopicFilter, Leaving>,
    /// Requests to send as soon as there is room. Entries may be outdated.
    ready: VecDeque<Task>,
    /// Requests that wait for their responses.
    calls: CallTable<u64, Task>,
    /// Requests without a response in time.
    late: CallTable<u64, Task>,
    /// Requests to repeat, with their times.
    pauses: CallTable<Task, ()>,
    positions: Positions,
    events: VecDeque<TopicEvent>,
    last_id: u64,
    last_life: u64,
    seed: u64,
}

/// The data of a subscription that the application wants.
#[derive(Debug)]
struct Subscription {
    /// Distinguishes it from an earlier one to the same filter, whose responses may still come.
    life: u64,
    state: State,
    backoff: Backoff,
    /// The server may have it, or get it from a request in flight.
    was_asked: bool,
    /// Requests for its filter without a response, including those of earlier subscriptions and the last one.
    unanswered: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// It waits for a connection, for its turn, or for the end of a pause.
    Waiting,
    /// By this request.
    Asked(u64),
    Active,
}

#[derive(Debug)]
struct Leaving {
    backoff: Backoff,
    /// By this request.
    asked: Option<u64>,
}

/// The purpose of a request.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Task {
    Subscribe { filter: TopicFilter, life: u64 },
    Unsubscribe { filter: TopicFilter },
}

impl Task {
    const fn kind(&self) -> RequestKind {
        match self {
            Self::Subscribe { .. } => RequestKind::Subscribe,
            Self::Unsubscribe { .. } => RequestKind::Unsubscribe,
        }
    }
}

/// The interface for the application.
impl<W: Wire> Subscriptions<W> {
    /// Creates a client without subscriptions and without a connection. `seed` is used for the jitter of
    /// pauses only.
    pub fn new(wire: W, config: SubscriptionConfig, seed: u64) -> Self {
        Self {
            wire,
            config,
            connected: false,
            wanted: BTreeMap::new(),
            leaving: BTreeMap::new(),
            ready: VecDeque::new(),
            calls: CallTable::new(),
            late: CallTable::new(),
            pauses: CallTable::new(),
            positions: Positions::default(),
            events: VecDeque::new(),
            last_id: 0,
            last_life: 0,
            seed,
        }
    }

    /// Subscribes, now and on every further connection. `since` is the last message that the application has;
    /// it is ignored for a prefix. An existing subscription stays unchanged.
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        if let Some(known) = self.wanted.get(&filter) {
            if known.state == State::Active {
                let head = self.known_position(&filter);
                self.events.push_back(TopicEvent::Subscribed {
                    filter,
                    head,
                    recovery: Recovery::NotRequested,
                });
            }
            return;
        }
        if let (TopicFilter::Exact(topic), Some(since)) = (&filter, since) {
            self.positions.resume(topic, since);
        }
        let unsubscribe = Task::Unsubscribe { filter: filter.clone() };
        if self.pauses.remove(&unsubscribe).is_some() {
            // Otherwise the server would continue with the earlier subscription.
            self.make_ready(unsubscribe);
        }
        self.last_life += 1;
        let life = self.last_life;
        let (state, backoff) = (State::Waiting, self.backoff());
        // Requests of an earlier subscription may still succeed, or fail: until then "already subscribed" is
        // inconclusive.
        let is_of = |task: &Task| matches!(task, Task::Subscribe { filter: other, .. } if *other == filter);
        let under_way = self.calls.iter().chain(self.late.iter()).filter(|(_, task)| is_of(task));
        let unanswered = under_way.map(|(id, _)| *id).collect();
        let subscription = Subscription { life, state, backoff, was_asked: false, unanswered };
        self.wanted.insert(filter.clone(), subscription);
        if self.connected {
            self.make_ready(Task::Subscribe { filter, life });
        }
    }

    /// Ends a subscription; false when there is none. Messages that are on their way may still arrive.
    pub fn unsubscribe(&mut self, filter: &TopicFilter) -> bool {
        let Some(subscription) = self.remove(filter) else { return false };
        if subscription.was_asked {
            self.leave(filter.clone());
        }
        true
    }

    /// The filters of all subscriptions, active or not.
    pub fn filters(&self) -> impl Iterator<Item = &TopicFilter> {
        self.wanted.keys()
    }

    /// Whether the server has confirmed a subscription on the current connection.
    pub fn is_active(&self, filter: &TopicFilter) -> bool {
        self.wanted.get(filter).is_some_and(|it| it.state == State::Active)
    }

    /// The position of the last message received on a topic before which nothing is still to come.
    pub fn position(&self, topic: &str) -> Option<Position> {
        self.positions.get(topic)
    }

    /// The protocol of the payloads.
    pub const fn wire(&self) -> &W {
        &self.wire
    }

    /// The events, in order.
    pub fn poll_event(&mut self) -> Option<TopicEvent> {
        self.events.pop_front()
    }

    fn remove(&mut self, filter: &TopicFilter) -> Option<Subscription> {
        let subscription = self.wanted.remove(filter)?;
        self.pauses.remove(&Task::Subscribe { filter: filter.clone(), life: subscription.life });
        let wanted = &self.wanted;
        let prefixes =
            |topic: &str| wanted.keys().any(|it| matches!(it, TopicFilter::Prefix(_)) && it.matches(topic));
        match filter {
            TopicFilter::Exact(topic) if prefixes(topic) => {}
            TopicFilter::Exact(topic) => self.positions.forget(topic),
            TopicFilter::Prefix(prefix) => {
                let exact: BTreeSet<&str> = wanted.keys().filter_map(exact).collect();
                self.positions.forget_prefix(prefix, |topic| exact.contains(topic) || prefixes(topic));
            }
        }
        Some(subscription)
    }

    /// Requests the end of a subscription of this connection.
    fn leave(&mut self, filter: TopicFilter) {
        if self.connected {
            let backoff = self.backoff();
            self.leaving.insert(filter.clone(), Leaving { backoff, asked: None });
            self.make_ready(Task::Unsubscribe { filter });
        }
    }

    fn make_ready(&mut self, task: Task) {
        self.ready.push_back(task);
        // Outdated entries must not accumulate while requests wait for their responses.
        if self.ready.len() > 2 * (self.wanted.len() + self.leaving.len()) + READY_SLACK {
            let (wanted, leaving) = (&self.wanted, &self.leaving);
            self.ready.retain(|task| match task {
                Task::Subscribe { filter, life } => wanted.get(filter).is_some_and(|it| it.life == *life),
                Task::Unsubscribe { filter } => leaving.contains_key(filter),
            });
        }
    }

    fn known_position(&self, filter: &TopicFilter) -> Position {
        exact(filter).and_then(|topic| self.positions.get(topic)).unwrap_or_default()
    }

    fn backoff(&mut self) -> Backoff {
        self.seed = self.seed.wrapping_add(1);
        Backoff::new(self.config.backoff_min, self.config.backoff_max, self.seed)
    }
}

fn exact(filter: &TopicFilter) -> Option<&str> {
    match filter {
        TopicFilter::Exact(topic) => Some(topic),
        TopicFilter::Prefix(_) => None,
    }
}

/// Entries of `ready` that may be outdated in any case.
const READY_SLACK: usize = 64;

#[cfg(test)]
impl<W> Subscriptions<W> {
    pub(super) fn ready_len(&self) -> usize {
        self.ready.len()
    }
}
