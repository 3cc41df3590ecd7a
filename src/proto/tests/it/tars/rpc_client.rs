//! The connecting session of Tars RPC: conformance, the requests that TarsCpp was recorded to send, and its responses.

use std::time::Duration;

use shardcast_proto::{
    Command, Error, Event, Request, RequestId, Response, Route, Session, Time, session_conformance,
    tars::{
        packet::{RequestPacket, RequestRef, ResponsePacket, StringMap, Version},
        rpc::{CallHead, RECONNECT_PUSH, ResponseHead, Tars, TarsClientSession},
    },
    testing::{Conformance, connect},
};

use super::{
    packets::{recorded, recorded_frame, whole},
    types::hex,
};

const NOW: Time = Time::from_nanos(0);

session_conformance!(
    connecting,
    Conformance {
        accept: &|| connect(&Tars::default(), NOW),
        conversation: &conversation(),
        events: 9,
        broken: &[
            (b"\0\0\0\x04", "frame-too-small"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "frame-too-large"),
            (b"\x06\x40\0\x01", "frame-too-large"),
            // A packet without its required fields, one that ends within a field, a type that does not exist, and a
            // request in place of a response: it has no buffer as field 6.
            (b"\0\0\0\x05\x0c", "malformed"),
            (b"\0\0\0\x08\x10\x01\x2c\x42", "malformed"),
            (b"\0\0\0\x06\x0e\x0e", "malformed"),
            (&recorded_frame("01_tars_ping.req"), "malformed"),
        ],
        silence: &[],
        refused: &[
            Command::Push { route: Route::Named("servant", "function"), body: b"x" },
            Command::respond(RequestId(1), b"x"),
            Command::Request(Request::new(RequestId(1), Route::Only, b"x")),
            Command::Request(Request::new(RequestId(0), Route::Named("servant", "function"), b"x")),
            Command::Request(Request::new(RequestId(1 << 32), Route::Named("servant", "function"), b"x")),
            Command::Request(Request {
                head: b"not a head",
                ..Request::new(RequestId(1), Route::Named("servant", "function"), b"x")
            }),
        ],
    }
);

/// One packet of each kind.
fn conversation() -> Vec<u8> {
    let names = [
        "01_tars_ping.rsp",
        "03_hello_context.rsp",
        "07_exc_std_exception_ret99.rsp",
        "30_tup_call.rsp",
        "31_tup_exception.rsp",
        "50_json_echo.rsp",
        "43_pushcb_push",
        "90_tarsgo_reconnect_push",
        "91_tarsgo_push_v0",
    ];
    names.iter().flat_map(|name| recorded_frame(name)).collect()
}

fn session() -> TarsClientSession {
    Tars::default().client_session()
}

/// Sends the request of a recorded packet.
fn say(packet: &RequestPacket, out: &mut Vec<u8>) {
    let mut head = Vec::new();
    let numbers = CallHead {
        version: packet.version,
        message_type: packet.message_type,
        timeout_ms: packet.timeout_ms,
        ..CallHead::default()
    };
    numbers.encode_with(&packet.context, &packet.status, &mut head);
    let request = Request {
        id: RequestId(packet.request_id.cast_unsigned().into()),
        route: Route::Named(&packet.servant, &packet.func),
        head: &head,
        body: &packet.buffer,
        deadline: None,
        expects_response: !packet.is_one_way(),
    };
    assert_eq!(session().handle_command(Command::Request(request), out, NOW), Ok(()));
}

