//! A client of topics, which is a peer with a name.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use shardcast_proto::{
    Position, PublishHeader, Time, TopicFilter, TopicName,
    push::Receipt,
    rpc::{CallError, CallTable, Cause},
    tcpshm::{journal::AppendError, topics as wire},
    topics::{
        History, Request, RequestError, RequestKind, SubscriptionConfig, Subscriptions, TopicEvent,
        TopicResponse, Wire as _, control::ControlWire,
    },
};

use super::{Client, ClientError, ClientEvent, ClientHandle, ClientOptions, Received};
use crate::client::now;

/// Receives the messages of topics of one server, as a peer with a name: see [`Client`] for whose thread does what.
///
/// Its subscriptions belong to its name. While it is away, the server keeps their messages, and a client of the same name and
/// with the same files gets them when it is back: each once, and in order. A message is consumed when the next event is
/// requested, or when the client is dropped; if the process ends before that, it comes again. Messages that are not
/// about topics are consumed, and ignored.
///
/// # Examples
/// A subscriber that is away:
/// ```
/// use std::time::Duration;
///
/// use shardcast::{
///     Listener, Server,
///     tcpshm::{ClientOptions, Handler, Message, Peer, Protocol, SecondLogin, ServerOptions, TopicClient},
///     topics::TopicEvent,
/// };
///
/// # struct Sink;
/// # impl Handler for Sink {
/// #     type Data = ();
/// #     fn message(&self, _: &Peer, message: Message<'_>) {
/// #         message.pop();
/// #     }
/// # }
/// let folder = tempfile::tempdir()?;
/// // The server may not know yet that the first client has ended when the second one connects.
/// let options = ServerOptions::new(folder.path().join("server")).with(|it| it.second_login = SecondLogin::TakeOver);
/// let protocol = Protocol::open("server", &options)?;
/// let listener = Listener::new("peers", "127.0.0.1:0").protocol(protocol, |_| Sink.service());
/// let server = Server::builder().listen(listener).shards(1).start()?;
///
/// let connect = || {
///     let options = ClientOptions::new(folder.path().join("client"));
///     TopicClient::connect("gateway", server.address("peers")?, options).map_err(Box::<dyn std::error::Error>::from)
/// };
/// /// Waits for the next message.
/// fn next(client: &mut TopicClient) -> String {
///     loop {
///         if let Some(TopicEvent::Message { body, .. }) = client.recv(Duration::from_secs(60)) {
///             return String::from_utf8_lossy(&body).into_owned();
///         }
///     }
/// }
///
/// let mut client = connect()?;
/// client.subscribe("news".parse()?, None);
/// while !matches!(client.recv(Duration::from_secs(60)), Some(TopicEvent::Subscribed { .. })) {}
/// server.handle().publish("news", "one")?;
/// assert_eq!(next(&mut client), "one");
/// drop(client);
///
/// server.handle().publish("news", "two")?;
/// let mut client = connect()?;
/// client.subscribe("news".parse()?, None);
/// assert_eq!(next(&mut client), "two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TopicClient {
    client: Client,
    calls: Arc<Calls>,
    topics: Subscriptions<ControlWire>,
    /// Requests of `topics` without a response: their numbers there, by id.
    asked: HashMap<u64, u64>,
    /// The message whose events were returned, or are about to be.
    unconsumed: Option<u64>,
    hello: Hello,
    is_temporary: bool,
}

/// Whether the server knows of this connection that it has begun. What was kept for the client comes before its response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hello {
    /// There is no connection.
    Away,
    /// It is to be sent.
    Due,
    /// With this id; if nothing comes until then, the server has no topics.
    Sent { id: u64, until: Time },
    /// The client is connected.
    Answered,
}

