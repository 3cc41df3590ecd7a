//! A server whose journals survive a power loss: what is not synced does not leave it.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use shardcast_proto::{
    ConnId, Error, Opening,
    tcpshm::{
        Accepting, ByteOrder, Callbacks, Entry, FileError, Files, Geometry, Header, Login, LoginResponse,
        Name, Peer, PeerSync, PeerTable, Sequences, Start, Status, TableConfig,
        journal::{Durability, Journal, JournalConfig, Store as _},
    },
};

use super::{
    ends::{End, Learned, START, echo},
    memory::{Disk, Image, MemoryFiles, name},
};

/// Files on a disk that takes its time.
struct SlowFiles {
    files: MemoryFiles,
    /// New journals are there.
    has_made: Cell<bool>,
    /// The peer whose journal needs a sync.
    wanted: RefCell<Option<Rc<Entry<Image>>>>,
}

impl Files for SlowFiles {
    type Store = Image;

    fn open(&self, remote: &Name) -> Result<Journal<Image>, FileError> {
        self.files.open(remote)
    }

    fn remove(&self, remote: &Name) -> Result<(), FileError> {
        self.files.remove(remote)
    }

    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<Image>, FileError> {
        self.files.replace(remote, start)
    }

    fn begin_to_open(&self, remote: &Name) -> Result<Option<Journal<Image>>, FileError> {
        match self.files.unsynced(remote) {
            None => self.begin_to_replace(remote, Start::default()),
            found => Ok(found),
        }
    }

    fn begin_to_replace(&self, remote: &Name, start: Start) -> Result<Option<Journal<Image>>, FileError> {
        if !self.has_made.get() {
            return Ok(None);
        }
        self.files.replace(remote, start)?;
        Ok(self.files.unsynced(remote))
    }

    fn sync(&self, entry: &Rc<Entry<Image>>) {
        self.wanted.replace(Some(Rc::clone(entry)));
    }
}

struct World {
    table: Rc<PeerTable<SlowFiles>>,
    learned: Rc<Learned>,
    connections: Cell<u32>,
}

impl World {
    fn new(disk: &Disk) -> Self {
        let config = JournalConfig::default().with(|it| it.durability = Durability::Synced);
        let files = disk.files("server").with_config(config);
        let files = SlowFiles { files, has_made: Cell::new(true), wanted: RefCell::default() };
        let table = Rc::new(PeerTable::new(name("server"), TableConfig::default(), files));
        let learned = Rc::new(Learned::default());
        let callbacks: Rc<dyn Callbacks<Image>> = Rc::clone(&learned) as _;
        table.set_callbacks(Rc::downgrade(&callbacks));
        Self { table, learned, connections: Cell::default() }
    }

    /// A connection on which this login has come.
    fn log_in(&self, last_server: &[u8], ack: u32, end: u32) -> End<'static> {
        self.connections.update(|number| number + 1);
        let opening = Opening {
            id: ConnId { node: 0, shard: 0, slot: self.connections.get(), generation: 0 },
            peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
            shards: 1,
            now: START,
            wall: Duration::ZERO,
            state: &(Rc::new(()) as Rc<dyn Any>),
        };
        let mut accepted = End::new(Box::new(Accepting::new(Rc::clone(&self.table), &opening)));
        let sequences = Sequences { ack, start: 0, end };
        let login =
            Login { sequences, user_data: &[1], uses_shared_memory: false, client: b"client", last_server };
        let mut sent = Vec::new();
        login.encode(&Geometry::default(), &mut sent);
        accepted.receive(&sent, START, |_, _, _| {});
        accepted
    }

    /// A connection that has logged in, and the sequence numbers of the response; what follows it.
    fn logged_in(&self, last_server: &[u8], ack: u32, end: u32) -> (End<'static>, Sequences, Vec<u8>) {
        let mut accepted = self.log_in(last_server, ack, end);
        while !accepted.session.is_established() {
            self.sync(Ok(()));
            retry(&mut accepted);
        }
        let sent = accepted.transmit();
        let (response, messages) = sent.split_at(Geometry::default().response_len());
        (accepted, read(response).1, messages.to_vec())
    }

    fn peer(&self) -> Rc<RefCell<Peer<Image>>> {
        Rc::clone(self.table.get(&name("client")).expect("it is known").peer())
    }

    /// Begins the sync that was asked for.
    fn begin_sync(&self) -> PeerSync {
        let wanted = self.table.files().wanted.take().expect("a sync is needed");
        wanted.peer().borrow_mut().begin_sync().expect("none is in progress")
    }

    fn sync(&self, result: Result<(), FileError>) {
        let sync = self.begin_sync();
        assert!(self.peer().borrow_mut().end_sync(sync, result));
    }
}

