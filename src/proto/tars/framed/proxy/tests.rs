use std::time::Duration;

use super::*;

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn quiet() -> ProxyConfig {
    ProxyConfig { heartbeat: None, ..ProxyConfig::default() }
}

/// A proxy whose driver is the test.
struct Bench {
    proxy: Proxy,
}

impl Bench {
    fn new(config: ProxyConfig) -> Self {
        let mut proxy = Proxy::new(config, Box::new(LengthPrefixedCodec::default()), 7, at(0));
        assert_eq!(proxy.poll_action(), Some(Action::Connect));
        assert_eq!(proxy.poll_action(), None);
        Self { proxy }
    }

    fn connected(config: ProxyConfig) -> Self {
        let mut bench = Self::new(config);
        bench.proxy.handle_connected(at(0));
        assert_eq!(bench.event(), Some(ProxyEvent::Connected));
        bench
    }

    fn call(&mut self, token: u64, body: &[u8], deadline: u64) -> Result<u32, CallError> {
        let id = self.proxy.gen_requestid();
        let call = Call { token, id, body, deadline: at(deadline), one_way: false };
        self.proxy.call(call, at(0)).map(|()| id)
    }

    fn sent(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.proxy.poll_transmit(&mut out);
        out
    }

    fn event(&mut self) -> Option<ProxyEvent> {
        self.proxy.poll_event()
    }

    fn events(&mut self) -> Vec<ProxyEvent> {
        std::iter::from_fn(|| self.proxy.poll_event()).collect()
    }

    fn receive(&mut self, input: &[u8], now: u64) {
        assert_eq!(self.proxy.handle_input(input, at(now)), Ok(input.len()));
    }
}

fn done(token: u64, id: u32, result: Result<&'static [u8], CallError>) -> ProxyEvent {
    ProxyEvent::Done { token, id, result: result.map(Bytes::from_static) }
}

fn heartbeat(id: u32, result: Result<&'static [u8], CallError>) -> ProxyEvent {
    ProxyEvent::Heartbeat { id, result: result.map(Bytes::from_static) }
}

#[test]
fn connection_begins_with_the_recorded_heartbeat() {
    let mut bench = Bench::connected(ProxyConfig::default());
    let recorded = "0000001100000001686561727462656174";
    let sent: String = bench.sent().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent, recorded);
    bench.receive(&frame::encode(1, b"heartbeat"), 1);
    bench.receive(&frame::push(b"hello world"), 2);
    assert_eq!(bench.event(), Some(heartbeat(1, Ok(b"heartbeat"))));
    assert_eq!(bench.event(), Some(ProxyEvent::Push(Bytes::from_static(b"hello world"))));
    assert_eq!(bench.proxy.poll_timeout(), Some(at(5000)));
    bench.proxy.handle_timeout(at(5000));
    assert_eq!(bench.sent(), frame::encode(2, b"heartbeat"));
}

#[test]
fn registration_comes_first_on_every_connection() {
    let config = ProxyConfig { registration_body: Some(Bytes::from_static(b"hi")), ..ProxyConfig::default() };
    let mut bench = Bench::new(config);
    bench.call(1, b"x", 1000).expect("kept");
    bench.proxy.handle_connected(at(0));
    assert_eq!(bench.sent(), [frame::encode(2, b"hi"), frame::encode(1, b"x")].concat());
    bench.proxy.handle_closed(at(10));
    let Some(until) = bench.proxy.poll_timeout() else { panic!("a pause") };
    bench.proxy.handle_timeout(until);
    assert_eq!(bench.proxy.poll_action(), Some(Action::Connect));
    bench.proxy.handle_connected(until);
    assert_eq!(bench.sent(), frame::encode(3, b"hi"));
}

