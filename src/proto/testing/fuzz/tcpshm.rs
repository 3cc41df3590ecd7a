//! Fuzz targets of the sessions of tcpshm.

use core::net::{Ipv4Addr, SocketAddr};
use std::{any::Any, cell::RefCell, rc::Rc, time::Duration};

use super::{START, converse, pieces};
use crate::{
    ConnId, Event, Opening, Progress, Session,
    tcpshm::{
        Accepting, ByteOrder, ClientConfig, ClientFiles, ClientState, Connecting, FileError, Files, Geometry,
        Header, Login, LoginResponse, Name, OriginalQueue, PeerTable, Sequences, Start, Status, TableConfig,
        journal::{Beginning, Identity, Journal, JournalConfig},
        topics::{self, Asked},
    },
    topics::control::{self, ServerPayload},
};

/// Any bytes as a queue of the original: its messages are as many as it says, and all within the file.
pub fn original(data: &[u8]) {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let Ok(queue) = OriginalQueue::load(data, order) else { continue };
        let bytes: usize = queue.messages().map(|(_, body)| body.len() + 8).sum();
        assert_eq!(queue.messages().count() as u64, queue.message_count());
        assert!(bytes <= data.len());
    }
}

/// Any message, with its type in the first two bytes: what is a request, or a payload of a server, has these bytes again.
pub fn topics(data: &[u8]) {
    let Some((message_type, body)) = data.split_first_chunk() else { return };
    let message_type = u16::from_be_bytes(*message_type);
    let mut out = Vec::new();
    match topics::load(message_type, body) {
        None => assert!(!topics::is_topic(message_type)),
        Some((id, Ok(Asked::Control(request)))) => {
            let of = topics::encode_request(id, |out| control::encode_request(&request, out), &mut out);
            assert_eq!((of, &out[..]), (message_type, body));
        }
        Some((id, Ok(Asked::Forget))) => {
            assert_eq!((topics::encode_forget(id, &mut out), &out[..]), (message_type, body));
        }
        Some((id, Err((op, refusal)))) => {
            let of = topics::encode_refusal(id, op, refusal, &mut out);
            let payload = topics::into_payload(of, out).map(|(_, payload)| payload);
            assert!(payload.is_some_and(|it| ServerPayload::load(&it).is_some()), "it is refused");
        }
    }
    if let Some((id, payload)) = topics::into_payload(message_type, body.to_vec()) {
        let mut out = Vec::new();
        let of = topics::encode_request(id, |out| out.extend_from_slice(&payload), &mut out);
        assert_eq!((of, &out[..]), (message_type, body));
    }
}

/// Any bytes of a client, after a login if the second byte is odd, in pieces of the length in the first byte: they mean the
/// same as at once, and each message can be consumed once.
pub fn accepting(data: &[u8]) {
    let [len, begin, input @ ..] = data else { return };
    let mut bytes = Vec::new();
    if begin & 1 == 1 {
        let login = Login {
            sequences: Sequences::default(),
            user_data: &[0],
            uses_shared_memory: false,
            client: b"client",
            last_server: b"",
        };
        login.encode(&Geometry::default(), &mut bytes);
    }
    bytes.extend_from_slice(input);
    let whole = converse(&mut accept().0, [&bytes[..]], START);
    assert_eq!(whole, converse(&mut accept().0, pieces(&bytes, (*len).into()), START));

    let (mut session, table) = accept();
    let (mut rest, mut consumed) = (&bytes[..], 0);
    while let Ok(Progress { taken: taken @ 1.., event, .. }) = session.handle_input(rest, START) {
        let sequence = event.map(sequence_of);
        rest = &rest[taken..];
        if let Some(sequence) = sequence {
            let entry = table.all().pop().expect("it has logged in");
            let mut peer = entry.peer().borrow_mut();
            assert_eq!((sequence, peer.pop(sequence)), (consumed, Ok(())));
            assert!(peer.pop(sequence).is_err(), "once");
            // There is room for all echoes of such short inputs.
            peer.send(1, b"echo").expect("there is room");
            consumed += 1;
        }
        let mut out = Vec::new();
        session.poll_transmit(&mut out);
        session.handle_sent(0);
        check(&out);
    }
}

/// Any bytes of a server, after the response to the login if the second byte is odd, in pieces of the length in the first
/// byte: they mean the same as at once.
pub fn connecting(data: &[u8]) {
    let [len, begin, input @ ..] = data else { return };
    let mut bytes = Vec::new();
    if begin & 1 == 1 {
        let response = LoginResponse {
            sequences: Sequences::default(),
            user_data: &[0],
            status: Status::Accepted,
            server: b"server",
            error: b"",
        };
        response.encode(&Geometry::default(), &mut bytes);
    }
    bytes.extend_from_slice(input);
    let connect = || {
        let state = ClientState::open(name("client"), ClientConfig::default(), Memory("client"));
        let mut session = Connecting::new(Rc::new(RefCell::new(state.expect("no files yet"))), START);
        // The login was sent.
        session.poll_transmit(&mut Vec::new());
        session
    };
    let whole = converse(&mut connect(), [&bytes[..]], START);
    assert_eq!(whole, converse(&mut connect(), pieces(&bytes, (*len).into()), START));
}

fn accept() -> (Accepting<Memory>, Rc<PeerTable<Memory>>) {
    let table = Rc::new(PeerTable::new(name("server"), TableConfig::default(), Memory("server")));
    let state: Rc<dyn Any> = Rc::new(());
    let opening = Opening {
        id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
        shards: 1,
        now: START,
        wall: Duration::ZERO,
        state: &state,
    };
    (Accepting::new(Rc::clone(&table), &opening), table)
}

fn sequence_of(event: Event<'_>) -> u64 {
    let Event::Request(request) = event else { panic!("only messages: {event:?}") };
    request.id.0
}

/// What is sent after the login is made of whole messages.
fn check(mut sent: &[u8]) {
    let geometry = Geometry::default();
    if matches!(LoginResponse::decode(sent, &geometry), Ok(Some(_))) {
        sent = &sent[geometry.response_len()..];
    }
    while let Some(header) = sent.first_chunk() {
        let header = Header::decode(*header, geometry.byte_order());
        assert_eq!(header.check(), Ok(()));
        sent = &sent[header.wire_len()..];
    }
    assert!(sent.is_empty());
}

/// Journals that end with their process, of this name.
struct Memory(&'static str);

impl Files for Memory {
    type Store = Vec<u8>;

    fn open(&self, remote: &Name) -> Result<Journal<Vec<u8>>, FileError> {
        self.replace(remote, Start::default())
    }

    fn remove(&self, _: &Name) -> Result<(), FileError> {
        Ok(())
    }

    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<Vec<u8>>, FileError> {
        let identity = Identity { local: self.0.as_bytes(), remote: remote.as_str().as_bytes(), boot: 1 };
        let beginning = Beginning { salt: 7, first: start.next, received: start.received };
        let created = Journal::create(vec![0; FILE_LEN], identity, beginning, JournalConfig::default());
        let opening = created.map_err(|error| FileError { code: error.code(), text: error.to_string() })?;
        Ok(opening.finish().0)
    }
}

impl ClientFiles for Memory {
    fn last_server(&self) -> Result<Option<Name>, FileError> {
        Ok(None)
    }

    fn set_last_server(&self, _: &Name) -> Result<(), FileError> {
        Ok(())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// Short, since each run has new ones.
const FILE_LEN: usize = 8 << 10;
