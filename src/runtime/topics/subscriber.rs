use std::{
    fmt,
    net::ToSocketAddrs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{
    Position, Time, TopicFilter,
    rpc::CallError,
    seastar::topics::StreamSubscriptions,
    topics::{SubscriptionConfig, Subscriptions, TopicEvent, Wire},
};

use super::{
    ConnectError, Link, Target, TopicProtocol, TopicPublisher, Waiting,
    inbox::{Inbox, Incoming},
    payload,
    streams::Streams,
};
use crate::{
    client::{CallOptions, ClientEvent, Push},
    mesh::port,
};

/// Receives the messages of topics of one server.
///
/// [`recv`](Self::recv) and [`recv_async`](Self::recv_async) return all events in order, and the client makes progress
/// only while one of them is called. When the connection drops, the client connects again, and subscriptions to a topic
/// continue after the last message that was received here. A subscription that the server has no room for, or does not
/// answer in time, is tried again until it is active or is ended here. Dropping the client ends everything.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use shardcast::topics::{TopicClient, TopicEvent, Waiting};
///
/// let mut client = TopicClient::connect("localhost:10099", Waiting::default())?;
/// client.subscribe("prices.*".parse()?, None);
/// while let Some(event) = client.recv(Duration::from_secs(60)) {
///     if let TopicEvent::Message { topic, body, .. } = event {
///         assert!(topic.starts_with("prices."), "{body:?}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TopicClient {
    link: Link,
    core: Core,
    inbox: Inbox,
    /// The time-out of requests.
    request_timeout: Duration,
    /// The earliest tick that is pending.
    tick_at: Time,
}

/// The subscriptions.
enum Core {
    /// As requests over the connection, which brings the messages too.
    Requests(Box<Subscriptions<&'static (dyn Wire + Send + Sync)>>),
    /// As streams.
    Streams(Box<Streams>),
}

/// Options of a [`TopicClient`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TopicOptions {
    /// Bounds of what may wait to be received. Beyond them, the newest message is dropped, and reported as
    /// [`TopicEvent::Lost`].
    pub waiting: Waiting,
    /// When requests are repeated, and how many may be in flight.
    pub subscriptions: SubscriptionConfig,
    /// The protocol. Default: the frames of the push guide.
    pub protocol: TopicProtocol,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::topics::{TopicClient, TopicOptions};
    ///
    /// // A mebibyte may wait; if the client is slower than the server, it loses messages.
    /// let options = TopicOptions::default().with(|it| it.waiting.bytes = 1 << 20);
    /// let mut client = TopicClient::connect_with("127.0.0.1:10099", options)?;
    /// client.subscribe("prices.*".parse()?, None);
    /// client.unsubscribe(&"prices.*".parse()?);
    ///
    /// // The same over Tars RPC, and over Seastar RPC.
    /// use shardcast::topics::TopicProtocol;
    ///
    /// for (protocol, address) in [(TopicProtocol::Tars, "127.0.0.1:10100"), (TopicProtocol::Seastar, "127.0.0.1:10000")] {
    ///     let options = TopicOptions::default().with(|it| it.protocol = protocol);
    ///     let client = TopicClient::connect_with(address, options)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    impl TopicOptions
}

impl TopicClient {
    /// A client of the server at `to`, an address or a name with a port. It begins to connect. `waiting` bounds the
    /// messages that wait to be received.
    ///
    /// A name is looked up once, in this call, which may take a while: on a shard, use an address. Each attempt to
    /// connect tries all its addresses, in order.
    ///
    /// # Errors
    /// The name has no address, or there is no shard for the client to live on.
    pub fn connect(to: impl ToSocketAddrs + fmt::Display, waiting: Waiting) -> Result<Self, ConnectError> {
        Self::connect_with(to, TopicOptions { waiting, ..TopicOptions::default() })
    }

