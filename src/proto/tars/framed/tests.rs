use super::*;
use bytes::Bytes;

use crate::{
    Command, Dialect, Error, Event, Home, Message, Position, Progress, Protocol, Recovery, Refusal, Request,
    RequestId, Route, Session, Sniff, Time, testing::accept, topics::control,
};

const NOW: Time = Time::from_nanos(0);

fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn packet(id: u64, body: &[u8]) -> Progress<'_> {
    Progress::event(body.len(), Event::Request(Request::new(RequestId(id), Route::Only, body)))
}

#[test]
fn recorded_heartbeat_is_one_request_and_is_what_we_encode() {
    let heartbeat = unhex(include_str!("../../tests/vectors/tars/40_pushdemo_heartbeat.req.hex"));
    let echo = unhex(include_str!("../../tests/vectors/tars/40_pushdemo_heartbeat.rsp.hex"));
    assert_eq!(frame::Header::load(&heartbeat), Some(frame::Header { len: 17, id: 1 }));
    assert_eq!(frame::encode(1, b"heartbeat"), heartbeat);
    assert_eq!(frame::payload(&heartbeat), Some(&b"heartbeat"[..]));

    let mut session = Framed::default().session();
    assert_eq!(session.handle_input(&heartbeat, NOW), Ok(packet(1, &heartbeat)));
    let mut out = Vec::new();
    let respond = Command::respond(RequestId(1), &heartbeat);
    assert_eq!(session.handle_command(respond, &mut out, NOW), Ok(()));
    assert_eq!(out, echo);
}

#[test]
fn recorded_push_is_what_we_encode() {
    let recorded = unhex(include_str!("../../tests/vectors/tars/41_pushdemo_push.hex"));
    assert_eq!(frame::push(b"hello world"), recorded);
    let body = frame::push(b"hello world");
    assert_eq!(Framed::default().encode_push(Route::Only, &body), Some(body));
}

#[test]
fn requests_are_numbered_in_order_of_arrival() {
    let input = [frame::encode(7, b"a"), frame::encode(7, b"b")].concat();
    let mut session = Framed::default().session();
    assert_eq!(session.handle_input(&input, NOW), Ok(packet(1, &input[..9])));
    assert_eq!(session.handle_input(&input[9..], NOW), Ok(packet(2, &input[9..])));
    assert_eq!(session.handle_input(&[], NOW), Ok(Progress::NEED_MORE));
}

#[test]
fn length_is_judged_by_its_four_bytes() {
    let check = |length: u32, expected: Error| {
        let mut session = Framed::default().session();
        let input = length.to_be_bytes();
        assert_eq!(session.handle_input(&input[..3], NOW), Ok(Progress::NEED_MORE));
        assert_eq!(session.handle_input(&input, NOW), Err(expected));
    };
    check(0, Error::FrameTooSmall { len: 0, min: 8 });
    check(7, Error::FrameTooSmall { len: 7, min: 8 });
    check(1_000_001, Error::FrameTooLarge { len: 1_000_001, max: 1_000_000 });
    check(0x8000_0000, Error::FrameTooLarge { len: 0x8000_0000, max: 1_000_000 });
    check(u32::MAX, Error::FrameTooLarge { len: u32::MAX.into(), max: 1_000_000 });
}

#[test]
fn longest_and_shortest_frame_pass() {
    for payload_len in [0, 1_000_000 - 8] {
        let input = frame::encode(1, &vec![7; payload_len]);
        let mut session = Framed::default().session();
        assert_eq!(session.handle_input(&input[..input.len() - 1], NOW), Ok(Progress::NEED_MORE));
        assert_eq!(session.handle_input(&input, NOW), Ok(packet(1, &input)));
    }
}

fn line(input: &[u8]) -> Parsed {
    match input.iter().position(|byte| *byte == b'\n') {
        _ if input[0] == b'!' => Parsed::Err,
        Some(at) => Parsed::Full(at + 1),
        None => Parsed::Less,
    }
}

#[test]
fn custom_parser_decides_what_a_packet_is() {
    let mut session = Framed::new(line, 8).session();
    assert_eq!(session.handle_input(b"one\ntwo\n", NOW), Ok(packet(1, b"one\n")));
    assert_eq!(session.handle_input(b"two", NOW), Ok(Progress::NEED_MORE));
    assert_eq!(session.handle_input(b"!", NOW), Err(Error::Refused));
}