#[test]
fn requests_are_those_that_were_recorded() {
    let mut checked = 0;
    for (name, frame) in recorded().into_iter().filter(|(name, _)| name.ends_with(".req")) {
        // The first uses the id of a push, and the second an unknown field.
        if name.starts_with("56_") || name.starts_with("59_") {
            continue;
        }
        let mut out = Vec::new();
        say(&RequestPacket::decode(whole(&frame)).expect("a request"), &mut out);
        assert_eq!(hex(&out), hex(&frame), "{name}");
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn a_heartbeat_is_the_ping_that_was_recorded() {
    let packet = recorded_frame("64_keepalive_ping.req");
    let route = Route::Named("Bench.BenchServer.EchoObj", "tars_ping");
    let deadline = Some(NOW + Duration::from_secs(5));
    let request = Request { deadline, ..Request::new(RequestId(1), route, b"") };
    let mut out = Vec::new();
    assert_eq!(session().handle_command(Command::Request(request), &mut out, NOW), Ok(()));
    assert_eq!(hex(&out), hex(&packet));
}

#[test]
fn a_time_out_is_rounded_up_and_stays_within_its_field() {
    let timeout = |deadline| {
        let route = Route::Named("servant", "function");
        let request = Request { deadline, ..Request::new(RequestId(1), route, b"") };
        let mut out = Vec::new();
        assert_eq!(session().handle_command(Command::Request(request), &mut out, NOW + second()), Ok(()));
        RequestRef::decode(whole(&out)).expect("a request").timeout_ms
    };
    let second_and = |nanos| Some(NOW + second() + Duration::from_nanos(nanos));
    assert_eq!([None, second_and(1), second_and(1_000_001), Some(NOW)].map(timeout), [0, 1, 2, 1]);
    assert_eq!(timeout(Some(Time::NEVER)), i32::MAX);
}

const fn second() -> Duration {
    Duration::from_secs(1)
}

#[test]
fn the_first_request_asks_for_a_notice_if_the_client_wants_one() {
    let mut session = Tars::default().with(|it| it.reconnect_notice = true).client_session();
    let mut head = Vec::new();
    let status = StringMap::from([("STATUS_GRID_KEY".into(), "7".into())]);
    CallHead::default().encode_with(&StringMap::new(), &status, &mut head);
    let route = Route::Named("servant", "function");
    let mut status_of = |head| {
        let mut out = Vec::new();
        let request = Request { head, ..Request::new(RequestId(1), route, b"") };
        assert_eq!(session.handle_command(Command::Request(request), &mut out, NOW), Ok(()));
        let status = RequestRef::decode(whole(&out)).expect("a request").status.to_map();
        status.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(status_of(&head), ["STATUS_GRID_KEY=7", "STATUS_RECONNECT_NOTICE=1"]);
    assert_eq!(status_of(&head), ["STATUS_GRID_KEY=7"]);
    assert!(status_of(&[]).is_empty());
}

#[test]
fn ids_are_negative_from_the_middle_of_their_range() {
    for (id, on_wire) in [(1, 1), (0x7fff_ffff, i32::MAX), (0x8000_0000, i32::MIN), (0xffff_ffff, -1)] {
        let mut out = Vec::new();
        let request = Request::new(RequestId(id), Route::Named("servant", "function"), b"");
        assert_eq!(session().handle_command(Command::Request(request), &mut out, NOW), Ok(()));
        assert_eq!(RequestRef::decode(whole(&out)).expect("a request").request_id, on_wire);
        let packet = ResponsePacket { request_id: on_wire, ..ResponsePacket::default() };
        assert_eq!(response(&encoded(&packet)).0, id);
    }
}

#[test]
fn what_exceeds_the_limit_leaves_nothing_behind() {
    let tars = Tars::default().with(|it| it.frame_len_max = 100);
    let (mut session, mut out) = (tars.client_session(), b"before".to_vec());
    let request =
        |body| Command::Request(Request::new(RequestId(1), Route::Named("servant", "function"), body));
    assert_eq!(session.handle_command(request(&[0; 90]), &mut out, NOW), Err(request(&[0; 90])));
    assert_eq!(out, b"before");
    assert_eq!(session.handle_command(request(&[0; 50]), &mut out, NOW), Ok(()));
}

/// Id, context, and result of a response; a failure is its code and text.
fn response(frame: &[u8]) -> (u64, StringMap, Result<String, (i32, String)>) {
    let mut session = session();
    let progress = session.handle_input(frame, NOW).expect("a packet");
    let Some(Event::Response(Response { id, head, result })) = progress.event else {
        panic!("a response: {progress:?}")
    };
    let context = ResponseHead::decode(head).expect("encoded by the session").context.to_map();
    (id.0, context, result.map(hex).map_err(|failure| (failure.code, failure.text.to_owned())))
}

fn encoded(packet: &ResponsePacket) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(&mut out).expect("a short packet");
    out
}

#[test]
fn recorded_responses_are_results_and_failures() {
    for (name, expected) in [
        ("01_tars_ping", Ok("")),
        ("02_echo_sync", Ok("0c260268 69")),
        ("07_exc_std_exception_ret99", Err((-99, "boom: user exception"))),
        ("20_exc_no_servant_ret4", Err((-4, ""))),
        ("21_exc_no_func_ret3", Err((-3, ""))),
        ("31_tup_exception", Err((-99, "boom: user exception"))),
        ("54_tup_ping", Ok("")),
        ("60_queue_timeout_ret6", Err((-6, ""))),
        ("61_overload_ret9", Err((-9, ""))),
    ] {
        let (_, context, result) = response(&recorded_frame(&format!("{name}.rsp")));
        let expected =
            expected.map(|it: &str| it.replace(' ', "")).map_err(|(code, text)| (code, text.to_owned()));
        assert_eq!((context, result), (StringMap::new(), expected), "{name}");
    }
    let (id, context, result) = response(&recorded_frame("03_hello_context.rsp"));
    let packet = ResponsePacket::decode(whole(&recorded_frame("03_hello_context.rsp"))).expect("a response");
    assert!(!context.is_empty() && result.is_ok());
    assert_eq!((id, context), (packet.request_id as u64, packet.context));
}

#[test]
fn every_recorded_packet_of_a_server_is_a_response_or_a_push() {
    for (name, frame) in recorded().into_iter().filter(|(name, _)| !name.ends_with(".req")) {
        let mut session = session();
        let progress = session.handle_input(&frame, NOW).expect("a packet");
        assert_eq!(progress.taken, frame.len(), "{name}");
        // The request with the id 0 makes its response a push without a function.
        let is_push = name.contains("push") && !name.ends_with(".rsp") || name.starts_with("56_");
        assert_eq!(matches!(progress.event, Some(Event::Push { .. })), is_push, "{name}");
    }
}

#[test]
fn pushes_have_the_name_of_their_function_if_there_is_one() {
    let check = |frame: &[u8], expected: Option<(Route<'_>, &[u8])>| {
        let mut session = session();
        let event = session.handle_input(frame, NOW).expect("a packet").event;
        assert_eq!(event, expected.map(|(route, body)| Event::Push { route, head: &[], body }));
    };
    let message = b"\x0c\x16\x0cpush message".as_slice();
    check(&recorded_frame("43_pushcb_push"), Some((Route::Named("", "pushMsg"), message)));
    check(&recorded_frame("91_tarsgo_push_v0"), Some((Route::Only, b"go-push")));
    check(&recorded_frame("90_tarsgo_reconnect_push"), Some((RECONNECT_PUSH, b"")));
    // In the layout of TUP.
    let request = RequestPacket {
        version: Version::TUP,
        func: "pushMsg".into(),
        buffer: b"\x08\x0c".as_slice().into(),
        ..RequestPacket::default()
    };
    let mut frame = Vec::new();
    request.encode(&mut frame).expect("a short packet");
    check(&frame, Some((Route::Named("", "pushMsg"), b"\x08\x0c")));
    // A push that has failed has nothing for its function.
    check(
        &encoded(&ResponsePacket {
            ret: shardcast_proto::tars::packet::ReturnCode(-1),
            ..Default::default()
        }),
        None,
    );
}

#[test]
fn the_head_of_a_push_has_its_context_and_its_status_without_the_function() {
    let map = |pairs: &[(&str, &str)]| -> StringMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for (context, status) in [
        (map(&[("user", "ann"), ("trace", "7")]), map(&[("a", "1"), ("z", "2")])),
        (map(&[("user", "ann")]), map(&[])),
        (map(&[]), map(&[("z", "")])),
        (map(&[]), map(&[])),
    ] {
        let mut with_function = status.clone();
        with_function.insert("TARS_FUNC".into(), "pushMsg".into());
        let packet = ResponsePacket {
            status: with_function.clone(),
            context: context.clone(),
            buffer: b"\x08\x0c".as_slice().into(),
            ..Default::default()
        };
        let mut in_tup = Vec::new();
        let request = RequestPacket {
            version: Version::TUP,
            func: "pushMsg".into(),
            buffer: b"\x08\x0c".as_slice().into(),
            context: context.clone(),
            status: status.clone(),
            ..RequestPacket::default()
        };
        request.encode(&mut in_tup).expect("a short packet");
        for frame in [encoded(&packet), in_tup] {
            let mut session = session();
            let event = session.handle_input(&frame, NOW).expect("a packet").event;
            let Some(Event::Push { route: Route::Named("", "pushMsg"), head, body: b"\x08\x0c" }) = event
            else {
                panic!("{event:?}")
            };
            assert_eq!(head.is_empty(), context.is_empty() && status.is_empty());
            let head = ResponseHead::decode(head).expect("it was encoded here");
            assert_eq!((head.context.to_map(), head.status.to_map()), (context.clone(), status.clone()));
        }
    }
    // One without a function has all of its status, and what the last push had is not kept.
    let mut session = session();
    let status = map(&[("z", "2")]);
    let frame = encoded(&ResponsePacket { status: status.clone(), ..Default::default() });
    let plain = encoded(&ResponsePacket::default());
    for (frame, expected) in [(&frame, status), (&plain, StringMap::new()), (&frame, map(&[("z", "2")]))] {
        let event = session.handle_input(frame, NOW).expect("a packet").event;
        let Some(Event::Push { route: Route::Only, head, .. }) = event else { panic!("{event:?}") };
        assert_eq!(ResponseHead::decode(head).map(|it| it.status.to_map()), Some(expected));
    }
}

#[test]
fn what_is_not_in_the_input_as_it_should_be_is_read_too() {
    // A list of bytes in place of bytes, and text that is not UTF-8.
    let fields = b"\x10\x01\x2c\x30\x07\x4c\x5c\x69\x00\x02\x00\x41\x00\x42\x78\x0c";
    let frame = [&(fields.len() as u32 + 4).to_be_bytes(), fields.as_slice()].concat();
    assert_eq!(response(&frame).2, Ok("4142".into()));
    let fields = b"\x10\x01\x2c\x30\x07\x4c\x50\xff\x6d\x00\x0c\x78\x0c\x86\x02\xff!";
    let frame = [&(fields.len() as u32 + 4).to_be_bytes(), fields.as_slice()].concat();
    assert_eq!(response(&frame).2, Err((-1, "\u{fffd}!".into())));
    // A code in the status that is not a number is not success.
    let status = StringMap::from([("STATUS_RESULT_CODE".into(), "many".into())]);
    assert_eq!(
        response(&encoded(&ResponsePacket { request_id: 1, status, ..Default::default() })).2,
        Err((-99, String::new()))
    );
}

#[test]
fn a_frame_that_is_too_long_is_refused_at_its_first_bytes() {
    let tars = Tars::default().with(|it| it.frame_len_max = 1000);
    let result = tars.client_session().handle_input(&1001_u32.to_be_bytes(), NOW).map(|it| it.taken);
    assert_eq!(result, Err(Error::FrameTooLarge { len: 1001, max: 1000 }));
}
