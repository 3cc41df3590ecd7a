use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;

use super::{SUBSCRIBE, TopicWire};
use crate::{
    Position, Route, Time, TopicFilter,
    rpc::{Backoff, CallError, Cause},
    seastar::{ConnectionId, serialize::Encode},
    topics::{RequestError, SubscriptionConfig, Subscriptions, TopicEvent},
};

/// The subscriptions of one client, each over a stream of its own, over one connection after another.
///
/// Within one subscription, [`Subscriptions`] decides; this core gives each its stream. After anything else, poll
/// [`poll_action`](Self::poll_action) until there is none, [`poll_event`](Self::poll_event) likewise, and
/// [`poll_timeout`](Self::poll_timeout). All methods take the number of a stream from its action; those that are not open any
/// more are ignored.
///
/// When a stream ends, its subscription continues over another one, after the last message that was received.
///
/// # Examples
/// ```
/// use bytes::Bytes;
/// use shardcast_proto::{
///     Position, Recovery, Time,
///     seastar::{
///         ConnectionId,
///         serialize::to_vec,
///         topics::{StreamAction, StreamSubscriptions, Subscribed},
///     },
///     topics::{SubscriptionConfig, TopicEvent},
/// };
///
/// let now = Time::from_nanos(0);
/// let mut client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
/// client.subscribe("prices.gold".parse()?, None, now);
/// client.handle_connected(now);
/// let Some(StreamAction::Open { stream }) = client.poll_action() else { panic!("it opens a stream") };
/// client.handle_opened(stream, ConnectionId::new(5, 0));
/// let Some(StreamAction::Call { arguments, .. }) = client.poll_action() else { panic!("it subscribes") };
/// assert!(arguments.starts_with(b"\x0b\0\0\0prices.gold\0") && arguments.ends_with(&[0, 0, 5, 0, 0, 0, 0, 0]));
///
/// let at = |offset| Position { epoch: 1, offset };
/// // The message is faster than the response.
/// client.handle_message(stream, &Bytes::from(to_vec(&("prices.gold", at(8), "2410"))));
/// client.handle_response(stream, Ok(&to_vec(&Subscribed(Ok((at(7), Recovery::NotRequested))))), now);
/// let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
/// assert!(matches!(events[..], [TopicEvent::Connected, TopicEvent::Subscribed { .. }, TopicEvent::Message { .. }]));
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
#[derive(Debug)]
pub struct StreamSubscriptions {
    config: SubscriptionConfig,
    seed: u64,
    connected: bool,
    keys: BTreeMap<TopicFilter, u64>,
    entries: HashMap<u64, Entry>,
    /// The subscriptions of the streams that are open.
    streams: HashMap<u64, u64>,
    /// When something is due, and for which subscription.
    due: BTreeSet<(Time, u64)>,
    actions: VecDeque<StreamAction>,
    events: VecDeque<TopicEvent>,
    last_number: u64,
}

/// What the driver of [`StreamSubscriptions`] has to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StreamAction {
    /// Open a stream, and report its id, each of its messages, and its end or that it was not opened.
    Open {
        /// Its number here.
        stream: u64,
    },
    /// Call [`SUBSCRIBE`], and report the response.
    Call {
        /// The stream that it is about.
        stream: u64,
        /// The arguments.
        arguments: Vec<u8>,
    },
    /// Close a stream. Nothing more has to be reported about it.
    Close {
        /// Its number here.
        stream: u64,
    },
}

#[derive(Debug)]
struct Entry {
    filter: TopicFilter,
    topics: Subscriptions<TopicWire>,
    stream: Option<u64>,
    /// The request that has no response yet, and the arguments until they were sent.
    asked: Option<(u64, Vec<u8>)>,
    /// Messages that came before the response.
    early: VecDeque<Bytes>,
    early_bytes: usize,
    /// When the subscription goes on over another stream.
    resumes: Option<Time>,
    subscribed: Option<Time>,
    backoff: Backoff,
    /// The time under which it is in the list of those that are due.
    due: Option<Time>,
}

