use std::{fmt, future::Future, net::ToSocketAddrs};

use bytes::Bytes;
use shardcast_proto::topics::control::ControlWire;
use shardcast_proto::{
    PublishHeader, TopicName,
    push::Receipt,
    rpc::CallError,
    topics::{Request, RequestError, TopicResponse, Wire as _},
};

use super::encode;
use crate::tars::{Client, ConnectError};

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
///     tars::{Framed, TopicPublisher},
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TopicPublisher(Client);

impl TopicPublisher {
    /// A publisher on the server at `to`, an address or a name with a port. It begins to connect; publications wait
    /// until it is connected. For names see [`TopicClient::connect`](super::TopicClient::connect).
    ///
    /// # Errors
    /// The name has no address, or the client could not be made.
    pub fn connect(to: impl ToSocketAddrs + fmt::Display) -> Result<Self, ConnectError> {
        super::client(to)?.connect().map(Self)
    }

    pub(super) const fn over(client: Client) -> Self {
        Self(client)
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
        let payload = encode(&Request::Publish { topic, options, body });
        receipt(self.0.rpc_call(self.0.gen_requestid(), &payload))
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
        let payload = encode(&Request::Publish { topic, options, body });
        let (client, call) = (self.0.clone(), self.0.call(self.0.gen_requestid(), &payload));
        async move {
            let response = call.await;
            // Its last handle would end it.
            drop(client);
            receipt(response)
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
        let payload = encode(&Request::Publish { topic, options, body });
        self.0.rpc_call_async(self.0.gen_requestid(), &payload, move |response| then(receipt(response)));
    }

    /// The number of subscribers of a topic, by its name or by a prefix of it.
    ///
    /// # Errors
    /// The request was refused, or no response came.
    ///
    /// # Panics
    /// As for [`publish`](Self::publish); use [`presence_async`](Self::presence_async) there.
    pub fn presence(&self, topic: &TopicName) -> Result<u32, RequestError> {
        count(self.0.rpc_call(self.0.gen_requestid(), &encode(&Request::Presence { topic })))
    }

    /// As [`presence`](Self::presence), awaited.
    ///
    /// # Errors
    /// As for [`presence`](Self::presence).
    pub fn presence_async(
        &self,
        topic: &TopicName,
    ) -> impl Future<Output = Result<u32, RequestError>> + Send + use<> {
        let payload = encode(&Request::Presence { topic });
        let (client, call) = (self.0.clone(), self.0.call(self.0.gen_requestid(), &payload));
        async move {
            let response = call.await;
            drop(client);
            count(response)
        }
    }
}

fn receipt(response: Result<Bytes, CallError>) -> Result<Receipt, RequestError> {
    match ControlWire.decode_response(&response?)? {
        TopicResponse::Published { position, receivers } => Ok(Receipt { position, receivers }),
        _ => Err(RequestError::Unsupported),
    }
}

fn count(response: Result<Bytes, CallError>) -> Result<u32, RequestError> {
    match ControlWire.decode_response(&response?)? {
        TopicResponse::Present { count } => Ok(count),
        _ => Err(RequestError::Unsupported),
    }
}
