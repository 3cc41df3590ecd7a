use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use shardcast::{
    CloseReason, ConnId, Connection, Reply, SendError,
    tars::{Current, Servant, framed::frame},
    task,
};

use super::{PATIENCE, Peer, eventually, frame as encode};

/// A servant that echoes, does what some payloads ask for, and records its calls as events. All shards of a server
/// share one.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    events: Mutex<Vec<Event>>,
    open: Mutex<Vec<Connection>>,
    /// The requests `late` that were not answered yet, the oldest first.
    late: Mutex<VecDeque<(Connection, Vec<u8>)>>,
    without_requests: bool,
}

/// A call of a servant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Connected(ConnId),
    Requested(ConnId, Vec<u8>),
    Closed(ConnId, CloseReason),
}

impl Event {
    pub(crate) const fn id(&self) -> ConnId {
        match self {
            Self::Connected(id) | Self::Requested(id, _) | Self::Closed(id, _) => *id,
        }
    }
}

impl Recorder {
    /// A recorder that does not record requests, for load.
    pub(crate) fn without_requests() -> Self {
        Self(Arc::new(Inner { without_requests: true, ..Inner::default() }))
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        lock(&self.0.events).clone()
    }

    /// All events of one connection.
    pub(crate) fn events_of(&self, id: ConnId) -> Vec<Event> {
        self.events().into_iter().filter(|event| event.id() == id).collect()
    }

    /// The open connections.
    pub(crate) fn open(&self) -> Vec<Connection> {
        lock(&self.0.open).clone()
    }

    /// The connection of `peer`, once it is open.
    #[track_caller]
    pub(crate) fn connection_of(&self, peer: &Peer) -> Connection {
        let address = peer.address();
        let mut found = None;
        eventually(PATIENCE, || {
            found = self.open().into_iter().find(|connection| connection.peer() == address);
            found.is_some()
        });
        found.expect("awaited above")
    }

    /// Why the connection ended, once it has; checks that no event follows.
    #[track_caller]
    pub(crate) fn why_closed(&self, id: ConnId) -> CloseReason {
        let mut why = None;
        eventually(PATIENCE, || {
            let events = self.events_of(id);
            let mut closed = events.iter().filter_map(|event| match event {
                Event::Closed(_, why) => Some(*why),
                _ => None,
            });
            why = closed.next();
            assert_eq!(closed.next(), None, "closed once only: {events:?}");
            if why.is_some() {
                assert!(matches!(events.first(), Some(Event::Connected(_))), "{events:?}");
                assert!(matches!(events.last(), Some(Event::Closed(..))), "nothing afterwards: {events:?}");
            }
            why.is_some()
        });
        why.expect("awaited above")
    }

    /// How many requests `late` have no answer yet.
    pub(crate) fn late(&self) -> usize {
        lock(&self.0.late).len()
    }

    /// Answers the oldest request `late`, once there is one.
    #[track_caller]
    pub(crate) fn answer_late(&self) {
        eventually(PATIENCE, || self.late() > 0);
        let (connection, packet) = lock(&self.0.late).pop_front().expect("awaited above");
        assert_eq!(connection.send(packet), Ok(()));
    }

    fn note(&self, event: Event) {
        lock(&self.0.events).push(event);
    }
}

impl Servant for Recorder {
    fn do_connect(&self, current: &Current) {
        lock(&self.0.open).push(current.clone());
        self.note(Event::Connected(current.id()));
    }

    fn do_request(&self, current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        let payload = frame::payload(packet).unwrap_or_default();
        if !self.0.without_requests {
            self.note(Event::Requested(current.id(), payload.to_vec()));
        }
        match payload {
            b"panic" => panic!("as the peer asked for"),
            b"close" => assert_eq!(current.close(), Ok(())),
            b"silence" => {}
            b"block" => {
                thread::sleep(BLOCKED);
                reply.body().extend_from_slice(packet);
            }
            b"task-panic" => task::spawn_for(current, "a task that panics", async {
                task::yield_now().await;
                panic!("as the peer asked for");
            }),
            b"task-block" => task::spawn_for(current, "a task that blocks", async {
                task::yield_now().await;
                thread::sleep(BLOCKED);
            }),
            b"late" => lock(&self.0.late).push_back((current.clone(), packet.to_vec())),
            // Several pushes, in order, before the response.
            b"push" => {
                for number in 0..PUSHES {
                    let _ = current.send(encode(0, &number.to_le_bytes()));
                }
                reply.body().extend_from_slice(packet);
            }
            _ => reply.body().extend_from_slice(packet),
        }
    }

    fn do_close(&self, current: &Current, why: CloseReason) {
        lock(&self.0.open).retain(|connection| connection.id() != current.id());
        // What is sent with it now reaches no connection.
        assert_eq!(current.send(encode(0, b"too late")), Err(SendError::Closed));
        self.note(Event::Closed(current.id(), why));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pushes that the request `push` causes.
pub(crate) const PUSHES: u32 = 100;

/// How long the requests `block` and `task-block` keep their shard.
const BLOCKED: Duration = Duration::from_millis(200);