/// Publishes on topics of the server of a [`TopicClient`], from any thread. The outcomes come while the client is used.
///
/// What it publishes is kept until the server has it; so it may be published after the time-out of 30 s, which is an error.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// use shardcast::{
///     proto::{PublishHeader, TopicName},
///     tcpshm::{ClientOptions, TopicClient, TopicPublisher},
/// };
///
/// let mut client = TopicClient::connect("gateway", "127.0.0.1:12345", ClientOptions::new("files"))?;
/// let publisher: TopicPublisher = client.publisher();
/// let news = TopicName::new("news")?;
/// publisher.publish_then(&news, PublishHeader::default(), b"hello", |outcome| println!("{outcome:?}"));
/// publisher.presence_then(&news, |count| println!("{count:?} subscribers"));
/// publisher.history_then(&news, None, 10, |history| println!("{history:?}"));
/// while let Some(event) = client.recv(Duration::from_secs(1)) {
///     println!("{event:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TopicPublisher {
    handle: ClientHandle,
    calls: Arc<Calls>,
}

/// Calls without a response.
struct Calls {
    next_id: AtomicU64,
    waiting: Mutex<CallTable<u64, Then>>,
}

type Then = Box<dyn FnOnce(Result<Bytes, RequestError>) + Send>;

impl TopicClient {
    /// A client that connects as it is used. `server` is an address, or a host name with a port.
    ///
    /// # Errors
    /// Its name, or its files, cannot be used.
    pub fn open(name: &str, server: impl ToString, options: ClientOptions) -> Result<Self, ClientError> {
        let client = Client::open(name, server, options)?;
        client.handle().pull();
        let seed = RandomState::new().build_hasher().finish();
        // Responses to requests of an earlier process with this name must not have the same ids.
        let calls = Calls { next_id: AtomicU64::new(seed >> 1 | 1), waiting: Mutex::default() };
        Ok(Self {
            client,
            calls: Arc::new(calls),
            topics: Subscriptions::new(ControlWire, SubscriptionConfig::default(), seed),
            asked: HashMap::new(),
            unconsumed: None,
            hello: Hello::Away,
            is_temporary: false,
        })
    }

    /// A client that has logged on.
    ///
    /// # Errors
    /// As for [`Client::connect`].
    pub fn connect(name: &str, server: impl ToString, options: ClientOptions) -> Result<Self, ClientError> {
        let login = options.times.login;
        let mut client = Self::open(name, server, options)?;
        client.client.log_on(login)?;
        client.hello = Hello::Due;
        Ok(client)
    }

    /// The server forgets this peer, its subscriptions and what it keeps for it, when the connection ends.
    #[must_use]
    pub const fn temporary(mut self) -> Self {
        self.is_temporary = true;
        self
    }

