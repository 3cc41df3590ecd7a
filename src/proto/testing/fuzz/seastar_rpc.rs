//! Fuzz targets of the sessions of Seastar RPC.

use core::net::{Ipv4Addr, SocketAddr};
use std::{any::Any, cell::RefCell, rc::Rc, time::Duration};

use super::{START, connect, converse, pieces};
use crate::{
    Command, ConnId, Event, Opening, Progress, Protocol as _, RequestId, Session,
    seastar::{
        ConnectionId, Features, Layout, ResponseHead, StreamFrame,
        compress::{Lz4, Lz4Fragmented, Multi},
        rpc::{
            ClientConfig, Outcome, Read, Seastar, SeastarClient, SeastarStream, Stream, StreamConfig,
            StreamError,
        },
        split_response, split_stream_frame,
    },
};

/// Any bytes of a client, after a negotiation that the second byte chooses, in pieces of the length in the first byte: they
/// mean the same as at once, and every request can be responded to.
pub fn accepting(data: &[u8]) {
    let [len, agreed, input @ ..] = data else { return };
    let agreed = features(*agreed);
    let input = [greeting(agreed.as_ref()), input.to_vec()].concat();
    let whole = converse(&mut *accept().0, [&input[..]], START);
    assert_eq!(whole, converse(&mut *accept().0, pieces(&input, (*len).into()), START));
    let Some(agreed) = agreed.filter(|it| it.compression.is_none()) else { return };
    let (mut session, mut rest) = (accept().0, &input[..]);
    while let Ok(Progress { taken: taken @ 1.., event, .. }) = session.handle_input(rest, START) {
        let id = event.and_then(|event| match event {
            Event::Request(request) => Some(request.id),
            _ => None,
        });
        rest = &rest[taken..];
        session.poll_transmit(&mut Vec::new());
        if let Some(id) = id {
            respond(&mut *session, id, Layout::of(&agreed));
        }
    }
}

/// A response of each kind is one frame with the id of the request.
fn respond(session: &mut dyn Session, id: RequestId, layout: Layout) {
    for outcome in [Outcome::Result, Outcome::Failure, Outcome::UnknownVerb] {
        let body = [&outcome.encode(ResponseHead::UNMEASURED)[..], b"response"].concat();
        let mut sent = Vec::new();
        assert_eq!(session.handle_command(Command::respond(id, &body), &mut sent, START), Ok(()));
        let frame = split_response(&sent, layout, LEN_MAX).expect("a valid response").expect("a whole one");
        assert_eq!((frame.head.id, frame.taken), (id.0, sent.len()));
        assert_eq!(frame.head.is_exception, outcome != Outcome::Result);
    }
}

/// Any bytes of a server, after a negotiation that the second byte chooses, in pieces of the length in the first byte: they
/// mean the same as at once.
pub fn connecting(data: &[u8]) {
    let [len, agreed, input @ ..] = data else { return };
    let input = [greeting(features(*agreed).as_ref()), input.to_vec()].concat();
    let open = || {
        let config = ClientConfig::default().with(|it| it.frame_len_max = LEN_MAX).compression(both());
        greeted(connect(&SeastarClient::new(config), START))
    };
    let whole = converse(&mut *open(), [&input[..]], START);
    assert_eq!(whole, converse(&mut *open(), pieces(&input, (*len).into()), START));
    let mut session = open();
    let mut rest = &input[..];
    while let Ok(Progress { taken: taken @ 1.., event, .. }) = session.handle_input(rest, START) {
        rest = &rest[taken..];
        if let Some(Event::Response(response)) = event {
            assert!(matches!(response.head.len(), 0 | 4), "a duration, or none");
        }
    }
}

/// Any bytes of a stream, at both ends, in pieces of the length in the first byte: the source gets each message once and in
/// order, and the end only if it was sent.
pub fn stream_session(data: &[u8]) {
    let [len, input @ ..] = data else { return };
    let (mut expected, mut rest, mut is_valid) = (Vec::new(), input, true);
    let has_ended = loop {
        match split_stream_frame(rest, LEN_MAX) {
            Ok(Some((StreamFrame::Message(message), taken))) => {
                expected.push(message.to_vec());
                rest = &rest[taken..];
            }
            Ok(Some((StreamFrame::EndOfStream, _))) => break true,
            Ok(None) => break false,
            Err(_) => {
                is_valid = false;
                break false;
            }
        }
    };
    for open in [accepted_stream, connected_stream] {
        let (mut session, stream) = open();
        let outcome = converse(&mut *session, pieces(input, (*len).into()), START).outcome;
        assert_eq!(outcome.code().is_none(), is_valid, "{outcome:?}");
        drop(session);
        let mut stream = stream.borrow_mut();
        assert!(stream.open_source());
        for message in &expected {
            assert_eq!(stream.read(|it| it == message), Ok(Read::Message(true)));
        }
        let end = if has_ended { Ok(Read::End) } else { Err(StreamError::Closed) };
        assert_eq!(stream.read(|_| ()), end);
    }
}

