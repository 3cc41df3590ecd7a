//! The functions that the fuzz targets in `src/proto/fuzz` run; a test replays their corpus through them.

mod journal;
mod rpc;
mod seastar;
mod seastar_rpc;
mod shape;
mod tars;
mod tcpshm;

use core::net::Ipv4Addr;
use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;

pub use self::{
    journal::journal as tcpshm_journal,
    rpc::session as tars_session,
    seastar::{
        lz4 as seastar_lz4, lz4_fragmented as seastar_lz4_fragmented, negotiation as seastar_negotiation,
        request as seastar_request, response as seastar_response, stream as seastar_stream,
        values as seastar_values,
    },
    seastar_rpc::{
        accepting as seastar_accepting, connecting as seastar_connecting,
        stream_session as seastar_stream_session,
    },
    shape::{BorrowedShape, Shape},
    tars::{json as tars_json, packet as tars_packet, reader as tars_reader, tup as tars_tup},
    tcpshm::{
        accepting as tcpshm_accepting, connecting as tcpshm_connecting, original as tcpshm_original,
        topics as tcpshm_topics,
    },
};
use super::{accept, connect, converse, pieces};
use crate::{
    Command, Event, Message, OwnedRoute, Progress, Protocol, Request, Session as _, Time,
    rpc::{Action, Call, Caller, CallerConfig, CallerEvent, Cause},
    tars::{
        ObjectRef,
        framed::{Framed, FramedClient, FramedClientSession, LengthPrefixed, LengthPrefixedCodec, Parsed},
    },
    topics::control,
    topics::{SubscriptionConfig, Subscriptions, TopicEvent, Wire as _},
};

/// Any bytes, in pieces of the length in the first byte, mean the same as at once.
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
    let client = FramedClient::new(LengthPrefixedCodec { request_len_max: 300, response_len_max: 300 });
    let whole = converse(&mut *connect(&client, START), [input], START);
    assert_eq!(whole, converse(&mut *connect(&client, START), pieces(input, (*len).into()), START));
}

/// Any order of calls, input, connections and time: every accepted call ends once, no bound is exceeded.
///
/// Each step is a byte that chooses an action and one that chooses its size; input is taken from the bytes that follow.
pub fn framed_client(data: &[u8]) {
    let mut run = CallerRun::new();
    let mut rest = data;
    while let [what, how_much, input @ ..] = rest {
        rest = run.step(what % 8, *how_much, input);
        run.drain();
    }
    run.caller.close();
    run.drain();
    assert!(run.under_way.is_empty(), "every accepted call ends");
    assert_eq!((run.caller.call_count(), run.caller.poll_timeout()), (0, None));
}

/// Any text: what parses is displayed as text that parses to the same value.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<ObjectRef>() {
        Ok(object) => assert_eq!(object.to_string().parse(), Ok(object)),
        Err(error) => assert!(error.at <= text.len(), "{error}"),
    }
}

/// Any payload: a valid request is encoded to the same bytes, and so is a response. A topic client takes it
/// as a message and as a response.
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
    match control::ServerPayload::load(data) {
        Some(control::ServerPayload::Response(response)) => control::encode_response(&response, &mut out),
        Some(control::ServerPayload::Message { topic, position, body }) => {
            let body = &bytes::Bytes::copy_from_slice(body);
            control::encode_message(&Message { topic, position, body }, &mut out);
        }
        Some(control::ServerPayload::History { head, recovery, .. }) => {
            let payload = bytes::Bytes::copy_from_slice(data);
            // Without its magic, it is none of this protocol.
            let Ok(history) = control::ControlWire.decode_history(&payload) else { return };
            let kept = history.messages.iter();
            let messages: Vec<_> =
                kept.map(|it| Message { topic: "", position: it.position, body: &it.body }).collect();
            control::encode_history(head, recovery, &messages, &mut out);
        }
        _ => return,
    }
    assert_eq!(control::ServerPayload::load(&out), control::ServerPayload::load(data));
}

fn topics(data: &[u8]) {
    let (mut out, now) = (Vec::new(), Time::default());
    let mut client = Subscriptions::new(control::ControlWire, SubscriptionConfig::default(), 1);
    client.subscribe("t".parse().expect("a filter"), None);
    client.handle_connected();
    let payload = bytes::Bytes::copy_from_slice(data);
    client.handle_message(&payload);
    let id = client.poll_request(&mut out, now).expect("it subscribes");
    client.handle_response(id, Ok(data), now);
    client.handle_message(&payload);
    let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
    let messages = events.iter().filter(|event| matches!(event, TopicEvent::Message { .. })).count();
    // With a subscription that the server refuses, the client forgets what it has received.
    let is_forgotten = events.iter().any(|event| matches!(event, TopicEvent::Refused { .. }));
    assert!(messages <= 1 + usize::from(is_forgotten), "the same message is received once");
    assert_eq!(client.poll_request(&mut out, now), None, "not before a pause");
}

