//! Clients of protocols without request ids: connections with one call at a time.

mod pool;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_proto::{
    Route,
    rpc::CallError,
    tars::{
        ObjectRef, Transport,
        framed::{ClientCodec, SerialProtocol},
    },
};

use self::pool::{Job, LeaseSlot, Pool, Waiting, lock};
use super::ConnectError;
#[cfg(doc)]
use crate::client::Client;
use crate::client::{Endpoint, Place};

/// A client of a server whose protocol has no request ids: each of several connections has one call at a time, and calls
/// wait for a free one. Cheap to clone.
///
/// A call that ends without its response closes its connection, since the response may still come.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// use shardcast::tars::{LengthPrefixedCodec, SerialBuilder, SerialCall, SerialClient};
///
/// let object = "Demo.StringServer.StringObj@tcp -h 10.0.0.1 -p 10099";
/// let builder: SerialBuilder = SerialClient::builder(object, LengthPrefixedCodec::default())?;
/// let client: SerialClient = builder.connections(4).timeout(Duration::from_secs(1)).build();
/// assert_eq!(client.call_blocking("hello")?, "hello");
/// let call: SerialCall = client.call("hello");
/// assert_eq!(smol::block_on(call)?, "hello");
/// client.call_then("hello", |result| println!("{result:?}"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SerialClient(Arc<Pool>);

/// Describes a client of a protocol without request ids.
pub struct SerialBuilder(Pool);

type BodyResult = Result<Bytes, CallError>;

impl SerialClient {
    /// Describes a client of `object`: `App.Server.Object@tcp -h HOST -p PORT`. Connections begin with one endpoint each,
    /// in turn, and try the others if it cannot be connected to.
    ///
    /// # Errors
    /// The string is invalid, or names nothing to connect to.
    pub fn builder(object: &str, codec: impl ClientCodec + 'static) -> Result<SerialBuilder, ConnectError> {
        let object: ObjectRef = object.parse()?;
        let over_tcp = object.endpoints.iter().filter(|it| it.transport == Transport::Tcp);
        let name = |host: &str, port| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let endpoints: Vec<_> = over_tcp.map(|it| Endpoint::name(name(&it.host, it.port))).collect();
        if endpoints.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        Ok(SerialBuilder(Pool {
            protocol: Arc::new(SerialProtocol::new(codec)),
            endpoints,
            place: Place::here(),
            connections_max: 1,
            waiting_max: WAITING_MAX,
            timeout: Duration::from_secs(5),
            state: Mutex::default(),
        }))
    }

    /// Calls, and waits for the response.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Use [`call`](Self::call) there.
    pub fn call_blocking(&self, body: impl Into<Bytes>) -> BodyResult {
        let deadline = Instant::now() + self.0.timeout;
        let (sender, free) = flume::bounded(1);
        self.0.acquire(Waiting::Thread(sender));
        let mut lease = free.recv_deadline(deadline).unwrap_or(Err(CallError::TimedOut))?;
        let result = lease.client.clone().call_blocking_with(Route::Only, body, lease.begin(deadline));
        lease.end(result)
    }

    /// Calls. Await the response. While the call waits for a free connection, only the time-outs of the calls before it
    /// end its wait.
    pub fn call(&self, body: impl Into<Bytes>) -> SerialCall {
        let (sender, result) = flume::bounded(1);
        let future = Some(sender.clone());
        let lease = self.begin(body.into(), Box::new(move |result| _ = sender.send(result)), future);
        SerialCall { result: result.into_recv_async(), lease }
    }

    /// Calls; `callback` gets the response exactly once. It runs as those of [`Client::call_then`], or on the current
    /// thread if too many calls wait.
    pub fn call_then(&self, body: impl Into<Bytes>, callback: impl FnOnce(BodyResult) + Send + 'static) {
        self.begin(body.into(), Box::new(callback), None);
    }

    fn begin(
        &self,
        body: Bytes,
        done: Box<dyn FnOnce(BodyResult) + Send>,
        future: Option<flume::Sender<BodyResult>>,
    ) -> LeaseSlot {
        let (deadline, lease) = (Instant::now() + self.0.timeout, LeaseSlot::default());
        self.0.acquire(Waiting::Job(Job { body, deadline, lease: Arc::clone(&lease), done, future }));
        lease
    }

    /// Connections, and calls that wait for a free one.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.made, state.waiting.len())
    }
}

impl SerialBuilder {
    /// Sets the number of connections; 1 by default. Each is made when it is needed.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.0.connections_max = connections.max(1);
        self
    }

    /// Sets the time-out of calls, which includes the wait for a free connection; 5 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Sets how many calls may wait for a free connection; 1,024 by default. Another one fails
    /// ([`CallError::QueueFull`]).
    #[must_use]
    pub fn waiting_max(mut self, waiting_max: usize) -> Self {
        self.0.waiting_max = waiting_max;
        self
    }

    /// Makes the client. Nothing is connected yet.
    pub fn build(self) -> SerialClient {
        SerialClient(Arc::new(self.0))
    }
}

/// The response to a call, to be awaited.
///
/// # Cancel safety
/// Dropping it gives the call up, and closes its connection if the request is on its way.
#[must_use]
pub struct SerialCall {
    result: flume::r#async::RecvFut<'static, BodyResult>,
    lease: LeaseSlot,
}

impl Future for SerialCall {
    type Output = BodyResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BodyResult> {
        Pin::new(&mut self.result).poll(cx).map(|result| result.unwrap_or(Err(CallError::Closed)))
    }
}

impl Drop for SerialCall {
    fn drop(&mut self) {
        let lease = lock(&self.lease).take();
        drop(lease);
    }
}

impl fmt::Debug for SerialBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SerialBuilder").field(&self.0).finish()
    }
}

impl fmt::Debug for SerialCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialCall").finish_non_exhaustive()
    }
}

const WAITING_MAX: usize = 1024;
