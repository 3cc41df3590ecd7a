//! Clients of topics, whatever protocol they speak.

use std::{net::TcpStream, time::Duration};

use shardcast::{
    proto::{
        Position, PublishHeader, TopicFilter, TopicName,
        topics::{RequestError, TopicEvent},
    },
    push::Receipt,
};

/// How the topics of a server are reached with one protocol.
#[derive(Clone)]
pub(crate) struct Topics {
    /// As `--via` names it.
    pub(crate) via: &'static str,
    /// Begins to connect to an address, or to a name and a port. So many messages wait to be received; without a number,
    /// as many as the library lets wait.
    pub(crate) connect: Connect,
    /// Subscribes to one topic over a stream, and returns when the server has agreed. What the server pushes is not read.
    pub(crate) subscribe_and_stop_reading: fn(&mut TcpStream, topic: &str) -> anyhow::Result<()>,
}

/// Connects to an address; the number is that of messages that may wait.
pub(crate) type Connect = fn(to: &str, messages_max: Option<usize>) -> anyhow::Result<Box<dyn TopicClient>>;

/// Receives the messages of topics of one server, and connects again where the connection ends. All ends when this is
/// dropped.
pub(crate) trait TopicClient: Send {
    /// What happened next; `None` if nothing did for this long.
    fn recv(&mut self, timeout: Duration) -> Option<TopicEvent>;

    /// Subscribes, from after the message `since` on if that is given.
    fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>);

    /// Publishes over the same connection.
    fn publisher(&self) -> Box<dyn TopicPublisher>;
}

/// Publishes on topics of one server.
pub(crate) trait TopicPublisher {
    /// Publishes, and calls `then` with the outcome, on some other thread.
    fn publish(&self, topic: &TopicName, options: PublishHeader, body: &[u8], then: Outcome);
}

/// Takes the outcome of one publication.
pub(crate) type Outcome = Box<dyn FnOnce(Result<Receipt, RequestError>) + Send>;
