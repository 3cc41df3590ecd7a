//! Clients of topics, for any protocol.

use std::{net::TcpStream, path::Path, time::Duration};

use shardcast::{
    proto::{
        Position, PublishHeader, TopicFilter, TopicName,
        topics::{History, RequestError, TopicEvent},
    },
    push::Receipt,
    topics::{self, TopicOptions, TopicProtocol},
};

/// Access to the topics of a server with one protocol.
#[derive(Clone)]
pub(crate) struct Topics {
    /// Begins to connect to an address, or to a name and a port.
    pub(crate) connect: Connect,
    /// Whether a publisher can read what a topic has kept.
    pub(crate) history: bool,
    /// Whether subscribers have names, to which their subscriptions belong.
    pub(crate) named: bool,
    /// Subscribes to one topic over a connection, and returns after the response of the server. Messages are not read.
    /// Returns a further connection, if the subscription needs one.
    pub(crate) subscribe_and_stop_reading:
        fn(&mut TcpStream, topic: &str) -> anyhow::Result<Option<TcpStream>>,
}

/// Connects to an address.
pub(crate) type Connect = fn(to: &str, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>>;

/// What a client is to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientOptions<'a> {
    /// The most messages that are queued here; without it, as many as the library permits.
    pub(crate) messages_max: Option<usize>,
    /// The name of a subscriber, and the directory of its files, if the protocol has names. Without it, the client has a name of
    /// its own, which is forgotten with it.
    pub(crate) name: Option<(&'a str, &'a Path)>,
}

/// Receives the messages of topics of one server, and reconnects when the connection ends. Everything ends when this is
/// dropped.
pub(crate) trait TopicClient: Send {
    /// The next event; `None` if there is none for this long.
    fn recv(&mut self, timeout: Duration) -> Option<TopicEvent>;

    /// Subscribes; if `since` is given, from the message after it.
    fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>);

    /// Publishes over the same connection.
    fn publisher(&self) -> Box<dyn TopicPublisher>;
}

/// Publishes on topics of one server, and reads what they have kept.
pub(crate) trait TopicPublisher {
    /// Publishes, and calls `then` with the outcome on another thread.
    fn publish(&self, topic: &TopicName, options: PublishHeader, body: &[u8], then: Outcome);

    /// Waits for at most `max` messages that the topic has kept: the first ones, or those after `since`.
    fn history(&self, topic: &TopicName, since: Option<Position>, max: u32) -> Result<History, RequestError>;
}

/// Receives the outcome of one publication.
pub(crate) type Outcome = Box<dyn FnOnce(Result<Receipt, RequestError>) + Send>;

/// Connects with the client of the library, in one of its protocols.
pub(super) fn connect(
    to: &str,
    options: &ClientOptions<'_>,
    protocol: TopicProtocol,
) -> anyhow::Result<Box<dyn TopicClient>> {
    let messages_max = options.messages_max;
    let options = TopicOptions::default().with(|it| {
        it.waiting.messages = messages_max.unwrap_or(it.waiting.messages);
        it.protocol = protocol;
    });
    Ok(Box::new(topics::TopicClient::connect_with(to, options)?))
}

impl TopicClient for topics::TopicClient {
    fn recv(&mut self, timeout: Duration) -> Option<TopicEvent> {
        self.recv(timeout)
    }

    fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        self.subscribe(filter, since);
    }

    fn publisher(&self) -> Box<dyn TopicPublisher> {
        Box::new(self.publisher())
    }
}

impl TopicPublisher for topics::TopicPublisher {
    fn publish(&self, topic: &TopicName, options: PublishHeader, body: &[u8], then: Outcome) {
        self.publish_then(topic, options, body, then);
    }

    fn history(&self, topic: &TopicName, since: Option<Position>, max: u32) -> Result<History, RequestError> {
        self.history(topic, since, max)
    }
}
