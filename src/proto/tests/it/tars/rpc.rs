//! The accepting session of Tars RPC: conformance, and the responses that TarsCpp was recorded to give.

use shardcast_proto::{
    Command, Event, Failure, Progress, Protocol, Request, RequestId, Route, Session, Time,
    session_conformance,
    tars::{
        json::JsonValue,
        packet::{
            FRAME_LEN_MAX_TARSCPP, RequestPacket, RequestRef, ResponseRef, StringMap, Version, packet_type,
        },
        rpc::{
            ArgumentReader, ArgumentWriter, CallHead, RECONNECT_NOTICE_KEY, ResponseHead, Tars, encode_push,
        },
        tup::Attributes,
    },
    testing::{Conformance, accept},
};

use super::{
    packets::{recorded, recorded_frame, whole},
    types::{bytes, hex},
};

const NOW: Time = Time::from_nanos(0);

session_conformance!(
    accepting,
    Conformance {
        accept: &|| accept(&Tars::default(), NOW),
        conversation: &conversation(),
        events: 6,
        broken: &[
            (b"\0\0\0\x04", "frame-too-small"),
            (b"GET / HTTP/1.1\r\n\r\n", "frame-too-large"),
            (b"\x06\x40\0\x01", "frame-too-large"),
            // A packet without its required fields, one that ends within a field, and a type that does not exist.
            (b"\0\0\0\x05\x0c", "malformed"),
            (b"\0\0\0\x08\x10\x01\x2c\x42", "malformed"),
            (b"\0\0\0\x06\x0e\x0e", "malformed"),
        ],
        silence: &[],
        refused: &[
            Command::Push { route: Route::Named("servant", "function"), body: b"x" },
            Command::Request(Request::new(RequestId(1), Route::Named("servant", "function"), b"x")),
        ],
    }
);

/// One packet of each kind.
fn conversation() -> Vec<u8> {
    let names =
        ["01_tars_ping", "03_hello_context", "04_oneway_tell", "15_dyed_call", "30_tup_call", "50_json_echo"];
    names.iter().flat_map(|name| recorded_frame(&format!("{name}.req"))).collect()
}

/// Servants decide on the result; everything else in a response comes from the session.
#[test]
fn responses_are_those_that_were_recorded() {
    for (name, [ret, text]) in [
        ("01_tars_ping", ["0", ""]),
        ("02_echo_sync", ["0", ""]),
        ("03_hello_context", ["0", ""]),
        ("07_exc_std_exception_ret99", ["-99", "boom: user exception"]),
        ("11_user_return_minus7_in_body", ["0", ""]),
        ("14_trace_call", ["0", ""]),
        ("15_dyed_call", ["0", ""]),
        ("20_exc_no_servant_ret4", ["-4", ""]),
        ("21_exc_no_func_ret3", ["-3", ""]),
        ("30_tup_call", ["0", ""]),
        ("50_json_echo", ["0", ""]),
        ("54_tup_ping", ["0", ""]),
        ("55_unknown_version9", ["0", ""]),
        ("56_requestid_0", ["0", ""]),
        ("60_queue_timeout_ret6", ["-6", ""]),
        ("61_overload_ret9", ["-9", ""]),
    ] {
        let (request, response) =
            (recorded_frame(&format!("{name}.req")), recorded_frame(&format!("{name}.rsp")));
        let mut session = Tars::default().session();
        let id = request_of(session.handle_input(&request, NOW).expect("a packet")).id;
        let mut out = Vec::new();
        let (head, body) = results(&response);
        let command = match ret.parse().expect("a number") {
            0 => Command::Respond { id, head: &head, body: &body },
            code => Command::Fail { id, failure: Failure { code, text } },
        };
        assert_eq!(session.handle_command(command, &mut out, NOW), Ok(()));
        assert_eq!(hex(&out), hex(&response), "{name}");
        assert_eq!(session.pending_requests(), 0);
    }
}

/// Head and body of a recorded response, in either layout.
fn results(response: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let body = whole(response);
    let (context, status, buffer) = match ResponseRef::decode(body) {
        Ok(packet) => (packet.context.to_map(), packet.status.to_map(), packet.buffer.to_vec()),
        Err(_) => {
            let packet = RequestRef::decode(body).expect("the layout of TUP");
            (packet.context.to_map(), packet.status.to_map(), packet.buffer.to_vec())
        }
    };
    let mut head = Vec::new();
    ResponseHead::encode_with(&context, &status, &mut head);
    (head, buffer)
}

