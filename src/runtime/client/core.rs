use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    Command, Event, Numbered, OwnedRoute, Protocol, Time,
    connection::{CloseReason, Outcome},
    rpc::{Call, CallError, Caller, CallerEvent, Cause, ConnectFailure},
};

use super::{CallResult, ClientEvent, ClientStats, Push, callback::Callback, endpoint::Endpoints};
use crate::{
    counters::{Counter, domains::CountedClient},
    stats::DomainStats,
};

/// What every client has, wherever it lives: the calls, and what gets their responses.
pub(super) struct Core {
    pub(super) caller: Caller,
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) endpoints: Endpoints,
    pub(super) tcp: TcpOptions,
    /// A lookup is in progress.
    pub(super) is_resolving: bool,
    /// The application takes no more for now.
    is_held: bool,
    /// How long the handler of the peer took, by the head of its response.
    handler_time: Option<HandlerTime>,
    /// By token: what gets the responses to the calls that the caller has.
    waiting: Numbered<Waiting>,
    counters: Arc<Counters>,
}

/// A call on its way to the place where the client lives.
pub(super) struct NewCall {
    /// The handle's name for it.
    pub(super) token: u64,
    /// `None`: the next one.
    pub(super) id: Option<u64>,
    pub(super) route: OwnedRoute,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    pub(super) one_way: bool,
    /// It is not sent if nothing waits for its response before.
    pub(super) withdraw: bool,
    pub(super) callback: Callback,
    /// The callback belongs to this crate, and never blocks.
    pub(super) is_quick: bool,
}

pub(super) type HandlerTime = fn(&[u8]) -> Option<Duration>;

struct Waiting {
    id: u64,
    began: Time,
    callback: Callback,
    is_quick: bool,
    one_way: bool,
    withdraw: bool,
}

/// An event for the application.
pub(super) enum AppEvent {
    CallResult { callback: Callback, is_quick: bool, result: CallResult },
    Push(Push),
    Event(ClientEvent),
}

/// What handles read while the client changes it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicUsize,
    late_responses: AtomicU64,
    /// Written where the client lives.
    begun: Counter,
    one_way: Counter,
    replied: Counter,
    failed: Counter,
    timed_out: Counter,
    lost: Counter,
    delay_samples: Counter,
    delay_nanos: Counter,
    /// The last attempt to connect has failed at all endpoints.
    is_unreachable: AtomicBool,
    pub(super) callbacks_waiting: AtomicUsize,
    pub(super) pushes_dropped: AtomicU64,
}

