//! A client of topics, over the framed protocol: subscribes, publishes, and goes on where it was when its
//! connection comes back.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_proto::{
    Position, PublishOptions, Recovery, TopicError, TopicFilter, TopicName,
    push::Receipt,
    tars::framed::{
        CallError, Cause, LengthPrefixedCodec, ProxyConfig,
        control::{self, Answer, Heard, Request, Said, Subscriptions},
    },
};

use super::{Client, ClientEvent, ConnectError};

/// Receives the messages of topics of one server. Lives as long as it is kept.
///
/// All that happens comes out of [`recv`](Self::recv), in order. Its connection is made again when it drops, and
/// subscriptions by name go on behind the last message that was received here.
pub struct TopicClient {
    client: Client,
    shared: Arc<Shared>,
    incoming: flume::Receiver<Incoming>,
    subscriptions: Subscriptions,
    /// What is asked of the connection, and what it has said.
    standing: BTreeMap<TopicFilter, Standing>,
    events: VecDeque<TopicEvent>,
}

/// Publishes on topics of one server: cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct TopicPublisher(Client);

/// What a [`TopicClient`] hears.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TopicEvent {
    /// There is a connection.
    Connected,
    /// There is none; another attempt follows after a pause.
    ConnectFailed,
    /// The connection is gone. It is made again.
    Disconnected(Cause),
    /// A subscription stands; also again, on another connection.
    Subscribed {
        /// To what.
        filter: TopicFilter,
        /// Where the topic stood.
        head: Position,
        /// What became of the messages that were missed.
        recovery: Recovery,
    },
    /// A subscription was refused. It is not tried again.
    Refused {
        /// To what.
        filter: TopicFilter,
        /// Why.
        error: RequestError,
    },
    /// A message.
    Message {
        /// On which topic.
        topic: String,
        /// Where it stands there.
        position: Position,
        /// What was published.
        body: Bytes,
    },
    /// These messages were lost: dropped by the server because this peer was slow, or here because too many waited.
    Lost {
        /// On which topic.
        topic: String,
        /// Of which epoch.
        epoch: u64,
        /// Offset of the first.
        from: u64,
        /// Offset of the last.
        to: u64,
    },
    /// A topic began a new epoch; how the one before ended is not known.
    NewEpoch {
        /// Which topic.
        topic: String,
        /// The new epoch.
        epoch: u64,
    },
}

/// Why a request was not done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused it.
    #[error("{text} (status {status})")]
    Refused {
        /// A number of `docs/errors.md`.
        status: u8,
        /// One sentence.
        text: String,
    },
    /// It did not get there, or no answer came back.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server does not speak of topics.
    #[error("the server does not speak of topics: what it answered is not of the control vocabulary")]
    NotSpoken,
    /// The text is no topic.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

/// What may wait in a [`TopicClient`] to be received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Messages, at least 1.
    pub messages: usize,
    /// Bytes of their frames. A single message may have more, when no other waits.
    pub bytes: usize,
}

impl Default for Waiting {
    /// 65,536 messages, 64 MiB.
    fn default() -> Self {
        Self { messages: 65_536, bytes: 64 << 20 }
    }
}

/// What the callbacks of the client and the receiver have in common.
struct Shared {
    sender: flume::Sender<Incoming>,
    /// Messages that wait to be received.
    messages: AtomicUsize,
    /// Their bytes.
    bytes: AtomicUsize,
    bounds: Waiting,
}

/// What comes from the connection, in order.
enum Incoming {
    Event(ClientEvent),
    Push(Bytes),
    Answer(TopicFilter, Result<Bytes, CallError>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It is to be asked for when there is a connection.
    Down,
    /// Asked for.
    Asked,
    Up,
}

impl TopicClient {
    /// A client of the server at `address`, which begins to connect. Messages wait to be received up to the bounds
    /// of `waiting`; more are dropped, the newest first, and reported as [`TopicEvent::Lost`].
    ///
    /// # Errors
    /// There is no shard for it to live on.
    pub fn connect(address: SocketAddr, waiting: Waiting) -> Result<Self, ConnectError> {
        let (sender, incoming) = flume::unbounded();
        let shared = Arc::new(Shared {
            sender,
            messages: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            bounds: waiting,
        });
        let (pushes, events) = (Arc::clone(&shared), Arc::clone(&shared));
        let client = client(address)
            .on_push(move |payload| pushes.push(payload))
            .on_event(move |event| events.tell(Incoming::Event(event)))
            .connect()?;
        Ok(Self {
            client,
            shared,
            incoming,
            subscriptions: Subscriptions::default(),
            standing: BTreeMap::new(),
            events: VecDeque::new(),
        })
    }

