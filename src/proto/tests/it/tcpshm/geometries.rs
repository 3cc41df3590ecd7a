//! The recorded sessions in every geometry: written anew, by an encoder of this test, with other sizes of names and user
//! data, in both byte orders, and with sequence numbers that pass 2^32.
//!
//! Ours is either end; the other one sends what was recorded. All bytes that a peer may leave undefined are set.

use std::{cell::RefCell, time::Duration};

use shardcast_proto::{
    Error,
    tcpshm::{
        ByteOrder, ClientConfig, ClientFiles as _, ClientState, Files as _, Geometry, LoginError, Start,
        TableConfig, UserData,
    },
};

use super::{
    ends::{ClientCell, End, START, Server, connect, consume, echo},
    memory::{Disk, name},
    recording::{Recording, recordings},
};

#[test]
fn recorded_sessions_are_the_same_in_every_geometry() {
    let sessions: Vec<_> = recordings().iter().map(Recorded::read).collect();
    assert_eq!(sessions.len(), 12);
    let mut replayed = 0;
    for wire in wires() {
        for session in &sessions {
            // A byte at a time, a prime number of them, and all at once.
            for len in [1, 7, usize::MAX] {
                session.replay(wire, &|bytes| bytes.chunks(len).map(<[u8]>::to_vec).collect());
                replayed += 1;
            }
        }
    }
    assert_eq!(replayed, 128 * 12 * 3);
}

#[test]
fn each_segment_may_be_split_at_every_byte() {
    for session in recordings().iter().map(Recorded::read) {
        for wire in wires().filter(|wire| wire.login_user == wire.response_user) {
            for at in 1..session.longest(wire) {
                session.replay(wire, &|bytes| {
                    let (first, second) = bytes.split_at(at.min(bytes.len()));
                    vec![first.to_vec(), second.to_vec()]
                });
            }
        }
    }
}

/// Each combination of sizes, byte order and first sequence number.
fn wires() -> impl Iterator<Item = Wire> {
    let users = || [1, 4, 8, 32].into_iter();
    let sizes = [16, 32].into_iter().flat_map(move |name_size| {
        users().flat_map(move |login| users().map(move |response| (name_size, login, response)))
    });
    sizes.flat_map(|(name_size, login_user, response_user)| {
        [(false, 0), (false, u32::MAX - 2), (true, 0), (true, u32::MAX - 2)].map(|(is_big, base)| Wire {
            name_size,
            login_user,
            response_user,
            is_big,
            base,
        })
    })
}

/// How bytes are written: from the tables of the C structures, and not with the code that is tested.
#[derive(Clone, Copy, Debug)]
struct Wire {
    name_size: usize,
    login_user: usize,
    response_user: usize,
    is_big: bool,
    /// What is added to each sequence number.
    base: u32,
}

#[derive(Clone)]
struct RecordedLogin {
    ack: u32,
    start: u32,
    end: u32,
    uses_shared_memory: u8,
    last_server: Vec<u8>,
}

#[derive(Clone)]
struct RecordedResponse {
    ack: u32,
    start: u32,
    end: u32,
    status: u8,
    error: Vec<u8>,
}

#[derive(Clone)]
struct RecordedMessage {
    message_type: u16,
    ack: u32,
    body: Vec<u8>,
}

impl Wire {
    fn geometry(&self) -> Geometry {
        let order = if self.is_big { ByteOrder::Big } else { ByteOrder::Little };
        let [login, response] =
            [self.login_user, self.response_user].map(|len| UserData::new(len as u16).expect("a size"));
        Geometry::new(self.name_size as u16, order, login, response).expect("a geometry")
    }

    fn login(&self, login: &RecordedLogin, undefined: u8) -> Vec<u8> {
        let last_server: &[u8] = if self.base == 0 { &login.last_server } else { b"server" };
        let user = user_data(0xc0, self.login_user);
        let texts = [(&b"client"[..], self.name_size), (last_server, self.name_size)];
        let (kind, flag) = (1, login.uses_shared_memory);
        self.structure(kind, [login.ack, login.start, login.end], &user, flag, texts, undefined)
    }

    fn response(&self, response: &RecordedResponse, undefined: u8) -> Vec<u8> {
        self.response_with(response, &user_data(0xd0, self.response_user), undefined)
    }

    fn response_with(&self, response: &RecordedResponse, user: &[u8], undefined: u8) -> Vec<u8> {
        let RecordedResponse { ack, start, end, status, ref error } = *response;
        let texts = [(&b"server"[..], self.name_size), (error, 32)];
        // A refusal has no sequence numbers.
        let wire = Self { base: if status == 2 { 0 } else { self.base }, ..*self };
        let mut bytes = wire.structure(2, [ack, start, end], user, status, texts, undefined);
        if status == 0 {
            let text = 16 + user.len() + 1 + self.name_size;
            bytes[text..text + 32].fill(undefined);
        }
        bytes
    }

