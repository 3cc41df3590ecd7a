use std::{fmt, future::Future, net::ToSocketAddrs};

use shardcast_proto::{
    Position, PublishHeader, TopicName,
    push::Receipt,
    topics::{History, Request, RequestError, RequestKind, TopicResponse, Wire},
};

use super::{ConnectError, Link, Target, TopicProtocol};
use crate::client::{CallOptions, CallResult};

/// Publishes on topics of one server: cheap to clone, usable from any thread and any task.
///
/// A publication that fails with an error that [is busy](RequestError::is_busy) was not made, and may be tried again a
/// little later. The publisher does not repeat it.
///
/// # Examples
/// ```
/// use shardcast::{
///     Connection, Listener, Reply, Request, Server, Service,
///     proto::{PublishHeader, TopicName},
///     push::SubscribeOptions,
///     tars::Framed,
///     topics::TopicPublisher,
/// };
///
/// # struct Silent;
/// # impl Service for Silent {
/// #     fn request(&self, _: &Connection, _: Request<'_>, _: &mut Reply<'_>) {}
/// # }
/// let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| Silent);
/// let server = Server::builder().listen(listener).shards(1).start()?;
/// let subscription = server.handle().subscribe("prices.*", SubscribeOptions::default()).wait()??;
///
/// let publisher = TopicPublisher::connect(server.address("push")?)?;
/// let gold = TopicName::new("prices.gold")?;
/// let receipt = publisher.publish(&gold, PublishHeader::default(), b"2410")?;
/// assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
/// assert_eq!(publisher.presence(&gold)?, 1);
/// assert_eq!(smol::block_on(publisher.presence_async(&gold))?, 1);
/// assert_eq!(subscription.recv()?.body, "2410");
///
/// // Or a callback gets the outcome, so that the next message need not wait for it.
/// let (outcomes, received) = std::sync::mpsc::channel();
/// publisher.publish_then(&gold, PublishHeader::default(), b"2411", move |it| _ = outcomes.send(it));
/// assert_eq!(received.recv()??.position.offset, 2);
///
/// // What the topic has kept.
/// let history = publisher.history(&gold, None, 100)?;
/// assert_eq!(history.messages.iter().map(|it| &it.body[..]).collect::<Vec<_>>(), [b"2410", b"2411"]);
/// let since = Some(history.messages[0].position);
/// assert_eq!(smol::block_on(publisher.history_async(&gold, since, 100))?.messages[..], history.messages[1..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TopicPublisher(Link);

impl TopicPublisher {
    /// A publisher on the server at `to`, an address or a name with a port. It begins to connect; publications wait
    /// until it is connected. For names see [`TopicClient::connect`](super::TopicClient::connect).
    ///
    /// # Errors
    /// The name has no address, or the client could not be made.
    pub fn connect(to: impl ToSocketAddrs + fmt::Display) -> Result<Self, ConnectError> {
        Self::connect_with(to, TopicProtocol::default())
    }

