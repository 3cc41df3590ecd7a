//! One endpoint of an object: its client, and whether calls should go there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use shardcast_os::clock;
use shardcast_proto::{
    OwnedRoute, Time,
    rpc::{CallError, CallerConfig},
    tars::{
        Endpoint,
        packet::ReturnCode,
        rpc::{RECONNECT_PUSH, ResponseHead, Tars},
    },
};

use super::{
    IncomingPush, PING, RpcError,
    breaker::{Breaker, Outcome},
    object::Shared,
};
use crate::client::{
    CallResult, Client, ClientEvent, ClientStats, ConnectError, Endpoint as Address, Place, Push,
};

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) endpoint: Endpoint,
    shared: Arc<Shared>,
    state: Mutex<State>,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct State {
    /// Made by the first call.
    client: Option<Numbered>,
    clients_made: u64,
    /// The endpoint has been removed: there is no further client.
    is_retired: bool,
}

#[derive(Debug)]
struct Numbered {
    number: u64,
    client: Client,
}

/// What gets the pushes and events of one client, also after its peer has gone.
struct Sink {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    peer: Weak<Peer>,
    /// That of the client.
    number: u64,
}

impl Peer {
    pub(super) fn new(endpoint: Endpoint, shared: Arc<Shared>) -> Arc<Self> {
        let (state, breaker) = (Mutex::default(), Mutex::new(Breaker::new(now())));
        Arc::new(Self { endpoint, shared, state, breaker })
    }