/// A login that waits is tried again.
fn retry(accepted: &mut End<'_>) {
    let at = accepted.session.poll_timeout().expect("it is tried again");
    assert!(at > START && at < START + Duration::from_millis(10));
    assert!(accepted.wait(at));
    accepted.receive(&[], at, |_, _, _| {});
}

fn response(accepted: &mut End<'_>) -> (Status, Sequences, String) {
    read(&accepted.transmit())
}

fn read(response: &[u8]) -> (Status, Sequences, String) {
    let response = LoginResponse::decode(response, &Geometry::default()).expect("valid").expect("a response");
    (response.status, response.sequences, response.error_text())
}

fn message(ack: u32, body: &[u8; 8]) -> Vec<u8> {
    let header = Header { size: 16, message_type: 1, ack };
    [&header.encode(ByteOrder::Little)[..], body].concat()
}

fn failure() -> FileError {
    FileError { code: "io-error", text: "the disk is broken".to_owned() }
}

#[test]
fn a_login_waits_until_its_journal_is_made_and_synced() {
    let world = World::new(&Disk::default());
    world.table.files().has_made.set(false);
    let mut accepted = world.log_in(b"", 0, 0);
    retry(&mut accepted);
    assert!(world.table.get(&name("client")).is_none());
    world.table.files().has_made.set(true);
    retry(&mut accepted);
    let sync = world.begin_sync();
    retry(&mut accepted);
    assert!(!accepted.session.is_established() && accepted.transmit().is_empty());
    assert!(world.peer().borrow_mut().end_sync(sync, Ok(())));
    retry(&mut accepted);
    assert_eq!(response(&mut accepted), (Status::Accepted, Sequences::default(), String::new()));
    assert_eq!(
        (accepted.error, world.learned.log.take()),
        (None, vec!["new client".to_owned()]),
        "asked once"
    );
}

#[test]
fn what_is_not_synced_is_neither_sent_nor_acknowledged() {
    let world = World::new(&Disk::default());
    let (mut accepted, ..) = world.logged_in(b"", 0, 0);
    let peer = world.peer();
    let syncs = peer.borrow().counts().syncs;
    accepted.receive(&message(0, b"message1"), START, echo(&peer));
    assert!(accepted.transmit().is_empty());
    let sync = world.begin_sync();
    // What comes now shares the next sync.
    accepted.receive(&message(0, b"message2"), START, echo(&peer));
    accepted.receive(&message(0, b"message3"), START, echo(&peer));
    assert!(accepted.transmit().is_empty());
    assert!(peer.borrow_mut().end_sync(sync, Ok(())));
    assert_eq!(accepted.transmit(), message(1, b"message1"));
    world.sync(Ok(()));
    assert_eq!(accepted.transmit(), [message(3, b"message2"), message(3, b"message3")].concat());
    assert_eq!((peer.borrow().needs_sync(), peer.borrow().counts().syncs), (false, syncs + 2));
}

#[test]
fn a_connection_begins_when_what_was_consumed_on_the_last_one_is_synced() {
    let world = World::new(&Disk::default());
    let (mut accepted, ..) = world.logged_in(b"", 0, 0);
    accepted.receive(&message(0, b"message1"), START, echo(&world.peer()));
    drop(accepted);
    // Otherwise the client would send the message again, and it would count as another one.
    let mut accepted = world.log_in(b"server", 0, 1);
    assert!(accepted.transmit().is_empty());
    world.sync(Ok(()));
    retry(&mut accepted);
    assert_eq!(response(&mut accepted).1, Sequences { ack: 1, start: 0, end: 1 });
}