    /// Subscribes; [`TopicEvent::Subscribed`] or [`TopicEvent::Refused`] tells the outcome. `since` is where the
    /// subscriber was before, and is for one topic only.
    pub fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        self.subscriptions.add(filter.clone(), since);
        self.ask(filter);
    }

    /// Ends a subscription. Messages that are on their way may still come.
    pub fn unsubscribe(&mut self, filter: &TopicFilter) {
        if self.subscriptions.remove(filter) && self.standing.remove(filter).is_some() {
            let (topic, prefix) = match filter {
                TopicFilter::Exact(topic) => (&**topic, false),
                TopicFilter::Prefix(topic) => (&**topic, true),
            };
            let payload = payload(&Request::Unsubscribe { topic, prefix });
            // There may be no connection; then there is no subscription either.
            self.client.rpc_call_async(self.client.gen_requestid(), &payload, |_| {});
        }
    }

    /// Waits for what happens next, no longer than `patience`; `None` when nothing did.
    pub fn recv(&mut self, patience: Duration) -> Option<TopicEvent> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let incoming = self.incoming.recv_deadline(deadline).ok()?;
            self.take(incoming);
        }
    }

    /// Where the last message of a topic stood.
    pub fn position(&self, topic: &str) -> Option<Position> {
        self.subscriptions.heard(topic)
    }

    /// Publishes over the same connection.
    pub fn publisher(&self) -> TopicPublisher {
        TopicPublisher(self.client.clone())
    }

    fn ask(&mut self, filter: TopicFilter) {
        self.standing.insert(filter.clone(), Standing::Asked);
        let payload = payload(&self.subscriptions.request(&filter));
        let shared = Arc::clone(&self.shared);
        self.client.rpc_call_async(self.client.gen_requestid(), &payload, move |answer| {
            shared.tell(Incoming::Answer(filter, answer));
        });
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Push(payload) => {
                self.shared.received(payload.len());
                self.take_message(&payload);
            }
            Incoming::Answer(filter, answer) => self.take_answer(filter, answer),
            Incoming::Event(event) => self.take_event(event),
        }
    }

    fn take_message(&mut self, payload: &Bytes) {
        // What is not of the vocabulary is a plain push from before HELLO was read.
        let Some(Said::Message { topic, position, body }) = said(payload) else { return };
        let (topic, epoch) = (topic.to_owned(), position.epoch);
        match self.subscriptions.handle_message(&topic, position) {
            Heard::Next => {}
            Heard::Again => return,
            Heard::After { from, to } => {
                self.events.push_back(TopicEvent::Lost { topic: topic.clone(), epoch, from, to });
            }
            Heard::NewEpoch => self.events.push_back(TopicEvent::NewEpoch { topic: topic.clone(), epoch }),
        }
        self.events.push_back(TopicEvent::Message { topic, position, body: payload.slice_ref(body) });
    }

    fn take_answer(&mut self, filter: TopicFilter, answer: Result<Bytes, CallError>) {
        let Some(standing) = self.standing.get_mut(&filter) else { return };
        match answer.map_err(RequestError::Call).and_then(|payload| understood(&payload)) {
            Ok(Answer::Subscribed { head, recovery }) => {
                *standing = Standing::Up;
                self.subscriptions.handle_subscribed(&filter, head, recovery);
                self.events.push_back(TopicEvent::Subscribed { filter, head, recovery });
            }
            // The next connection asks again.
            Err(RequestError::Call(CallError::Disconnected | CallError::ConnectFailed)) => {
                *standing = Standing::Down;
            }
            other => {
                let error = other.err().unwrap_or(RequestError::NotSpoken);
                self.standing.remove(&filter);
                self.subscriptions.remove(&filter);
                self.events.push_back(TopicEvent::Refused { filter, error });
            }
        }
    }

    fn take_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Connected => {
                self.events.push_back(TopicEvent::Connected);
                let is_down = |(filter, standing): (&TopicFilter, &Standing)| {
                    (*standing != Standing::Asked).then(|| filter.clone())
                };
                let down: Vec<_> = self.standing.iter().filter_map(is_down).collect();
                down.into_iter().for_each(|filter| self.ask(filter));
            }
            ClientEvent::ConnectFailed => self.events.push_back(TopicEvent::ConnectFailed),
            ClientEvent::Disconnected(cause) => self.events.push_back(TopicEvent::Disconnected(cause)),
            ClientEvent::Heartbeat { .. } => {}
        }
    }
}

