use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::tars::{
    Endpoint,
    packet::{StringMap, Version, status_key},
    rpc::{ArgumentError, ArgumentReader, CallHead, EncodeError, ResponseHead},
};

use super::{
    CallFuture, OutgoingCall, Proxy, ReplyFuture, RpcError,
    attempts::{Attempts, ResponseResult},
    balance::{Choice, hash_text},
    peer::{Peer, now},
};

/// A call that is described, and does nothing until one of these begins it: [`wait`](Self::wait), [`then`](Self::then),
/// `.await`, or [`one_way`](Self::one_way).
///
/// A request that no endpoint has taken, because none could be connected to, is tried at the other endpoints that work.
/// A request that was sent is not sent again.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// use shardcast::tars::rpc::{Call, CallFuture, Communicator, Reply, ReplyFuture, RpcError};
///
/// let proxy = Communicator::new().proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100")?;
/// let hello = |name: &str| -> Call<String> {
///     proxy.call("hello", |w| w.put(1, "name", name), |r| r.take_result())
/// };
///
/// // Blocking.
/// let greeting = hello("ann").timeout(Duration::from_millis(200)).context("trace", "17").wait()?;
/// assert_eq!(greeting, "hello ann");
/// let Reply { value, context } = hello("ann").wait_with_context()?;
/// println!("{value}, {:?}", context.get("seen"));
///
/// // With a callback.
/// hello("ann").then(|result| match result {
///     Ok(greeting) => println!("{greeting}"),
///     Err(RpcError::TimedOut) => println!("expired"),
///     Err(error) => println!("{error}; TarsCpp calls it {}", error.code()),
/// });
///
/// // In a task of any executor. The endpoint depends on the key.
/// async fn greet(hello: Call<String>) -> Result<String, RpcError> {
///     let call: CallFuture<String> = hello.consistent_hash(17).into_future();
///     call.await
/// }
/// assert_eq!(smol::block_on(greet(hello("ann")))?, "hello ann");
/// let reply: ReplyFuture<String> = hello("ann").with_context();
/// drop(reply); // It is called off.
///
/// // Without a response.
/// hello("ann").one_way()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a call does nothing until it begins"]
pub struct Call<T> {
    proxy: Proxy,
    function: Cow<'static, str>,
    body: Result<Bytes, EncodeError>,
    read: Read<T>,
    timeout: Option<Duration>,
    choice: Choice,
    status: StringMap,
    message_type: i32,
}

/// A result, and what the server sent with it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reply<T> {
    /// The result and the output parameters.
    pub value: T,
    /// Headers of the application.
    pub context: StringMap,
}

