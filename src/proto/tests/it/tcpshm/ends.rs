//! A server and a client without a network between them.

use std::{any::Any, cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use shardcast_proto::{
    ConnId, Error, Event, Opening, Route, Session, Time,
    tcpshm::{
        Accepting, Callbacks, ClientConfig, ClientState, Connecting, FileError, Geometry, Login, Mismatch,
        Name, Peer, PeerTable, Reject, TableConfig, Unconsumed,
    },
};

use super::memory::{Disk, Image, MemoryFiles, name};

pub(super) const START: Time = Time::from_nanos(1_000_000_000);

/// What the application of a server has learned.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) log: RefCell<Vec<String>>,
    /// The text with which clients are refused.
    pub(super) refusal: RefCell<Option<String>>,
    /// The client that the application may send to.
    pub(super) keeps: RefCell<Option<String>>,
    /// That of the last login.
    pub(super) user_data: RefCell<Vec<u8>>,
}

impl Callbacks<Image> for Learned {
    fn new_connection(&self, _: SocketAddr, client: &Name, login: &Login<'_>) -> Result<Vec<u8>, Reject> {
        self.user_data.replace(login.user_data.to_vec());
        self.log.borrow_mut().push(format!("new {client}"));
        match &*self.refusal.borrow() {
            Some(text) => Err(Reject { user_data: vec![9], text: text.clone() }),
            None => Ok(vec![7]),
        }
    }

    fn file_error(&self, client: &Name, error: &FileError) {
        self.log.borrow_mut().push(format!("file of {client}: {}", error.code));
    }

    fn mismatch(&self, client: &Name, mismatch: &Mismatch) {
        self.log.borrow_mut().push(format!("{client}: {mismatch}"));
    }

    fn reset(&self, client: &Name, dropped: u64) {
        self.log.borrow_mut().push(format!("reset {client}: {dropped} dropped"));
    }

    fn forgotten(&self, client: &Name, dropped: u64) {
        self.log.borrow_mut().push(format!("forgotten {client}: {dropped} dropped"));
    }

    fn release(&self, client: &Name) -> bool {
        self.keeps.borrow().as_deref() != Some(client.as_str())
    }

    fn cut(&self, connection: ConnId) {
        self.log.borrow_mut().push(format!("cut {}", connection.slot));
    }
}

/// A server.
pub(super) struct Server {
    pub(super) table: Rc<PeerTable<MemoryFiles>>,
    pub(super) learned: Rc<Learned>,
    next: u32,
}

/// A connection, or its end at one side: a session, and the messages that its application got.
pub(super) struct End<'p> {
    pub(super) session: Box<dyn Session + 'p>,
    input: Vec<u8>,
    pub(super) got: Vec<(u16, Vec<u8>)>,
    pub(super) error: Option<Error>,
}

impl Server {
    pub(super) fn new(disk: &Disk, config: TableConfig) -> Self {
        let table = Rc::new(PeerTable::new(name("server"), config, disk.files("server")));
        let learned = Rc::new(Learned::default());
        let callbacks: Rc<dyn Callbacks<Image>> = Rc::clone(&learned) as _;
        table.set_callbacks(Rc::downgrade(&callbacks));
        Self { table, learned, next: 0 }
    }

    pub(super) fn accept(&mut self, now: Time) -> End<'static> {
        self.next += 1;
        let state: Rc<dyn Any> = Rc::new(());
        let opening = Opening {
            id: ConnId { node: 0, shard: 0, slot: self.next, generation: 0 },
            peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
            shards: 1,
            now,
            wall: Duration::ZERO,
            state: &state,
        };
        End::new(Box::new(Accepting::new(Rc::clone(&self.table), &opening)))
    }

    pub(super) fn peer(&self, client: &str) -> Rc<RefCell<Peer<Image>>> {
        Rc::clone(self.table.get(&name(client)).expect("it was connected").peer())
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.learned.log.take()
    }
}

pub(super) type ClientCell = Rc<RefCell<ClientState<MemoryFiles>>>;

pub(super) fn client(disk: &Disk, geometry: Geometry) -> ClientCell {
    let config = ClientConfig::default().with(|it| it.geometry = geometry);
    let state = ClientState::open(name("client"), config, disk.files("client")).expect("intact files");
    Rc::new(RefCell::new(state))
}

pub(super) fn connect(client: &ClientCell, now: Time) -> End<'static> {
    End::new(Box::new(Connecting::new(Rc::clone(client), now)))
}

impl<'p> End<'p> {
    pub(super) fn new(session: Box<dyn Session + 'p>) -> Self {
        Self { session, input: Vec::new(), got: Vec::new(), error: None }
    }

    /// Receives bytes; `consume` gets each message, with its sequence number.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Time, mut consume: impl FnMut(u64, u16, &[u8])) {
        self.input.extend_from_slice(bytes);
        while self.error.is_none() {
            let progress = match self.session.handle_input(&self.input, now) {
                Ok(progress) => progress,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            };
            let taken = progress.taken;
            if let Some(event) = progress.event {
                take(&event, &mut self.got, &mut consume);
            }
            if taken == 0 {
                break;
            }
            self.input.drain(..taken);
            self.poll(&mut consume);
        }
    }

    /// Takes the events that the session has by itself.
    pub(super) fn poll(&mut self, mut consume: impl FnMut(u64, u16, &[u8])) {
        while let Some(event) = self.session.poll_event() {
            take(&event, &mut self.got, &mut consume);
        }
    }

    /// What the session sends.
    pub(super) fn transmit(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.poll_transmit(&mut out);
        self.session.handle_sent(0);
        out
    }

    /// Lets time pass; false if the connection ends.
    pub(super) fn wait(&mut self, now: Time) -> bool {
        let waited = self.session.handle_timeout(now);
        self.error = self.error.or_else(|| waited.err());
        self.error.is_none()
    }
}

fn take(event: &Event<'_>, got: &mut Vec<(u16, Vec<u8>)>, consume: &mut impl FnMut(u64, u16, &[u8])) {
    let Event::Request(request) = event else { panic!("only messages: {event:?}") };
    let Route::Numbered(message_type) = request.route else { panic!("a type") };
    assert!(!request.expects_response);
    got.push((message_type as u16, request.body.to_vec()));
    consume(request.id.0, message_type as u16, request.body);
}

/// The application of a server that returns every message.
pub(super) fn echo(peer: &RefCell<Peer<Image>>) -> impl FnMut(u64, u16, &[u8]) {
    |sequence, message_type, body| {
        let mut peer = peer.borrow_mut();
        peer.pop(sequence).expect("it is in front");
        peer.send(message_type, body).expect("there is room");
    }
}

/// The application of a client that consumes every message.
pub(super) fn consume(client: &ClientCell) -> impl FnMut(u64, u16, &[u8]) {
    |sequence, _, _| {
        let mut client = client.borrow_mut();
        client.peer_mut().expect("it has logged in").pop(sequence).expect("it is in front");
    }
}

/// An application that fails to consume.
pub(super) fn fail(peer: &RefCell<Peer<Image>>, now: Time) -> impl FnMut(u64, u16, &[u8]) {
    move |_, message_type, body| {
        peer.borrow_mut().keep(message_type, body, Unconsumed::Failed, now);
    }
}