impl TopicPublisher {
    /// A publisher on the server at `address`, which begins to connect; what is published meanwhile waits.
    ///
    /// # Errors
    /// There is no shard for it to live on.
    pub fn connect(address: SocketAddr) -> Result<Self, ConnectError> {
        client(address).connect().map(Self)
    }

    /// Publishes, and waits for where the message stands and how many subscriptions get it.
    ///
    /// # Errors
    /// It was refused; or no answer came, and it may have been published or not.
    ///
    /// # Panics
    /// On a thread that is a shard: it must not wait.
    pub fn publish(
        &self,
        topic: &TopicName,
        options: PublishOptions,
        body: &[u8],
    ) -> Result<Receipt, RequestError> {
        let payload = payload(&Request::Publish { topic, answer: true, options, body });
        receipt(self.0.rpc_call(self.0.gen_requestid(), &payload))
    }

    /// Publishes; `then` gets the outcome, on the client's shard, and must not block. Those of one thread are
    /// sent in order.
    pub fn publish_async(
        &self,
        topic: &TopicName,
        options: PublishOptions,
        body: &[u8],
        then: impl FnOnce(Result<Receipt, RequestError>) + Send + 'static,
    ) {
        let payload = payload(&Request::Publish { topic, answer: true, options, body });
        self.0.rpc_call_async(self.0.gen_requestid(), &payload, move |answer| then(receipt(answer)));
    }

    /// How many are subscribed to a topic, by name or by prefix.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    ///
    /// # Panics
    /// As for [`publish`](Self::publish).
    pub fn presence(&self, topic: &TopicName) -> Result<u32, RequestError> {
        let payload = payload(&Request::Presence { topic });
        match understood(&self.0.rpc_call(self.0.gen_requestid(), &payload)?)? {
            Answer::Present { count } => Ok(count),
            _ => Err(RequestError::NotSpoken),
        }
    }
}

impl Shared {
    /// A push of the server: waits to be received, or is dropped when too many do.
    fn push(&self, payload: Bytes) {
        let bytes = payload.len();
        let before = self.messages.fetch_add(1, Ordering::Relaxed);
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room =
            before < self.bounds.messages && bytes_before.saturating_add(bytes) <= self.bounds.bytes;
        if before == 0 || has_room {
            return self.tell(Incoming::Push(payload));
        }
        // The gap in the offsets tells of it.
        self.received(bytes);
    }

    /// A message waits no longer.
    fn received(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn tell(&self, incoming: Incoming) {
        // Nobody receives any more: the client is about to end.
        let _ = self.sender.send(incoming);
    }
}

/// A client whose every connection begins with HELLO.
fn client(address: SocketAddr) -> super::ClientBuilder {
    let config = ProxyConfig {
        registration_body: Some(payload(&Request::Hello).into()),
        heartbeat_body: payload(&Request::Ping).into(),
        ..ProxyConfig::default()
    };
    let codec = LengthPrefixedCodec { request_len_max: FRAME_LEN_MAX, response_len_max: FRAME_LEN_MAX };
    Client::at(address).config(config).codec(codec)
}

fn payload(request: &Request<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    control::encode_request(request, &mut payload);
    payload
}

fn said(payload: &[u8]) -> Option<Said<'_>> {
    control::is_control(payload).then(|| Said::load(payload)).flatten()
}

fn understood(payload: &[u8]) -> Result<Answer, RequestError> {
    match said(payload) {
        Some(Said::Answer(answer)) => Ok(answer),
        Some(Said::Refused { status, text }) => Err(RequestError::Refused { status, text: text.to_owned() }),
        _ => Err(RequestError::NotSpoken),
    }
}

fn receipt(answer: Result<Bytes, CallError>) -> Result<Receipt, RequestError> {
    match understood(&answer?)? {
        Answer::Published { position, receivers } => Ok(Receipt { position, receivers }),
        _ => Err(RequestError::NotSpoken),
    }
}

/// What a server may be configured to take.
const FRAME_LEN_MAX: u32 = 100 << 20;