#[test]
fn a_sync_that_fails_ends_the_connection_and_the_next_login_waits_for_one_that_succeeds() {
    let world = World::new(&Disk::default());
    let (mut accepted, ..) = world.logged_in(b"", 0, 0);
    let peer = world.peer();
    accepted.receive(&message(0, b"message1"), START, echo(&peer));
    assert!(accepted.transmit().is_empty());
    world.learned.log.take();
    world.sync(Err(failure()));
    assert!(accepted.session.poll_timeout().is_some_and(|at| at <= START), "at once");
    assert!(accepted.transmit().is_empty() && !accepted.wait(START));
    assert_eq!(accepted.error, Some(Error::Journal));
    drop(accepted);
    let mut refused = world.log_in(b"server", 0, 1);
    assert_eq!(
        (response(&mut refused).2, refused.error),
        ("System error".to_owned(), Some(Error::LoginRefused))
    );
    let log = ["file of client: io-error", "new client", "file of client: io-error"];
    assert_eq!(world.learned.log.take(), log);
    assert_eq!((peer.borrow().fault(), peer.borrow().counts().failed_syncs), (Some(failure()), 1));

    let sync = peer.borrow_mut().begin_sync().expect("it is tried again");
    assert!(peer.borrow_mut().end_sync(sync, Ok(())));
    let (_accepted, sequences, sent) = world.logged_in(b"server", 0, 1);
    assert_eq!((sequences, peer.borrow().fault()), (Sequences { ack: 1, start: 0, end: 1 }, None));
    assert_eq!(sent, message(1, b"message1"));
}

#[test]
fn a_sync_of_a_journal_that_was_replaced_means_nothing() {
    let world = World::new(&Disk::default());
    let (mut accepted, ..) = world.logged_in(b"", 0, 0);
    accepted.receive(&message(0, b"message1"), START, echo(&world.peer()));
    accepted.transmit();
    world.sync(Ok(()));
    accepted.receive(&message(0, b"message2"), START, echo(&world.peer()));
    accepted.transmit();
    let of_old = world.begin_sync();
    drop(accepted);
    // The client has lost its files. First the old journal is synced.
    let mut accepted = world.log_in(b"", 0, 0);
    assert!(accepted.transmit().is_empty());
    let peer = world.peer();
    let before = peer.borrow().journal().received();
    assert!(peer.borrow_mut().end_sync(of_old, Ok(())));
    retry(&mut accepted);
    assert_eq!((before, peer.borrow().journal().received()), (2, 0), "it begins anew");
    let of_new = world.begin_sync();
    let replaced = world.table.files().replace(&name("client"), Start::default());
    peer.borrow_mut().replace_journal(replaced.expect("there is room"));
    assert!(!peer.borrow_mut().end_sync(of_new, Err(failure())), "it is forgotten");
    assert_eq!(peer.borrow().fault(), None);
}

#[test]
fn a_journal_that_is_damaged_while_it_is_in_use_ends_the_connection_and_is_reported() {
    let world = World::new(&Disk::default());
    let (mut accepted, ..) = world.logged_in(b"", 0, 0);
    let peer = world.peer();
    accepted.receive(&message(0, b"message1"), START, echo(&peer));
    accepted.transmit();
    world.sync(Ok(()));
    assert_eq!(accepted.transmit(), message(1, b"message1"));
    let mut image = peer.borrow().journal().store().clone();
    image.write(4096, &[0; 8]);
    world.learned.log.take();
    accepted.receive(&message(1, b"message2"), START, echo(&peer));
    assert_eq!((accepted.error, accepted.got.len()), (Some(Error::Journal), 1));
    drop(accepted);
    let mut refused = world.log_in(b"server", 1, 1);
    assert_eq!(response(&mut refused).2, "System error");
    let log = ["file of client: journal-record", "new client", "file of client: journal-record"];
    assert_eq!(world.learned.log.take(), log);
}
