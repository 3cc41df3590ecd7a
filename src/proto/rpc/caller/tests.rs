use core::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{Error, Failure, OwnedRoute, RequestId};

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn quiet() -> CallerConfig {
    CallerConfig::quiet()
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A caller whose driver is the test, and whose session says `ID BODY;`.
struct Bench {
    caller: Caller,
}

impl Bench {
    /// One that connects to its only address.
    fn new(config: CallerConfig) -> Self {
        let mut bench = Self { caller: Caller::new(config, 7, at(0)) };
        bench.begins(&[1], 0);
        bench
    }

    fn connected(config: CallerConfig) -> Self {
        let mut bench = Self::new(config);
        bench.caller.handle_connected(at(0));
        assert_eq!(bench.event(), Some(CallerEvent::Connected));
        bench
    }

    /// It resolves, and connects to the first of these ports.
    fn begins(&mut self, ports: &[u16], now: u64) {
        assert_eq!(self.caller.poll_action(), Some(Action::Resolve));
        self.caller.handle_resolved(ports.iter().copied().map(address), at(now));
        self.connects_to(ports[0]);
    }

    fn connects_to(&mut self, port: u16) {
        assert_eq!(self.caller.poll_action(), Some(Action::Connect(address(port))));
        assert_eq!(self.caller.poll_action(), None);
    }

    /// Waits for the end of the pause.
    fn pauses(&mut self) -> Time {
        let until = self.caller.poll_timeout().expect("a pause");
        self.caller.handle_timeout(until);
        until
    }

    fn call(&mut self, token: u64, body: &'static str, deadline: u64) -> Result<u64, CallError> {
        let id = self.caller.next_id();
        self.caller.call(call(token, id, body, deadline), at(0)).map(|()| id)
    }

    fn sent(&mut self) -> String {
        let mut out = String::new();
        while self.caller.poll_request(|request| {
            let body = str::from_utf8(request.body).expect("text");
            out += &format!("{} {body};", request.id.0);
            true
        }) {}
        out
    }

    fn event(&mut self) -> Option<CallerEvent> {
        self.caller.poll_event()
    }

    fn events(&mut self) -> Vec<CallerEvent> {
        std::iter::from_fn(|| self.caller.poll_event()).collect()
    }

    fn respond(&mut self, id: u64, body: &[u8]) {
        self.caller.handle_response(&Response { id: RequestId(id), head: &[], result: Ok(body) });
    }

    fn push(&mut self, body: &[u8]) {
        self.caller.handle_push(Route::Only, &[], body);
    }
}

fn call(token: u64, id: u64, body: &'static str, deadline: u64) -> Call {
    let (head, body) = (Bytes::new(), Bytes::from_static(body.as_bytes()));
    Call { token, id, route: OwnedRoute::Only, head, body, deadline: at(deadline), one_way: false }
}

type Ended = Result<&'static [u8], CallError>;

fn done(token: u64, id: u64, result: Ended) -> CallerEvent {
    CallerEvent::Done { token, id, result: result.map(|body| OwnedResponse::new(Bytes::from_static(body))) }
}

fn heartbeat(id: u64, result: Ended) -> CallerEvent {
    CallerEvent::Heartbeat { id, result: result.map(|body| OwnedResponse::new(Bytes::from_static(body))) }
}

#[test]
fn connection_begins_with_a_heartbeat_and_goes_on_with_them() {
    let mut bench = Bench::connected(CallerConfig::default());
    assert_eq!(bench.sent(), "1 heartbeat;");
    bench.respond(1, b"heartbeat");
    bench.push(b"hello world");
    assert_eq!(bench.event(), Some(heartbeat(1, Ok(b"heartbeat"))));
    let push = CallerEvent::Push {
        route: OwnedRoute::Only,
        head: Bytes::new(),
        body: Bytes::from_static(b"hello world"),
    };
    assert_eq!(bench.event(), Some(push));
    assert_eq!(bench.caller.poll_timeout(), Some(at(5000)));
    bench.caller.handle_timeout(at(5000));
    assert_eq!(bench.sent(), "2 heartbeat;");
}

#[test]
fn registration_comes_first_on_every_connection() {
    let config =
        CallerConfig { registration_body: Some(Bytes::from_static(b"hi")), ..CallerConfig::default() };
    let mut bench = Bench::new(config);
    bench.call(1, "x", 1000).expect("kept");
    bench.caller.handle_connected(at(0));
    assert_eq!(bench.sent(), "2 hi;1 x;");
    bench.caller.handle_closed(Cause::Peer, at(10));
    let until = bench.pauses();
    bench.begins(&[1], 0);
    bench.caller.handle_connected(until);
    assert_eq!(bench.sent(), "3 hi;");
}

#[test]
fn responses_end_their_calls_in_any_order() {
    let mut bench = Bench::connected(quiet());
    assert_eq!((bench.call(10, "a", 100), bench.call(20, "b", 100)), (Ok(1), Ok(2)));
    bench.respond(1, b"before it was sent");
    assert_eq!(bench.sent(), "1 a;2 b;");
    for (id, body) in [(2, &b"B"[..]), (1, b"A"), (1, b"again")] {
        bench.respond(id, body);
    }
    assert_eq!(bench.events(), [done(20, 2, Ok(b"B")), done(10, 1, Ok(b"A"))]);
    assert_eq!((bench.caller.late_response_count(), bench.caller.call_count()), (2, 0));
}

#[test]
fn a_failure_of_the_peer_is_an_answer() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, "a", 100).expect("room");
    bench.sent();
    let failure = Failure { code: -3, text: "no" };
    bench.caller.handle_response(&Response { id: RequestId(1), head: b"h", result: Err(failure) });
    let failed = Failed { code: -3, text: "no".into() };
    let reply = OwnedResponse { head: Bytes::from_static(b"h"), result: Err(failed) };
    assert_eq!(bench.events(), [CallerEvent::Done { token: 1, id: 1, result: Ok(reply) }]);
}

