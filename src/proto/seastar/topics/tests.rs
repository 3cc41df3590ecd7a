use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::{
    Command, ConnId, Opening, Operation, Protocol as _, Recovery, Refusal, Session as _, Time, TopicFilter,
    TopicName,
    rpc::Cause,
    seastar::{
        ConnectionId, Features, Layout, RequestHead,
        rpc::{ClientConfig, Seastar, SeastarSession, TopicStream},
        serialize::to_vec,
        split_response,
    },
    topics::{
        self, History, Incoming, KeptMessage, Request, RequestError, RequestKind, SubscriptionConfig,
        TopicEvent, TopicResponse, Wire as _,
    },
};

const NOW: Time = Time::from_nanos(0);
const AT: Position = Position { epoch: 1 << 60, offset: 7 };

fn server(topics: bool) -> SeastarSession {
    let protocol = Seastar::default().with(|it| it.topics = topics);
    let mut session = SeastarSession::new(
        &protocol,
        &Opening {
            id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
            peer: ([127, 0, 0, 1], 5000).into(),
            shards: 1,
            now: NOW,
            wall: Duration::ZERO,
            state: &protocol.shard_state(0),
        },
    );
    let mut offer = Vec::new();
    Features::default().encode(&mut offer);
    assert_eq!(session.handle_input(&offer, NOW).expect("a negotiation").taken, offer.len());
    session.poll_transmit(&mut Vec::new());
    session
}

/// Sends a call to a session, and the command that `answer` makes of its event back: whether the response is an exception,
/// and its payload.
fn call(
    verb: u64,
    arguments: &[u8],
    answer: impl FnOnce(Event<'_>) -> Option<Command<'static>>,
) -> Option<(bool, Bytes)> {
    let (mut session, mut sent, mut received) = (server(true), Vec::new(), Vec::new());
    let len = u32::try_from(arguments.len()).expect("short");
    RequestHead { timeout_ms: 0, verb, id: 5, len }.encode(Layout::default(), &mut sent);
    sent.extend_from_slice(arguments);
    match session.handle_input(&sent, NOW).expect("a request").event.and_then(answer) {
        Some(command) => session.handle_command(command, &mut received, NOW).expect("it fits"),
        None => session.poll_transmit(&mut received),
    }
    let response = split_response(&received, Layout::default(), 1 << 20).expect("a response")?;
    assert_eq!((response.head.id, response.taken), (5, received.len()));
    Some((response.head.is_exception, Bytes::copy_from_slice(response.payload)))
}

fn result_of(request: &Request<'_>, answer: impl FnOnce(Event<'_>) -> Option<Command<'static>>) -> Bytes {
    let mut arguments = Vec::new();
    TopicWire.encode(request, &mut arguments);
    let crate::Route::Numbered(verb) = TopicWire.route(request.kind()) else { panic!("a verb") };
    match call(verb, &arguments, answer) {
        Some((false, payload)) => payload,
        other => panic!("no result: {other:?}"),
    }
}

fn topic() -> TopicName {
    TopicName::new("prices.gold").expect("a topic")
}

#[test]
fn publications_are_understood_with_all_options() {
    let ms = Duration::from_millis;
    let all = PublishHeader { key: Some(9), delay: Some(ms(5)), ttl: Some(ms(1000)), priority: Some(1) };
    for options in [
        PublishHeader::default(),
        PublishHeader { delay: Some(ms(5)), ..PublishHeader::default() },
        PublishHeader { ttl: Some(ms(5)), ..PublishHeader::default() },
        PublishHeader { priority: Some(3), ..PublishHeader::default() },
        PublishHeader { key: Some(0), ..PublishHeader::default() },
        all,
    ] {
        let request = Request::Publish { topic: &topic(), options, body: b"2410" };
        let result = result_of(&request, |event| match event {
            Event::Publish { id: Some(id), topic: "prices.gold", options: found, body: b"2410" } => {
                assert_eq!(found, options);
                Some(Command::Published { id, position: AT, receivers: 3 })
            }
            other => panic!("{other:?}"),
        });
        let expected = Ok(TopicResponse::Published { position: AT, receivers: 3 });
        assert_eq!(TopicWire.decode_response(RequestKind::Publish, &result), expected);
    }
    // A part of a millisecond is not "none".
    let mut arguments = Vec::new();
    let options = PublishHeader { ttl: Some(Duration::from_nanos(1)), ..PublishHeader::default() };
    TopicWire.encode(&Request::Publish { topic: &topic(), options, body: b"" }, &mut arguments);
    let Some(Ok(Event::Publish { options, .. })) = event(PUBLISH, RequestId(1), &arguments) else { panic!() };
    assert_eq!((options.delay, options.ttl, options.priority, options.key), (None, Some(ms(1)), None, None));
    let Some(Ok(Event::Publish { id: None, .. })) = event(PUBLISH_ONE_WAY, RequestId(1), &arguments) else {
        panic!("it has no response");
    };
}