#[test]
fn responses_end_their_calls_in_any_order() {
    let mut bench = Bench::connected(quiet());
    assert_eq!((bench.call(10, b"a", 100), bench.call(20, b"b", 100)), (Ok(1), Ok(2)));
    assert_eq!(bench.sent(), [frame::encode(1, b"a"), frame::encode(2, b"b")].concat());
    let input = [frame::encode(2, b"B"), frame::encode(1, b"A"), frame::encode(1, b"again")].concat();
    bench.receive(&input, 1);
    assert_eq!(bench.events(), [done(20, 2, Ok(b"B")), done(10, 1, Ok(b"A"))]);
    assert_eq!((bench.proxy.late_response_count(), bench.proxy.call_count()), (1, 0));
}

#[test]
fn calls_in_flight_fail_at_once_when_the_connection_drops() {
    let mut bench = Bench::connected(quiet());
    bench.call(10, b"a", 100).expect("sent");
    bench.call(20, b"b", 100).expect("sent");
    bench.proxy.handle_closed(at(1));
    let gone = ProxyEvent::Disconnected(Cause::Peer);
    let lost = Err(CallError::Disconnected);
    assert_eq!(bench.events(), [gone, done(10, 1, lost), done(20, 2, lost)]);
    assert_eq!(bench.sent(), b"", "nothing of the old connection reaches the next");
    assert_eq!(bench.proxy.poll_action(), None, "the driver knows");
}

#[test]
fn calls_wait_for_a_connection_until_their_deadline() {
    let mut bench = Bench::new(quiet());
    bench.call(1, b"early", 50).expect("kept");
    bench.call(2, b"late", 5000).expect("kept");
    assert_eq!(bench.proxy.poll_timeout(), Some(at(50)));
    bench.proxy.handle_timeout(at(50));
    assert_eq!(bench.events(), [done(1, 1, Err(CallError::ConnectFailed))]);
    bench.proxy.handle_connected(at(60));
    assert_eq!(bench.sent(), frame::encode(2, b"late"));
}

#[test]
fn deadline_passes_and_the_late_response_is_counted() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, b"a", 50).expect("sent");
    bench.proxy.handle_timeout(at(49));
    assert_eq!(bench.event(), None);
    bench.proxy.handle_timeout(at(50));
    assert_eq!(bench.event(), Some(done(1, 1, Err(CallError::TimedOut))));
    bench.receive(&frame::encode(1, b"a"), 51);
    assert_eq!((bench.event(), bench.proxy.late_response_count()), (None, 1));
    assert!(bench.proxy.is_connected(), "one failed call is no reason to drop the connection");
}

#[test]
fn one_way_call_is_done_when_it_is_handed_over() {
    let mut bench = Bench::new(quiet());
    let call = Call { token: 9, id: 4, body: b"x", deadline: at(100), one_way: true };
    assert_eq!(bench.proxy.call(call, at(0)), Ok(()));
    assert_eq!(bench.event(), None);
    bench.proxy.handle_connected(at(1));
    assert_eq!(bench.events(), [ProxyEvent::Connected, done(9, 4, Ok(b""))]);
    assert_eq!(bench.proxy.call(call, at(2)), Ok(()));
    assert_eq!(bench.events(), [done(9, 4, Ok(b""))]);
    assert_eq!(bench.sent(), [frame::encode(4, b"x"), frame::encode(4, b"x")].concat());
}

