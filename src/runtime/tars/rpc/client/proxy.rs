use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{
    rpc::Cause,
    tars::{
        Endpoint,
        packet::{StringMap, Version},
        rpc::{ArgumentError, ArgumentReader, ArgumentWriter},
    },
};

use super::{Call, PING, PushHandler, call::Read, object::Object};
use crate::client::ClientStats;

/// Calls the functions of one object, on any of its endpoints. Cheap to clone; usable from any thread, task and shard.
/// Generated proxies are built on this one.
///
/// # Examples
/// ```no_run
/// use shardcast::tars::rpc::{Call, Communicator, EndpointState, IncomingPush, PushHandler};
///
/// let communicator = Communicator::new();
/// let proxy = communicator.proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100")?;
/// proxy.on_connect(|endpoint| println!("connected to {endpoint}"));
/// proxy.on_close(|endpoint, cause| println!("disconnected from {endpoint}: {cause:?}"));
/// proxy.on_push(PushHandler::new(|push: &IncomingPush<'_>| {
///     println!("{} sends {} bytes to {:?}", push.endpoint(), push.body().len(), push.function());
///     if push.function() == "pushMsg" {
///         let message: String = push.arguments()?.take(1, "msg")?;
///         println!("{message} of {:?}", push.context().get("user"));
///     }
///     println!("{} more headers of the framework", push.status().len());
///     Ok(push.function() == "pushMsg")
/// }));
/// proxy.ping().wait()?;
///
/// for EndpointState { endpoint, is_usable, stats, .. } in proxy.endpoint_states() {
///     println!("{endpoint}: usable {is_usable}, {} calls in flight", stats.calls);
/// }
///
/// let hello = || -> Call<String> {
///     proxy.call("hello", |w| w.put(1, "name", "ann"), |r| r.take_result())
/// };
/// assert_eq!(hello().wait()?, "hello ann");
/// assert_eq!(proxy.call_raw("hello", &b"\x16\x03ann"[..]).wait()?, &b"\x06\x09hello ann"[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(super) object: Arc<Object>,
    pub(super) version: Version,
    pub(super) timeout: Option<Duration>,
    pub(super) context: StringMap,
    pub(super) is_lossy: bool,
}

/// An endpoint of an object at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointState {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Calls may go there: it could be connected to when that was last tried, and is not failing; see
    /// [`BreakerConfig`](super::BreakerConfig).
    pub is_usable: bool,
    /// The counts of its connection.
    pub stats: ClientStats,
}

impl Proxy {
    pub(super) const fn new(object: Arc<Object>) -> Self {
        Self { object, version: Version::TARS, timeout: None, context: StringMap::new(), is_lossy: false }
    }

    /// The same object with arguments in another encoding: TARS (the default), TUP or JSON.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The same object with this time-out of all calls, instead of those of the communicator.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same object with this header in the context of all requests.
    #[must_use]
    pub fn with_context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }

    /// The same object; in strings of results, U+FFFD replaces invalid UTF-8, which is an error otherwise.
    #[must_use]
    pub fn with_lossy_strings(mut self) -> Self {
        self.is_lossy = true;
        self
    }

    /// Describes a call. `write` puts the arguments, `read` takes the result.
    pub fn call<T>(
        &self,
        function: &'static str,
        write: impl FnOnce(&mut ArgumentWriter),
        read: fn(&mut ArgumentReader<'_>) -> Result<T, ArgumentError>,
    ) -> Call<T> {
        let mut w = ArgumentWriter::new(self.version, Vec::new());
        write(&mut w);
        Call::new(self.clone(), function.into(), w.finish().map(Bytes::from), Read::Results(read))
    }

    /// Describes a call with encoded arguments, whose result is the encoded results: `rpc_call` of TarsCpp.
    pub fn call_raw(&self, function: impl Into<String>, arguments: impl Into<Bytes>) -> Call<Bytes> {
        let function: String = function.into();
        Call::new(self.clone(), function.into(), Ok(arguments.into()), Read::Body(|body| body))
    }

    /// Describes a call of `tars_ping`, to which every servant responds.
    pub fn ping(&self) -> Call<()> {
        Call::new(self.clone(), PING.into(), Ok(Bytes::new()), Read::Body(drop))
    }

    /// Sets what gets the pushes of all servers of the object, on all connections. Those of one connection come in order.
    /// It runs on the callback threads of the communicator, where it may block and call; or on the shard of the
    /// connection, where it must not block.
    pub fn on_push(&self, handler: impl Into<PushHandler>) {
        self.object.shared.hooks.on_push(handler.into());
    }

    /// Sets what is called when a connection to an endpoint has been made; it runs where pushes are handled, and in order
    /// with them.
    pub fn on_connect(&self, hook: impl Fn(&Endpoint) + Send + Sync + 'static) {
        self.object.shared.hooks.on_connect(hook);
    }

    /// Sets what is called when a connection has ended; as [`on_connect`](Self::on_connect).
    pub fn on_close(&self, hook: impl Fn(&Endpoint, &Cause) + Send + Sync + 'static) {
        self.object.shared.hooks.on_close(hook);
    }

    /// `App.Server.Object`.
    pub fn object(&self) -> &str {
        &self.object.shared.servant
    }

    /// How arguments are encoded.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The current endpoints of the object.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.object.endpoints()
    }

    /// The current endpoints, and whether calls go there.
    pub fn endpoint_states(&self) -> Vec<EndpointState> {
        self.object.endpoint_states()
    }

    /// The sums of the counts of all connections of the object.
    pub fn stats(&self) -> ClientStats {
        self.object.stats()
    }
}