#[test]
fn parser_that_never_finds_an_end_is_bounded() {
    let too_large = Err(Error::FrameTooLarge { len: 9, max: 8 });
    let mut session = Framed::new(line, 8).session();
    assert_eq!(session.handle_input(b"12345678", NOW), Ok(Progress::NEED_MORE));
    assert_eq!(session.handle_input(b"123456789", NOW), too_large);
    // The end is there, but too late; as if the bytes had come one by one.
    assert_eq!(session.handle_input(b"12345678\n", NOW), too_large);
    assert_eq!(
        Framed::new(line, 0).session().handle_input(b"1", NOW).map_err(|error| error.code()),
        Err("frame-too-large")
    );
}

#[test]
fn parser_that_miscounts_is_refused() {
    for wrong in [0, 4, usize::MAX] {
        let mut session = Framed::new(move |_: &[u8]| Parsed::Full(wrong), 100).session();
        assert_eq!(session.handle_input(b"abc", NOW), Err(Error::Refused));
    }
}

#[test]
fn parser_may_be_chosen_at_run_time() {
    let parsers: [Box<dyn Parser>; 2] = [Box::new(line), Box::new(LengthPrefixed::default())];
    for (parser, input) in parsers.into_iter().zip([&b"hi\n"[..], b"\0\0\0\x08\0\0\0\0"]) {
        let protocol = Framed::new(parser, 100);
        assert_eq!(accept(&protocol, NOW).handle_input(input, NOW), Ok(packet(1, input)));
    }
}

#[test]
fn push_with_a_route_comes_back() {
    let command = Command::Push { route: Route::Numbered(3), body: b"x" };
    let mut out = Vec::new();
    assert_eq!(Framed::default().session().handle_command(command, &mut out, NOW), Err(command));
    assert_eq!(out, b"");
    assert_eq!(Framed::default().encode_push(Route::Named("a", "b"), &bytes::Bytes::new()), None);
}

#[test]
fn no_frame_that_is_sent_exceeds_the_limit() {
    for frame_len_max in [8, 127, 128, 200, 1_000_000] {
        let framed = Framed::length_prefixed(LengthPrefixed { frame_len_max, ..LengthPrefixed::default() });
        let max = frame_len_max as usize;
        let mut session = framed.session();
        let bodies = [max - 8, max, max + 1].map(|len| Bytes::from(vec![0; len]));
        for (body, fits) in bodies.iter().zip([true, true, false]) {
            let mut out = Vec::new();
            let said = session.handle_command(Command::respond(RequestId(1), body), &mut out, NOW).is_ok();
            assert_eq!((said, out.is_empty()), (fits, !fits || body.is_empty()));
            assert_eq!(framed.encode_push(Route::Only, body).is_some(), fits);
            let push = Command::Push { route: Route::Only, body };
            assert_eq!(session.handle_command(push, &mut out, NOW).is_ok(), fits);
        }
        for topic in ["a", &"t".repeat(255)] {
            let longest = framed.message_len_max(topic);
            for dialect in [Dialect(0), Dialect(1)].into_iter().take(if max < 128 { 1 } else { 2 }) {
                for len in [longest, longest + 1, max] {
                    let body = Bytes::from(vec![0; len]);
                    let message = Message { topic, position: Position::default(), body: &body };
                    let frame = framed.encode_message(dialect, message);
                    assert!(frame.as_ref().is_none_or(|frame| frame.len() <= max), "{dialect:?} {len}");
                    // Of a long topic, not even an empty message may fit.
                    let fits = len <= longest && (len > 0 || max > 300 || dialect == Dialect(0));
                    assert!(frame.is_some() || !fits, "{dialect:?} {topic} {len}");
                }
            }
        }
    }
}

