//! Every recorded session, frame by frame: our server with the recorded client, and our client with the recorded server,
//! however the frames are cut. What we send has the recorded bytes; of compressed frames, what they are made of.

use std::{any::Any, cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use shardcast_proto::{
    Command, ConnId, EndOfStream, Event, Request, RequestId, Route, Session, Time,
    seastar::{
        ConnectionId, Exception, Features, Frame, StreamFrame,
        compress::{Algorithm as _, Lz4, Lz4Fragmented, Multi, compressed_len_max, split_compressed},
        rpc::{
            ClientConfig, IsolationRefused, Outcome, Read, Seastar, SeastarClient, SeastarShard,
            SeastarStream, Stream, failure_code,
        },
        serialize::{Tail, from_slice, to_vec},
        split_request, split_response, split_stream_frame,
    },
    testing::connect,
};

use super::{
    ends::accept,
    recording::{Negotiated, Recording, recordings},
};

const NOW: Time = Time::from_nanos(1_000_000_000);

#[test]
fn our_server_serves_every_recorded_client() {
    let mut frames = 0;
    for mut recording in recordings() {
        if recording.name == "59-stream-two-shards" {
            move_streams(&mut recording);
        }
        for len in [1, 2, 3, 5, 8, 11, 13, 29, 61, usize::MAX] {
            frames += Server::new(&recording, len).replay(&recording);
        }
    }
    assert!(frames > 1000, "{frames}");
}

#[test]
fn our_client_uses_every_recorded_server() {
    let mut frames = 0;
    for recording in recordings() {
        for len in [1, 2, 3, 5, 8, 11, 13, 29, 61, usize::MAX] {
            frames += replay_client(&recording, len);
        }
    }
    assert!(frames > 1000, "{frames}");
}

/// In this recording, a stream lives on another shard than its parent. Ours live on that of the parent, so they get other
/// ids: the next ones of that shard.
fn move_streams(recording: &mut Recording) {
    let [first, second] = [ConnectionId::new(1, 1), ConnectionId::new(2, 0)];
    let moved = [(first, ConnectionId::new(2, 0)), (second, ConnectionId::new(3, 0))];
    let new_of = |id| moved.iter().find(|(old, _)| *old == id).map(|(_, new)| *new);
    let mut count = 0;
    for bytes in recording.frames.iter_mut().filter_map(|frame| frame.bytes.as_mut()) {
        if let Some((mut features, _)) = Features::decode(bytes, 1000).ok().flatten() {
            if let Some(new) = features.connection_id.and_then(new_of) {
                features.connection_id = Some(new);
                bytes.clear();
                features.encode(bytes);
                count += 1;
            }
        } else if let Some((at, new)) = bytes.len().checked_sub(8).and_then(|at| {
            // The last argument of a call.
            let id = u64::from_le_bytes(bytes[at..].try_into().ok()?);
            Some((at, new_of(ConnectionId(id))?))
        }) {
            bytes[at..].copy_from_slice(&new.0.to_le_bytes());
            count += 1;
        }
    }
    assert_eq!(count, 4, "each is answered once and named once");
}

/// What both ends have negotiated on each connection.
fn negotiated(recording: &Recording) -> BTreeMap<usize, Negotiated> {
    let mut all: BTreeMap<usize, Negotiated> = BTreeMap::new();
    for frame in &recording.frames {
        let Some(bytes) = &frame.bytes else { continue };
        let connection = all.entry(frame.connection).or_default();
        let side = if frame.is_from_client { &mut connection.offered } else { &mut connection.accepted };
        if side.is_none() {
            let (features, _) = Features::decode(bytes, 1000).expect("valid").expect("whole");
            *side = Some(features);
        }
    }
    all
}

/// The frame itself, or what it was made of.
fn plain(bytes: &[u8], negotiated: &Negotiated) -> Vec<u8> {
    let name = negotiated.accepted.as_ref().and_then(|it| it.compression.as_deref());
    let Some(name) = name else { return bytes.to_vec() };
    let mut compressor = Multi::default().and(Lz4).and(Lz4Fragmented).negotiate(name).expect("a name");
    let (data, taken) = split_compressed(bytes, compressed_len_max(100_000)).expect("valid").expect("whole");
    assert_eq!(taken, bytes.len());
    let mut frame = Vec::new();
    compressor.decompress(data, 100_000, &mut frame).expect("a valid frame");
    frame
}

/// A session with what it was not given yet.
struct Fed {
    session: Box<dyn Session>,
    waiting: Vec<u8>,
    len: usize,
}

impl Fed {
    fn new(session: Box<dyn Session>, len: usize) -> Self {
        Self { session, waiting: Vec::new(), len }
    }

    /// Passes bytes in pieces; calls `f` with each event.
    fn feed(&mut self, bytes: &[u8], mut f: impl FnMut(Event<'_>)) {
        for piece in bytes.chunks(self.len.min(bytes.len())) {
            self.waiting.extend_from_slice(piece);
            loop {
                let progress = self.session.handle_input(&self.waiting, NOW).expect("valid");
                let taken = progress.taken;
                progress.event.into_iter().for_each(&mut f);
                self.waiting.drain(..taken);
                if taken == 0 || self.waiting.is_empty() {
                    break;
                }
            }
        }
        assert!(self.waiting.is_empty(), "the frame was whole");
    }

    fn sent(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.poll_transmit(&mut out);
        out
    }
}

struct Server {
    seastar: Seastar,
    state: Rc<dyn Any>,
    shard: Rc<SeastarShard>,
    negotiated: BTreeMap<usize, Negotiated>,
    connections: BTreeMap<usize, Fed>,
    /// Requests without a response: verb and arguments, by the connection and the id.
    requests: BTreeMap<(usize, u64), (u64, Vec<u8>)>,
    streams: BTreeMap<ConnectionId, Rc<RefCell<Stream>>>,
    counter: i64,
    /// Counter of the next id.
    next: u64,
    len: usize,
}

impl Server {
    fn new(recording: &Recording, len: usize) -> Self {
        let negotiated = negotiated(recording);
        let accepted = || negotiated.values().filter_map(|it| it.accepted.as_ref());
        let mut seastar = Seastar::default()
            .with(|it| it.streaming = accepted().any(|it| it.connection_id.is_some()))
            .isolation(|cookie| if cookie == b"bad" { Err(IsolationRefused) } else { Ok(None) });
        let names: Vec<_> = accepted().filter_map(|it| it.compression.as_deref()).collect();
        seastar = match (recording.name.as_str(), names.first()) {
            ("79-multi", _) => seastar.compression(Multi::default().and(Lz4Fragmented).and(Lz4)),
            ("74-lz4-server-only", _) | (_, Some(&"LZ4")) => seastar.compression(Lz4),
            ("78-lz4f-mismatch", _) | (_, Some(_)) => seastar.compression(Lz4Fragmented),
            (_, None) => seastar,
        };
        let state = shardcast_proto::Protocol::shard_state(&seastar, 0);
        Self {
            shard: Rc::clone(&state).downcast().expect("the state of the protocol"),
            seastar,
            state,
            negotiated,
            connections: BTreeMap::new(),
            requests: BTreeMap::new(),
            streams: BTreeMap::new(),
            counter: 0,
            next: 1,
            len,
        }
    }

    /// Returns how many frames of ours were those that were recorded.
    fn replay(mut self, recording: &Recording) -> usize {
        let mut compared = 0;
        for (at, frame) in recording.frames.iter().enumerate() {
            let (number, at) = (frame.connection, format!("{}, frame {at}, by {}", recording.name, self.len));
            match (&frame.bytes, frame.is_from_client) {
                (Some(bytes), true) => self.receive(number, bytes, &at),
                (Some(bytes), false) => {
                    let sent = self.send(number, bytes, &at);
                    let negotiated = &self.negotiated[&number];
                    let is_first = Features::decode(bytes, 1000).is_ok_and(|it| it.is_some());
                    match is_first {
                        true => assert_eq!(sent, *bytes, "{at}"),
                        false => assert_eq!(plain(&sent, negotiated), plain(bytes, negotiated), "{at}"),
                    }
                    compared += 1;
                }
                (None, true) => self.receive_end(number, &at),
                (None, false) => {}
            }
        }
        compared
    }

    fn conn(number: usize) -> ConnId {
        ConnId { node: 0, shard: 0, slot: number as u32, generation: 0 }
    }

    fn receive(&mut self, number: usize, bytes: &[u8], at: &str) {
        if !self.connections.contains_key(&number) {
            // Earlier connections to the recorded server had the ids before.
            if let Some(id) = self.negotiated[&number].accepted.as_ref().and_then(|it| it.connection_id) {
                self.skip_to(id);
            }
            let session = accept(&self.seastar, &self.state, Self::conn(number), NOW);
            self.connections.insert(number, Fed::new(session, self.len));
            if at.starts_with("07-") {
                let session = &mut self.connections.get_mut(&number).expect("it is new").session;
                assert!(session.handle_input(bytes, NOW).is_err(), "{at}");
                return;
            }
        }
        let requests = &mut self.requests;
        self.connections.get_mut(&number).expect("it is open").feed(bytes, |event| {
            let Event::Request(request) = event else { panic!("{at}: {event:?}") };
            let Route::Numbered(verb) = request.route else { panic!("{at}: {:?}", request.route) };
            assert!(requests.insert((number, request.id.0), (verb, request.body.to_vec())).is_none(), "{at}");
        });
        if let Some((6, body)) = self.requests.values().last() {
            self.counter += i64::from(from_slice::<i32>(body).expect("a number"));
            self.requests.pop_last();
        }
    }

    /// Uses up the ids before this one.
    fn skip_to(&mut self, id: ConnectionId) {
        let mut offer = Vec::new();
        Features::default().encode(&mut offer);
        let conn = ConnId { slot: 100, ..Self::conn(0) };
        while self.next < id.counter() {
            let mut session = accept(&self.seastar, &self.state, conn, NOW);
            assert!(session.handle_input(&offer, NOW).is_ok());
            drop(session);
            self.shard.forget(conn);
            self.next += 1;
        }
        self.next += 1;
    }

    /// What our server sends where this frame was recorded.
    fn send(&mut self, number: usize, recorded: &[u8], at: &str) -> Vec<u8> {
        let negotiated = self.negotiated[&number].clone();
        if Features::decode(recorded, 1000).is_ok_and(|it| it.is_some()) {
            return self.connections.get_mut(&number).expect("it is open").sent();
        }
        let frame = plain(recorded, &negotiated);
        if negotiated.is_stream() {
            let id = negotiated.accepted.as_ref().and_then(|it| it.connection_id).expect("an id");
            self.send_to_stream(id, &frame, at);
            return self.connections.get_mut(&number).expect("it is open").sent();
        }
        let Frame { head, payload, .. } =
            split_response(&frame, negotiated.layout(), 100_000).expect("valid").expect("whole");
        let (verb, arguments) = self.requests.remove(&(number, head.id)).expect("a request");
        let mut body = Vec::new();
        match head.is_exception.then(|| Exception::decode(payload).expect("valid")) {
            // Its text is free.
            Some(Exception::User(text)) => {
                body.extend(Outcome::Failure.encode(head.duration_us));
                body.extend_from_slice(text.as_bytes());
            }
            Some(_) => {
                body.extend(Outcome::UnknownVerb.encode(head.duration_us));
                body.extend(verb.to_le_bytes());
            }
            None => {
                body.extend(Outcome::Result.encode(head.duration_us));
                body.extend(self.handle(number, verb, &arguments, payload, at));
            }
        }
        let mut out = Vec::new();
        let session = &mut self.connections.get_mut(&number).expect("it is open").session;
        let respond = Command::respond(RequestId(head.id), &body);
        assert_eq!(session.handle_command(respond, &mut out, NOW), Ok(()), "{at}");
        out
    }

    /// The verbs of the recorded server.
    fn handle(&mut self, number: usize, verb: u64, arguments: &[u8], recorded: &[u8], at: &str) -> Vec<u8> {
        match verb {
            1 => to_vec(from_slice::<&str>(arguments).expect(at)),
            2 => {
                let (a, b): (i32, i32) = from_slice(arguments).expect(at);
                to_vec(&(a + b))
            }
            4 => {
                let (_, id): (i32, u64) = from_slice(arguments).expect(at);
                let stream = self.claim(number, ConnectionId(id));
                to_vec(&numbers(&stream, at).into_iter().map(i64::from).sum::<i64>())
            }
            5 | 15 => {
                let id = if verb == 5 { &arguments[4..] } else { arguments };
                let id = ConnectionId(from_slice(id).expect(at));
                assert!(self.claim(number, id).borrow_mut().open_sink(), "{at}");
                to_vec(&id.0)
            }
            7 => to_vec(&self.counter),
            8 => to_vec(&from_slice::<i32>(arguments).expect(at)),
            11 => {
                let (a, b): (i32, Tail<i32>) = from_slice(arguments).expect(at);
                b.0.map_or_else(|| to_vec(&(a, "one")), |b| to_vec(&(a + b, "two")))
            }
            17 => {
                let (_, id): (i32, u64) = from_slice(arguments).expect(at);
                // Unlike the recorded one, ours reads the end of the stream, which was there.
                let stream = self.claim(number, ConnectionId(id));
                assert_eq!(numbers(&stream, at), [0, 1, 2], "{at}");
                recorded.to_vec()
            }
            _ => panic!("{at}: verb {verb}"),
        }
    }

    fn claim(&mut self, number: usize, id: ConnectionId) -> Rc<RefCell<Stream>> {
        let parent = self.shard.parent_of(Self::conn(number)).expect("it is open");
        let stream = parent.claim(id).expect("a stream of this connection");
        assert!(stream.borrow_mut().open_source());
        self.streams.insert(id, Rc::clone(&stream));
        stream
    }

    /// The verbs with a stream of strings: an answer to each number, or one after two.
    fn send_to_stream(&self, id: ConnectionId, frame: &[u8], at: &str) {
        let stream = &self.streams[&id];
        let (frame, _) = split_stream_frame(frame, 100_000).expect("valid").expect("whole");
        match frame {
            StreamFrame::Message(message) if message[4..].starts_with(b"got ") => {
                let number = read(stream, at).expect("a number");
                let text = to_vec(&format!("got {number}"));
                assert_eq!(stream.borrow_mut().send(|out| out.extend(text)), Ok(()), "{at}");
            }
            StreamFrame::Message(message) => {
                assert_eq!(stream.borrow_mut().send(|out| out.extend_from_slice(message)), Ok(()), "{at}");
            }
            StreamFrame::EndOfStream => assert_eq!(stream.borrow_mut().finish(), Ok(()), "{at}"),
        }
    }

    fn receive_end(&mut self, number: usize, at: &str) {
        let is_stream = self.negotiated[&number].is_stream();
        let Some(fed) = self.connections.get_mut(&number) else { return };
        if !is_stream {
            let decision = fed.session.handle_end_of_stream(NOW);
            assert_eq!(decision, EndOfStream::Close, "{at}");
            self.connections.remove(&number);
            assert!(self.streams.values().all(|it| it.borrow().is_open().is_err()), "{at}: with its streams");
            return;
        }
        let id = self.negotiated[&number].accepted.as_ref().and_then(|it| it.connection_id).expect("an id");
        let stays = fed.session.handle_end_of_stream(NOW) == EndOfStream::Stay;
        // It waits for a call that names it, for its reader, or it is over.
        let stream = self.streams.get(&id);
        let has_failed = stream.is_some_and(|it| it.borrow().is_open().is_err());
        if !stays && !has_failed {
            assert!(stream.is_some(), "{at}: no call has named it");
        }
    }
}

/// The next number of a stream; `None` at its end.
fn read(stream: &Rc<RefCell<Stream>>, at: &str) -> Option<i32> {
    match stream.borrow_mut().read(|message| from_slice::<i32>(message).expect(at)).expect(at) {
        Read::Message(number) => Some(number),
        Read::End => None,
        Read::Pending => panic!("{at}: nothing to read"),
    }
}

fn numbers(stream: &Rc<RefCell<Stream>>, at: &str) -> Vec<i32> {
    std::iter::from_fn(|| read(stream, at)).collect()
}

fn replay_client(recording: &Recording, len: usize) -> usize {
    let all = negotiated(recording);
    let mut connections: BTreeMap<usize, Fed> = BTreeMap::new();
    let mut streams: BTreeMap<usize, Rc<RefCell<Stream>>> = BTreeMap::new();
    let mut compared = 0;
    for (at, frame) in recording.frames.iter().enumerate() {
        let (number, at) = (frame.connection, format!("{}, frame {at}, by {len}", recording.name));
        let negotiated = &all[&number];
        let offered = negotiated.offered.as_ref().expect("an offer");
        match (&frame.bytes, frame.is_from_client) {
            (Some(bytes), true) if !connections.contains_key(&number) => {
                let config = config(offered);
                let session: Box<dyn Session> = match offered.stream_parent {
                    None => connect(&SeastarClient::new(config), NOW),
                    Some(parent) => {
                        let protocol = SeastarStream::new(&config, parent);
                        let stream = Rc::new(RefCell::new(protocol.state(NOW)));
                        streams.insert(number, Rc::clone(&stream));
                        Box::new(protocol.session(stream, NOW))
                    }
                };
                let mut fed = Fed::new(session, len);
                let (ours, _) = Features::decode(&fed.sent(), 1000).expect("valid").expect("whole");
                let (recorded, _) = Features::decode(bytes, 1000).expect("valid").expect("whole");
                assert_eq!(ours, Features { peer: true, ..recorded }, "{at}");
                connections.insert(number, fed);
                compared += 1;
            }
            (Some(bytes), true) => {
                let recorded = plain(bytes, negotiated);
                let fed = connections.get_mut(&number).expect("it is open");
                let sent = match streams.get(&number) {
                    Some(stream) => {
                        send_frame(stream, &recorded, &at);
                        fed.sent()
                    }
                    None => request(&mut *fed.session, &recorded, negotiated, &at),
                };
                assert_eq!(plain(&sent, negotiated), recorded, "{at}");
                compared += 1;
            }
            (Some(bytes), false) => {
                let fed = connections.get_mut(&number).expect("it is open");
                if !fed.session.is_established() {
                    fed.feed(bytes, |event| panic!("{at}: {event:?}"));
                    assert!(fed.session.is_established(), "{at}");
                    if let Some(stream) = streams.get(&number) {
                        assert!(stream.borrow_mut().open_sink() && stream.borrow_mut().open_source(), "{at}");
                    }
                } else if let Some(stream) = streams.get(&number) {
                    fed.feed(bytes, |event| panic!("{at}: {event:?}"));
                    expect_frame(stream, &plain(bytes, negotiated), &at);
                } else {
                    let recorded = plain(bytes, negotiated);
                    let mut events = 0;
                    fed.feed(bytes, |event| {
                        expect_response(&event, &recorded, negotiated, &at);
                        events += 1;
                    });
                    assert_eq!(events, 1, "{at}");
                }
                compared += 1;
            }
            (None, false) => {
                let Some(fed) = connections.get_mut(&number) else { continue };
                let decision = fed.session.handle_end_of_stream(NOW);
                if !streams.contains_key(&number) {
                    assert_eq!(decision, EndOfStream::Close, "{at}");
                }
            }
            (None, true) => {}
        }
    }
    compared
}

fn config(offered: &Features) -> ClientConfig {
    let config = ClientConfig::default().with(|it| {
        (it.timeouts, it.handler_durations) = (offered.timeout, offered.handler_duration);
        it.isolation = offered.isolation.clone().unwrap_or_default();
    });
    match offered.compression.as_deref() {
        None => config,
        Some("LZ4") => config.compression(Lz4),
        Some("LZ4_FRAGMENTED") => config.compression(Lz4Fragmented),
        Some(_) => config.compression(Multi::default().and(Lz4).and(Lz4Fragmented)),
    }
}

fn request(session: &mut dyn Session, recorded: &[u8], negotiated: &Negotiated, at: &str) -> Vec<u8> {
    let Frame { head, payload, .. } =
        split_request(recorded, negotiated.layout(), 100_000).expect("valid").expect("whole");
    let mut request = Request::new(RequestId(head.id), Route::Numbered(head.verb), payload);
    request.deadline = head.timeout().map(|left: Duration| NOW + left);
    let mut out = Vec::new();
    assert_eq!(session.handle_command(Command::Request(request), &mut out, NOW), Ok(()), "{at}");
    out
}

fn expect_response(event: &Event<'_>, recorded: &[u8], negotiated: &Negotiated, at: &str) {
    let Event::Response(response) = event else { panic!("{at}: {event:?}") };
    let Frame { head, payload, .. } =
        split_response(recorded, negotiated.layout(), 100_000).expect("valid").expect("whole");
    assert_eq!(response.id.0, head.id, "{at}");
    match head.duration() {
        Some(_) => assert_eq!(response.head, head.duration_us.to_le_bytes(), "{at}"),
        None => assert_eq!(response.head, b"", "{at}"),
    }
    let exception = head.is_exception.then(|| Exception::decode(payload).expect("valid"));
    match (&response.result, exception) {
        (Ok(result), None) => assert_eq!(*result, payload, "{at}"),
        (Err(failure), Some(Exception::User(text))) => {
            assert_eq!((failure.code, failure.text), (failure_code::FAILED, &*text), "{at}");
        }
        (Err(failure), Some(Exception::UnknownVerb(verb))) => {
            let verb = verb.to_string();
            assert_eq!((failure.code, failure.text), (failure_code::UNKNOWN_VERB, &*verb), "{at}");
        }
        (found, recorded) => panic!("{at}: {found:?} for {recorded:?}"),
    }
}

fn send_frame(stream: &Rc<RefCell<Stream>>, frame: &[u8], at: &str) {
    let (frame, _) = split_stream_frame(frame, 100_000).expect("valid").expect("whole");
    let sent = match frame {
        StreamFrame::Message(message) => stream.borrow_mut().send(|out| out.extend_from_slice(message)),
        StreamFrame::EndOfStream => stream.borrow_mut().finish(),
    };
    assert_eq!(sent, Ok(()), "{at}");
}

fn expect_frame(stream: &Rc<RefCell<Stream>>, frame: &[u8], at: &str) {
    let (frame, _) = split_stream_frame(frame, 100_000).expect("valid").expect("whole");
    let expected = match frame {
        StreamFrame::Message(message) => Read::Message(message.to_vec()),
        StreamFrame::EndOfStream => Read::End,
    };
    assert_eq!(stream.borrow_mut().read(<[u8]>::to_vec), Ok(expected), "{at}");
}