    /// As [`connect`](Self::connect), in another protocol.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    ///
    /// # Examples
    /// ```no_run
    /// use shardcast::{
    ///     proto::{PublishHeader, TopicName},
    ///     topics::{TopicProtocol, TopicPublisher},
    /// };
    ///
    /// let publisher = TopicPublisher::connect_with("localhost:10100", TopicProtocol::Tars)?;
    /// let receipt = publisher.publish(&TopicName::new("prices.gold")?, PublishHeader::default(), b"2410")?;
    /// println!("offset {}", receipt.position.offset);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_with(
        to: impl ToSocketAddrs + fmt::Display,
        protocol: TopicProtocol,
    ) -> Result<Self, ConnectError> {
        let (builder, _) = protocol.client(&Target::find(to)?);
        Ok(Self(Link { client: builder.connect()?, wire: protocol.wire() }))
    }

    pub(super) const fn over(link: Link) -> Self {
        Self(link)
    }

    /// Publishes, and waits for the position of the message and the number of subscriptions that get it.
    ///
    /// # Errors
    /// The publication was refused. Or no response came; then the message may have been published or not.
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Use [`publish_async`](Self::publish_async) there.
    pub fn publish(
        &self,
        topic: &TopicName,
        options: PublishHeader,
        body: &[u8],
    ) -> Result<Receipt, RequestError> {
        let (route, body) = self.0.describe(&Request::Publish { topic, options, body });
        receipt(self.0.wire, self.0.client.call_blocking(route, body))
    }

    /// As [`publish`](Self::publish), awaited. The call sends the message, even if the future is never polled. Messages
    /// of one thread are sent in order.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// Dropping the future discards the response, not the message.
    pub fn publish_async(
        &self,
        topic: &TopicName,
        options: PublishHeader,
        body: &[u8],
    ) -> impl Future<Output = Result<Receipt, RequestError>> + Send + use<> {
        let (route, body) = self.0.describe(&Request::Publish { topic, options, body });
        let (link, call) = (self.0.clone(), self.0.client.call(route, body));
        async move {
            let response = call.await;
            // Its last handle would end the client.
            let Link { client, wire } = link;
            drop(client);
            receipt(wire, response)
        }
    }

    /// Publishes; `then` gets the outcome. It runs where the callbacks of clients run: see
    /// [`client::ClientBuilder::on_push`](crate::client::ClientBuilder::on_push). Messages of one thread are sent in
    /// order.
    pub fn publish_then(
        &self,
        topic: &TopicName,
        options: PublishHeader,
        body: &[u8],
        then: impl FnOnce(Result<Receipt, RequestError>) + Send + 'static,
    ) {
        let (route, body) = self.0.describe(&Request::Publish { topic, options, body });
        let Link { client, wire } = &self.0;
        let wire = *wire;
        client.call_then(route, body, CallOptions::default(), move |response| then(receipt(wire, response)));
    }

    /// The number of subscribers of a topic, by its name or by a prefix of it.
    ///
    /// # Errors
    /// The request was refused, or no response came.
    ///
    /// # Panics
    /// As for [`publish`](Self::publish); use [`presence_async`](Self::presence_async) there.
    pub fn presence(&self, topic: &TopicName) -> Result<u32, RequestError> {
        let (route, body) = self.0.describe(&Request::Presence { topic });
        count(self.0.wire, self.0.client.call_blocking(route, body))
    }

    /// As [`presence`](Self::presence), awaited.
    ///
    /// # Errors
    /// As for [`presence`](Self::presence).
    pub fn presence_async(
        &self,
        topic: &TopicName,
    ) -> impl Future<Output = Result<u32, RequestError>> + Send + use<> {
        let (route, body) = self.0.describe(&Request::Presence { topic });
        let (link, call) = (self.0.clone(), self.0.client.call(route, body));
        async move {
            let response = call.await;
            let Link { client, wire } = link;
            drop(client);
            count(wire, response)
        }
    }

    /// Messages that a topic has kept: those after `since`, or from the oldest. It needs no subscription.
    ///
    /// The response has at most `max` messages, and no more than the server sends at once: 1,000, or 1 MiB, or what fits
    /// into a frame. If there may be more, [`History::next_since`] is the `since` of the next call.
    ///
    /// # Errors
    /// The request was refused, or no response came.
    ///
    /// # Panics
    /// As for [`publish`](Self::publish); use [`history_async`](Self::history_async) there.
    pub fn history(
        &self,
        topic: &TopicName,
        since: Option<Position>,
        max: u32,
    ) -> Result<History, RequestError> {
        let (route, body) = self.0.describe(&Request::History { topic, since, max });
        kept(self.0.wire, self.0.client.call_blocking(route, body))
    }

    /// As [`history`](Self::history), awaited.
    ///
    /// # Errors
    /// As for [`history`](Self::history).
    pub fn history_async(
        &self,
        topic: &TopicName,
        since: Option<Position>,
        max: u32,
    ) -> impl Future<Output = Result<History, RequestError>> + Send + use<> {
        let (route, body) = self.0.describe(&Request::History { topic, since, max });
        let (link, call) = (self.0.clone(), self.0.client.call(route, body));
        async move {
            let response = call.await;
            let Link { client, wire } = link;
            drop(client);
            kept(wire, response)
        }
    }
}

fn kept(wire: &dyn Wire, response: CallResult) -> Result<History, RequestError> {
    wire.decode_history(super::payload(wire, &response?)?)
}

fn receipt(wire: &dyn Wire, response: CallResult) -> Result<Receipt, RequestError> {
    match super::read(wire, RequestKind::Publish, response)? {
        TopicResponse::Published { position, receivers } => Ok(Receipt { position, receivers }),
        _ => Err(RequestError::Unsupported),
    }
}

fn count(wire: &dyn Wire, response: CallResult) -> Result<u32, RequestError> {
    match super::read(wire, RequestKind::Presence, response)? {
        TopicResponse::Present { count } => Ok(count),
        _ => Err(RequestError::Unsupported),
    }
}