    /// Subscribes; [`TopicEvent::Subscribed`] or [`TopicEvent::Refused`] is the outcome. `since` is the position of the
    /// last message that the subscriber has; it is for topics only, not for prefixes. A subscription that the name has already
    /// continues.
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        self.topics.subscribe(filter, since);
        self.send();
    }

    /// Ends a subscription of the name, also one that an earlier client has made. Messages that are kept still come.
    pub fn unsubscribe(&mut self, filter: &TopicFilter) {
        if !self.topics.unsubscribe(filter) {
            // It may not exist.
            self.publisher().send(&Request::Unsubscribe { filter }, |_| {});
        }
        self.send();
    }

    /// The position of the last message that was received on a topic before which nothing is still to come.
    pub fn position(&self, topic: &str) -> Option<Position> {
        self.topics.position(topic)
    }

    /// Publishes over the same connection.
    pub fn publisher(&self) -> TopicPublisher {
        TopicPublisher { handle: self.client.handle(), calls: Arc::clone(&self.calls) }
    }

    /// Waits for the next event, no longer than `timeout`; `None` if there was none. This thread performs the client's I/O
    /// meanwhile. The message of the last event is consumed now.
    pub fn recv(&mut self, timeout: Duration) -> Option<TopicEvent> {
        let deadline = now() + timeout;
        loop {
            self.send();
            if let Some(event) = self.topics.poll_event() {
                return Some(event);
            }
            self.consume();
            self.poll();
            if self.take_next() || self.handle_timeout() {
                continue;
            }
            let (now, due) = (now(), self.poll_timeout());
            if now >= deadline {
                return self.topics.poll_event();
            }
            self.client.wait(deadline.min(due).saturating_since(now));
        }
    }

    /// Consumes the message whose events were returned.
    fn consume(&mut self) {
        if let Some(sequence) = self.unconsumed.take() {
            // If the connection has ended meanwhile, it comes again, and is recognized.
            let _ = self.client.pop(sequence);
        }
    }

    /// Does the I/O that can be done now.
    fn poll(&mut self) {
        let Self { client, topics, asked, hello, .. } = self;
        client.poll(|_, event| match event {
            ClientEvent::LoggedOn(_) => *hello = Hello::Due,
            ClientEvent::Disconnected(_) => be_away(topics, asked, hello),
            ClientEvent::ConnectFailed(_) | ClientEvent::LoginFailed(_) => topics.handle_connect_failed(),
            ClientEvent::Message(_) => {}
        });
    }

    /// Sends the pending requests.
    fn send(&mut self) {
        if self.hello == Hello::Due {
            self.begin();
        }
        let mut payload = Vec::new();
        while let Some(number) = self.topics.poll_request(&mut payload, now()) {
            let id = self.calls.next_id();
            match self.push(id, &payload) {
                Ok(()) => _ = self.asked.insert(id, number),
                Err(error) => self.topics.handle_response(number, Err(call_error(&error)), now()),
            }
            payload.clear();
        }
    }

    fn begin(&mut self) {
        let (id, mut body) = (self.calls.next_id(), Vec::new());
        if self.is_temporary {
            let message_type = wire::encode_forget(id, &mut body);
            if self.client.push_more(message_type, &body).is_err() {
                return;
            }
        }
        let mut payload = Vec::new();
        ControlWire.encode(&Request::Hello, &mut payload);
        // Without room, it is tried again.
        if self.push(id, &payload).is_ok() {
            self.hello = Hello::Sent { id, until: now() + PATIENCE };
        }
    }

    fn push(&mut self, id: u64, payload: &[u8]) -> Result<(), ClientError> {
        let (message_type, body) = message(id, |out| out.extend_from_slice(payload));
        self.client.send(message_type, &body)?;
        Ok(())
    }

    /// Takes the next message, if there is one.
    fn take_next(&mut self) -> bool {
        let Some(Received { sequence, message_type, body }) = self.client.handle().front() else {
            return false;
        };
        self.unconsumed = Some(sequence);
        if let Hello::Sent { until, .. } = &mut self.hello {
            *until = now() + PATIENCE;
        }
        match wire::into_payload(message_type, body.into_vec()) {
            Some((0, payload)) => self.topics.handle_message(&payload),
            Some((id, payload)) => self.take_response(id, payload),
            None => {}
        }
        true
    }

    fn take_response(&mut self, id: u64, payload: Bytes) {
        if matches!(self.hello, Hello::Sent { id: hello, .. } if hello == id) {
            // The response to FORGET has the same id, and is none to HELLO.
            if let Ok(TopicResponse::Welcome { .. }) =
                ControlWire.decode_response(RequestKind::Hello, &payload)
            {
                self.hello = Hello::Answered;
                self.topics.handle_connected();
            }
        } else if let Some(number) = self.asked.remove(&id) {
            self.topics.handle_response(number, Ok(&payload), now());
        } else {
            let waiting = self.calls.lock().remove(&id);
            // Others are of an earlier process, or have come too late.
            if let Some(then) = waiting {
                then(Ok(payload));
            }
        }
    }

    /// Whether a time has come.
    fn handle_timeout(&mut self) -> bool {
        let now = now();
        if self.poll_timeout() > now {
            return false;
        }
        self.topics.handle_timeout(now);
        loop {
            let expired = self.calls.lock().pop_expired(now);
            let Some((_, then)) = expired else { break };
            then(Err(CallError::TimedOut.into()));
        }
        if matches!(self.hello, Hello::Sent { until, .. } if until <= now) {
            self.client.disconnect();
            self.hello = Hello::Away;
            self.topics.handle_connect_failed();
        }
        true
    }

    fn poll_timeout(&self) -> Time {
        let hello = match self.hello {
            Hello::Sent { until, .. } => Some(until),
            _ => None,
        };
        let calls = self.calls.lock().next_deadline();
        [self.topics.poll_timeout(), calls, hello].into_iter().flatten().min().unwrap_or(Time::NEVER)
    }
}