impl StreamSubscriptions {
    /// A client without subscriptions and without a connection. `seed` is used for the jitter of pauses only.
    pub fn new(config: SubscriptionConfig, seed: u64) -> Self {
        Self {
            config,
            seed,
            connected: false,
            keys: BTreeMap::new(),
            entries: HashMap::new(),
            streams: HashMap::new(),
            due: BTreeSet::new(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            last_number: 0,
        }
    }

    /// As [`Subscriptions::subscribe`].
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>, now: Time) {
        if let Some(key) = self.keys.get(&filter).copied() {
            self.within(key, now, |entry| entry.topics.subscribe(filter, since));
            return;
        }
        let (key, seed) = (self.next_number(), self.seed.wrapping_add(self.last_number));
        let mut topics = Subscriptions::new(TopicWire, self.config.clone(), seed);
        topics.subscribe(filter.clone(), since);
        if self.connected {
            topics.handle_connected();
        }
        self.keys.insert(filter.clone(), key);
        let entry = Entry {
            filter,
            topics,
            stream: None,
            asked: None,
            early: VecDeque::new(),
            early_bytes: 0,
            resumes: None,
            subscribed: None,
            backoff: Backoff::new(self.config.backoff_min, self.config.backoff_max, seed),
            due: None,
        };
        self.entries.insert(key, entry);
        self.within(key, now, |_| {});
    }

    /// Ends a subscription; false when there is none.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{Time, seastar::topics::StreamSubscriptions, topics::SubscriptionConfig};
    ///
    /// let mut client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
    /// let all: shardcast_proto::TopicFilter = "*".parse()?;
    /// client.subscribe(all.clone(), None, Time::from_nanos(0));
    /// assert!(client.unsubscribe(&all) && !client.unsubscribe(&all));
    /// # Ok::<(), shardcast_proto::TopicError>(())
    /// ```
    pub fn unsubscribe(&mut self, filter: &TopicFilter) -> bool {
        let key = self.keys.remove(filter);
        let Some((key, mut entry)) = key.and_then(|key| self.entries.remove_entry(&key)) else {
            return false;
        };
        self.close(&mut entry);
        if let Some(due) = entry.due {
            self.due.remove(&(due, key));
        }
        true
    }

    /// As [`Subscriptions::position`].
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{seastar::topics::StreamSubscriptions, topics::SubscriptionConfig};
    ///
    /// let client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
    /// assert_eq!(client.position("prices.gold"), None);
    /// ```
    pub fn position(&self, topic: &str) -> Option<Position> {
        let matching = self.entries.values().filter(|entry| entry.filter.matches(topic));
        matching.filter_map(|entry| entry.topics.position(topic)).max_by_key(|it| (it.epoch, it.offset))
    }

    /// The connection for calls is established.
    pub fn handle_connected(&mut self, now: Time) {
        self.connected = true;
        self.events.push_back(TopicEvent::Connected);
        self.all(now, |entry| {
            entry.backoff.reset();
            entry.topics.handle_connected();
        });
    }

    /// An attempt to connect failed.
    pub fn handle_connect_failed(&mut self) {
        self.events.push_back(TopicEvent::ConnectFailed);
    }

    /// The connection for calls is lost, and all streams with it. Responses to its calls come before that.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{
    ///     Time, rpc::Cause, seastar::topics::StreamSubscriptions, topics::{SubscriptionConfig, TopicEvent},
    /// };
    ///
    /// let mut client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
    /// client.handle_connect_failed();
    /// client.handle_connected(Time::from_nanos(0));
    /// client.handle_disconnected(Cause::Peer, Time::from_nanos(1));
    /// assert_eq!(client.poll_event(), Some(TopicEvent::ConnectFailed));
    /// assert_eq!(client.poll_event(), Some(TopicEvent::Connected));
    /// assert_eq!(client.poll_event(), Some(TopicEvent::Disconnected(Cause::Peer)));
    /// ```
    pub fn handle_disconnected(&mut self, cause: Cause, now: Time) {
        self.connected = false;
        self.events.push_back(TopicEvent::Disconnected(cause));
        let keys: Vec<_> = self.keys.values().copied().collect();
        for key in keys {
            if let Some(mut entry) = self.entries.remove(&key) {
                self.close(&mut entry);
                entry.lost(cause, now);
                entry.resumes = None;
                self.entries.insert(key, entry);
                self.within(key, now, |_| {});
            }
        }
    }

