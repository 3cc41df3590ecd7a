//! The client of one object of framed push: a typed layer over [`client`](crate::client).

use std::{
    fmt,
    future::Future,
    io,
    net::{SocketAddr, ToSocketAddrs},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use shardcast_proto::{
    Route,
    tars::{
        EndpointError, ObjectRef, Transport,
        framed::{CallError, Cause, ClientCodec, FramedClient, ProxyConfig},
    },
};

use crate::{
    ServerHandle,
    client::{self, CallOptions, ClientBuilder as Builder, Endpoint, Push},
};

/// A handle to a client: cheap to clone, usable from any thread and from any shard. The client ends when
/// its last handle is dropped.
///
/// # Examples
/// ```
/// use shardcast::{
///     Listener, Reply, Server,
///     tars::{
///         CallFuture, Client, ClientBuilder, ClientEvent, ConnectError, Current, Framed, FramedService, Servant,
///     },
/// };
///
/// # struct Echo;
/// # impl Servant for Echo {
/// #     fn do_request(&self, _: &Current, packet: &[u8], reply: &mut Reply<'_>) {
/// #         reply.body().extend_from_slice(packet);
/// #     }
/// # }
/// let listener = Listener::new("echo", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
/// let server = Server::builder().listen(listener).shards(1).start()?;
///
/// let port = server.address("echo")?.port();
/// let object = format!("Demo.EchoServer.EchoObj@tcp -h 127.0.0.1 -p {port}");
/// let builder: ClientBuilder = Client::builder(&object)?
///     .on_push(|body| println!("{} bytes", body.len()))
///     .on_event(|event| {
///         if let ClientEvent::Disconnected(cause) = event {
///             println!("disconnected: {cause:?}");
///         }
///     });
/// let client: Client = builder.connect()?;
/// assert_eq!(client.rpc_call(client.gen_requestid(), b"hello")?, "hello");
///
/// // In a task, a call is awaited.
/// let call: CallFuture = client.call(client.gen_requestid(), b"hello again");
/// assert_eq!(smol::block_on(call)?, "hello again");
///
/// // Or a callback gets the response.
/// let (answers, received) = std::sync::mpsc::channel();
/// client.rpc_call_async(client.gen_requestid(), b"and again", move |answer| _ = answers.send(answer));
/// assert_eq!(received.recv()??, "and again");
/// assert_eq!(client.untyped().stats().late_responses, 0);
///
/// // A request that expects no response, of a client that knows the server by a name.
/// let client = Client::at_name(format!("localhost:{port}"))?.connect()?;
/// client.rpc_call_oneway(client.gen_requestid(), b"no response")?;
///
/// // A registry, which would know the endpoints, is not supported.
/// assert!(matches!(Client::builder("Demo.EchoServer.EchoObj"), Err(ConnectError::NoEndpoint)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    client: client::Client,
    last_id: Arc<AtomicU32>,
}