type Parts = (Box<dyn Session>, Rc<RefCell<Stream>>);

fn accepted_stream() -> Parts {
    let (mut session, state) = accept();
    // The connection of the calls was opened before it.
    let offer = Features { stream_parent: Some(ConnectionId::new(1, 0)), ..Features::default() };
    let offer = greeting(Some(&offer));
    let taken = session.handle_input(&offer, START).map(|progress| progress.taken);
    assert_eq!(taken, Ok(offer.len()));
    session.poll_transmit(&mut Vec::new());
    let shard = state.downcast::<crate::seastar::rpc::SeastarShard>().expect("the state of the protocol");
    let parent = shard.parent_of(conn(0)).expect("it is open");
    let stream = parent.claim(ConnectionId::new(2, 0)).expect("it was negotiated");
    (session, stream)
}

fn connected_stream() -> Parts {
    let config = ClientConfig::default().with(|it| it.stream = stream_config());
    let protocol = SeastarStream::new(&config, ConnectionId::new(1, 0));
    let stream = Rc::new(RefCell::new(protocol.state(START)));
    let mut session = greeted(Box::new(protocol.session(Rc::clone(&stream), START)));
    let answer = Features { connection_id: Some(ConnectionId::new(2, 0)), ..Features::default() };
    let answer = greeting(Some(&answer));
    let taken = session.handle_input(&answer, START).map(|progress| progress.taken);
    assert_eq!(taken, Ok(answer.len()));
    (session, stream)
}

fn conn(slot: u32) -> ConnId {
    ConnId { node: 0, shard: 0, slot, generation: 0 }
}

/// A session beside another one, which is for calls and stays open.
fn accept() -> (Box<dyn Session>, Rc<dyn Any>) {
    let seastar = Seastar::default()
        .with(|it| (it.frame_len_max, it.stream) = (LEN_MAX, stream_config()))
        .compression(both());
    let state = seastar.shard_state(0);
    let open = |slot| {
        seastar.accept(&Opening {
            id: conn(slot),
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            shards: 1,
            now: START,
            wall: Duration::ZERO,
            state: &state,
        })
    };
    let mut parent = open(0);
    let offer = greeting(Some(&Features::default()));
    assert!(parent.handle_input(&offer, START).is_ok(), "a valid negotiation");
    let session = Box::new(Beside { session: open(1), _parent: parent });
    (session, state)
}

/// A session, and another one that lives as long.
struct Beside {
    session: Box<dyn Session>,
    _parent: Box<dyn Session>,
}

impl Session for Beside {
    fn handle_input<'a>(
        &'a mut self,
        input: &'a [u8],
        now: crate::Time,
    ) -> Result<Progress<'a>, crate::Error> {
        self.session.handle_input(input, now)
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: crate::Time,
    ) -> Result<(), Command<'c>> {
        self.session.handle_command(command, out, now)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.session.poll_transmit(out);
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.session.poll_event()
    }
}

/// A client sends its negotiation at once.
fn greeted(mut session: Box<dyn Session>) -> Box<dyn Session> {
    session.poll_transmit(&mut Vec::new());
    session
}

fn greeting(features: Option<&Features>) -> Vec<u8> {
    let mut sent = Vec::new();
    features.into_iter().for_each(|it| it.encode(&mut sent));
    sent
}

/// What was negotiated before; nothing, if the negotiation is among the bytes.
fn features(chosen: u8) -> Option<Features> {
    let compression = match chosen >> 2 & 3 {
        1 => Some("LZ4".into()),
        2 => Some("LZ4_FRAGMENTED".into()),
        3 => return None,
        _ => None,
    };
    let (timeout, handler_duration) = (chosen & 1 != 0, chosen & 2 != 0);
    Some(Features { compression, timeout, handler_duration, ..Features::default() })
}

fn both() -> Multi {
    Multi::default().and(Lz4).and(Lz4Fragmented)
}

/// It keeps every input whole.
fn stream_config() -> StreamConfig {
    StreamConfig::default().with(|it| (it.frame_len_max, it.window_bytes) = (LEN_MAX as usize, usize::MAX))
}

const LEN_MAX: u32 = 1000;
