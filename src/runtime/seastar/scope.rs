//! Which connection a value is decoded for: sources find their stream by it.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
};

use shardcast_proto::seastar::{
    ConnectionId,
    rpc::{Parent, Stream},
};

use super::stream::Link;

/// The connection whose arguments or results are decoded.
#[derive(Clone)]
pub(super) enum Scope {
    /// A connection that was accepted.
    Accepted(Rc<Parent>),
    /// The connection of the client with this number.
    Client(u64),
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
    /// The streams that clients of this shard have opened, until their connections end: a sink may be finished before the
    /// response comes that has the source.
    static OPENED: RefCell<HashMap<(u64, ConnectionId), Rc<Link>>> = RefCell::default();
}

/// Calls `f`, in which sources are those of this connection.
pub(super) fn within<R>(scope: Scope, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(scope)));
    f()
}

/// The number of the client whose result is decoded.
pub(super) fn client() -> Option<u64> {
    CURRENT.with_borrow(|current| match current {
        Some(Scope::Client(client)) => Some(*client),
        _ => None,
    })
}

/// The stream with this id, for a source. The error says why there is none.
pub(super) fn claim(id: ConnectionId) -> Result<Rc<Link>, &'static str> {
    match CURRENT.with_borrow(Clone::clone) {
        None => Err("a stream outside of a call"),
        Some(Scope::Accepted(parent)) => {
            let stream = parent.claim(id).map_err(|_| "the id of a stream that is not for this call")?;
            let conn = parent.connection_of(id).ok_or("the id of a stream that has ended")?;
            Ok(Link::accepted(stream, conn))
        }
        Some(Scope::Client(client)) => {
            let link = OPENED.with_borrow_mut(|opened| match opened.entry((client, id)) {
                // It was kept for this source.
                Entry::Occupied(entry) if entry.get().has_ended() => Some(entry.remove()),
                Entry::Occupied(entry) => Some(Rc::clone(entry.get())),
                Entry::Vacant(_) => None,
            });
            link.ok_or("the id of a stream that this client has not opened")
        }
    }
}

/// The client with this number has opened a stream.
pub(super) fn opened(client: u64, id: ConnectionId, link: &Rc<Link>) {
    OPENED.with_borrow_mut(|opened| opened.insert((client, id), Rc::clone(link)));
}

/// The connection of a stream of a client has ended. What was received is kept for a source: the response that has it may
/// come later, on the other connection.
pub(super) fn ended(client: u64, stream: &Rc<RefCell<Stream>>) {
    let key = (client, stream.borrow().id());
    let is_wanted = stream.borrow().is_unread();
    OPENED.with_borrow_mut(|opened| {
        // Another server may have given the same id.
        let is_same = opened.get(&key).is_some_and(|link| link.is_of(stream));
        if is_same && !(is_wanted && opened.len() <= OPENED_MAX) {
            opened.remove(&key);
        }
    });
}

/// Number of streams that are kept for this client.
#[cfg(test)]
pub(super) fn opened_count(client: u64) -> usize {
    OPENED.with_borrow(|opened| opened.keys().filter(|(owner, _)| *owner == client).count())
}

/// The connection of this client has ended: returns its streams, which no response can name any more.
pub(super) fn take_streams_of(client: u64) -> Vec<Rc<Link>> {
    OPENED.with_borrow_mut(|opened| {
        opened.extract_if(|(owner, _), _| *owner == client).map(|(_, link)| link).collect()
    })
}

/// Streams of one shard; beyond that, those that have ended are not kept.
const OPENED_MAX: usize = 10_000;