    /// A stream is open, and has this id.
    pub fn handle_opened(&mut self, stream: u64, id: ConnectionId) {
        let key = self.streams.get(&stream);
        let Some(entry) = key.and_then(|key| self.entries.get_mut(key)) else { return };
        if let Some((_, arguments)) = &mut entry.asked {
            let mut arguments = std::mem::take(arguments);
            id.encode(&mut arguments);
            self.actions.push_back(StreamAction::Call { stream, arguments });
        }
    }

    /// A stream has ended, or was not opened.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{
    ///     Time, rpc::Cause, seastar::topics::{StreamAction, StreamSubscriptions},
    ///     topics::{SubscriptionConfig, TopicEvent},
    /// };
    ///
    /// let now = Time::from_nanos(0);
    /// let mut client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
    /// client.subscribe("t".parse()?, None, now);
    /// client.handle_connected(now);
    /// let Some(StreamAction::Open { stream }) = client.poll_action() else { panic!("it opens a stream") };
    /// client.handle_ended(stream, Cause::Peer, now);
    /// assert_eq!(client.poll_event(), Some(TopicEvent::Connected));
    /// assert!(matches!(client.poll_event(), Some(TopicEvent::Retrying { .. })));
    /// client.handle_timeout(client.poll_timeout().expect("it tries again"));
    /// assert!(matches!(client.poll_action(), Some(StreamAction::Open { .. })));
    /// # Ok::<(), shardcast_proto::TopicError>(())
    /// ```
    pub fn handle_ended(&mut self, stream: u64, cause: Cause, now: Time) {
        let Some(key) = self.streams.remove(&stream) else { return };
        let connected = self.connected;
        self.within(key, now, |entry| {
            entry.stream = None;
            if entry.asked.is_some() {
                // It pauses by itself.
                entry.fail(CallError::Disconnected, now);
            } else {
                entry.lost(cause, now);
                entry.resumes = connected.then(|| now + entry.backoff.pause());
            }
        });
        let entry = self.entries.get(&key);
        if let Some((filter, resumes)) = entry.and_then(|it| Some((it.filter.clone(), it.resumes?))) {
            let (error, pause) = (RequestError::Call(CallError::Disconnected), resumes.saturating_since(now));
            self.events.push_back(TopicEvent::Retrying { filter, error, pause });
        }
    }

    /// The response to the call about a stream.
    pub fn handle_response(&mut self, stream: u64, response: Result<&[u8], RequestError>, now: Time) {
        let Some(key) = self.streams.get(&stream).copied() else { return };
        self.within(key, now, |entry| {
            let Some((id, _)) = entry.asked.take() else { return };
            match response {
                Ok(payload) => entry.topics.handle_response(id, Ok(payload), now),
                Err(error) => entry.topics.handle_failed(id, error, now),
            }
            if entry.topics.is_active(&entry.filter) {
                entry.subscribed = Some(now);
                entry.early_bytes = 0;
                for message in entry.early.drain(..) {
                    entry.topics.handle_message(&message);
                }
            }
        });
        if let Some(mut entry) = self.entries.remove(&key) {
            if !entry.topics.is_active(&entry.filter) {
                self.close(&mut entry);
            }
            self.entries.insert(key, entry);
        }
    }