#[test]
fn a_connection_that_drops_fails_what_was_sent_and_keeps_what_was_not() {
    let mut bench = Bench::connected(CallerConfig::default());
    bench.sent();
    bench.call(10, "a", 100).expect("room");
    assert_eq!(bench.sent(), "2 a;");
    bench.call(20, "b", 100).expect("room");
    bench.caller.handle_closed(Cause::Peer, at(1));
    let gone = CallerEvent::Disconnected(Cause::Peer);
    let lost = Err(CallError::Disconnected);
    assert_eq!(bench.events(), [gone, heartbeat(1, lost), done(10, 2, lost)]);
    assert_eq!(bench.sent(), "");
    assert_eq!(bench.caller.poll_action(), None, "the driver knows");
    let until = bench.pauses();
    bench.begins(&[1], 1);
    bench.caller.handle_connected(until);
    assert_eq!(bench.sent(), "4 heartbeat;3 b;");
}

#[test]
fn calls_wait_for_a_connection_until_their_deadline() {
    let mut bench = Bench::new(quiet());
    bench.call(1, "early", 50).expect("kept");
    bench.call(2, "late", 5000).expect("kept");
    assert_eq!(bench.caller.poll_timeout(), Some(at(50)));
    bench.caller.handle_timeout(at(50));
    assert_eq!(bench.events(), [done(1, 1, Err(CallError::ConnectFailed))]);
    bench.caller.handle_connected(at(60));
    assert_eq!(bench.sent(), "2 late;");
}

#[test]
fn deadline_passes_and_the_late_response_is_counted() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, "a", 50).expect("room");
    bench.sent();
    bench.caller.handle_timeout(at(49));
    assert_eq!(bench.event(), None);
    bench.caller.handle_timeout(at(50));
    assert_eq!(bench.event(), Some(done(1, 1, Err(CallError::TimedOut))));
    bench.respond(1, b"a");
    assert_eq!((bench.event(), bench.caller.late_response_count()), (None, 1));
    assert!(bench.caller.is_connected(), "one failed call is not a reason to drop the connection");
}

#[test]
fn one_way_call_is_done_when_the_session_has_it() {
    let mut bench = Bench::new(quiet());
    let one_way = || Call { one_way: true, ..call(9, 4, "x", 100) };
    assert_eq!(bench.caller.call(one_way(), at(0)), Ok(()));
    assert_eq!((bench.sent().as_str(), bench.event()), ("", None));
    bench.caller.handle_connected(at(1));
    assert_eq!(bench.sent(), "4 x;");
    assert_eq!(bench.events(), [CallerEvent::Connected, done(9, 4, Ok(b""))]);
    assert_eq!(bench.caller.call(one_way(), at(2)), Ok(()));
    assert_eq!((bench.sent().as_str(), bench.events()), ("4 x;", vec![done(9, 4, Ok(b""))]));
}