    /// As [`connect`](Self::connect), with options.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_with(
        to: impl ToSocketAddrs + fmt::Display,
        options: TopicOptions,
    ) -> Result<Self, ConnectError> {
        let (pushes, inbox) = Inbox::new(options.waiting);
        let events = pushes.clone();
        let (wire, target) = (options.protocol.wire(), Target::find(to)?);
        let (builder, negotiated) = options.protocol.client(&target);
        let client = builder
            .on_push(move |Push { route, body, .. }| {
                if wire.is_message(route.as_route()) {
                    pushes.push(body);
                }
            })
            .on_event(move |event| events.event(event))
            .connect()?;
        let config = options.subscriptions;
        let request_timeout = config.response_timeout + config.late_response_timeout;
        // Clients must not return all at once; the time of their start differs.
        let seed = clock::now_nanos();
        let core = match negotiated {
            None => Core::Requests(Box::new(Subscriptions::new(wire, config, seed))),
            Some(parent) => {
                let topics = StreamSubscriptions::new(config, seed);
                Core::Streams(Box::new(Streams::new(topics, target, parent, request_timeout)))
            }
        };
        Ok(Self { link: Link { client, wire }, core, inbox, request_timeout, tick_at: Time::NEVER })
    }

    /// Subscribes; [`TopicEvent::Subscribed`] or [`TopicEvent::Refused`] is the outcome. `since` is the position of the
    /// last message that the subscriber has; it is for topics only, not for prefixes. An existing subscription does not
    /// change.
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        match &mut self.core {
            Core::Requests(topics) => topics.subscribe(filter, since),
            Core::Streams(streams) => streams.topics.subscribe(filter, since, now()),
        }
        self.send();
    }

    /// Ends a subscription. Messages in flight may still come.
    pub fn unsubscribe(&mut self, filter: &TopicFilter) {
        _ = match &mut self.core {
            Core::Requests(topics) => topics.unsubscribe(filter),
            Core::Streams(streams) => streams.topics.unsubscribe(filter),
        };
        self.send();
    }

    /// Waits for the next event, no longer than `patience`; `None` if there was none. If the client does not live on a
    /// shard, this thread performs its I/O meanwhile.
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Use [`recv_async`](Self::recv_async) there.
    pub fn recv(&mut self, patience: Duration) -> Option<TopicEvent> {
        assert!(!port::is_shard(), "a shard must not wait: use TopicClient::recv_async");
        let deadline = now() + patience;
        let mut has_looked = false;
        loop {
            self.send();
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            match self.inbox.try_recv() {
                Some(incoming) => self.take(incoming),
                None if has_looked && now() >= deadline => return None,
                None => {
                    self.wait(deadline);
                    has_looked = true;
                }
            }
        }
    }

    /// Waits until there is an event to take, no longer than until the deadline. To be called when there is none.
    fn wait(&mut self, deadline: Time) {
        let due = self.core.poll_timeout().unwrap_or(Time::NEVER);
        let Self { link, inbox, core, .. } = self;
        // The connections of streams are those of other clients, whose I/O has its own thread.
        let is_leading = matches!(core, Core::Requests(_));
        if is_leading && link.client.receive(deadline.min(due), || !inbox.is_empty()) {
            // What came in time goes first.
            if due <= now() && self.inbox.is_empty() {
                self.core.handle_timeout(due);
            }
            return;
        }
        let is_timed = self.set_tick();
        let until = if is_timed { deadline } else { deadline.min(now() + BUSY_PAUSE) };
        if let Some(incoming) = self.inbox.recv(Instant::now() + (until - now())) {
            self.take(incoming);
        }
    }

    /// Waits for the next event, in a task of a shard or of any other executor. `None` when the client's shard has
    /// ended with its server.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call returns the event.
    pub async fn recv_async(&mut self) -> Option<TopicEvent> {
        loop {
            self.send();
            let is_timed = self.set_tick();
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            if is_timed {
                let incoming = self.inbox.recv_async().await?;
                self.take(incoming);
            } else {
                // The client's shard is busy, and may be the shard of this task.
                futures_lite::future::yield_now().await;
                if let Some(incoming) = self.inbox.try_recv() {
                    self.take(incoming);
                }
            }
        }
    }

    /// The position of the last message that was received on a topic before which nothing is still to come.
    pub fn position(&self, topic: &str) -> Option<Position> {
        match &self.core {
            Core::Requests(topics) => topics.position(topic),
            Core::Streams(streams) => streams.topics.position(topic),
        }
    }

    /// Publishes over the same connection.
    pub fn publisher(&self) -> TopicPublisher {
        TopicPublisher::over(self.link.clone())
    }

    /// Sends the pending requests.
    fn send(&mut self) {
        let Self { link, core, inbox, request_timeout, .. } = self;
        let topics = match core {
            Core::Requests(topics) => topics,
            Core::Streams(streams) => return streams.act(link, inbox, now()),
        };
        let mut payload = Vec::new();
        while let Some(id) = topics.poll_request(&mut payload, now()) {
            match inbox.sender() {
                Some(sender) => {
                    let options = CallOptions::default().with(|it| it.timeout = Some(*request_timeout));
                    let body = Bytes::copy_from_slice(&payload);
                    link.client.call_quickly(topics.route(id), body, options, move |response| {
                        // The receiver is gone: the client is about to end.
                        let _ = sender.send(Incoming::Response(id, response));
                    });
                }
                None => topics.handle_response(id, Err(CallError::Closed), now()),
            }
            payload.clear();
        }
    }

    /// Sets the next tick; false if that was not possible.
    fn set_tick(&mut self) -> bool {
        let Some(next) = self.core.poll_timeout().filter(|next| *next < self.tick_at) else { return true };
        let sender = self.inbox.weak_sender();
        let is_set = self.link.client.run_at(next, move || {
            if let Some(sender) = sender.upgrade() {
                let _ = sender.send(Incoming::Tick(next));
            }
        });
        if is_set {
            self.tick_at = next;
        }
        // Once the client has ended, no time matters.
        is_set || self.inbox.sender().is_none()
    }

    fn take(&mut self, incoming: Incoming) {
        let Self { link, core, tick_at, .. } = self;
        match (incoming, core) {
            (Incoming::Event(event), core) => core.take_event(&event),
            (Incoming::Tick(time), core) => {
                if time == *tick_at {
                    *tick_at = Time::NEVER;
                }
                // Not the present time: responses that came in time may follow this in the inbox.
                core.handle_timeout(time);
            }
            (Incoming::Stream(stream, incoming), Core::Streams(streams)) => {
                streams.take(link, stream, incoming, now());
            }
            (Incoming::Push(payload), Core::Requests(topics)) => topics.handle_message(&payload),
            (Incoming::Response(id, response), Core::Requests(topics)) => {
                match response.as_ref().map(|response| payload(link.wire, response)) {
                    Ok(Ok(payload)) => topics.handle_response(id, Ok(payload), now()),
                    Ok(Err(refused)) => topics.handle_failed(id, refused, now()),
                    Err(error) => topics.handle_response(id, Err(*error), now()),
                }
            }
            // The other core makes no such requests.
            (Incoming::Push(_) | Incoming::Response(..) | Incoming::Stream(..), _) => {}
        }
    }
}

