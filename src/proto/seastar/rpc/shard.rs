//! What the accepted connections of one listener share on one shard.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use super::Stream;
use crate::{ConnId, seastar::ConnectionId};

/// The accepted connections of one listener on one shard, by their ids of the protocol. A stream finds its parent here,
/// and a call its stream.
///
/// # Examples
/// ```
/// use shardcast_proto::{ConnId, Protocol, seastar::rpc::{Seastar, SeastarShard}};
///
/// let state = Seastar::default().shard_state(0);
/// let shard = state.downcast::<SeastarShard>().expect("the state of the protocol");
/// let conn = ConnId { node: 0, shard: 0, slot: 0, generation: 0 };
/// assert!(shard.parent_of(conn).is_none() && shard.forget(conn).is_empty());
/// ```
#[derive(Debug)]
pub struct SeastarShard {
    shard: u16,
    next: Cell<u64>,
    parents: RefCell<HashMap<ConnectionId, Rc<Parent>>>,
    /// The connections of calls, by the ids of the server.
    by_conn: RefCell<HashMap<ConnId, Rc<Parent>>>,
    /// The connections that subscriptions belong to, by those of their streams.
    subscribers: RefCell<HashMap<ConnId, ConnId>>,
}

/// A connection for calls, to which streams belong.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{ConnectionId, rpc::{ClaimError, Parent}};
///
/// fn source_of(parent: &Parent, id: ConnectionId) -> Result<(), ClaimError> {
///     let stream = parent.claim(id)?;
///     assert_eq!(stream.borrow().id(), id);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Parent {
    id: ConnectionId,
    /// What its isolation cookie asked for.
    group: Option<Rc<str>>,
    has_topics: bool,
    /// Its application takes no further requests for now.
    is_held: Cell<bool>,
    is_aborted: Cell<bool>,
    streams: RefCell<HashMap<ConnectionId, Member>>,
}

#[derive(Debug)]
struct Member {
    conn: ConnId,
    stream: Rc<RefCell<Stream>>,
    claimed: bool,
}

/// A call has no source of the stream that it names.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// No stream of the connection has this id.
    #[error("stream {0} does not exist on this connection")]
    Unknown(ConnectionId),
    /// An earlier call has it.
    #[error("stream {0} is used by an earlier call")]
    InUse(ConnectionId),
}

impl SeastarShard {
    pub(super) fn new(shard: u16) -> Self {
        Self {
            shard,
            next: Cell::new(1),
            parents: RefCell::default(),
            by_conn: RefCell::default(),
            subscribers: RefCell::default(),
        }
    }

    pub(super) fn next_id(&self) -> ConnectionId {
        let counter = self.next.get();
        self.next.set(counter + 1);
        ConnectionId::new(counter, self.shard)
    }

    pub(super) fn add_parent(
        &self,
        id: ConnectionId,
        conn: ConnId,
        group: Option<Rc<str>>,
        has_topics: bool,
    ) -> Rc<Parent> {
        let parent = Rc::new(Parent {
            id,
            group,
            has_topics,
            is_held: Cell::default(),
            is_aborted: Cell::default(),
            streams: RefCell::default(),
        });
        self.parents.borrow_mut().insert(id, Rc::clone(&parent));
        self.by_conn.borrow_mut().insert(conn, Rc::clone(&parent));
        parent
    }

    /// A connection for calls has ended: it gets no more streams, and its streams fail.
    pub(super) fn parent_ended(&self, id: ConnectionId) {
        // Nothing is borrowed while it wakes those who wait for the streams.
        let removed = self.parents.borrow_mut().remove(&id);
        let Some(parent) = removed else { return };
        let streams: Vec<_> = parent.streams.borrow().values().map(|it| Rc::clone(&it.stream)).collect();
        streams.iter().for_each(|stream| stream.borrow_mut().handle_parent_closed());
    }

    /// The connection with this id of the protocol, if it is open.
    pub(super) fn parent(&self, id: ConnectionId) -> Option<Rc<Parent>> {
        self.parents.borrow().get(&id).cloned()
    }

    /// The connection for calls with this id of the server, until it was [forgotten](Self::forget).
    pub fn parent_of(&self, conn: ConnId) -> Option<Rc<Parent>> {
        self.by_conn.borrow().get(&conn).cloned()
    }