#[test]
fn the_responses_to_topic_requests_are_short() {
    let refusals = [
        Refusal::Busy { waiting: u64::MAX, max: u64::MAX },
        Refusal::TooManyTopics { max: u64::MAX },
        Refusal::TooManySubscriptions { max: u64::MAX },
        Refusal::BadTopic,
        Refusal::SinceOnPrefix,
        Refusal::Expired,
        Refusal::TooLarge { len: u64::MAX, max: u64::MAX },
    ];
    for refusal in refusals {
        let mut payload = Vec::new();
        control::encode_refusal(4, refusal, &mut payload);
        assert!(payload.len() + 8 <= session::CONTROL_LEN_MIN, "{refusal}");
    }
    // Below that limit, HELLO is a request like any other.
    let parser = LengthPrefixed { frame_len_max: 127, ..LengthPrefixed::default() };
    let mut session = Framed::length_prefixed(parser).session();
    let mut hello = Vec::new();
    control::encode_request(&control::Request::Hello, &mut hello);
    let hello = frame::encode(1, &hello);
    assert_eq!(session.handle_input(&hello, NOW), Ok(packet(1, &hello)));
}

/// A session whose peer has sent HELLO.
fn control_session(frame_len_max: u32) -> FramedSession<LengthPrefixed> {
    let framed = Framed::length_prefixed(LengthPrefixed { frame_len_max, ..LengthPrefixed::default() });
    let mut session = framed.session();
    let mut hello = Vec::new();
    control::encode_request(&control::Request::Hello, &mut hello);
    let hello = frame::encode(1, &hello);
    assert!(matches!(
        session.handle_input(&hello, NOW),
        Ok(Progress { event: Some(Event::Hello { .. }), .. })
    ));
    session
}

#[test]
fn a_history_has_as_many_messages_as_fit() {
    let at = |offset| Position { epoch: 7, offset };
    let bodies: Vec<_> = (0..10).map(|_| Bytes::from(vec![7; 100])).collect();
    let messages: Vec<_> =
        (1..).zip(&bodies).map(|(offset, body)| Message { topic: "t", position: at(offset), body }).collect();
    for frame_len_max in [128, 166, 167, 168, 300, 1367, 10_000] {
        let mut session = control_session(frame_len_max);
        let mut out = Vec::new();
        let gap = Recovery::Gap { from: 1, to: 2 };
        let history = Command::History { id: RequestId(9), head: at(10), recovery: gap, messages: &messages };
        assert_eq!(session.handle_command(history, &mut out, NOW), Ok(()));
        assert!(out.len() <= frame_len_max as usize);
        assert_eq!(frame::Header::load(&out).map(|it| (it.len as usize, it.id)), Some((out.len(), 9)));
        let payload = frame::payload(&out).expect("a frame");
        match control::ServerPayload::load(payload).expect("a response") {
            control::ServerPayload::History { head, recovery, messages } => {
                let positions: Vec<_> = messages.iter().map(|(position, _)| position).collect();
                assert_eq!((head, recovery), (at(10), gap));
                assert!((1..).zip(&positions).all(|(offset, position)| *position == at(offset)));
                // Each has 20 bytes beside its body.
                let count = ((frame_len_max as usize - 47) / 120).min(10);
                assert_eq!(positions.len(), count, "{frame_len_max}");
            }
            control::ServerPayload::Refused { status, text } => {
                assert!(frame_len_max < 167, "{frame_len_max}: {text}");
                assert_eq!(status, Refusal::TooLarge { len: 0, max: 0 }.status());
            }
            other => panic!("{other:?}"),
        }
    }
    // Without messages, it fits in any case; a plain peer gets none.
    let history = |messages| Command::History {
        id: RequestId(9),
        head: at(10),
        recovery: Recovery::Gap { from: 1, to: 10 },
        messages,
    };
    let mut out = Vec::new();
    assert_eq!(control_session(128).handle_command(history(&[]), &mut out, NOW), Ok(()));
    assert_eq!(out.len(), 47);
    let refused = Framed::default().session().handle_command(history(&messages), &mut out, NOW);
    assert_eq!((refused, out.len()), (Err(history(&messages)), 47));
}

#[test]
fn every_first_byte_is_ours() {
    let protocol = Framed::default();
    assert_eq!(protocol.sniff(b""), Sniff::Match(Home::AnyShard));
    assert!((0..=255).all(|byte| protocol.sniff(&[byte]) == Sniff::Match(Home::AnyShard)));
}
