//! What the fuzz targets in `src/proto/fuzz` run; a test replays their corpus through the same functions.

mod shape;
mod tars;

use std::time::Duration;

pub use self::{
    shape::{BorrowedShape, Shape},
    tars::{json as tars_json, packet as tars_packet, reader as tars_reader, tup as tars_tup},
};
use super::{accept, converse, pieces};
use crate::{
    Message, Protocol, Time,
    tars::{
        ObjectRef,
        framed::{
            Action, Call, Framed, LengthPrefixed, LengthPrefixedCodec, Parsed, Proxy, ProxyConfig,
            ProxyEvent, control,
        },
    },
    topics::{SubscriptionConfig, Subscriptions, TopicEvent},
};

/// Any bytes, in pieces as long as the first byte says, mean the same as at once.
pub fn framed_session(data: &[u8]) {
    let Some((len, input)) = data.split_first() else { return };
    let limits = LengthPrefixed { frame_len_min: 8, frame_len_max: 300 };
    let line = |input: &[u8]| match input.iter().position(|byte| *byte == b'\n') {
        _ if input[0] == 0 => Parsed::Err,
        Some(at) => Parsed::Full(at + 1),
        None => Parsed::Less,
    };
    for protocol in [&Framed::length_prefixed(limits) as &dyn Protocol, &Framed::new(line, 40)] {
        let whole = converse(&mut *accept(protocol, START), [input], START);
        let split = converse(&mut *accept(protocol, START), pieces(input, (*len).into()), START);
        assert_eq!(whole, split);
    }
}

/// Any order of calls, input, connections and time: every accepted call ends once, no bound is exceeded.
///
/// Each step is a byte that says what happens and one that says how much of it; input is taken from behind.
pub fn framed_proxy(data: &[u8]) {
    let mut run = ProxyRun::new();
    let mut rest = data;
    while let [what, how_much, behind @ ..] = rest {
        rest = run.step(what % 8, *how_much, behind);
        run.drain();
    }
    run.proxy.close();
    run.drain();
    assert_eq!(run.accepted, run.ended, "every accepted call ends exactly once");
    assert_eq!((run.proxy.call_count(), run.proxy.poll_timeout()), (0, None));
}

/// Any text: what parses is printed to the same value.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<ObjectRef>() {
        Ok(object) => assert_eq!(object.to_string().parse(), Ok(object)),
        Err(error) => assert!(error.at <= text.len(), "{error}"),
    }
}

/// Any payload: a request that is read is written to the same bytes, and so is an answer. A client of topics takes it
/// as a message and as an answer.
pub fn control(data: &[u8]) {
    topics(data);
    let mut out = Vec::new();
    if control::is_control(data)
        && let Ok(request) = control::Request::load(data)
    {
        control::encode_request(&request, &mut out);
        assert_eq!(out, data);
    }
    out.clear();
    match control::Said::load(data) {
        Some(control::Said::Answer(answer)) => control::encode_answer(&answer, &mut out),
        Some(control::Said::Message { topic, position, body }) => {
            let body = &bytes::Bytes::copy_from_slice(body);
            control::encode_message(&Message { topic, position, body }, &mut out);
        }
        _ => return,
    }
    assert_eq!(control::Said::load(&out), control::Said::load(data));
}

fn topics(data: &[u8]) {
    let (mut out, now) = (Vec::new(), Time::default());
    let mut client = Subscriptions::new(control::ControlWire, SubscriptionConfig::default(), 1);
    client.subscribe("t".parse().expect("a filter"), None);
    client.handle_connected();
    let payload = bytes::Bytes::copy_from_slice(data);
    let received = |event: &TopicEvent| matches!(event, TopicEvent::Message { .. });
    client.handle_message(&payload);
    let id = client.poll_request(&mut out, now).expect("it subscribes");
    client.handle_answer(id, Ok(data), now);
    client.handle_message(&payload);
    let messages = std::iter::from_fn(|| client.poll_event()).filter(received).count();
    assert!(messages <= 1, "the same message is received once");
    assert_eq!(client.poll_request(&mut out, now), None, "not before a pause");
}

struct ProxyRun {
    proxy: Proxy,
    now: Time,
    accepted: u64,
    ended: u64,
    /// What the driver believes: there is a connection, or an attempt.
    open: bool,
}

impl ProxyRun {
    fn new() -> Self {
        let config = ProxyConfig {
            heartbeat: Some(Duration::from_millis(50)),
            heartbeat_timeout: Duration::from_millis(200),
            calls_max: CALLS_MAX,
            queue_max: 5,
            queue_bytes_max: QUEUE_BYTES_MAX,
            events_max: 3,
            ..ProxyConfig::default()
        };
        let codec = LengthPrefixedCodec { request_len_max: 100, response_len_max: 300 };
        let proxy = Proxy::new(config, Box::new(codec), 1, START);
        Self { proxy, now: START, accepted: 0, ended: 0, open: false }
    }

    fn step<'d>(&mut self, what: u8, how_much: u8, behind: &'d [u8]) -> &'d [u8] {
        let amount = u64::from(how_much);
        match what {
            0 if self.open => self.proxy.handle_connected(self.now),
            1 if self.open => {
                self.open = false;
                self.proxy.handle_closed(self.now);
            }
            2 | 3 => self.call(amount, what == 3),
            4 => self.now = self.now + Duration::from_millis(amount),
            5 => self.timeout(),
            6 => return self.input(behind, how_much.into()),
            7 if how_much == 255 => self.proxy.close(),
            _ => {}
        }
        behind
    }

    fn call(&mut self, amount: u64, one_way: bool) {
        // Some ids are not from the generator.
        let id = if amount > 250 { 1 } else { self.proxy.gen_requestid() };
        let body = &[7; 110][..usize::try_from(amount / 2).unwrap_or(0).min(110)];
        let deadline = self.now + Duration::from_millis(amount);
        let call = Call { token: 0, id, body, deadline, one_way };
        self.accepted += u64::from(self.proxy.call(call, self.now).is_ok());
    }

    fn timeout(&mut self) {
        if let Some(at) = self.proxy.poll_timeout() {
            self.now = self.now.max(at);
        }
        self.proxy.handle_timeout(self.now);
        assert!(self.proxy.poll_timeout().is_none_or(|at| at > self.now), "nothing is due twice");
    }

    fn input<'d>(&mut self, behind: &'d [u8], len: usize) -> &'d [u8] {
        let (input, behind) = behind.split_at(len.min(behind.len()));
        let mut at = 0;
        while let Ok(taken) = self.proxy.handle_input(&input[at..], self.now) {
            at += taken;
            self.drain();
            if taken == 0 {
                break;
            }
        }
        behind
    }

    fn drain(&mut self) {
        while let Some(action) = self.proxy.poll_action() {
            self.open = action == Action::Connect;
        }
        let mut sent = Vec::new();
        self.proxy.poll_transmit(&mut sent);
        assert!(sent.len() <= QUEUE_BYTES_MAX + 100, "{} bytes to transmit", sent.len());
        assert!(self.proxy.call_count() <= CALLS_MAX + 6, "{} calls", self.proxy.call_count());
        while let Some(event) = self.proxy.poll_event() {
            self.ended += u64::from(matches!(event, ProxyEvent::Done { .. }));
        }
        assert!(self.ended <= self.accepted, "a call ended twice");
    }
}

const START: Time = Time::from_nanos(0);
const CALLS_MAX: usize = 10;
const QUEUE_BYTES_MAX: usize = 250;