#[test]
fn every_bound_refuses_with_its_error() {
    let config = CallerConfig { calls_max: 2, queue_max: 1, queue_bytes_max: 30, ..quiet() };
    let mut bench = Bench::new(config);
    assert_eq!(bench.call(1, "12345678901234567890123", 100), Err(CallError::QueueFull), "bytes waiting");
    assert_eq!(bench.call(1, "1234567890123456789012", 100), Ok(2));
    assert_eq!(bench.call(2, "", 100), Err(CallError::QueueFull), "calls waiting");
    bench.caller.handle_connected(at(0));
    assert_eq!(bench.call(2, "", 100), Err(CallError::QueueFull), "bytes to send");
    assert_eq!(bench.sent().len(), 25);
    assert_eq!(bench.call(2, "", 100), Ok(5));
    assert_eq!(bench.call(3, "", 100), Err(CallError::QueueFull), "calls in flight");
    let mut bench = Bench::connected(quiet());
    assert_eq!(bench.call(1, "", 0), Err(CallError::TimedOut));
    for (id, expected) in [(0, Err(CallError::IdTaken)), (7, Ok(())), (7, Err(CallError::IdTaken))] {
        assert_eq!(bench.caller.call(call(1, id, "", 9), at(0)), expected);
    }
    assert_eq!(bench.sent(), "7 ;", "what was refused left nothing behind");
}

#[test]
fn what_the_session_cannot_say_has_failed() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, "long", 100).expect("room");
    assert!(bench.caller.poll_request(|_| false));
    assert_eq!(bench.events(), [done(1, 1, Err(CallError::TooLarge))]);
    assert_eq!(bench.caller.call_count(), 0);
}

#[test]
fn calls_that_are_forgotten_leave_nothing_behind() {
    let mut bench = Bench::connected(quiet());
    for round in 0..100_000 {
        let id = bench.call(1, "x", 100).expect("room again");
        let forget_early = round % 2 == 0;
        if forget_early {
            assert!(bench.caller.forget(id));
        }
        assert_eq!(bench.sent(), format!("{id} x;"), "the request is still sent");
        assert_eq!(bench.caller.forget(id), !forget_early);
        bench.respond(id, b"late");
    }
    assert_eq!((bench.caller.call_count(), bench.events()), (0, vec![]));
    assert!(!bench.caller.has_requests());
    assert_eq!(bench.caller.late_response_count(), 100_000);
}

#[test]
fn a_call_that_is_withdrawn_is_sent_only_if_it_was_before() {
    let mut bench = Bench::new(CallerConfig { queue_max: 3, ..quiet() });
    let ids = [1, 2, 3].map(|token| bench.call(token, "x", 100).expect("room"));
    assert!(bench.caller.withdraw(ids[1]));
    assert!(!bench.caller.withdraw(ids[1]));
    // There is room again, also for its id.
    assert_eq!(bench.caller.call(call(4, ids[1], "y", 100), at(0)), Ok(()));
    bench.caller.handle_connected(at(0));
    assert_eq!(bench.event(), Some(CallerEvent::Connected));
    assert_eq!(bench.sent(), "1 x;3 x;2 y;");
    assert!(bench.caller.withdraw(ids[0]));
    bench.respond(ids[0], b"late");
    bench.respond(ids[1], b"y");
    assert_eq!(bench.events(), [done(4, 2, Ok(b"y"))]);
    assert_eq!((bench.caller.call_count(), bench.caller.waiting_bytes), (1, 0));
}

#[test]
fn ids_skip_zero_and_those_in_use() {
    let mut bench = Bench::connected(quiet());
    assert_eq!(bench.call(1, "", 100), Ok(1));
    bench.caller.last_id = u32::MAX.into();
    assert_eq!(bench.caller.next_id(), 2);
}

#[test]
fn broken_protocol_is_a_cause_of_its_own() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, "", 100).expect("room");
    bench.sent();
    let cause = Cause::Protocol(Error::Refused);
    bench.caller.handle_closed(cause, at(1));
    let gone = CallerEvent::Disconnected(cause);
    assert_eq!(bench.events(), [gone, done(1, 1, Err(CallError::Disconnected))]);
    bench.push(b"from before");
    assert_eq!(bench.events(), []);
}

#[test]
fn input_is_not_wanted_while_events_wait() {
    let mut bench = Bench::connected(CallerConfig { events_max: 2, ..quiet() });
    bench.push(b"1");
    assert!(bench.caller.wants_input());
    bench.push(b"2");
    assert!(!bench.caller.wants_input());
    bench.event();
    assert!(bench.caller.wants_input());
}