#[test]
fn a_refusal_is_a_result() {
    let refused = |id, operation| Some(Command::Refused { id, operation, refusal: Refusal::Draining });
    let status = |error: Option<RequestError>| match error {
        Some(RequestError::Refused { status: 8, text }) => assert_eq!(text, "the server is stopping"),
        other => panic!("{other:?}"),
    };
    let topic = topic();
    let options = PublishHeader::default();
    let result = result_of(&Request::Publish { topic: &topic, options, body: b"" }, |event| match event {
        Event::Publish { id: Some(id), .. } => refused(id, Operation::Publish),
        other => panic!("{other:?}"),
    });
    status(TopicWire.decode_response(RequestKind::Publish, &result).err());
    // Its fields are there, for peers whose result has a fixed shape.
    let (_, _, position, receivers) = from_slice::<(u8, &str, Position, u32)>(&result).expect("all fields");
    assert_eq!((position, receivers), (Position::default(), 0));

    let result = result_of(&Request::Presence { topic: &topic }, |event| match event {
        Event::Presence { id, topic: "prices.gold" } => refused(id, Operation::Presence),
        other => panic!("{other:?}"),
    });
    status(TopicWire.decode_response(RequestKind::Presence, &result).err());
    assert_eq!(from_slice::<(u8, &str, u32)>(&result).map(|(_, _, count)| count), Ok(0));

    let result = result_of(&Request::History { topic: &topic, since: None, max: 1 }, |event| match event {
        Event::History { id, .. } => refused(id, Operation::History),
        other => panic!("{other:?}"),
    });
    status(TopicWire.decode_history(&result).err());

    let result = to_vec(&Subscribed(Err(Refusal::Draining)));
    status(TopicWire.decode_response(RequestKind::Subscribe, &result).err());
    let subscribed = to_vec(&Subscribed(Ok((AT, Recovery::NotRequested))));
    assert_eq!(result.len() - "the server is stopping".len(), subscribed.len());
}