impl Core {
    fn poll_event(&mut self) -> Option<TopicEvent> {
        match self {
            Self::Requests(topics) => topics.poll_event(),
            Self::Streams(streams) => streams.topics.poll_event(),
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        match self {
            Self::Requests(topics) => topics.poll_timeout(),
            Self::Streams(streams) => streams.topics.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        match self {
            Self::Requests(topics) => topics.handle_timeout(now),
            Self::Streams(streams) => streams.topics.handle_timeout(now),
        }
    }

    /// An event of the connection for requests.
    fn take_event(&mut self, event: &ClientEvent) {
        match (event, self) {
            (ClientEvent::Connected, Self::Requests(topics)) => topics.handle_connected(),
            (ClientEvent::Connected, Self::Streams(streams)) => streams.topics.handle_connected(now()),
            (ClientEvent::ConnectFailed(_), Self::Requests(topics)) => topics.handle_connect_failed(),
            (ClientEvent::ConnectFailed(_), Self::Streams(streams)) => streams.topics.handle_connect_failed(),
            (ClientEvent::Disconnected(cause), Self::Requests(topics)) => topics.handle_disconnected(*cause),
            (ClientEvent::Disconnected(cause), Self::Streams(streams)) => {
                streams.topics.handle_disconnected(*cause, now());
            }
            (ClientEvent::Heartbeat { .. }, _) => {}
        }
    }
}

impl fmt::Debug for TopicClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicClient").field("client", &self.link.client).finish_non_exhaustive()
    }
}

/// The clock that the client's shard reads too.
fn now() -> Time {
    Time::from_nanos(clock::now_nanos())
}

/// The pause before a busy shard is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
