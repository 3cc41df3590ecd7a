//! The client of topics over the control protocol and the framed client, at every split of the bytes.

use std::time::Duration;

use bytes::Bytes;
use shardcast_proto::topics::control::{self, ControlWire};
use shardcast_proto::{
    Command, Event, Message, OwnedRoute, Position, PublishHeader, Recovery, Session as _, Time, TopicFilter,
    TopicName,
    rpc::{Action, Call, Caller, CallerConfig, CallerEvent},
    tars::framed::{FramedClient, FramedClientSession, frame},
    topics::{
        History, Incoming, KeptMessage, Request, RequestError, RequestKind, SubscriptionConfig,
        Subscriptions, TopicEvent, TopicResponse, Wire,
    },
};

const NOW: Time = Time::from_nanos(0);
const AT: Position = Position { epoch: 7, offset: 4 };

fn filter(text: &str) -> TopicFilter {
    text.parse().expect("a filter")
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    ControlWire.encode(request, &mut payload);
    payload
}

/// A client that asked for three topics on its first connection.
struct Client {
    caller: Caller,
    session: FramedClientSession,
    sent: Vec<u8>,
    topics: Subscriptions<ControlWire>,
    events: Vec<TopicEvent>,
}

impl Client {
    fn connected() -> Self {
        let config = CallerConfig::default().with(|it| {
            it.registration_body = Some(encoded(&Request::Hello).into());
            it.heartbeat = None;
        });
        let mut caller = Caller::new(config, 7, NOW);
        assert_eq!(caller.poll_action(), Some(Action::Resolve));
        caller.handle_resolved([([127, 0, 0, 1], 1).into()], NOW);
        let mut topics = Subscriptions::new(ControlWire, SubscriptionConfig::default(), 7);
        for text in ["full", "t", "p*"] {
            topics.subscribe(filter(text), None);
        }
        let mut client = Self {
            caller,
            session: FramedClient::default().session(),
            sent: Vec::new(),
            topics,
            events: Vec::new(),
        };
        client.caller.handle_connected(NOW);
        client.run_until_idle();
        client
    }

    fn run_until_idle(&mut self) {
        while let Some(event) = self.caller.poll_event() {
            match event {
                CallerEvent::Connected => self.topics.handle_connected(),
                CallerEvent::Disconnected(cause) => self.topics.handle_disconnected(cause),
                CallerEvent::Push { body, .. } => self.topics.handle_message(&body),
                CallerEvent::Done { token, result, .. } => {
                    let body = result.map(|reply| reply.result.expect("this protocol has no failures"));
                    self.topics.handle_response(token, body.as_deref().map_err(|error| *error), NOW);
                }
                _ => {}
            }
        }
        let mut body = Vec::new();
        while let Some(token) = self.topics.poll_request(&mut body, NOW) {
            let (id, deadline) = (self.caller.next_id(), NOW + Duration::from_secs(35));
            let (route, head, body) = (OwnedRoute::Only, Bytes::new(), std::mem::take(&mut body).into());
            let call = Call { token, id, route, head, body, deadline, one_way: false };
            self.caller.call(call, NOW).expect("room");
        }
        let (session, sent) = (&mut self.session, &mut self.sent);
        while self
            .caller
            .poll_request(|request| session.handle_command(Command::Request(request), sent, NOW).is_ok())
        {
        }
        self.events.extend(std::iter::from_fn(|| self.topics.poll_event()));
    }

    fn receive(&mut self, pieces: &[&[u8]]) {
        let mut buffer = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                let progress = self.session.handle_input(&buffer, NOW).expect("it is well formed");
                match progress.event {
                    Some(Event::Response(response)) => self.caller.handle_response(&response),
                    Some(Event::Push { route, head, body }) => self.caller.handle_push(route, head, body),
                    _ => break,
                }
                let taken = progress.taken;
                buffer.drain(..taken);
                self.run_until_idle();
            }
        }
        assert!(buffer.is_empty());
    }
}

/// What a server sends to it: responses, a refusal, a push from before HELLO, and messages.
fn sent_by_the_server() -> Vec<u8> {
    let answer = |id, answer: control::TopicResponse| {
        let mut payload = Vec::new();
        control::encode_response(&answer, &mut payload);
        frame::encode(id, &payload)
    };
    let message = |topic, offset| {
        let (mut payload, body) = (Vec::new(), Bytes::from_static(b"body"));
        control::encode_message(
            &Message { topic, position: Position { offset, ..AT }, body: &body },
            &mut payload,
        );
        frame::push(&payload)
    };
    let refused = [&control::MAGIC[..], &[0x82, 1], b"busy"].concat();
    let nothing = Position::default();
    [
        frame::push(b"plain"),
        answer(1, control::TopicResponse::Welcome { epoch: 7 }),
        frame::encode(2, &refused),
        answer(4, control::TopicResponse::Subscribed { head: nothing, recovery: Recovery::NotRequested }),
        message("p.x", 1),
        answer(3, control::TopicResponse::Subscribed { head: AT, recovery: Recovery::NotRequested }),
        message("t", 5),
        message("t", 8),
        message("t", 8),
        message("p.x", 2),
    ]
    .concat()
}

