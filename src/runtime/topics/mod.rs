//! Clients of topics, in any protocol: one that subscribes, and one that publishes.
//!
//! What this deliberately is not: the logic of subscriptions, which is in `shardcast_proto::topics`. This module
//! connects it to connections, a clock, and threads or tasks that wait.

mod inbox;
mod publisher;
mod streams;
mod subscriber;

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use bytes::Bytes;
use shardcast_proto::{
    OwnedRoute, Protocol, Route,
    rpc::{CallerConfig, OwnedResponse},
    seastar::{
        self,
        rpc::{ClientConfig, Negotiated, SeastarClient},
    },
    tars::{
        self,
        framed::{FramedClient, LengthPrefixedCodec, ProxyConfig},
        rpc::Tars,
    },
    topics::{Request, RequestKind, TopicResponse, Wire, control::ControlWire},
};

use crate::client::{self, Client, ClientBuilder, Endpoint};

pub use inbox::Waiting;
pub use publisher::TopicPublisher;
pub use shardcast_proto::topics::{History, KeptMessage, RequestError, SubscriptionConfig, TopicEvent};
pub use subscriber::{TopicClient, TopicOptions};

/// The protocol in which a [`TopicClient`] or a [`TopicPublisher`] uses the topics of a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TopicProtocol {
    /// Frames of the push guide, with the control protocol.
    #[default]
    Framed,
    /// Tars RPC: the object [`PUSH_OBJECT`](crate::tars::rpc::PUSH_OBJECT).
    Tars,
    /// Seastar RPC: the verbs of [`topics`](shardcast_proto::seastar::topics), and a stream for each subscription.
    Seastar,
}

/// A client of topics cannot be made.
///
/// # Examples
/// ```
/// use shardcast::topics::{ConnectError, TopicPublisher};
///
/// let error = TopicPublisher::connect("name-without-a-port").unwrap_err();
/// assert!(matches!(error, ConnectError::NoAddress(_)), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address.
    #[error("no address for {0}")]
    NoAddress(String),
    /// The client cannot live where it should.
    #[error(transparent)]
    Client(#[from] client::ConnectError),
}

/// A server: its name, and the addresses that the name had just now.
#[derive(Clone, Debug)]
struct Target {
    name: String,
    known: Vec<SocketAddr>,
}

/// A client, and how its requests are encoded.
#[derive(Clone)]
struct Link {
    client: Client,
    wire: &'static (dyn Wire + Send + Sync),
}

impl Target {
    fn find(to: impl ToSocketAddrs + fmt::Display) -> Result<Self, ConnectError> {
        let name = to.to_string();
        let known: Vec<_> = match to.to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(error) => return Err(ConnectError::NoAddress(format!("{name}: {error}"))),
        };
        if known.is_empty() { Err(ConnectError::NoAddress(name)) } else { Ok(Self { name, known }) }
    }

    /// A client whose callbacks neither block nor call.
    fn client(&self, protocol: impl Protocol + 'static) -> ClientBuilder {
        Client::builder(protocol, [Endpoint::name(&*self.name)]).known(self.known.clone()).quick()
    }
}

impl TopicProtocol {
    fn wire(self) -> &'static (dyn Wire + Send + Sync) {
        match self {
            Self::Framed => &ControlWire,
            Self::Tars => &tars::rpc::TopicWire,
            Self::Seastar => &seastar::topics::TopicWire,
        }
    }

    /// A client, and what is known of its connection if streams can belong to that.
    fn client(self, target: &Target) -> (ClientBuilder, Option<Arc<Negotiated>>) {
        let builder = match self {
            Self::Framed => {
                let codec = LengthPrefixedCodec::default().with(|it| {
                    it.request_len_max = FRAME_LEN_MAX;
                    it.response_len_max = FRAME_LEN_MAX;
                });
                target.client(FramedClient::new(codec))
            }
            Self::Tars => target.client(Tars::default()),
            Self::Seastar => {
                let config = ClientConfig::default();
                let connect_timeout = config.negotiation_timeout;
                let protocol = SeastarClient::new(config);
                let negotiated = Arc::clone(protocol.negotiated());
                let caller = CallerConfig::quiet().with(|it| it.connect_timeout = connect_timeout);
                return (target.client(protocol).config(caller), Some(negotiated));
            }
        };
        // Each connection begins with HELLO.
        let wire = self.wire();
        let config: CallerConfig = ProxyConfig::default().with(|it| {
            it.registration_body = Some(encode(wire, &Request::Hello));
            it.heartbeat_body = encode(wire, &Request::Ping);
            it.heartbeat_route = OwnedRoute::from(wire.route(RequestKind::Ping));
        });
        (builder.config(config), None)
    }
}

impl Link {
    /// The route and the body of a request.
    fn describe(&self, request: &Request<'_>) -> (Route<'static>, Bytes) {
        (self.wire.route(request.kind()), encode(self.wire, request))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

/// What the response to a request of this kind says.
fn read(
    wire: &dyn Wire,
    kind: RequestKind,
    response: client::CallResult,
) -> Result<TopicResponse, RequestError> {
    wire.decode_response(kind, payload(wire, &response?)?)
}

/// The payload of a response that is not a failure of the protocol.
fn payload<'a>(wire: &dyn Wire, response: &'a OwnedResponse) -> Result<&'a Bytes, RequestError> {
    response.result.as_ref().map_err(|failure| wire.failure(failure.code, &failure.text))
}

fn encode(wire: &dyn Wire, request: &Request<'_>) -> Bytes {
    let mut payload = Vec::new();
    wire.encode(request, &mut payload);
    payload.into()
}

/// The longest frame that a server may be configured to accept.
const FRAME_LEN_MAX: u32 = 100 << 20;