    /// A structure: two numbers, user data, one byte, and two texts, of which each field is aligned as in C.
    fn structure(
        &self,
        kind: u16,
        [ack, start, end]: [u32; 3],
        user: &[u8],
        flag: u8,
        texts: [(&[u8], usize); 2],
        undefined: u8,
    ) -> Vec<u8> {
        // An integer is as long as its alignment; anything else is an array of bytes.
        let align = if [1, 2, 4, 8].contains(&user.len()) { user.len() } else { 1 };
        let mut fields = self.numbers(&[start, end]);
        fields.extend_from_slice(user);
        fields.push(flag);
        for (text, len) in texts {
            fields.extend_from_slice(text);
            fields.resize(fields.len() + len - text.len(), 0);
        }
        let size = 8 + fields.len().next_multiple_of(align.max(4));
        let mut bytes = self.header(size, kind, ack);
        bytes.extend_from_slice(&fields);
        bytes.resize(size.next_multiple_of(8), undefined);
        bytes
    }

    fn messages(&self, messages: &[RecordedMessage], undefined: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend_from_slice(&self.header(8 + message.body.len(), message.message_type, message.ack));
            bytes.extend_from_slice(&message.body);
            bytes.resize(bytes.len().next_multiple_of(8), undefined);
        }
        bytes
    }

    fn header(&self, size: usize, kind: u16, ack: u32) -> Vec<u8> {
        let (size, ack) = (size as u16, self.numbers(&[ack]));
        let [size, kind] =
            [size, kind].map(|it| if self.is_big { it.to_be_bytes() } else { it.to_le_bytes() });
        [&size[..], &kind, &ack].concat()
    }

    /// Sequence numbers.
    fn numbers(&self, numbers: &[u32]) -> Vec<u8> {
        let number = |it: &u32| {
            let number = it.wrapping_add(self.base);
            if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() }
        };
        numbers.iter().flat_map(number).collect()
    }
}

fn user_data(first: u8, len: usize) -> Vec<u8> {
    (0..len).map(|it| first + it as u8).collect()
}

/// What one end sent at once.
#[derive(Clone)]
enum Segment {
    Login(RecordedLogin),
    Response(RecordedResponse),
    Client(Vec<RecordedMessage>),
    Server(Vec<RecordedMessage>),
}

/// A session, without its geometry.
struct Recorded {
    name: String,
    segments: Vec<Segment>,
}