/// The connection has ended. Requests that the server had not consumed come to it again; the responses of both are ignored.
fn be_away(topics: &mut Subscriptions<ControlWire>, asked: &mut HashMap<u64, u64>, hello: &mut Hello) {
    let was_connected = std::mem::replace(hello, Hello::Away) == Hello::Answered;
    if !was_connected {
        return;
    }
    for (_, number) in asked.drain() {
        topics.handle_response(number, Err(CallError::Disconnected), now());
    }
    topics.handle_disconnected(Cause::Peer);
}

impl Drop for TopicClient {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.consume();
        }
    }
}

impl TopicPublisher {
    /// Publishes; `then` gets the outcome, on the thread of the client, where it must not wait.
    pub fn publish_then(
        &self,
        topic: &TopicName,
        options: PublishHeader,
        body: &[u8],
        then: impl FnOnce(Result<Receipt, RequestError>) + Send + 'static,
    ) {
        self.call(&Request::Publish { topic, options, body }, move |response| {
            then(match response {
                Ok(TopicResponse::Published { position, receivers }) => Ok(Receipt { position, receivers }),
                Ok(_) => Err(RequestError::Unsupported),
                Err(error) => Err(error),
            });
        });
    }

    /// Requests the number of subscribers of a topic, by its name or by a prefix of it, as [`publish_then`](Self::publish_then).
    pub fn presence_then(
        &self,
        topic: &TopicName,
        then: impl FnOnce(Result<u32, RequestError>) + Send + 'static,
    ) {
        self.call(&Request::Presence { topic }, move |response| {
            then(match response {
                Ok(TopicResponse::Present { count }) => Ok(count),
                Ok(_) => Err(RequestError::Unsupported),
                Err(error) => Err(error),
            });
        });
    }

    /// Requests messages that a topic has kept, as [`publish_then`](Self::publish_then): those after `since`, or from the oldest;
    /// at most `max`, and what fits into one message.
    pub fn history_then(
        &self,
        topic: &TopicName,
        since: Option<Position>,
        max: u32,
        then: impl FnOnce(Result<History, RequestError>) + Send + 'static,
    ) {
        self.send(&Request::History { topic, since, max }, move |response| {
            then(response.and_then(|payload| ControlWire.decode_history(&payload)));
        });
    }

    fn call(
        &self,
        request: &Request<'_>,
        then: impl FnOnce(Result<TopicResponse, RequestError>) + Send + 'static,
    ) {
        let kind = request.kind();
        self.send(request, move |response| {
            then(response.and_then(|payload| ControlWire.decode_response(kind, &payload)));
        });
    }

    fn send(&self, request: &Request<'_>, then: impl FnOnce(Result<Bytes, RequestError>) + Send + 'static) {
        let id = self.calls.next_id();
        let (message_type, body) = message(id, |out| ControlWire.encode(request, out));
        self.calls.lock().insert(id, Box::new(then), now() + CALL_TIMEOUT);
        if let Err(error) = self.handle.send(message_type, &body) {
            let then = self.calls.lock().remove(&id);
            then.into_iter().for_each(|then| then(Err(call_error(&error).into())));
        }
    }
}

impl Calls {
    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, CallTable<u64, Then>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(id: u64, payload: impl FnOnce(&mut Vec<u8>)) -> (u16, Vec<u8>) {
    let mut body = Vec::new();
    (wire::encode_request(id, payload, &mut body), body)
}

/// Why a request was not sent.
const fn call_error(error: &ClientError) -> CallError {
    match error {
        ClientError::NoServer => CallError::ConnectFailed,
        ClientError::Send(AppendError::TooLong { .. }) => CallError::TooLarge,
        _ => CallError::QueueFull,
    }
}

impl fmt::Debug for TopicClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicClient").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for TopicPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicPublisher").finish_non_exhaustive()
    }
}

/// How long nothing may come before the response to HELLO.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a call waits for its response.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