/// How a body becomes a result.
#[derive(Clone, Copy)]
pub(super) enum Read<T> {
    Results(fn(&mut ArgumentReader<'_>) -> Result<T, ArgumentError>),
    Body(fn(Bytes) -> T),
}

/// How a response is read.
pub(super) struct Reader<T> {
    read: Read<T>,
    version: Version,
    is_lossy: bool,
    /// For interceptors, if there are any.
    call: Option<Box<OutgoingCall>>,
}

impl<T> Call<T> {
    pub(super) fn new(
        proxy: Proxy,
        function: Cow<'static, str>,
        body: Result<Bytes, EncodeError>,
        read: Read<T>,
    ) -> Self {
        let (choice, status) = (Choice::RoundRobin, StringMap::new());
        Self { proxy, function, body, read, timeout: None, choice, status, message_type: 0 }
    }

    /// Adds a header of the application to the request.
    pub fn context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.proxy.context.insert(key.into(), value.into());
        self
    }

    /// Adds a header of the framework to the request; see [`status_key`].
    pub fn status(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.status.insert(key.into(), value.into());
        self
    }

    /// Sets bits of `iMessageType`; see [`message_type`](shardcast_proto::tars::packet::message_type).
    pub fn message_type(mut self, bits: i32) -> Self {
        self.message_type |= bits;
        self
    }

    /// Sets the time-out, instead of that of the proxy.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls this endpoint of the object and no other, for example the one that has just been
    /// [connected](Proxy::on_connect) to.
    pub fn at(mut self, endpoint: &Endpoint) -> Self {
        self.choice = Choice::Only(hash_text(&Peer::address(endpoint)));
        self
    }

    /// Chooses the endpoint by this number, modulo the number of endpoints in the order of their addresses; if it is
    /// failing, by the number modulo those that are not.
    pub fn hash(mut self, key: u64) -> Self {
        self.choice = Choice::Hash(key);
        self
    }

    /// Chooses the endpoint by this number on a circle of hashes (ketama, 160 points for each address), so that most keys
    /// keep their endpoint when others come and go. The circle differs from that of TarsCpp.
    pub fn consistent_hash(mut self, key: u64) -> Self {
        self.choice = Choice::ConsistentHash(key);
        self
    }

    /// Sends this text as `STATUS_GRID_KEY`, as generated code does for a `routekey` parameter, and chooses the endpoint
    /// by it as [`consistent_hash`](Self::consistent_hash) does.
    pub fn route_key(self, key: &str) -> Self {
        self.consistent_hash(hash_text(key)).status(status_key::GRID, key)
    }

    /// Calls, and waits for the result.
    ///
    /// # Errors
    /// See [`RpcError`].
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Await the call there.
    pub fn wait(self) -> Result<T, RpcError> {
        self.wait_with_context().map(|reply| reply.value)
    }

    /// As [`wait`](Self::wait), with the context of the response.
    ///
    /// # Errors
    /// See [`RpcError`].
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_with_context(self) -> Result<Reply<T>, RpcError> {
        let default = self.proxy.object.shared.config.sync_timeout;
        let (mut attempts, reader) = self.prepare(default)?;
        reader.end(attempts.wait())
    }

    /// Calls; `callback` gets the result exactly once. It runs where pushes are handled, see [`Proxy::on_push`]; on the
    /// current thread if the call fails before it begins.
    pub fn then(self, callback: impl FnOnce(Result<T, RpcError>) + Send + 'static)
    where
        T: 'static,
    {
        self.then_with_context(|result| callback(result.map(|reply| reply.value)));
    }

    /// As [`then`](Self::then), with the context of the response.
    pub fn then_with_context(self, callback: impl FnOnce(Result<Reply<T>, RpcError>) + Send + 'static)
    where
        T: 'static,
    {
        match self.prepare_async() {
            Ok((attempts, reader)) => attempts.then(move |response| callback(reader.end(response))),
            Err(error) => callback(Err(error)),
        }
    }

    /// Calls. The future also has the context of the response.
    pub fn with_context(self) -> ReplyFuture<T> {
        ReplyFuture::new(self.prepare_async())
    }

    /// Sends the request without expecting a response. It is queued when this returns; what happens to it later is not
    /// reported.
    ///
    /// # Errors
    /// It cannot be encoded, or there is no endpoint to which it could be sent.
    pub fn one_way(self) -> Result<(), RpcError> {
        let (attempts, reader) = self.prepare_async()?;
        let sent = attempts.send();
        reader.note(sent.as_ref().copied());
        sent
    }

    fn prepare_async(self) -> Result<(Attempts, Reader<T>), RpcError> {
        let default = self.proxy.object.shared.config.async_timeout;
        self.prepare(default)
    }

    fn prepare(self, default: Duration) -> Result<(Attempts, Reader<T>), RpcError> {
        let Self { proxy, function, body, read, timeout, choice, status, message_type } = self;
        let Proxy { object, version, timeout: proxy_timeout, context, is_lossy } = proxy;
        let timeout = timeout.or(proxy_timeout).unwrap_or(default);
        let body = body?;
        let began = now();
        let mut call =
            OutgoingCall { context, status, message_type, object: Arc::clone(&object), function, began };
        call.before()?;
        let mut head = Vec::new();
        let request = CallHead { version, message_type: call.message_type, ..CallHead::default() };
        // An empty head means the same.
        if request != CallHead::default() || !call.context.is_empty() || !call.status.is_empty() {
            request.encode_with(&call.context, &call.status, &mut head);
        }
        object.shared.counts.begin();
        let function = call.function.clone();
        let call = (!object.shared.interceptors.0.is_empty()).then(|| Box::new(call));
        let attempts = Attempts {
            object,
            function,
            head: head.into(),
            body,
            choice,
            timeout,
            deadline: began + timeout,
            peer: None,
            tried: Vec::new(),
        };
        Ok((attempts, Reader { read, version, is_lossy, call }))
    }
}

impl<T> IntoFuture for Call<T> {
    type Output = Result<T, RpcError>;
    type IntoFuture = CallFuture<T>;

    /// The call begins now.
    fn into_future(self) -> CallFuture<T> {
        CallFuture::new(self.with_context())
    }
}

impl<T> Reader<T> {
    /// The result for the application.
    pub(super) fn end(&self, response: ResponseResult) -> Result<Reply<T>, RpcError> {
        let result = self.read(response);
        self.note(result.as_ref().map(|_| ()));
        result
    }

    /// The call has failed before it was sent.
    pub(super) fn fail(&self, error: RpcError) -> RpcError {
        self.note(Err(&error));
        error
    }

    /// Informs the interceptors of the end.
    fn note(&self, outcome: Result<(), &RpcError>) {
        if let Some(call) = &self.call {
            call.after(outcome);
        }
    }

    fn read(&self, response: ResponseResult) -> Result<Reply<T>, RpcError> {
        let response = response?;
        let body = response.result.map_err(|it| RpcError::Server { code: it.code, text: it.text })?;
        let value = match self.read {
            Read::Body(read) => read(body),
            Read::Results(read) => {
                let results = ArgumentReader::new(self.version, &body)?;
                read(&mut if self.is_lossy { results.lossy() } else { results })?
            }
        };
        let context = ResponseHead::decode(&response.head).unwrap_or_default().context.to_map();
        Ok(Reply { value, context })
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("function", &self.function).finish_non_exhaustive()
    }
}