#[test]
fn pauses_double_and_vary_until_a_frame_arrives() {
    let config = CallerConfig {
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_millis(1000),
        ..quiet()
    };
    let mut bench = Bench::new(config);
    let mut now = at(0);
    let mut fail = |bench: &mut Bench, bound: u64| {
        bench.caller.handle_closed(Cause::Peer, now);
        let event = bench.event();
        assert!(matches!(event, Some(CallerEvent::ConnectFailed(_) | CallerEvent::Disconnected(_))));
        let until = bench.caller.poll_timeout().expect("a pause");
        let pause = until - now;
        assert!(
            pause >= Duration::from_millis(bound / 2) && pause <= Duration::from_millis(bound),
            "{pause:?}"
        );
        now = until;
        bench.caller.handle_timeout(now);
        bench.begins(&[1], 0);
    };
    for bound in [100, 200, 400, 800, 1000, 1000] {
        fail(&mut bench, bound);
    }
    // A server that accepts and closes at once is not a working one.
    bench.caller.handle_connected(at(0));
    bench.event();
    fail(&mut bench, 1000);
    bench.caller.handle_connected(at(0));
    bench.push(b"");
    bench.events();
    fail(&mut bench, 100);
}

#[test]
fn the_next_endpoint_is_tried_at_once_and_a_pause_follows_the_last() {
    let mut bench = Bench { caller: Caller::new(quiet(), 7, at(0)) };
    bench.begins(&[1, 2, 3], 0);
    bench.caller.handle_closed(Cause::Peer, at(1));
    bench.connects_to(2);
    bench.caller.handle_closed(Cause::Peer, at(2));
    bench.connects_to(3);
    assert_eq!(bench.event(), None, "not while one is left");
    bench.caller.handle_connect_failed(ConnectFailure::Unreachable, at(3));
    let failed = CallerEvent::ConnectFailed(ConnectFailure::Unreachable);
    assert_eq!((bench.events(), bench.caller.poll_action()), (vec![failed], None));
    bench.pauses();
    bench.begins(&[1, 2, 3], 100);
    bench.caller.handle_closed(Cause::Peer, at(100));
    bench.connects_to(2);
    bench.caller.handle_connected(at(101));
    bench.caller.handle_closed(Cause::Peer, at(102));
    bench.pauses();
    assert_eq!(bench.caller.poll_action(), Some(Action::Resolve), "names may mean something else by now");
    bench.caller.handle_resolved([4, 1, 2, 3].map(address), at(300));
    bench.connects_to(2);
    bench.caller.handle_closed(Cause::Peer, at(301));
    bench.connects_to(3);
}

#[test]
fn names_without_an_address_are_looked_up_again() {
    let mut caller = Caller::new(quiet(), 7, at(0));
    assert_eq!(caller.poll_action(), Some(Action::Resolve));
    caller.handle_resolved([], at(1));
    let failed = CallerEvent::ConnectFailed(ConnectFailure::NoAddress);
    assert_eq!((caller.poll_event(), caller.poll_action()), (Some(failed), None));
    caller.handle_timeout(caller.poll_timeout().expect("a pause"));
    assert_eq!(caller.poll_action(), Some(Action::Resolve));
    let deadline = caller.poll_timeout().expect("not for ever");
    caller.handle_timeout(deadline);
    assert_eq!(caller.poll_event(), Some(CallerEvent::ConnectFailed(ConnectFailure::TimedOut)));
    caller.handle_resolved([address(1)], deadline);
    assert_eq!(caller.poll_action(), None, "too late");
}

#[test]
fn an_endpoint_that_takes_too_long_is_given_up() {
    let mut bench = Bench { caller: Caller::new(quiet(), 7, at(0)) };
    bench.begins(&[1, 2], 0);
    assert_eq!(bench.caller.poll_timeout(), Some(at(1500)));
    bench.caller.handle_timeout(at(1500));
    assert_eq!(bench.caller.poll_action(), Some(Action::Disconnect));
    bench.connects_to(2);
    bench.caller.handle_timeout(at(3000));
    assert_eq!(bench.event(), Some(CallerEvent::ConnectFailed(ConnectFailure::TimedOut)));
    assert_eq!(bench.caller.poll_action(), Some(Action::Disconnect));
    bench.caller.handle_connected(at(3001));
    assert!(!bench.caller.is_connected(), "too late");
}