#[test]
fn presence_and_history_are_understood() {
    static BODY: Bytes = Bytes::from_static(b"2410");
    static MESSAGES: [Message<'_>; 1] = [Message { topic: "t", position: AT, body: &BODY }];
    let topic = topic();
    let result = result_of(&Request::Presence { topic: &topic }, |event| match event {
        Event::Presence { id, .. } => Some(Command::Present { id, count: 4 }),
        other => panic!("{other:?}"),
    });
    let present = TopicWire.decode_response(RequestKind::Presence, &result);
    assert_eq!(present, Ok(TopicResponse::Present { count: 4 }));
    for (since, recovery) in [(None, Recovery::Recovered), (Some(AT), Recovery::Gap { from: 1, to: 2 })] {
        for messages in [&MESSAGES[..], &[]] {
            let result = result_of(&Request::History { topic: &topic, since, max: 9 }, |event| match event {
                Event::History { id, topic: "prices.gold", since: found, max: 9 } if found == since => {
                    Some(Command::History { id, head: AT, recovery, messages })
                }
                other => panic!("{other:?}"),
            });
            let kept = |it: &Message<'_>| KeptMessage { position: it.position, body: it.body.clone() };
            let messages = messages.iter().map(kept).collect();
            let expected = History { head: AT, recovery, messages };
            assert_eq!(TopicWire.decode_history(&result), Ok(expected));
        }
    }
}

#[test]
fn undecodable_arguments_get_an_exception_and_the_session_goes_on() {
    for verb in [PUBLISH, PUBLISH_ONE_WAY, PRESENCE, HISTORY] {
        for arguments in [&b""[..], b"\xff\xff\xff\xff", b"\x01\0\0\0\xff\x01\0\0\0\xff", b"\x04\0\0\0abc"] {
            let (is_exception, payload) =
                call(verb, arguments, |event| panic!("{event:?}")).expect("a response");
            assert!(is_exception, "{verb:x} {arguments:?}");
            let text = String::from_utf8_lossy(&payload).into_owned();
            assert!(text.contains("the arguments cannot be decoded"), "{text}");
        }
    }
    // Any byte may be missing.
    let mut whole = Vec::new();
    let request = Request::History { topic: &topic(), since: Some(AT), max: 1 };
    TopicWire.encode(&request, &mut whole);
    for len in 0..whole.len() {
        assert!(matches!(event(HISTORY, RequestId(1), &whole[..len]), Some(Err(_))), "{len}");
    }
}

#[test]
fn without_topics_the_verbs_are_the_applications() {
    let mut session = server(false);
    let mut sent = Vec::new();
    RequestHead { timeout_ms: 0, verb: PRESENCE, id: 5, len: 0 }.encode(Layout::default(), &mut sent);
    let event = session.handle_input(&sent, NOW).expect("a request").event;
    assert!(matches!(event, Some(Event::Request(_))), "{event:?}");
    assert_eq!(
        Seastar::default()
            .with(|it| it.topics = false)
            .encode_message(crate::Dialect(1), Message { topic: "t", position: AT, body: &Bytes::new() }),
        None
    );
}

#[test]
fn a_history_that_does_not_fit_is_refused() {
    static LONG: [u8; 2000] = [7; 2000];
    let body = Bytes::from_static(&LONG);
    let messages = [Message { topic: "t", position: AT, body: &body }; 3];
    assert_eq!(fitting(&messages, 5000).map(<[_]>::len), Ok(2));
    assert_eq!(fitting(&messages, 1000), Err(Refusal::TooLarge { len: 2000, max: 1000 - 64 - 39 - 20 }));
    // What fits does so with all fields.
    let command = Command::History {
        id: RequestId(1),
        head: AT,
        recovery: Recovery::Gap { from: 1, to: 2 },
        messages: &messages[..2],
    };
    let mut result = Vec::new();
    assert!(encode_result(&command, &mut result) && result.len() <= 5000, "{}", result.len());
}

#[test]
fn a_message_is_a_frame_that_the_stream_of_a_client_reads() {
    let body = Bytes::from_static(b"2410");
    let message = Message { topic: "prices.gold", position: AT, body: &body };
    let frame = Seastar::default().encode_message(crate::Dialect(1), message).expect("it fits");
    assert_eq!(frame.len(), 4 + MESSAGE_OVERHEAD + "prices.gold".len() + 4);
    let protocol = TopicStream::new(ClientConfig::default(), ConnectionId::new(1, 0));
    let opening = Opening {
        id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
        peer: ([127, 0, 0, 1], 5000).into(),
        shards: 1,
        now: NOW,
        wall: Duration::ZERO,
        state: &protocol.shard_state(0),
    };
    let mut client = protocol.connect(&opening).expect("it connects");
    let mut accepted = Vec::new();
    let id = ConnectionId::new(9, 0);
    Features { connection_id: Some(id), ..Features::default() }.encode(&mut accepted);
    assert_eq!(client.handle_input(&accepted, NOW).expect("a negotiation").taken, accepted.len());
    assert_eq!(protocol.negotiated().connection_id(), Some(id));
    for len in 0..frame.len() {
        assert_eq!(client.handle_input(&frame[..len], NOW).expect("a part").taken, 0);
    }
    let Some(Event::Push { body, .. }) = client.handle_input(&frame, NOW).expect("a frame").event else {
        panic!("a push");
    };
    let expected = Incoming::Message { topic: "prices.gold", position: AT, body: b"2410" };
    assert_eq!(TopicWire.decode(body), Some(expected));
    let end = client.handle_input(&[0xff; 4], NOW).expect("the end").event;
    assert_eq!(end, Some(Event::Closing));
}

/// A client with one subscription, and the number of the stream that it opens.
fn client() -> (StreamSubscriptions, TopicFilter, u64) {
    let filter: TopicFilter = "t".parse().expect("a topic");
    let mut client = StreamSubscriptions::new(SubscriptionConfig::default(), 7);
    client.handle_connected(NOW);
    client.subscribe(filter.clone(), None, NOW);
    assert_eq!(client.poll_event(), Some(TopicEvent::Connected));
    let stream = opens(&mut client);
    (client, filter, stream)
}

fn opens(client: &mut StreamSubscriptions) -> u64 {
    let Some(StreamAction::Open { stream }) = client.poll_action() else { panic!("it opens a stream") };
    client.handle_opened(stream, ConnectionId::new(stream, 0));
    stream
}

/// The call about a stream; its `since`.
fn calls(client: &mut StreamSubscriptions, stream: u64) -> Position {
    let Some(StreamAction::Call { stream: of, arguments }) = client.poll_action() else { panic!("a call") };
    let (filter, id): (Filter, ConnectionId) = from_slice(&arguments).expect("all arguments");
    assert_eq!((of, id, &*filter.topic, filter.prefix), (stream, ConnectionId::new(stream, 0), "t", false));
    filter.since
}

fn subscribed(client: &mut StreamSubscriptions, stream: u64, head: Position, recovery: Recovery) {
    client.handle_response(stream, Ok(&to_vec(&Subscribed(Ok((head, recovery))))), NOW);
}

fn message(client: &mut StreamSubscriptions, stream: u64, position: Position) {
    client.handle_message(stream, &to_vec(&("t", position, "x")).into());
}

fn offsets(client: &mut StreamSubscriptions) -> Vec<u64> {
    let events = std::iter::from_fn(|| client.poll_event());
    let offset = |event| match event {
        TopicEvent::Message { position, .. } => Some(position.offset),
        TopicEvent::Lost { .. } => panic!("{event:?}"),
        _ => None,
    };
    events.filter_map(offset).collect()
}

const fn at(offset: u64) -> Position {
    Position { epoch: 1, offset }
}

#[test]
fn a_subscription_goes_on_over_the_next_stream_after_the_last_message() {
    let (mut client, filter, first) = client();
    assert_eq!(calls(&mut client, first), Position::default());
    subscribed(&mut client, first, at(3), Recovery::NotRequested);
    message(&mut client, first, at(4));
    client.handle_ended(first, Cause::Peer, NOW);
    assert_eq!(offsets(&mut client), [4]);
    // What comes late over the old one does not count.
    message(&mut client, first, at(5));
    assert!(offsets(&mut client).is_empty());

    let due = client.poll_timeout().expect("it tries again");
    client.handle_timeout(due);
    let second = opens(&mut client);
    assert_eq!(calls(&mut client, second), at(4));
    // Faster than the response.
    message(&mut client, second, at(5));
    assert!(offsets(&mut client).is_empty());
    subscribed(&mut client, second, at(5), Recovery::Recovered);
    assert_eq!((offsets(&mut client), client.position("t")), (vec![5], Some(at(5))));

    // The same when the connection for calls is lost.
    client.handle_disconnected(Cause::Peer, NOW);
    assert_eq!(client.poll_action(), Some(StreamAction::Close { stream: second }));
    assert_eq!(client.poll_action(), None);
    client.handle_connected(NOW);
    let third = opens(&mut client);
    assert_eq!(calls(&mut client, third), at(5));
    assert!(client.unsubscribe(&filter) && !client.unsubscribe(&filter));
    assert_eq!(client.poll_action(), Some(StreamAction::Close { stream: third }));
    assert_eq!(client.poll_timeout(), None);
    subscribed(&mut client, third, at(5), Recovery::Recovered);
    assert_eq!(client.poll_action(), None);
}

#[test]
fn refused_and_unanswered_calls_close_their_stream() {
    let (mut client, filter, first) = client();
    calls(&mut client, first);
    let busy = Refusal::Busy { waiting: 1, max: 1 };
    client.handle_response(first, Ok(&to_vec(&Subscribed(Err(busy)))), NOW);
    assert_eq!(client.poll_action(), Some(StreamAction::Close { stream: first }));
    let Some(TopicEvent::Retrying { pause, .. }) = client.poll_event() else { panic!("it retries") };
    client.handle_timeout(NOW + pause);
    let second = opens(&mut client);
    calls(&mut client, second);

    // The next one has no response in time; then one that is final comes.
    let due = client.poll_timeout().expect("a time-out");
    client.handle_timeout(due);
    let Some(TopicEvent::Retrying { pause, .. }) = client.poll_event() else { panic!("it retries") };
    client.handle_timeout(due + pause);
    assert_eq!(client.poll_action(), Some(StreamAction::Close { stream: second }));
    let third = opens(&mut client);
    calls(&mut client, third);
    client.handle_response(third, Ok(&to_vec(&Subscribed(Err(Refusal::BadTopic)))), due + pause);
    assert_eq!(client.poll_action(), Some(StreamAction::Close { stream: third }));
    assert!(matches!(client.poll_event(), Some(TopicEvent::Refused { .. })));
    assert!(!client.unsubscribe(&filter) && client.poll_timeout().is_none());

    // A server without the verb.
    client.subscribe(filter, None, NOW);
    let fourth = opens(&mut client);
    calls(&mut client, fourth);
    client.handle_response(fourth, Err(topics::RequestError::Unsupported), NOW);
    assert!(matches!(client.poll_event(), Some(TopicEvent::Refused { .. })));
}