/// Events of a client other than the responses to its calls.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A connection was made.
    Connected,
    /// No endpoint could be connected to; the next attempt follows after a pause.
    ConnectFailed,
    /// The connection has ended; calls in flight have failed.
    Disconnected(Cause),
    /// A heartbeat or registration got a response, or none.
    Heartbeat {
        /// Its request id.
        id: u32,
        /// Body of the response.
        result: Result<Bytes, CallError>,
    },
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The object string is invalid.
    #[error(transparent)]
    Object(#[from] EndpointError),
    /// The object names no endpoint over TCP. Registries are not supported.
    #[error("the object names no tcp endpoint")]
    NoEndpoint,
    /// The endpoint's host has no address.
    #[error("no address for {0}")]
    NoAddress(String),
    /// The thread that clients of this process share could not be started, or no descriptor is free.
    #[error("cannot make a client: {0}")]
    Start(#[from] io::Error),
    /// The client lives on a shard, where [`ClientBuilder::callback_threads`] and [`ClientBuilder::spin`] do not apply.
    #[error("`callback_threads` and `spin` are for clients that live on no shard")]
    OnShard,
    /// The queue of the shard on which it was to live is full.
    #[error("the queue of the client's shard is full")]
    QueueFull,
    /// The shard on which it was to live has ended.
    #[error("the client's shard has ended")]
    Ended,
}

type BodyResult = Result<Bytes, CallError>;

/// Describes a client before it connects.
#[derive(Debug)]
pub struct ClientBuilder(Builder);

impl Client {
    /// Describes a client of `object`: `App.Server.Object@tcp -h HOST -p PORT -t MILLISECONDS`. The endpoints over TCP
    /// are tried in order, with all addresses of their hosts. This looks names up, which may take a while; each later
    /// attempt to connect looks them up again.
    ///
    /// # Errors
    /// The string is invalid, or names nothing to connect to.
    pub fn builder(object: &str) -> Result<ClientBuilder, ConnectError> {
        let object: ObjectRef = object.parse()?;
        let over_tcp = object.endpoints.iter().filter(|it| it.transport == Transport::Tcp);
        let (mut endpoints, mut known, mut failed) = (Vec::new(), Vec::new(), None);
        for endpoint in over_tcp {
            let (host, port) = (endpoint.host.as_str(), endpoint.port);
            match resolve((host, port), &host) {
                Ok(addresses) => known.extend(addresses),
                Err(error) => failed = Some(error),
            }
            let is_ipv6 = host.contains(':');
            endpoints.push(Endpoint::name(if is_ipv6 {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            }));
        }
        if known.is_empty() {
            return Err(failed.unwrap_or(ConnectError::NoEndpoint));
        }
        Ok(ClientBuilder::new(endpoints, known))
    }

    /// Describes a client of the server that listens at `address`.
    pub fn at(address: SocketAddr) -> ClientBuilder {
        ClientBuilder::new(vec![address.into()], vec![address])
    }

    /// Describes a client of the server with this name, such as `localhost:10099`. Each attempt to connect tries all
    /// addresses of the name, in order. This looks the name up, which may take a while; each later attempt to connect
    /// looks it up again.
    ///
    /// # Errors
    /// The name has no address.
    pub fn at_name(name: impl ToSocketAddrs + fmt::Display) -> Result<ClientBuilder, ConnectError> {
        let known = resolve(&name, &name)?;
        Ok(ClientBuilder::new(vec![Endpoint::name(name.to_string())], known))
    }

    /// An id for the next call, unique among the calls of this client. Ids count up, and are never 0. Heartbeats have
    /// separate, lower ids, so that they never conflict with a call in flight.
    pub fn gen_requestid(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) % CALL_IDS + CALL_IDS
    }

    /// Calls, and waits for the response.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Use [`call`](Self::call) there.
    pub fn rpc_call(&self, id: u32, body: &[u8]) -> BodyResult {
        body_of(self.client.call_blocking_with(Route::Only, copy(body), options(id)))
    }

    /// Calls. Await the response.
    pub fn call(&self, id: u32, body: &[u8]) -> CallFuture {
        CallFuture(self.client.call_with(Route::Only, copy(body), options(id)))
    }

    /// Calls; `callback` gets the response exactly once. It runs where the callback for pushes runs: see
    /// [`ClientBuilder::on_push`].
    pub fn rpc_call_async(&self, id: u32, body: &[u8], callback: impl FnOnce(BodyResult) + Send + 'static) {
        let callback = |response| callback(body_of(response));
        self.client.call_then(Route::Only, copy(body), options(id), callback);
    }

    /// Sends a request that expects no response.
    ///
    /// # Errors
    /// It could not be sent, or there was no connection before its time-out.
    ///
    /// # Panics
    /// As [`rpc_call`](Self::rpc_call).
    pub fn rpc_call_oneway(&self, id: u32, body: &[u8]) -> Result<(), CallError> {
        let options = CallOptions { one_way: true, ..options(id) };
        self.client.call_blocking_with(Route::Only, copy(body), options).map(drop)
    }

    /// Ends the client: calls in flight fail as closed.
    pub fn close(&self) {
        self.client.close();
    }

    /// The client below this typed layer, for counts and for calls with options.
    pub fn untyped(&self) -> &client::Client {
        &self.client
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl ClientBuilder {
    fn new(endpoints: Vec<Endpoint>, known: Vec<SocketAddr>) -> Self {
        let builder = client::Client::builder(FramedClient::default(), endpoints);
        Self(builder.known(known).config(ProxyConfig::default()))
    }

    /// Sets heartbeats, reconnects, and bounds.
    #[must_use]
    pub fn config(self, config: ProxyConfig) -> Self {
        Self(self.0.config(config))
    }

    /// Sets how requests are encoded and responses decoded, instead of the frames of the push guide.
    #[must_use]
    pub fn codec(self, codec: impl ClientCodec + 'static) -> Self {
        Self(self.0.protocol(FramedClient::new(codec)))
    }

    /// Sets the time-out of calls; 5 s by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// Sets the callback that gets the pushes of the server (id 0), in order; see [`client::ClientBuilder::on_push`].
    #[must_use]
    pub fn on_push(self, mut callback: impl FnMut(Bytes) + Send + 'static) -> Self {
        Self(self.0.on_push(move |push: Push| callback(push.body)))
    }

    /// Sets the callback that gets all other events, in order with the pushes.
    #[must_use]
    pub fn on_event(self, mut callback: impl FnMut(ClientEvent) + Send + 'static) -> Self {
        Self(self.0.on_event(move |event| callback(event.into())))
    }

    /// Sets the threads that run the callbacks; see [`client::ClientBuilder::callback_threads`].
    #[must_use]
    pub fn callback_threads(self, threads: &client::CallbackThreads) -> Self {
        Self(self.0.callback_threads(threads))
    }

    /// Sets how long a blocking call polls for its response before it sleeps; see [`client::ClientBuilder::spin`].
    #[must_use]
    pub fn spin(self, spin: Duration) -> Self {
        Self(self.0.spin(spin))
    }

    /// Makes the client live on a shard of this server; see [`client::ClientBuilder::on`].
    #[must_use]
    pub fn on(self, server: &ServerHandle) -> Self {
        Self(self.0.on(server))
    }

    /// Makes the client, which begins to connect. Calls wait until it is connected.
    ///
    /// # Errors
    /// The client cannot live where it should.
    pub fn connect(self) -> Result<Client, ConnectError> {
        let client = self.0.connect()?;
        Ok(Client { client, last_id: Arc::new(AtomicU32::new(1)) })
    }
}

impl From<client::ConnectError> for ConnectError {
    fn from(error: client::ConnectError) -> Self {
        match error {
            client::ConnectError::NoEndpoint => Self::NoEndpoint,
            client::ConnectError::Start(error) => Self::Start(error),
            client::ConnectError::OnShard => Self::OnShard,
            client::ConnectError::QueueFull => Self::QueueFull,
            client::ConnectError::Ended => Self::Ended,
        }
    }
}

impl From<client::ClientEvent> for ClientEvent {
    fn from(event: client::ClientEvent) -> Self {
        match event {
            client::ClientEvent::Connected => Self::Connected,
            client::ClientEvent::ConnectFailed(_) => Self::ConnectFailed,
            client::ClientEvent::Disconnected(cause) => Self::Disconnected(cause),
            client::ClientEvent::Heartbeat { id, result } => {
                Self::Heartbeat { id: id as u32, result: body_of(result) }
            }
        }
    }
}

/// The addresses of a name, at least one.
fn resolve(addresses: impl ToSocketAddrs, name: &impl fmt::Display) -> Result<Vec<SocketAddr>, ConnectError> {
    let found =
        addresses.to_socket_addrs().map_err(|error| ConnectError::NoAddress(format!("{name}: {error}")))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(ConnectError::NoAddress(name.to_string())) } else { Ok(found) }
}

fn options(id: u32) -> CallOptions {
    CallOptions { id: Some(id.into()), ..CallOptions::default() }
}

fn copy(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(body)
}

/// Frames have no failures: each response is a body.
fn body_of(response: client::CallResult) -> BodyResult {
    response.map(|reply| reply.result.unwrap_or_default())
}

/// The response to a call, to be awaited.
///
/// # Cancel safety
/// As for [`client::CallFuture`].
#[must_use]
#[derive(Debug)]
pub struct CallFuture(client::CallFuture);

impl Future for CallFuture {
    type Output = BodyResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BodyResult> {
        Pin::new(&mut self.0).poll(cx).map(body_of)
    }
}

/// Ids of calls go from this number to twice its value, and are positive as an `i32` too. Heartbeats would need a
/// century to reach it.
const CALL_IDS: u32 = 1 << 30;
