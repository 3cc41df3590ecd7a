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
    topics::{SubscriptionConfig, Subscriptions, TopicEvent, Wire},
};

use super::{
    Link, TopicProtocol, TopicPublisher, Waiting,
    inbox::{Inbox, Incoming},
    payload,
};
use crate::{
    client::{CallOptions, ClientEvent, Push},
    mesh::port,
    tars::ConnectError,
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
/// use shardcast::tars::{TopicClient, TopicEvent, Waiting};
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
    topics: Subscriptions<&'static (dyn Wire + Send + Sync)>,
    inbox: Inbox,
    /// The time-out of requests.
    request_timeout: Duration,
    /// The earliest tick that is pending.
    tick_at: Time,
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
    /// use shardcast::tars::{TopicClient, TopicOptions};
    ///
    /// // A mebibyte may wait; if the client is slower than the server, it loses messages.
    /// let options = TopicOptions::default().with(|it| it.waiting.bytes = 1 << 20);
    /// let mut client = TopicClient::connect_with("127.0.0.1:10099", options)?;
    /// client.subscribe("prices.*".parse()?, None);
    /// client.unsubscribe(&"prices.*".parse()?);
    ///
    /// // The same over Tars RPC.
    /// use shardcast::tars::TopicProtocol;
    ///
    /// let options = TopicOptions::default().with(|it| it.protocol = TopicProtocol::Rpc);
    /// let client = TopicClient::connect_with("127.0.0.1:10100", options)?;
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
        let wire = options.protocol.wire();
        let client = (options.protocol.client(to)?)
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
        let topics = Subscriptions::new(wire, config, clock::now_nanos());
        Ok(Self { link: Link { client, wire }, topics, inbox, request_timeout, tick_at: Time::NEVER })
    }

    /// Subscribes; [`TopicEvent::Subscribed`] or [`TopicEvent::Refused`] is the outcome. `since` is the position of the
    /// last message that the subscriber has; it is for topics only, not for prefixes. An existing subscription does not
    /// change.
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        self.topics.subscribe(filter, since);
        self.send();
    }

    /// Ends a subscription. Messages in flight may still come.
    pub fn unsubscribe(&mut self, filter: &TopicFilter) {
        self.topics.unsubscribe(filter);
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
            if let Some(event) = self.topics.poll_event() {
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
        let due = self.topics.poll_timeout().unwrap_or(Time::NEVER);
        let Self { link, inbox, .. } = self;
        if link.client.receive(deadline.min(due), || !inbox.is_empty()) {
            // What came in time goes first.
            if due <= now() && self.inbox.is_empty() {
                self.topics.handle_timeout(due);
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
            if let Some(event) = self.topics.poll_event() {
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
        self.topics.position(topic)
    }

    /// Publishes over the same connection.
    pub fn publisher(&self) -> TopicPublisher {
        TopicPublisher::over(self.link.clone())
    }

    /// Sends the pending requests.
    fn send(&mut self) {
        let mut payload = Vec::new();
        while let Some(id) = self.topics.poll_request(&mut payload, now()) {
            match self.inbox.sender() {
                Some(sender) => {
                    let options = CallOptions::default().with(|it| it.timeout = Some(self.request_timeout));
                    let body = Bytes::copy_from_slice(&payload);
                    self.link.client.call_quickly(self.topics.route(id), body, options, move |response| {
                        // The receiver is gone: the client is about to end.
                        let _ = sender.send(Incoming::Response(id, response));
                    });
                }
                None => self.topics.handle_response(id, Err(CallError::Closed), now()),
            }
            payload.clear();
        }
    }

    /// Sets the next tick; false if that was not possible.
    fn set_tick(&mut self) -> bool {
        let Some(next) = self.topics.poll_timeout().filter(|next| *next < self.tick_at) else { return true };
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
        match incoming {
            Incoming::Push(payload) => self.topics.handle_message(&payload),
            Incoming::Response(id, response) => {
                let now = now();
                match response.as_ref().map(payload) {
                    Ok(Ok(payload)) => self.topics.handle_response(id, Ok(payload), now),
                    Ok(Err(refused)) => self.topics.handle_failed(id, refused, now),
                    Err(error) => self.topics.handle_response(id, Err(*error), now),
                }
            }
            Incoming::Event(event) => self.take_event(event),
            Incoming::Tick(time) => {
                if time == self.tick_at {
                    self.tick_at = Time::NEVER;
                }
                // Not the present time: responses that came in time may follow this in the inbox.
                self.topics.handle_timeout(time);
            }
        }
    }

    fn take_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Connected => self.topics.handle_connected(),
            ClientEvent::ConnectFailed => self.topics.handle_connect_failed(),
            ClientEvent::Disconnected(cause) => self.topics.handle_disconnected(cause),
            ClientEvent::Heartbeat { .. } => {}
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