impl Core {
    pub(super) fn new(
        caller: Caller,
        protocol: Arc<dyn Protocol>,
        endpoints: Endpoints,
        tcp: TcpOptions,
        handler_time: Option<HandlerTime>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            caller,
            protocol,
            endpoints,
            tcp,
            is_resolving: false,
            is_held: false,
            handler_time,
            waiting: Numbered::default(),
            counters,
        }
    }

    /// Takes a call; a refused call gets its response at once.
    pub(super) fn call(&mut self, call: NewCall, now: Time) -> Result<(), AppEvent> {
        let NewCall { token, id, route, head, body, timeout, one_way, withdraw, callback, is_quick } = call;
        let id = id.unwrap_or_else(|| self.caller.next_id());
        let call = Call { token, id, route, head, body, deadline: now + timeout, one_way };
        self.counters.begun.add(1);
        match self.caller.call(call, now) {
            // Forgotten before it came here.
            Ok(()) if !callback.is_wanted() => {
                self.caller_forgets(id, withdraw);
                Ok(())
            }
            Ok(()) => {
                self.waiting.insert(token, Waiting { id, began: now, callback, is_quick, one_way, withdraw });
                Ok(())
            }
            Err(error) => {
                self.counters.lost.add(1);
                Err(AppEvent::CallResult { callback, is_quick, result: Err(error) })
            }
        }
    }

    /// No caller waits for the response to this call any more.
    pub(super) fn forget(&mut self, token: u64) {
        if let Some(waiting) = self.waiting.remove(&token) {
            self.caller_forgets(waiting.id, waiting.withdraw);
            self.publish();
        }
    }

    fn caller_forgets(&mut self, id: u64, withdraw: bool) {
        if withdraw {
            self.caller.withdraw(id)
        } else {
            self.caller.forget(id)
        };
    }

    /// What the session has found in the bytes of the peer.
    pub(super) fn handle_event(&mut self, event: Event<'_>) -> Outcome<'static> {
        match event {
            Event::Response(response) => self.caller.handle_response(&response),
            Event::Push { route, head, body } => self.caller.handle_push(route, head, body),
            // There is no service at this end.
            Event::Request(request) if request.expects_response => {
                return Outcome::Say(Command::Forget { id: request.id });
            }
            _ => {}
        }
        if self.caller.wants_input() && !self.is_held { Outcome::Nothing } else { Outcome::Full }
    }

    /// Holds reading if too much waits for the application. Reading continues in any case while the application has
    /// calls in flight, because what keeps it busy may be waiting for a response.
    pub(super) fn hold(&mut self, is_full: bool) {
        let is_held = is_full && !self.has_calls();
        if is_held != self.is_held {
            self.is_held = is_held;
            self.caller.handle_held(is_held);
        }
    }

    /// Whether calls of the application are in flight.
    pub(super) fn has_calls(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// The connection, or the attempt to make one, has ended.
    pub(super) fn handle_closed(&mut self, why: CloseReason, now: Time) {
        let cause = match why {
            CloseReason::ProtocolError(error) => Cause::Protocol(error),
            // The first exchange took too long.
            CloseReason::Unidentified => {
                return self.caller.handle_connect_failed(ConnectFailure::TimedOut, now);
            }
            CloseReason::ConnectFailed => {
                return self.caller.handle_connect_failed(ConnectFailure::Local, now);
            }
            _ => Cause::Peer,
        };
        self.caller.handle_closed(cause, now);
    }

    /// The next thing for the application, in order.
    pub(super) fn next(&mut self, now: Time) -> Option<AppEvent> {
        loop {
            return Some(match self.caller.poll_event()? {
                CallerEvent::Done { token, result, .. } => {
                    let Some(waiting) = self.waiting.remove(&token) else { continue };
                    let Waiting { began, callback, is_quick, one_way, .. } = waiting;
                    self.counters.ended(&result, one_way);
                    if let (Ok(response), Some(handler_time)) = (&result, self.handler_time)
                        && let Some(handler_time) = handler_time(&response.head)
                    {
                        self.counters.delayed(now.saturating_since(began).saturating_sub(handler_time));
                    }
                    AppEvent::CallResult { callback, is_quick, result }
                }
                CallerEvent::Push { route, head, body } => AppEvent::Push(Push { route, head, body }),
                CallerEvent::Connected => {
                    self.counters.is_unreachable.store(false, Ordering::Relaxed);
                    AppEvent::Event(ClientEvent::Connected)
                }
                CallerEvent::ConnectFailed(why) => {
                    self.counters.is_unreachable.store(true, Ordering::Relaxed);
                    AppEvent::Event(ClientEvent::ConnectFailed(why))
                }
                CallerEvent::Disconnected(cause) => AppEvent::Event(ClientEvent::Disconnected(cause)),
                CallerEvent::Heartbeat { id, result } => {
                    AppEvent::Event(ClientEvent::Heartbeat { id, result })
                }
                _ => continue,
            });
        }
    }

    /// Publishes the current numbers for handles.
    pub(super) fn publish(&self) {
        self.counters.calls.store(self.caller.call_count(), Ordering::Relaxed);
        self.counters.late_responses.store(self.caller.late_response_count(), Ordering::Relaxed);
    }
}

impl CountedClient for Counters {
    fn stats(&self) -> DomainStats {
        let stats = self.read();
        DomainStats {
            clients: 1,
            calls: stats.begun,
            one_way: stats.one_way,
            replied: stats.replied,
            failed: [("exception", stats.failed), ("timed-out", stats.timed_out), ("lost", stats.lost)],
            calls_in_progress: stats.calls as u64,
            delay_samples: stats.delay_samples,
            delay_total: stats.delay_total,
            ..DomainStats::default()
        }
    }
}

/// What an error of the system means when it connects.
pub(super) fn connect_failure(error: &io::Error) -> ConnectFailure {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut,
    };
    match error.kind() {
        ConnectionRefused => ConnectFailure::Refused,
        ConnectionAborted | ConnectionReset => ConnectFailure::PeerClosed,
        HostUnreachable | NetworkUnreachable => ConnectFailure::Unreachable,
        TimedOut => ConnectFailure::TimedOut,
        _ => ConnectFailure::Local,
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // In any order: each is answered, at the latest when it is dropped.
        for (_, waiting) in self.waiting.drain() {
            waiting.callback.answer(Err(CallError::Closed));
        }
        self.counters.calls.store(0, Ordering::Relaxed);
    }
}

impl Counters {
    /// A call has ended.
    fn ended(&self, result: &CallResult, one_way: bool) {
        let counter = match result {
            Ok(_) if one_way => &self.one_way,
            Ok(response) if response.result.is_ok() => &self.replied,
            Ok(_) => &self.failed,
            Err(CallError::TimedOut) => &self.timed_out,
            Err(_) => &self.lost,
        };
        counter.add(1);
    }

    fn delayed(&self, delay: Duration) {
        self.delay_samples.add(1);
        self.delay_nanos.add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.is_unreachable.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> ClientStats {
        ClientStats {
            calls: self.calls.load(Ordering::Relaxed),
            late_responses: self.late_responses.load(Ordering::Relaxed),
            begun: self.begun.read(),
            one_way: self.one_way.read(),
            replied: self.replied.read(),
            failed: self.failed.read(),
            timed_out: self.timed_out.read(),
            lost: self.lost.read(),
            delay_samples: self.delay_samples.read(),
            delay_total: Duration::from_nanos(self.delay_nanos.read()),
            callbacks_waiting: self.callbacks_waiting.load(Ordering::Relaxed),
            pushes_dropped: self.pushes_dropped.load(Ordering::Relaxed),
        }
    }
}
