use std::time::Duration;

use bytes::Bytes;

use crate::OwnedRoute;

/// How a [`Caller`](super::Caller) maintains its connection, and its bounds.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CallerConfig {
    /// Time between two heartbeats on a connection, the first directly after connecting; at least 1 ms;
    /// `None` sends none.
    pub heartbeat: Option<Duration>,
    /// The route of heartbeats and of the registration.
    pub heartbeat_route: OwnedRoute,
    /// Body of a heartbeat request.
    pub heartbeat_body: Bytes,
    /// How long a heartbeat may be without a response.
    pub heartbeat_timeout: Duration,
    /// After this many heartbeats in a row without a response, and without any other response or push of the
    /// peer, the connection counts as lost. 0: never. Heartbeats do not count while reading is held.
    pub heartbeats_missed_max: u32,
    /// Body of the first request on every connection, which registers this client with the server; `None`
    /// leaves that to the first heartbeat.
    pub registration_body: Option<Bytes>,
    /// Time limit for resolving names, and for connecting to one endpoint.
    pub connect_timeout: Duration,
    /// Pause before the second attempt to connect; it doubles with each attempt that received no frame. An
    /// attempt tries all endpoints.
    pub backoff_min: Duration,
    /// Longest pause between attempts to connect.
    pub backoff_max: Duration,
    /// Calls fail at once while no endpoint can be connected to: those that wait when an attempt has failed, and others
    /// until the next attempt begins. Otherwise they wait for a later attempt, until their deadline.
    pub fail_fast: bool,
    /// Another attempt to connect follows when one has failed or the connection was lost. Otherwise the client is closed
    /// then.
    pub reconnect: bool,
    /// Calls waiting or in flight; another call is refused
    /// ([`CallError::QueueFull`](super::CallError::QueueFull)). Heartbeats count, but are not refused: there
    /// are at most `heartbeat_timeout / heartbeat + 2`.
    pub calls_max: usize,
    /// Calls waiting for a connection; another call is refused.
    pub queue_max: usize,
    /// Bytes of requests waiting for the connection or for room in it; a call that would exceed the bound is
    /// refused.
    pub queue_bytes_max: usize,
    /// Events waiting for `poll_event`; above this number no more input is processed. Calls that end without
    /// a response do not wait: the queue holds at most `events_max + calls_max` and a few more.
    pub events_max: usize,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::rpc::CallerConfig;
    ///
    /// let config = CallerConfig::default().with(|it| it.heartbeat = None);
    /// assert_eq!(config.heartbeat, None);
    /// ```
    impl CallerConfig
}

impl Default for CallerConfig {
    /// The client of the Tars push guide (a `heartbeat` every 5 s, calls end after 5 s), with bounds.
    fn default() -> Self {
        Self {
            heartbeat: Some(Duration::from_secs(5)),
            heartbeat_route: OwnedRoute::Only,
            heartbeat_body: Bytes::from_static(b"heartbeat"),
            heartbeat_timeout: Duration::from_secs(5),
            heartbeats_missed_max: 3,
            registration_body: None,
            connect_timeout: Duration::from_millis(1500),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            fail_fast: false,
            reconnect: true,
            calls_max: 4096,
            queue_max: 1024,
            queue_bytes_max: 4 << 20,
            events_max: 256,
        }
    }
}

impl CallerConfig {
    /// Without heartbeats and registration: suitable for every protocol.
    pub fn quiet() -> Self {
        Self { heartbeat: None, ..Self::default() }
    }
}