#[test]
fn every_bound_refuses_with_its_error() {
    let config = ProxyConfig { calls_max: 2, queue_max: 1, queue_bytes_max: 30, ..quiet() };
    let mut bench = Bench::new(config);
    assert_eq!(bench.call(1, &[0; 23], 100), Err(CallError::QueueFull), "bytes waiting");
    assert_eq!(bench.call(1, &[0; 22], 100), Ok(2));
    assert_eq!(bench.call(2, b"", 100), Err(CallError::QueueFull), "calls waiting");
    bench.proxy.handle_connected(at(0));
    assert_eq!(bench.call(2, b"", 100), Err(CallError::QueueFull), "bytes to transmit");
    assert_eq!(bench.sent().len(), 30);
    assert_eq!(bench.call(2, b"", 100), Ok(5));
    assert_eq!(bench.call(3, b"", 100), Err(CallError::QueueFull), "calls in flight");
    let mut bench = Bench::connected(quiet());
    assert_eq!(bench.call(1, &vec![0; 999_993], 100), Err(CallError::TooLarge));
    assert_eq!(bench.call(1, b"", 0), Err(CallError::TimedOut));
    for id in [0, 7, 7] {
        let call = Call { token: 1, id, body: b"", deadline: at(9), one_way: false };
        let expected =
            if bench.proxy.call_count() == 0 && id == 7 { Ok(()) } else { Err(CallError::IdTaken) };
        assert_eq!(bench.proxy.call(call, at(0)), expected);
    }
    assert_eq!(bench.sent(), frame::encode(7, b""), "what was refused left nothing behind");
}

#[test]
fn ids_skip_zero_and_those_in_use() {
    let mut bench = Bench::connected(quiet());
    assert_eq!(bench.call(1, b"", 100), Ok(1));
    bench.proxy.last_id = u32::MAX;
    assert_eq!(bench.proxy.gen_requestid(), 2);
}

#[test]
fn bad_length_ends_the_connection() {
    for (input, code) in [
        (&b"\0\0\0\x07"[..], "frame-too-small"),
        (b"\0\x01\x86\xa1", "frame-too-large"),
        (b"\xff\xff\xff\xff", "frame-too-large"),
    ] {
        let mut bench = Bench::connected(quiet());
        bench.call(1, b"", 100).expect("sent");
        let error = bench.proxy.handle_input(input, at(1)).expect_err("refused");
        assert_eq!(error.code(), code);
        assert_eq!(bench.proxy.poll_action(), Some(Action::Disconnect));
        let gone = ProxyEvent::Disconnected(Cause::Protocol(error));
        assert_eq!(bench.events(), [gone, done(1, 1, Err(CallError::Disconnected))]);
        assert_eq!(bench.proxy.handle_input(b"more", at(2)), Ok(0));
    }
}

#[test]
fn input_waits_while_events_do() {
    let mut bench = Bench::connected(ProxyConfig { events_max: 2, ..quiet() });
    let input = frame::push(b"x").repeat(5);
    assert_eq!(bench.proxy.handle_input(&input, at(0)), Ok(18));
    assert_eq!(bench.proxy.handle_input(&input[18..], at(0)), Ok(0));
    assert_eq!(bench.events().len(), 2);
    assert_eq!(bench.proxy.handle_input(&input[18..], at(0)), Ok(18));
}

#[test]
fn pauses_double_and_vary_until_a_frame_arrives() {
    let config = ProxyConfig {
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_millis(1000),
        ..quiet()
    };
    let mut bench = Bench::new(config);
    let mut now = at(0);
    let mut fail = |bench: &mut Bench, bound: u64| {
        bench.proxy.handle_closed(now);
        assert!(matches!(bench.event(), Some(ProxyEvent::ConnectFailed | ProxyEvent::Disconnected(_))));
        let until = bench.proxy.poll_timeout().expect("a pause");
        let pause = until - now;
        assert!(
            pause >= Duration::from_millis(bound / 2) && pause <= Duration::from_millis(bound),
            "{pause:?}"
        );
        now = until;
        bench.proxy.handle_timeout(now);
        assert_eq!(bench.proxy.poll_action(), Some(Action::Connect));
    };
    for bound in [100, 200, 400, 800, 1000, 1000] {
        fail(&mut bench, bound);
    }
    // A server that accepts and closes at once is not a working one.
    bench.proxy.handle_connected(at(0));
    bench.event();
    fail(&mut bench, 1000);
    bench.proxy.handle_connected(at(0));
    bench.receive(&frame::push(b""), 0);
    bench.events();
    fail(&mut bench, 100);
}