#[test]
fn silent_peer_is_given_up_but_no_talking_one_and_none_that_is_held() {
    let run = |talks: bool, held: bool| {
        let heartbeat = Some(Duration::from_millis(10));
        let heartbeat_timeout = Duration::from_millis(10);
        let config = CallerConfig { heartbeat, heartbeat_timeout, ..CallerConfig::default() };
        let mut bench = Bench::connected(config);
        bench.caller.handle_held(held);
        for tick in 1..=3 {
            bench.sent();
            bench.caller.handle_timeout(at(tick * 10));
            if talks {
                bench.push(b"x");
            }
        }
        (bench.caller.poll_action(), bench.events().contains(&CallerEvent::Disconnected(Cause::Silent)))
    };
    assert_eq!(run(true, false), (None, false));
    assert_eq!(run(false, true), (None, false));
    assert_eq!(run(false, false), (Some(Action::Disconnect), true));
}

#[test]
fn close_fails_everything_and_stays_closed() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, "x", 100).expect("room");
    bench.caller.close();
    let gone = CallerEvent::Disconnected(Cause::Closed);
    assert_eq!(bench.events(), [gone, done(1, 1, Err(CallError::Closed))]);
    assert_eq!((bench.caller.poll_action(), bench.caller.poll_action()), (Some(Action::Disconnect), None));
    assert_eq!(bench.call(2, "x", 100), Err(CallError::Closed));
    bench.caller.handle_timeout(at(10_000));
    bench.caller.handle_connected(at(10_000));
    bench.caller.close();
    assert_eq!((bench.caller.poll_timeout(), bench.events(), bench.sent()), (None, vec![], String::new()));
    assert_eq!(bench.caller.poll_action(), None);
}

#[test]
fn close_before_the_driver_began_leaves_nothing_to_do() {
    let mut caller = Caller::new(quiet(), 7, at(0));
    caller.close();
    assert_eq!((caller.poll_action(), caller.poll_event()), (None, None));
}

#[test]
fn calls_of_a_client_that_fails_fast_do_not_wait_for_a_later_attempt() {
    let mut bench = Bench::new(CallerConfig { fail_fast: true, ..quiet() });
    assert_eq!((bench.call(1, "a", 5000), bench.call(2, "b", 5000)), (Ok(1), Ok(2)));
    bench.caller.handle_closed(Cause::Peer, at(0));
    let failed = |token| done(token, token, Err(CallError::ConnectFailed));
    assert_eq!(
        bench.events(),
        [CallerEvent::ConnectFailed(ConnectFailure::PeerClosed), failed(1), failed(2)]
    );
    assert_eq!(bench.call(3, "c", 5000), Err(CallError::ConnectFailed));
    assert_eq!((bench.caller.call_count(), bench.caller.has_requests()), (0, false));
    assert!(bench.caller.refuses_calls());

    // During an attempt, and after a connection was lost, they wait.
    let until = bench.pauses();
    assert!(!bench.caller.refuses_calls());
    assert!(bench.call(4, "d", 5000).is_ok());
    bench.begins(&[1], 0);
    bench.caller.handle_connected(until);
    bench.caller.handle_closed(Cause::Peer, until);
    assert!(bench.call(5, "e", 5000).is_ok());
    assert_eq!(bench.caller.call_count(), 2);
}

#[test]
fn a_client_that_does_not_reconnect_is_closed_by_the_end_of_its_connection() {
    let config = || quiet().with(|it| it.reconnect = false);
    let mut bench = Bench::connected(config());
    let sent = bench.call(1, "sent", 1000).unwrap();
    bench.sent();
    let waits = bench.call(2, "waits", 1000).unwrap();
    bench.caller.handle_closed(Cause::Peer, at(1));
    let ended = [(1, sent, CallError::Disconnected), (2, waits, CallError::Closed)];
    let mut events = vec![CallerEvent::Disconnected(Cause::Peer)];
    events.extend(ended.map(|(token, id, error)| done(token, id, Err(error))));
    assert_eq!(bench.events(), events);
    assert_eq!((bench.caller.poll_timeout(), bench.caller.poll_action()), (None, None));
    assert_eq!(bench.call(3, "late", 1000), Err(CallError::Closed));

    let mut bench = Bench::new(config());
    let waits = bench.call(1, "waits", 1000).unwrap();
    bench.caller.handle_closed(Cause::Peer, at(1));
    let failed = done(1, waits, Err(CallError::ConnectFailed));
    assert_eq!(bench.events(), [CallerEvent::ConnectFailed(ConnectFailure::PeerClosed), failed]);
    assert_eq!((bench.caller.poll_timeout(), bench.caller.poll_action()), (None, None));
}
