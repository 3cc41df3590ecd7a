//! Peers that violate the protocol, and the contract of sessions.

use std::{any::Any, cell::RefCell, rc::Rc};

use shardcast_proto::{
    Command, ConnId, Protocol as _, Request, RequestId, Route, Session, Sniff, Time,
    seastar::{
        Features, Layout, RequestHead, ResponseHead,
        compress::{Lz4, Lz4Fragmented, Multi},
        rpc::{ClientConfig, IsolationRefused, Outcome, Seastar, SeastarClient, SeastarStream},
    },
    session_conformance,
    testing::{Conformance, connect, converse, pieces},
};

use super::{
    ends::{accept, accept_parent},
    recording::hex_bytes,
};

const TABLE: &str = include_str!("../../vectors/seastar/malformed.txt");
const NOW: Time = Time::from_nanos(0);

#[test]
fn each_malformed_frame_has_its_error() {
    let mut count = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words");
        let (before, bytes, code) = (word(), hex_bytes(word()), word());
        if before == "first" {
            assert_eq!(seastar().sniff(&bytes), Sniff::Refuse, "{line}");
            let outcome = converse(&mut *accepted(), [&bytes[..]], NOW).outcome;
            assert_eq!(outcome.code(), Some("malformed"), "{line}");
        } else {
            for len in [1, 3, usize::MAX] {
                let mut session = accepted();
                let agreed = converse(&mut *session, [&agreed(before)[..]], NOW);
                assert_eq!(agreed.outcome.code(), None, "{line}");
                let outcome = converse(&mut *session, pieces(&bytes, len), NOW).outcome;
                assert_eq!(outcome.code(), Some(code), "{line}, by {len}");
            }
        }
        count += 1;
    }
    assert!(count >= 64, "only {count}");
}

/// What a client has sent by then.
fn agreed(before: &str) -> Vec<u8> {
    let mut features = Features::default();
    match before {
        "new" => return Vec::new(),
        "plain" => {}
        "timeout" => features.timeout = true,
        "lz4" | "stream-lz4" => features.compression = Some("LZ4".into()),
        "lz4f" => features.compression = Some("LZ4_FRAGMENTED".into()),
        "stream" => {}
        other => panic!("{other}"),
    }
    if before.starts_with("stream") {
        features.stream_parent = Some(shardcast_proto::seastar::ConnectionId::new(1, 0));
    }
    let mut offer = Vec::new();
    features.encode(&mut offer);
    offer
}

fn seastar() -> Seastar {
    Seastar::default()
        .compression(Multi::default().and(Lz4).and(Lz4Fragmented))
        .isolation(|cookie| if cookie == b"bad" { Err(IsolationRefused) } else { Ok(None) })
}

/// The session of a connection beside one for calls.
fn accepted() -> Box<dyn Session> {
    let seastar = seastar();
    let state: Rc<dyn Any> = seastar.shard_state(0);
    let (parent, _) = accept_parent(&seastar, &state, NOW);
    let conn = ConnId { node: 0, shard: 0, slot: 1, generation: 0 };
    Box::new(WithParent { session: accept(&seastar, &state, conn, NOW), _parent: parent })
}

/// A session, and the one that it may belong to.
struct WithParent {
    session: Box<dyn Session>,
    _parent: Box<dyn Session>,
}

impl Session for WithParent {
    fn handle_input<'a>(
        &'a mut self,
        input: &'a [u8],
        now: Time,
    ) -> Result<shardcast_proto::Progress<'a>, shardcast_proto::Error> {
        self.session.handle_input(input, now)
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), shardcast_proto::Error> {
        self.session.handle_timeout(now)
    }

    fn handle_command<'c>(
        &mut self,
        it: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        self.session.handle_command(it, out, now)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.session.poll_transmit(out);
    }

    fn poll_event(&mut self) -> Option<shardcast_proto::Event<'_>> {
        self.session.poll_event()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.session.poll_timeout()
    }

    fn handle_end_of_stream(&mut self, now: Time) -> shardcast_proto::EndOfStream {
        self.session.handle_end_of_stream(now)
    }

    fn is_established(&self) -> bool {
        self.session.is_established()
    }
}

fn requests(layout: Layout) -> Vec<u8> {
    let mut sent = Vec::new();
    for id in 1..=2 {
        let body = [&Outcome::Result.encode(0)[..], b"text"].concat();
        RequestHead { timeout_ms: 0, verb: 1, id, len: body.len() as u32 }.encode(layout, &mut sent);
        sent.extend_from_slice(&body);
    }
    sent
}