    /// A message has come over a stream.
    pub fn handle_message(&mut self, stream: u64, message: &Bytes) {
        let key = self.streams.get(&stream);
        let Some(entry) = key.and_then(|key| self.entries.get_mut(key)) else { return };
        if entry.asked.is_none() {
            entry.topics.handle_message(message);
            self.events.extend(std::iter::from_fn(|| entry.topics.poll_event()));
        } else if entry.early_bytes <= EARLY_BYTES_MAX {
            entry.early_bytes += message.len() + EARLY_OVERHEAD;
            entry.early.push_back(message.clone());
        }
        // What is dropped there is reported as lost, when the next message shows the gap.
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((due, key)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, key));
            let connected = self.connected;
            self.within(key, now, |entry| {
                entry.due = None;
                entry.topics.handle_timeout(now);
                if entry.resumes.is_some_and(|resumes| resumes <= now) {
                    entry.resumes = None;
                    if connected {
                        entry.topics.handle_connected();
                    }
                }
            });
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What is to be done, in order.
    pub fn poll_action(&mut self) -> Option<StreamAction> {
        self.actions.pop_front()
    }

    /// The events, in order.
    pub fn poll_event(&mut self) -> Option<TopicEvent> {
        self.events.pop_front()
    }

    fn all(&mut self, now: Time, f: impl Fn(&mut Entry)) {
        let keys: Vec<_> = self.keys.values().copied().collect();
        for key in keys {
            self.within(key, now, &f);
        }
    }

    /// Changes a subscription, and does what follows from that.
    fn within(&mut self, key: u64, now: Time, f: impl FnOnce(&mut Entry)) {
        let Some(mut entry) = self.entries.remove(&key) else { return };
        f(&mut entry);
        self.send_requests(key, &mut entry, now);
        let mut has_ended = false;
        while let Some(event) = entry.topics.poll_event() {
            has_ended |= matches!(event, TopicEvent::Refused { .. });
            match event {
                // Of its stream; those of the connection are events of all subscriptions.
                TopicEvent::Connected | TopicEvent::ConnectFailed | TopicEvent::Disconnected(_) => {}
                event => self.events.push_back(event),
            }
        }
        let due = [entry.topics.poll_timeout(), entry.resumes].into_iter().flatten().min();
        if due != entry.due {
            entry.due.map(|due| self.due.remove(&(due, key)));
            due.filter(|_| !has_ended).map(|due| self.due.insert((due, key)));
            entry.due = due;
        }
        if has_ended {
            self.close(&mut entry);
            self.keys.remove(&entry.filter);
            entry.due.map(|due| self.due.remove(&(due, key)));
        } else {
            self.entries.insert(key, entry);
        }
    }

    /// Opens a stream for the next request.
    fn send_requests(&mut self, key: u64, entry: &mut Entry, now: Time) {
        let mut arguments = Vec::new();
        while let Some(id) = entry.topics.poll_request(&mut arguments, now) {
            debug_assert_eq!(entry.topics.route(id), Route::Numbered(SUBSCRIBE), "it never unsubscribes");
            // One that had no response in time.
            self.close(entry);
            entry.fail(CallError::TimedOut, now);
            let stream = self.next_number();
            (entry.stream, entry.asked) = (Some(stream), Some((id, std::mem::take(&mut arguments))));
            self.streams.insert(stream, key);
            self.actions.push_back(StreamAction::Open { stream });
        }
    }

    fn close(&mut self, entry: &mut Entry) {
        (entry.early_bytes, entry.early) = (0, VecDeque::new());
        if let Some(stream) = entry.stream.take() {
            self.streams.remove(&stream);
            self.actions.push_back(StreamAction::Close { stream });
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Entry {
    /// The request has no response.
    fn fail(&mut self, error: CallError, now: Time) {
        if let Some((id, _)) = self.asked.take() {
            self.topics.handle_response(id, Err(error), now);
        }
    }

    /// Its stream has ended.
    fn lost(&mut self, cause: Cause, now: Time) {
        self.fail(CallError::Disconnected, now);
        self.topics.handle_disconnected(cause);
        if self.subscribed.take().is_some_and(|since| now.saturating_since(since) >= LASTING) {
            self.backoff.reset();
        }
    }
}

/// Messages before the response: as many as a server sends in the time of one round trip.
const EARLY_BYTES_MAX: usize = 8 << 20;

/// What a message costs besides its bytes.
const EARLY_OVERHEAD: usize = 64;

/// A stream that lasted so long was not ended because the subscriber is always too slow.
const LASTING: Duration = Duration::from_secs(10);