impl Recorded {
    /// Reads a recording: names of 16 bytes, user data of one byte.
    fn read(recording: &Recording) -> Self {
        let is_big = recording.is_big_endian();
        let number = |bytes: &[u8]| {
            let bytes = bytes.try_into().expect("four bytes");
            if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let text = |bytes: &[u8]| bytes.split(|byte| *byte == 0).next().expect("a text").to_vec();
        let numbers = |bytes: &[u8]| [4, 8, 12].map(|at| number(&bytes[at..at + 4]));
        let mut segments = Vec::new();
        if recording.name.ends_with("ack_by_heartbeat") {
            // It begins after the login, and after two messages of the client.
            segments = Self::begun();
        }
        for segment in &recording.segments {
            let bytes = &segment.bytes;
            segments.push(match (segments.len(), segment.is_from_client) {
                (0, true) => {
                    let [ack, start, end] = numbers(bytes);
                    let (uses_shared_memory, last_server) = (bytes[17], text(&bytes[34..50]));
                    Segment::Login(RecordedLogin { ack, start, end, uses_shared_memory, last_server })
                }
                (1, false) => {
                    let [ack, start, end] = numbers(bytes);
                    let (status, error) = (bytes[17], &bytes[34..66]);
                    let error = if status == 0 { Vec::new() } else { text(error) };
                    Segment::Response(RecordedResponse { ack, start, end, status, error })
                }
                (_, true) => Segment::Client(messages(bytes, is_big, number)),
                (_, false) => Segment::Server(messages(bytes, is_big, number)),
            });
        }
        Self { name: recording.name.clone(), segments }
    }

    fn begun() -> Vec<Segment> {
        let last_server = b"server".to_vec();
        let login = RecordedLogin { ack: 0, start: 0, end: 2, uses_shared_memory: 0, last_server };
        let response = RecordedResponse { ack: 0, start: 0, end: 0, status: 0, error: Vec::new() };
        let message = RecordedMessage { message_type: 1, ack: 0, body: b"before".to_vec() };
        vec![
            Segment::Login(login),
            Segment::Response(response),
            Segment::Client(vec![message.clone(), message]),
        ]
    }

    fn login(&self) -> RecordedLogin {
        let Some(Segment::Login(login)) = self.segments.first() else { panic!("{}", self.name) };
        login.clone()
    }

    fn response(&self) -> RecordedResponse {
        let Some(Segment::Response(response)) = self.segments.get(1) else { panic!("{}", self.name) };
        response.clone()
    }

    /// Bytes of the longest segment.
    fn longest(&self, wire: Wire) -> usize {
        let lens = self.segments.iter().map(|segment| match segment {
            Segment::Login(login) => wire.login(login, 0).len(),
            Segment::Response(response) => wire.response(response, 0).len(),
            Segment::Client(messages) | Segment::Server(messages) => wire.messages(messages, 0).len(),
        });
        lens.max().unwrap_or_default()
    }

    fn is(&self, name: &str) -> bool {
        self.name.contains(name)
    }

    /// Ours in place of each end. What the other end sends is cut into pieces.
    fn replay(&self, wire: Wire, cut: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) {
        self.replay_to_server(wire, cut);
        if !self.is("shm_session") {
            // Our client does not ask for shared memory.
            self.replay_to_client(wire, cut);
        }
    }

    fn replay_to_server(&self, wire: Wire, cut: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) {
        let (disk, at) = (Disk::default(), format!("{} to our server, {wire:?}", self.name));
        let RecordedResponse { ack, start, .. } = self.response();
        let [ack, start] = [ack, start].map(|it| u64::from(it.wrapping_add(wire.base)));
        if (ack, start) != (0, 0) {
            let start = Start { next: start, received: ack };
            drop(disk.files("server").replace(&name("client"), start).expect("a journal"));
        }
        let mut config = TableConfig::default();
        config.geometry = wire.geometry();
        let mut server = Server::new(&disk, config);
        server.learned.refusal.replace(self.is("rejected_by_app").then(|| "not today".to_owned()));
        let mut earlier = server.accept(START);
        if self.is("already_logged_on") {
            earlier.receive(&wire.login(&self.login(), 0), START, |_, _, _| {});
            assert!(earlier.session.is_established(), "{at}");
        }
        let (mut ours, mut now) = (server.accept(START), START);
        for segment in &self.segments {
            match segment {
                Segment::Login(login) => {
                    let pieces = cut(&wire.login(login, 0xfe));
                    pieces.iter().for_each(|piece| ours.receive(piece, now, |_, _, _| {}));
                    // A login that asks for shared memory is refused before the application is asked.
                    if login.uses_shared_memory == 0 {
                        assert_eq!(
                            *server.learned.user_data.borrow(),
                            user_data(0xc0, wire.login_user),
                            "{at}"
                        );
                    }
                }
                Segment::Response(response) => {
                    let is_refused = self.check_response(&wire, response, &ours.transmit(), &at);
                    assert_eq!(ours.error, is_refused.then_some(Error::LoginRefused), "{at}");
                    if is_refused {
                        return;
                    }
                }
                Segment::Client(messages) => {
                    let peer = server.peer("client");
                    for piece in cut(&wire.messages(messages, 0xfe)) {
                        if self.is("session") {
                            ours.receive(&piece, now, echo(&peer));
                        } else {
                            let pop =
                                |sequence, _, _: &[u8]| peer.borrow_mut().pop(sequence).expect("in front");
                            ours.receive(&piece, now, pop);
                        }
                    }
                }
                Segment::Server(messages) => {
                    wait_for_heartbeat(&mut ours, messages, &mut now);
                    assert_eq!(ours.transmit(), wire.messages(messages, 0), "{at}");
                }
            }
        }
        let sent = self.segments.iter().filter_map(|it| match it {
            Segment::Client(messages) => Some(messages),
            _ => None,
        });
        assert_eq!((ours.error, ours.got), (None, bodies(sent)), "{at}");
    }

    /// Whether the login is refused, so that this is the end.
    fn check_response(&self, wire: &Wire, response: &RecordedResponse, sent: &[u8], at: &str) -> bool {
        let mut response = response.clone();
        let mut user = vec![0; wire.response_user];
        if self.is("shm_session") {
            (response.status, response.error) = (2, b"no shared memory".to_vec());
        }
        if self.is("already_logged_on") {
            assert_eq!(response.error, b"Already loggned on", "{at}: the original says so");
            response.error = b"Already logged on".to_vec();
        }
        // What the application of the tests returns.
        match response.status {
            0 | 1 => user[0] = 7,
            2 if self.is("rejected_by_app") => user[0] = 9,
            _ => {}
        }
        assert_eq!(sent, wire.response_with(&response, &user, 0), "{at}");
        response.status != 0
    }

    fn replay_to_client(&self, wire: Wire, cut: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) {
        let at = format!("{} to our client, {wire:?}", self.name);
        let mut unsent = self.segments.iter().filter_map(|it| match it {
            Segment::Client(messages) => Some(messages.iter()),
            _ => None,
        });
        let client = self.client(&wire, unsent.next().into_iter().flatten());
        let (mut ours, mut now) = (connect(&client, START), START);
        for (number, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Login(login) => assert_eq!(ours.transmit(), wire.login(login, 0), "{at}"),
                Segment::Response(response) => {
                    let pieces = cut(&wire.response(response, 0xfe));
                    pieces.iter().for_each(|piece| ours.receive(piece, now, |_, _, _| {}));
                    if self.check_outcome(&wire, response, &client, &at) {
                        return;
                    }
                }
                Segment::Client(messages) => {
                    wait_for_heartbeat(&mut ours, messages, &mut now);
                    let is_kept = number == 2 && self.login().end != self.login().start;
                    for message in messages.iter().filter(|it| it.message_type != 0 && !is_kept) {
                        push(&client, message);
                    }
                    assert_eq!(ours.transmit(), wire.messages(messages, 0), "{at}");
                }
                Segment::Server(messages) => {
                    for piece in cut(&wire.messages(messages, 0xfe)) {
                        ours.receive(&piece, now, consume(&client));
                    }
                }
            }
            assert_eq!(ours.error, None, "{at}");
        }
        let sent = self.segments.iter().filter_map(|it| match it {
            Segment::Server(messages) => Some(messages),
            _ => None,
        });
        assert_eq!(ours.got, bodies(sent), "{at}");
    }