    /// The name of its address; endpoints with the same address are the same.
    pub(super) fn address(endpoint: &Endpoint) -> String {
        let Endpoint { host, port, .. } = endpoint;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether calls may go there while others are usable too.
    pub(super) fn is_usable(&self, now: Time) -> bool {
        !self.breaker().is_paused(now)
            && !self.state().client.as_ref().is_some_and(|it| it.client.is_unreachable())
    }

    /// The client for a call that begins now.
    pub(super) fn begin(self: &Arc<Self>, now: Time) -> Result<Client, RpcError> {
        self.breaker().begin(&self.shared.breaker, now);
        let mut state = self.state();
        if let Some(it) = &state.client {
            return Ok(it.client.clone());
        }
        if state.is_retired {
            return Err(RpcError::Unreachable);
        }
        let client = self.connect(&mut state)?;
        Ok(client)
    }

    /// A call that went there has ended.
    pub(super) fn end(&self, result: &CallResult) {
        let outcome = match result {
            Ok(response) => match &response.result {
                Err(failed) if OVERLOADED.contains(&ReturnCode(failed.code)) => Outcome::Failure,
                _ => Outcome::Success,
            },
            Err(CallError::TimedOut) => Outcome::Failure,
            Err(CallError::Disconnected) => Outcome::Lost,
            // The endpoint is unreachable, or not responsible.
            Err(_) => return,
        };
        self.breaker().end(outcome, &self.shared.breaker, now());
    }

    pub(super) fn stats(&self) -> ClientStats {
        self.state().client.as_ref().map(|it| it.client.stats()).unwrap_or_default()
    }

    /// The endpoint has been removed.
    pub(super) fn retire(&self) {
        let mut state = self.state();
        state.is_retired = true;
        // Counted without a gap: before the lock is released.
        let ending = state.client.take().map(|it| Ending::new(it.client, &self.shared));
        drop(state);
        if let Some(ending) = ending {
            ending.check(now() + FINISH_TIME);
        }
    }

    /// The server asks the clients of this connection to leave: new calls get a new one.
    fn replace(self: &Arc<Self>, number: u64) {
        let mut state = self.state();
        let Some(old) = state.client.take_if(|it| it.number == number) else { return };
        // Counted without a gap: before there is another client.
        let ending = Ending::new(old.client, &self.shared);
        if let Err(error) = self.connect(&mut state) {
            tracing::warn!(%error, endpoint = %self.endpoint, "cannot make another client");
        }
        drop(state);
        ending.check(now() + FINISH_TIME);
    }

    fn connect(self: &Arc<Self>, state: &mut State) -> Result<Client, RpcError> {
        state.clients_made += 1;
        let number = state.clients_made;
        let Shared { servant, config, place, threads, .. } = &*self.shared;
        let caller = CallerConfig::quiet().with(|it| {
            it.heartbeat = config.keep_alive;
            it.heartbeat_route = OwnedRoute::Named(servant.as_str().into(), PING.into());
            it.heartbeat_body = bytes::Bytes::new();
            it.heartbeat_timeout = PING_TIMEOUT;
            it.connect_timeout = config.connect_timeout;
            it.backoff_max = config.reconnect_max;
            it.fail_fast = true;
            it.calls_max = config.calls_max;
            it.queue_max = config.calls_max;
            it.queue_bytes_max = config.queue_bytes_max;
        });
        let tars = Tars::default().with(|it| {
            it.frame_len_max = config.frame_len_max;
            it.reconnect_notice = config.reconnect_notice;
        });
        let sink = Arc::new(Sink {
            endpoint: self.endpoint.clone(),
            shared: Arc::clone(&self.shared),
            peer: Arc::downgrade(self),
            number,
        });
        let (pushed, happened) = (Arc::clone(&sink), sink);
        let mut builder = Client::builder(tars, [Address::name(Self::address(&self.endpoint))])
            .config(caller)
            .place(place.clone())
            .on_push(move |push| pushed.handle_push(&push))
            .on_event(move |event| happened.handle_event(&event));
        if let Place::Threads = place {
            builder = builder.callback_threads(threads);
            if let Some(spin) = config.spin {
                builder = builder.spin(spin);
            }
        }
        if !self.shared.hooks.wants_pushes() {
            builder = builder.patient();
        }
        let client = builder.connect().map_err(|error| match error {
            ConnectError::QueueFull => RpcError::QueueFull,
            ConnectError::Ended => RpcError::Closed,
            error => {
                tracing::error!(%error, endpoint = %self.endpoint, "cannot make a client");
                RpcError::Unreachable
            }
        })?;
        state.client = Some(Numbered { number, client: client.clone() });
        Ok(client)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn handle_push(&self, push: &Push) {
        let function = match &push.route {
            route if route.as_route() == RECONNECT_PUSH => {
                if let Some(peer) = self.peer.upgrade() {
                    peer.replace(self.number);
                }
                return;
            }
            OwnedRoute::Named(_, function) => function,
            _ => "",
        };
        // Its session has encoded it.
        let head = ResponseHead::decode(&push.head).unwrap_or_default();
        self.shared.hooks.push(&IncomingPush { endpoint: &self.endpoint, function, head, body: &push.body });
    }

    fn handle_event(&self, event: &ClientEvent) {
        match event {
            ClientEvent::Connected => self.shared.hooks.connected(&self.endpoint),
            ClientEvent::Disconnected(cause) => self.shared.hooks.closed(&self.endpoint, cause),
            _ => {}
        }
    }
}

/// A client that gets no more calls. It ends when this is dropped.
struct Ending {
    shared: Arc<Shared>,
    /// That of the client.
    number: u64,
}

impl Ending {
    fn new(client: Client, shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), number: shared.counts.retire(client) }
    }

    /// Keeps the client until its calls have ended, or until this time.
    fn check(self, until: Time) {
        let Some(client) = self.shared.counts.retired(self.number) else { return };
        let now = now();
        if client.stats().calls > 0 && now < until && !client.is_unreachable() {
            client.run_at(now + FINISH_CHECK, move || self.check(until));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.counts.end(self.number);
    }
}

pub(super) fn now() -> Time {
    Time::from_nanos(clock::now_nanos())
}

/// The codes of a server that has too much to do.
const OVERLOADED: [ReturnCode; 2] = [ReturnCode::OVERLOAD, ReturnCode::QUEUE_TIMEOUT];

/// As that of TarsCpp.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is kept for its calls when it gets no new ones.
const FINISH_TIME: Duration = Duration::from_secs(60);
const FINISH_CHECK: Duration = Duration::from_millis(20);