#[test]
fn every_recorded_request_has_its_fields_in_the_event() {
    for (name, frame) in recorded().into_iter().filter(|(name, _)| name.ends_with(".req")) {
        let mut session = Tars::default().session();
        let packet = RequestPacket::decode(whole(&frame)).expect("a request");
        let request = request_of(session.handle_input(&frame, NOW).expect("a packet"));
        let head = CallHead::decode(request.head).expect("encoded by the session");
        assert_eq!(request.route, Route::Named(&packet.servant, &packet.func), "{name}");
        assert_eq!(
            (request.body, request.expects_response),
            (&*packet.buffer, !packet.is_one_way()),
            "{name}"
        );
        assert_eq!((head.version, head.request_id), (packet.version, packet.request_id), "{name}");
        assert_eq!(
            (head.message_type, head.packet_type),
            (packet.message_type, packet.packet_type),
            "{name}"
        );
        assert_eq!((head.context.to_map(), head.status.to_map()), (packet.context, packet.status), "{name}");
        let wait = request.deadline.map_or(0, |deadline| deadline.saturating_since(NOW).as_millis());
        assert_eq!(wait, packet.timeout_ms as u128, "{name}");
    }
}

/// A client may use an id twice, or none: each response has that of its request.
#[test]
fn ids_are_returned_as_they_were_sent() {
    let ids = [0, 7, 7, -7, i32::MAX, i32::MIN];
    let mut session = Tars::default().session();
    let numbers: Vec<_> = ids.iter().map(|id| begin(&mut session, Version::TARS, *id)).collect();
    assert_eq!(session.pending_requests(), ids.len());
    for (number, id) in numbers.into_iter().zip(ids).rev() {
        let mut out = Vec::new();
        assert_eq!(session.handle_command(Command::respond(number, b""), &mut out, NOW), Ok(()));
        assert_eq!(ResponseRef::decode(whole(&out)).map(|packet| packet.request_id), Ok(id));
        // It has its response: a second one goes nowhere.
        assert_eq!(session.handle_command(Command::respond(number, b""), &mut out, NOW), Ok(()));
        assert_eq!(whole(&out).len() + 4, out.len());
    }
    assert_eq!(session.pending_requests(), 0);
}

#[test]
fn failures_have_a_code_that_clients_accept() {
    for (code, expected) in
        [(0, -99), (-100, -99), (i32::MIN + 1, -99), (-99, -99), (-9, -9), (1, 1), (i32::MAX, i32::MAX)]
    {
        for version in [Version::TARS, Version::TUP, Version::TUP_TYPED, Version::JSON, Version(9)] {
            let mut session = Tars::default().session();
            let id = begin(&mut session, version, 1);
            let (mut out, failure) = (Vec::new(), Failure { code, text: "why" });
            assert_eq!(session.handle_command(Command::Fail { id, failure }, &mut out, NOW), Ok(()));
            if version.is_tup() {
                let packet = RequestPacket::decode(whole(&out)).expect("the layout of a request");
                assert_eq!(packet.status["STATUS_RESULT_CODE"], expected.to_string());
                assert_eq!((&*packet.status["STATUS_RESULT_DESC"], packet.version), ("why", version));
                assert_eq!((packet.servant.as_str(), packet.func.as_str()), ("S", "f"));
                // Some clients cannot read an empty buffer.
                assert_eq!(&*packet.buffer, b"\x08\x0c");
                assert!(Attributes::decode(version, &packet.buffer).expect("a map").is_empty());
            } else {
                let packet = ResponseRef::decode(whole(&out)).expect("a response");
                assert_eq!((packet.ret.0, &*packet.result_desc, packet.version), (expected, "why", version));
                assert!(packet.buffer.is_empty());
            }
        }
    }
}

/// Such as those of servants that encode their results themselves. The response to a ping is as it was recorded.
#[test]
fn responses_without_results_have_a_map_in_tup() {
    for (version, expected) in [(Version::TARS, ""), (Version::TUP, "080c"), (Version::TUP_TYPED, "080c")] {
        let mut session = Tars::default().session();
        let id = begin(&mut session, version, 1);
        let mut out = Vec::new();
        assert_eq!(session.handle_command(Command::respond(id, b""), &mut out, NOW), Ok(()));
        assert_eq!(hex(&results(&out).1), expected, "{version}");
    }
}

/// No vector has it in JSON; see the specification of `tars_ping`: an empty buffer whatever the version.
#[test]
fn the_response_to_a_ping_has_an_empty_buffer_in_json_too() {
    let mut session = Tars::default().session();
    let ping = RequestPacket { func: "tars_ping".into(), ..packet(Version::JSON, 5) };
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    ping.encode(&mut frame).expect("it is short");
    let id = request_of(session.handle_input(&frame, NOW).expect("a packet")).id;
    assert_eq!(session.handle_command(Command::respond(id, b""), &mut out, NOW), Ok(()));
    assert_eq!(hex(&out), "0000001010052c30054c5c6d000c780c");
}