    /// The connection `stream` is a subscription, and belongs to `parent`.
    pub fn subscribed(&self, stream: ConnId, parent: ConnId) {
        self.subscribers.borrow_mut().insert(stream, parent);
    }

    /// The connection of a subscription has ended: returns the one that it belongs to.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{ConnId, Protocol, seastar::rpc::{Seastar, SeastarShard}};
    ///
    /// let state = Seastar::default().shard_state(0);
    /// let shard = state.downcast::<SeastarShard>().expect("the state of the protocol");
    /// let conn = |slot| ConnId { node: 0, shard: 0, slot, generation: 0 };
    /// shard.subscribed(conn(2), conn(1));
    /// assert_eq!((shard.unsubscribed(conn(2)), shard.unsubscribed(conn(2))), (Some(conn(1)), None));
    /// ```
    pub fn unsubscribed(&self, stream: ConnId) -> Option<ConnId> {
        self.subscribers.borrow_mut().remove(&stream)
    }

    /// The application knows that the connection has ended: returns the connections of its streams, which are to be cut.
    pub fn forget(&self, conn: ConnId) -> Vec<ConnId> {
        let Some(parent) = self.by_conn.borrow_mut().remove(&conn) else { return Vec::new() };
        parent.streams.borrow().values().map(|member| member.conn).collect()
    }
}

impl Parent {
    /// Its id.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The group that the isolation function has chosen.
    pub const fn group(&self) -> Option<&Rc<str>> {
        self.group.as_ref()
    }

    /// Whether it has the verbs of [`topics`](crate::seastar::topics).
    pub const fn has_topics(&self) -> bool {
        self.has_topics
    }

    /// Whether one of its streams is a subscription.
    pub(super) fn has_subscriptions(&self) -> bool {
        self.streams.borrow().values().any(|member| member.stream.borrow().is_subscription())
    }

    /// Whether its application takes no further requests for now.
    pub const fn is_held(&self) -> bool {
        self.is_held.get()
    }

    /// Holds reading of its requests after one whose response comes later, or lets it continue at the next
    /// [change](crate::connection::Connection::handle_session_change). Its streams are not held.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::rpc::Parent;
    ///
    /// fn pause(parent: &Parent) {
    ///     parent.hold(true);
    ///     assert!(parent.is_held());
    /// }
    /// ```
    pub fn hold(&self, is_held: bool) {
        self.is_held.set(is_held);
    }

    /// Its application is about to close it: nothing more is read from it, and no response is sent.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::rpc::Parent;
    ///
    /// fn abort(parent: &Parent) {
    ///     parent.abort();
    ///     assert!(parent.is_aborted());
    /// }
    /// ```
    pub fn abort(&self) {
        self.is_aborted.set(true);
    }

    /// Whether it was aborted.
    pub const fn is_aborted(&self) -> bool {
        self.is_aborted.get()
    }

    /// Number of its streams.
    pub fn stream_count(&self) -> usize {
        self.streams.borrow().len()
    }

    pub(super) fn add(&self, id: ConnectionId, conn: ConnId, stream: Rc<RefCell<Stream>>) {
        self.streams.borrow_mut().insert(id, Member { conn, stream, claimed: false });
    }

    pub(super) fn remove(&self, id: ConnectionId) {
        // Streams may be asked for while they are dropped.
        let removed = self.streams.borrow_mut().remove(&id);
        drop(removed);
    }

    /// The stream with this id, for one call.
    ///
    /// # Errors
    /// There is none, or an earlier call has it.
    pub fn claim(&self, id: ConnectionId) -> Result<Rc<RefCell<Stream>>, ClaimError> {
        let mut streams = self.streams.borrow_mut();
        let member = streams.get_mut(&id).ok_or(ClaimError::Unknown(id))?;
        if std::mem::replace(&mut member.claimed, true) {
            return Err(ClaimError::InUse(id));
        }
        Ok(Rc::clone(&member.stream))
    }

    /// The connection of a stream.
    pub fn connection_of(&self, id: ConnectionId) -> Option<ConnId> {
        self.streams.borrow().get(&id).map(|member| member.conn)
    }
}