struct CallerRun {
    caller: Caller,
    session: FramedClientSession,
    now: Time,
    /// Ids of accepted calls that have not ended.
    under_way: BTreeSet<u64>,
    /// What the driver believes: there is a connection, or an attempt.
    open: bool,
}

impl CallerRun {
    fn new() -> Self {
        let config = CallerConfig {
            heartbeat: Some(Duration::from_millis(50)),
            heartbeat_timeout: Duration::from_millis(200),
            calls_max: CALLS_MAX,
            queue_max: 5,
            queue_bytes_max: QUEUE_BYTES_MAX,
            events_max: 3,
            ..CallerConfig::default()
        };
        let codec = LengthPrefixedCodec { request_len_max: 100, response_len_max: 300 };
        let session = FramedClient::new(codec).session();
        Self {
            caller: Caller::new(config, 1, START),
            session,
            now: START,
            under_way: BTreeSet::new(),
            open: false,
        }
    }

    fn step<'d>(&mut self, what: u8, how_much: u8, following: &'d [u8]) -> &'d [u8] {
        let amount = u64::from(how_much);
        match what {
            0 if self.open => self.caller.handle_connected(self.now),
            1 if self.open => {
                self.open = false;
                self.caller.handle_closed(Cause::Peer, self.now);
            }
            2 | 3 => self.call(amount, what == 3),
            4 => self.now = self.now + Duration::from_millis(amount),
            5 => self.timeout(),
            6 => return self.input(following, how_much.into()),
            7 if how_much == 255 => self.caller.close(),
            7 if self.under_way.remove(&amount) => assert!(self.caller.forget(amount)),
            7 => self.caller.handle_held(how_much & 1 == 1),
            _ => {}
        }
        following
    }

    fn call(&mut self, amount: u64, one_way: bool) {
        // Some ids are not from the generator.
        let id = if amount > 250 { 1 } else { self.caller.next_id() };
        let body = &[7; 110][..usize::try_from(amount / 2).unwrap_or(0).min(110)];
        let deadline = self.now + Duration::from_millis(amount);
        let (head, body) = (Bytes::new(), Bytes::from_static(body));
        let call = Call { token: 0, id, route: OwnedRoute::Only, head, body, deadline, one_way };
        if self.caller.call(call, self.now).is_ok() {
            assert!(self.under_way.insert(id), "an id names one call");
        }
    }

    fn timeout(&mut self) {
        if let Some(at) = self.caller.poll_timeout() {
            self.now = self.now.max(at);
        }
        self.caller.handle_timeout(self.now);
        assert!(self.caller.poll_timeout().is_none_or(|at| at > self.now), "nothing is due twice");
    }

    fn input<'d>(&mut self, following: &'d [u8], len: usize) -> &'d [u8] {
        let (mut input, following) = following.split_at(len.min(following.len()));
        while self.caller.is_connected() {
            match self.session.handle_input(input, self.now) {
                Ok(Progress { taken: 0, .. }) => break,
                Ok(Progress { taken, event, .. }) => {
                    match event {
                        Some(Event::Response(response)) => self.caller.handle_response(&response),
                        Some(Event::Push { route, head, body }) => self.caller.handle_push(route, head, body),
                        other => panic!("no event of a client: {other:?}"),
                    }
                    input = &input[taken..];
                }
                Err(error) => {
                    self.open = false;
                    self.caller.handle_closed(Cause::Protocol(error), self.now);
                }
            }
            self.drain();
        }
        following
    }

    fn drain(&mut self) {
        while let Some(action) = self.caller.poll_action() {
            match action {
                Action::Resolve => {
                    let ports = [1, 2].map(|port| (Ipv4Addr::LOCALHOST, port).into());
                    self.caller.handle_resolved(ports, self.now);
                }
                Action::Connect(_) => self.open = true,
                Action::Disconnect => self.open = false,
            }
        }
        let mut sent = Vec::new();
        let (session, now) = (&mut self.session, self.now);
        let mut say =
            |request: Request<'_>| session.handle_command(Command::Request(request), &mut sent, now).is_ok();
        while self.caller.poll_request(&mut say) {}
        assert!(sent.len() <= QUEUE_BYTES_MAX + 100, "{} bytes to transmit", sent.len());
        assert!(self.caller.call_count() <= CALLS_MAX + 6, "{} calls", self.caller.call_count());
        while let Some(event) = self.caller.poll_event() {
            if let CallerEvent::Done { id, .. } = event {
                assert!(self.under_way.remove(&id), "a call ended twice");
            }
        }
    }
}

const START: Time = Time::from_nanos(0);
const CALLS_MAX: usize = 10;
const QUEUE_BYTES_MAX: usize = 250;