#[test]
fn the_same_bytes_in_any_pieces_are_the_same_events() {
    let bytes = sent_by_the_server();
    let mut whole = Client::connected();
    assert_eq!(whole.sent[8..15], encoded(&Request::Hello), "the first request on a connection");
    whole.receive(&[&bytes]);
    let message = |topic: &str, offset| TopicEvent::Message {
        topic: topic.to_owned(),
        position: Position { offset, ..AT },
        body: Bytes::from_static(b"body"),
    };
    let subscribed =
        |text, head| TopicEvent::Subscribed { filter: filter(text), head, recovery: Recovery::NotRequested };
    assert!(matches!(whole.events[..2], [TopicEvent::Connected, TopicEvent::Retrying { .. }]));
    let expected = [
        subscribed("p*", Position::default()),
        message("p.x", 1),
        subscribed("t", AT),
        message("t", 5),
        TopicEvent::Lost { topic: "t".to_owned(), epoch: 7, from: 6, to: 7 },
        message("t", 8),
        message("p.x", 2),
    ];
    assert_eq!(whole.events[2..], expected);
    for split in 0..=bytes.len() {
        let mut client = Client::connected();
        client.receive(&[&bytes[..split], &bytes[split..]]);
        assert_eq!(client.events, whole.events, "split at {split}");
    }
    let mut client = Client::connected();
    client.receive(&bytes.chunks(1).collect::<Vec<_>>());
    assert_eq!(client.events, whole.events, "byte by byte");
}

#[test]
fn requests_of_the_client_are_those_of_the_control_protocol() {
    let (exact, prefix) = (filter("t"), filter("p*"));
    let (topic, options) = (TopicName::new("t").expect("a topic"), PublishHeader::default());
    let subscribe = |topic, prefix, since| control::Request::Subscribe { topic, prefix, since };
    for (request, expected) in [
        (Request::Hello, control::Request::Hello),
        (Request::Subscribe { filter: &exact, since: Some(AT) }, subscribe("t", false, Some(AT))),
        (Request::Subscribe { filter: &exact, since: None }, subscribe("t", false, None)),
        (Request::Subscribe { filter: &prefix, since: Some(AT) }, subscribe("p", true, None)),
        (
            Request::Unsubscribe { filter: &exact },
            control::Request::Unsubscribe { topic: "t", prefix: false },
        ),
        (
            Request::Unsubscribe { filter: &prefix },
            control::Request::Unsubscribe { topic: "p", prefix: true },
        ),
        (
            Request::Publish { topic: &topic, options, body: b"x" },
            control::Request::Publish { topic: "t", expects_response: true, options, body: b"x" },
        ),
        (Request::Presence { topic: &topic }, control::Request::Presence { topic: "t" }),
        (
            Request::History { topic: &topic, since: Some(AT), max: 9 },
            control::Request::History { topic: "t", since: Some(AT), max: 9 },
        ),
        (Request::Ping, control::Request::Ping),
    ] {
        assert_eq!(control::Request::load(&encoded(&request)), Ok(expected), "{request:?}");
    }
}

#[test]
fn answers_of_the_control_protocol_are_those_of_the_client() {
    for (answer, expected) in [
        (control::TopicResponse::Welcome { epoch: 7 }, TopicResponse::Welcome { epoch: 7 }),
        (
            control::TopicResponse::Subscribed { head: AT, recovery: Recovery::Gap { from: 2, to: 3 } },
            TopicResponse::Subscribed { head: AT, recovery: Recovery::Gap { from: 2, to: 3 } },
        ),
        (control::TopicResponse::Unsubscribed, TopicResponse::Unsubscribed),
        (
            control::TopicResponse::Published { position: AT, receivers: 9 },
            TopicResponse::Published { position: AT, receivers: 9 },
        ),
        (control::TopicResponse::Present { count: 9 }, TopicResponse::Present { count: 9 }),
        (control::TopicResponse::Pong, TopicResponse::Pong),
    ] {
        let mut payload = Vec::new();
        control::encode_response(&answer, &mut payload);
        assert_eq!(ControlWire.decode(&payload), Some(Incoming::Response(expected)));
        assert_eq!(ControlWire.decode_response(RequestKind::Ping, &payload), Ok(expected));
        assert_eq!(ControlWire.decode(&payload[1..]), None);
        assert_eq!(ControlWire.decode_history(&payload.into()), Err(RequestError::Unsupported));
    }
}

#[test]
fn a_history_of_the_control_protocol_is_that_of_the_client() {
    let body = Bytes::from_static(b"2410");
    let message = Message { topic: "t", position: AT, body: &body };
    let mut payload = Vec::new();
    control::encode_history(AT, Recovery::Recovered, &[message], &mut payload);
    let expected = History {
        head: AT,
        recovery: Recovery::Recovered,
        messages: vec![KeptMessage { position: AT, body: body.clone() }],
    };
    assert_eq!(ControlWire.decode_history(&payload.clone().into()), Ok(expected));
    // It is the response to nothing else.
    assert_eq!(ControlWire.decode(&payload), None);
    payload[0] = b'x';
    assert_eq!(ControlWire.decode_history(&payload.into()), Err(RequestError::Unsupported));
    let refused = Bytes::from_static(b"\0SHC\x87\x04no");
    let error = RequestError::Refused { status: 4, text: "no".into() };
    assert_eq!(ControlWire.decode_history(&refused), Err(error));
    assert_eq!(ControlWire.decode_history(&Bytes::from_static(b"\0SHC")), Err(RequestError::Unsupported));
}