#[test]
fn a_request_that_is_dropped_fails_and_one_way_requests_have_no_state() {
    let mut session = Tars::default().session();
    let id = begin(&mut session, Version::TARS, 5);
    let mut out = Vec::new();
    assert_eq!(session.handle_command(Command::Forget { id }, &mut out, NOW), Ok(()));
    assert_eq!(
        ResponseRef::decode(whole(&out)).map(|packet| (packet.request_id, packet.ret.0)),
        Ok((5, -99))
    );

    let packet = RequestPacket { packet_type: packet_type::ONE_WAY, ..packet(Version::TARS, 5) };
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    packet.encode(&mut frame).expect("it is short");
    let request = request_of(session.handle_input(&frame, NOW).expect("a packet"));
    let (id, expects_response) = (request.id, request.expects_response);
    assert!(!expects_response);
    for command in [Command::respond(id, b"x"), Command::Forget { id }] {
        assert_eq!(session.handle_command(command, &mut out, NOW), Ok(()));
    }
    assert_eq!((out.len(), session.pending_requests()), (0, 0));
}

/// The application then fails the request.
#[test]
fn a_response_above_the_limit_is_returned() {
    let mut session = Tars::default().with(|it| it.frame_len_max = 1000).session();
    let id = begin(&mut session, Version::TARS, 5);
    let (mut out, body) = (Vec::new(), [0; 1000]);
    let command = Command::respond(id, &body);
    assert_eq!(session.handle_command(command, &mut out, NOW), Err(command));
    assert_eq!((out.len(), session.pending_requests()), (0, 1));
    let failure = Failure { code: -2, text: "too large" };
    assert_eq!(session.handle_command(Command::Fail { id, failure }, &mut out, NOW), Ok(()));
}

/// It is not sent as it is, even where its parameters alone would be short enough.
#[test]
fn a_push_that_is_longer_than_any_packet_is_refused() {
    let mut out = Vec::new();
    for tars in [Tars::default(), Tars::default().with(|it| it.frame_len_max = u32::MAX)] {
        let long = encode_push("pushMsg", vec![0; FRAME_LEN_MAX_TARSCPP as usize - 10]);
        let push = Command::Push { route: Route::Only, body: &long };
        assert_eq!(tars.encode_push(Route::Only, &long), None);
        assert!(tars.session().handle_command(push, &mut out, NOW) == Err(push) && out.is_empty());
    }
}