/// Invalid at the beginning, and later.
const ZEROS: &[u8] = &[0; 28];
/// Too long a negotiation, and too long a request.
const ENDLESS: &[u8] =
    b"SSTARRPC\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";

const PUSH: Command<'_> = Command::Push { route: Route::Only, body: b"news" };

session_conformance!(
    accepting_calls,
    Conformance {
        accept: &accepted,
        conversation: &[agreed("timeout"), requests(Layout { timeout: true, duration: false })].concat(),
        events: 2,
        broken: &[(ENDLESS, "frame-too-large"), (ZEROS, "malformed")],
        silence: &[],
        refused: &[
            PUSH,
            Command::Draining,
            Command::Request(Request::new(RequestId(1), Route::Numbered(1), b""))
        ],
    }
);

session_conformance!(
    accepting_calls_compressed,
    Conformance {
        accept: &accepted,
        conversation: &{
            let mut conversation = agreed("lz4");
            let mut compressor =
                shardcast_proto::seastar::compress::Algorithm::negotiate(&Lz4, "LZ4").expect("its name");
            let request = &requests(Layout::default())[..32];
            for frame in [request, b"", request] {
                match frame {
                    b"" => conversation.extend([0; 4]),
                    _ => shardcast_proto::seastar::compress::encode_compressed(
                        &mut *compressor,
                        frame,
                        &mut conversation,
                    )
                    .expect("a short frame"),
                }
            }
            conversation
        },
        events: 2,
        broken: &[],
        silence: &[],
        refused: &[PUSH],
    }
);

session_conformance!(
    accepting_streams,
    Conformance {
        accept: &accepted,
        conversation: &[agreed("stream"), b"\x03\0\0\0one\0\0\0\0\x03\0\0\0two".to_vec()].concat(),
        events: 0,
        broken: &[],
        silence: &[(&agreed("stream"), "timed-out")],
        refused: &[PUSH, Command::respond(RequestId(1), b"")],
    }
);

fn answer(features: &Features) -> Vec<u8> {
    let mut answer = Vec::new();
    features.encode(&mut answer);
    answer
}

fn responses(layout: Layout) -> Vec<u8> {
    let mut sent = Vec::new();
    for (id, is_exception, payload) in
        [(1, false, &b"text"[..]), (2, true, b"\0\0\0\0\x03\0\0\0why"), (3, true, b"\x07")]
    {
        ResponseHead { id, is_exception, len: payload.len() as u32, duration_us: 5 }
            .encode(layout, &mut sent);
        sent.extend_from_slice(payload);
    }
    sent
}

session_conformance!(
    connecting_calls,
    Conformance {
        accept: &|| greeted(connect(&SeastarClient::new(ClientConfig::default()), NOW)),
        conversation: &[
            answer(&Features { handler_duration: true, ..Features::default() }),
            responses(Layout { timeout: false, duration: true }),
        ]
        .concat(),
        events: 3,
        broken: &[(ZEROS, "malformed")],
        silence: &[],
        refused: &[PUSH, Command::respond(RequestId(1), b"")],
    }
);

/// A client sends its negotiation at once.
fn greeted(mut session: Box<dyn Session>) -> Box<dyn Session> {
    session.poll_transmit(&mut Vec::new());
    session
}

fn connecting_stream() -> Box<dyn Session> {
    let protocol =
        SeastarStream::new(&ClientConfig::default(), shardcast_proto::seastar::ConnectionId::new(1, 0));
    let stream = Rc::new(RefCell::new(protocol.state(NOW)));
    Box::new(protocol.session(stream, NOW))
}

session_conformance!(
    connecting_streams,
    Conformance {
        accept: &|| greeted(connecting_stream()),
        conversation: &[
            answer(&Features {
                connection_id: Some(shardcast_proto::seastar::ConnectionId::new(2, 0)),
                ..Features::default()
            }),
            b"\x03\0\0\0one\x03\0\0\0two".to_vec(),
        ]
        .concat(),
        events: 0,
        broken: &[],
        silence: &[],
        refused: &[PUSH, Command::respond(RequestId(1), b"")],
    }
);

/// What a client must not accept in the negotiation.
#[test]
fn a_client_refuses_what_it_did_not_offer() {
    let not_offered = answer(&Features { compression: Some("LZ4".into()), ..Features::default() });
    for mut session in [connect(&SeastarClient::new(ClientConfig::default()), NOW), connecting_stream()] {
        assert_eq!(converse(&mut *session, [&not_offered[..]], NOW).outcome.code(), Some("malformed"));
    }
    let without_id = answer(&Features::default());
    assert_eq!(converse(&mut *connecting_stream(), [&without_id[..]], NOW).outcome.code(), Some("malformed"));
}