    /// A client that will log in as recorded.
    fn client<'a>(&self, wire: &Wire, kept: impl Iterator<Item = &'a RecordedMessage>) -> ClientCell {
        let RecordedLogin { ack, start, end, ref last_server, .. } = self.login();
        let files = Disk::default().files("client");
        let user_data = user_data(0xc0, wire.login_user);
        if wire.base != 0 || !last_server.is_empty() {
            let [ack, start] = [ack, start].map(|it| u64::from(it.wrapping_add(wire.base)));
            let start = Start { next: start, received: ack };
            drop(files.replace(&name("server"), start).expect("a journal"));
            files.set_last_server(&name("server")).expect("a file");
        }
        let config = ClientConfig::default().with(|it| {
            (it.geometry, it.user_data) = (wire.geometry(), user_data);
        });
        let client = RefCell::new(ClientState::open(name("client"), config, files).expect("intact files"));
        let client = ClientCell::new(client);
        kept.take((end - start) as usize).for_each(|message| push(&client, message));
        client
    }

    /// Whether the login has failed, so that this is the end.
    fn check_outcome(&self, wire: &Wire, response: &RecordedResponse, client: &ClientCell, at: &str) -> bool {
        let outcome = client.borrow_mut().take_outcome().expect("the login has ended");
        let user = user_data(0xd0, wire.response_user);
        match (response.status, outcome) {
            (0, Ok(logged_on)) => assert_eq!((logged_on.user_data, logged_on.dropped), (user, None), "{at}"),
            (1, Err(LoginError::Mismatch(_))) => {}
            (2, Err(LoginError::Refused { text, user_data })) => {
                assert_eq!((text.as_bytes(), user_data), (&*response.error, user), "{at}");
            }
            (status, outcome) => panic!("{at}: {status}, {outcome:?}"),
        }
        response.status != 0
    }
}

fn messages(mut bytes: &[u8], is_big: bool, number: impl Fn(&[u8]) -> u32) -> Vec<RecordedMessage> {
    let short = |at: usize, bytes: &[u8]| {
        let bytes = [bytes[at], bytes[at + 1]];
        if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    };
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let size = usize::from(short(0, bytes));
        let (message_type, ack) = (short(2, bytes), number(&bytes[4..8]));
        messages.push(RecordedMessage { message_type, ack, body: bytes[8..size].to_vec() });
        bytes = &bytes[size.next_multiple_of(8)..];
    }
    messages
}

fn bodies<'a>(segments: impl Iterator<Item = &'a Vec<RecordedMessage>>) -> Vec<(u16, Vec<u8>)> {
    let messages = segments.flatten().filter(|it| it.message_type != 0);
    messages.map(|it| (it.message_type, it.body.clone())).collect()
}

fn push(client: &ClientCell, message: &RecordedMessage) {
    let mut client = client.borrow_mut();
    let peer = client.peer_mut().expect("a server is known");
    peer.send(message.message_type, &message.body).expect("there is room");
}

/// The recorded ends send a heartbeat each second, ours each three seconds.
fn wait_for_heartbeat(ours: &mut End<'_>, expected: &[RecordedMessage], now: &mut shardcast_proto::Time) {
    if expected.iter().all(|it| it.message_type == 0) {
        *now = *now + Duration::from_secs(3);
        assert!(ours.wait(*now));
    }
}