/// The same results in all encodings as recorded: of `int echo(string s, out string r)`.
#[test]
fn results_are_those_that_were_recorded() {
    let write = |version, text: &str| {
        let mut w = ArgumentWriter::new(version, Vec::new());
        w.put_result(&0);
        w.put(2, "r", text);
        w.finish().expect("text is encoded")
    };
    for (name, version, text) in [
        ("02_echo_sync", Version::TARS, "hi"),
        ("30_tup_call", Version::TUP, "tup-hi"),
        ("50_json_echo", Version::JSON, "json-hi"),
    ] {
        let (_, body) = results(&recorded_frame(&format!("{name}.rsp")));
        let mut r = ArgumentReader::new(version, &body).expect("an encoding of this version");
        assert_eq!(
            (r.take_result::<i32>(), r.take::<String>(2, "r")),
            (Ok(0), Ok(text.to_owned())),
            "{name}"
        );
        if version != Version::JSON {
            assert_eq!(hex(&write(version, text)), hex(&body), "{name}");
        }
    }
    // The order of members is open.
    let json = |text: &[u8]| str::from_utf8(text).expect("text").parse::<JsonValue>().expect("JSON");
    assert_eq!(json(&write(Version::JSON, "x")), json(br#"{"tars_ret":0,"r":"x"}"#));
}

#[test]
fn arguments_that_cannot_be_read_name_their_parameter() {
    for (version, body, error) in [
        (Version::TARS, "", "parameter `no`: tag 1, byte 0: required field is missing"),
        (
            Version::TARS,
            "1603666f6f",
            "parameter `no`: tag 1, byte 0: expected an integer of at most 32 bits, found STRING1",
        ),
        (Version::TUP, "080c", r#"argument "no": it is missing"#),
        (Version::JSON, "7b7d", "no: required member is missing"),
    ] {
        let body = bytes(body);
        let found = ArgumentReader::new(version, &body).and_then(|mut r| r.take::<i32>(1, "no"));
        assert_eq!(found.expect_err("it is faulty").to_string(), error);
    }
    assert!(ArgumentReader::new(Version::JSON, b"{").is_err());
    assert!(ArgumentReader::new(Version::TUP, b"\x08\x01").is_err());
}

#[test]
fn strings_that_are_not_utf8_are_replaced_on_request() {
    for version in [Version::TARS, Version::TUP] {
        let mut w = ArgumentWriter::new(version, Vec::new());
        w.put(1, "name", &shardcast_proto::tars::codec::ByteString::from(b"\xd6\xd0".to_vec()));
        let body = w.finish().expect("any bytes");
        assert!(ArgumentReader::new(version, &body).and_then(|mut r| r.take::<String>(1, "name")).is_err());
        let name = ArgumentReader::new(version, &body).and_then(|r| r.lossy().take::<String>(1, "name"));
        assert_eq!(name, Ok("\u{FFFD}\u{FFFD}".to_owned()));
    }
}

fn packet(version: Version, request_id: i32) -> RequestPacket {
    RequestPacket { version, request_id, servant: "S".into(), func: "f".into(), ..RequestPacket::default() }
}

fn begin(session: &mut impl Session, version: Version, request_id: i32) -> RequestId {
    let mut frame = Vec::new();
    packet(version, request_id).encode(&mut frame).expect("it is short");
    request_of(session.handle_input(&frame, NOW).expect("a packet")).id
}

fn request_of<'a>(progress: Progress<'a>) -> Request<'a> {
    match progress.event {
        Some(Event::Request(request)) => request,
        other => panic!("a packet is a request: {other:?}"),
    }
}

#[test]
fn maps_of_heads_come_back() {
    let map = StringMap::from([("a".into(), "1".into()), ("b".into(), String::new())]);
    for (context, status) in [(&map, &StringMap::new()), (&StringMap::new(), &map), (&map, &map)] {
        let mut out = Vec::new();
        ResponseHead::encode_with(context, status, &mut out);
        let head = ResponseHead::decode(&out).expect("it was encoded here");
        assert_eq!((&head.context.to_map(), &head.status.to_map()), (context, status));
        let mut again = Vec::new();
        head.encode(&mut again);
        assert_eq!(again, out);
        for len in 1..out.len() {
            assert_eq!(ResponseHead::decode(&out[..len]), None);
        }
    }
}

/// Only those get it that ask for it, unless the listener decides: some clients close the connection when they get it.
#[test]
fn a_notice_of_draining_is_sent_to_those_that_want_it() {
    let asks = StringMap::from([(RECONNECT_NOTICE_KEY.to_owned(), "1".to_owned())]);
    for (to_all, status, is_sent) in
        [(false, StringMap::new(), false), (false, asks, true), (true, StringMap::new(), true)]
    {
        let mut session = Tars::default().with(|it| it.reconnect_notice = to_all).session();
        let (mut frame, mut out) = (Vec::new(), Vec::new());
        RequestPacket { status, ..packet(Version::TARS, 1) }.encode(&mut frame).expect("it is short");
        session.handle_input(&frame, NOW).expect("a packet");
        let sent = session.handle_command(Command::Draining, &mut out, NOW);
        assert_eq!(sent.is_ok(), is_sent);
        if is_sent {
            assert_eq!(hex(&out), hex(&recorded_frame("90_tarsgo_reconnect_push")));
        }
    }
}

#[test]
fn a_response_that_is_too_large_fails_as_one_that_cannot_be_encoded() {
    let mut session = Tars::default().session();
    let id = begin(&mut session, Version::TARS, 5);
    let (mut out, code) = (Vec::new(), Failure::RESPONSE_TOO_LARGE);
    let command = Command::Fail { id, failure: Failure { code, text: "too large" } };
    assert_eq!(session.handle_command(command, &mut out, NOW), Ok(()));
    assert_eq!(ResponseRef::decode(whole(&out)).map(|packet| packet.ret.0), Ok(-2));
}

/// The names of a response in TUP are the peer's, and count.
#[test]
fn names_and_texts_are_left_out_of_a_failure_that_does_not_fit() {
    let mut session = Tars::default().with(|it| it.frame_len_max = 1000).session();
    for version in [Version::TUP, Version::TARS] {
        let servant = "s".repeat(900);
        let mut request = Vec::new();
        RequestPacket { servant, ..packet(version, 5) }.encode(&mut request).expect("it is short");
        let id = request_of(session.handle_input(&request, NOW).expect("a packet")).id;
        let mut out = Vec::new();
        let body = [0; 500];
        let command = Command::respond(id, &body);
        if version.is_tup() {
            assert_eq!(session.handle_command(command, &mut out, NOW), Err(command));
            assert!(out.is_empty());
        }
        let failure = Failure { code: 7, text: &"t".repeat(1000) };
        assert_eq!(session.handle_command(Command::Fail { id, failure }, &mut out, NOW), Ok(()));
        assert!(out.len() < 150 && session.pending_requests() == 0);
        let mut client = Tars::default().client_session();
        let event = client.handle_input(&out, NOW).expect("a packet").event;
        let Some(Event::Response(response)) = event else { panic!("a response") };
        assert_eq!((response.id, response.result), (RequestId(5), Err(Failure { code: 7, text: "" })));
    }
}