#[test]
fn attempt_that_takes_too_long_is_given_up() {
    let mut bench = Bench::new(quiet());
    assert_eq!(bench.proxy.poll_timeout(), Some(at(1500)));
    bench.proxy.handle_timeout(at(1500));
    assert_eq!(bench.event(), Some(ProxyEvent::ConnectFailed));
    assert_eq!(bench.proxy.poll_action(), Some(Action::Disconnect));
    bench.proxy.handle_connected(at(1501));
    assert!(!bench.proxy.is_connected(), "too late");
}

#[test]
fn silent_peer_is_given_up_and_a_talking_one_is_not() {
    let run = |talks: bool| {
        let heartbeat = Some(Duration::from_millis(10));
        let heartbeat_timeout = Duration::from_millis(10);
        let mut bench =
            Bench::connected(ProxyConfig { heartbeat, heartbeat_timeout, ..ProxyConfig::default() });
        for tick in 1..=3 {
            bench.proxy.handle_timeout(at(tick * 10));
            if talks {
                bench.receive(&frame::push(b"x"), tick * 10);
            }
        }
        (bench.proxy.poll_action(), bench.events().contains(&ProxyEvent::Disconnected(Cause::Silent)))
    };
    assert_eq!(run(true), (None, false));
    assert_eq!(run(false), (Some(Action::Disconnect), true));
}

#[test]
fn close_fails_everything_and_stays_closed() {
    let mut bench = Bench::connected(quiet());
    bench.call(1, b"x", 100).expect("sent");
    bench.proxy.close();
    let gone = ProxyEvent::Disconnected(Cause::Closed);
    assert_eq!(bench.events(), [gone, done(1, 1, Err(CallError::Closed))]);
    assert_eq!((bench.proxy.poll_action(), bench.proxy.poll_action()), (Some(Action::Disconnect), None));
    assert_eq!(bench.call(2, b"x", 100), Err(CallError::Closed));
    bench.proxy.handle_timeout(at(10_000));
    bench.proxy.handle_connected(at(10_000));
    bench.proxy.close();
    assert_eq!((bench.proxy.poll_timeout(), bench.events(), bench.sent()), (None, vec![], vec![]));
    assert_eq!(bench.proxy.poll_action(), None);
}

#[test]
fn close_before_the_driver_began_leaves_nothing_to_do() {
    let mut proxy = Proxy::new(quiet(), Box::new(LengthPrefixedCodec::default()), 7, at(0));
    proxy.close();
    assert_eq!((proxy.poll_action(), proxy.poll_event()), (None, None));
}

/// A codec whose frames are one byte, which is also their id; `!` miscounts.
struct Bytewise;

impl ClientCodec for Bytewise {
    fn encode_request(&self, id: u32, _: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
        out.push(b'?');
        out.push(u8::try_from(id).map_err(|_| CallError::TooLarge)?);
        Ok(())
    }

    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        let Some(first) = input.first() else { return Ok(None) };
        let taken = if *first == b'!' { 2 } else { 1 };
        Ok(Some(Decoded { taken, id: (*first).into(), body: &input[..1] }))
    }
}

#[test]
fn codec_of_ones_own_is_believed_within_reason() {
    let mut bench = Bench { proxy: Proxy::new(quiet(), Box::new(Bytewise), 1, at(0)) };
    bench.proxy.handle_connected(at(0));
    bench.call(5, b"", 100).expect("sent");
    let call = Call { token: 6, id: 256, body: b"", deadline: at(100), one_way: false };
    assert_eq!(bench.proxy.call(call, at(0)), Err(CallError::TooLarge));
    assert_eq!(bench.sent(), [b'?', 1]);
    bench.receive(&[1, 0], 1);
    let push = ProxyEvent::Push(Bytes::from_static(&[0]));
    assert_eq!(bench.events(), [ProxyEvent::Connected, done(5, 1, Ok(&[1])), push]);
    assert_eq!(bench.proxy.handle_input(b"!", at(2)), Err(Error::Refused));
}
