//! Which connection a value is decoded for: sources find their stream by it.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::{Rc, Weak},
};

use shardcast_proto::seastar::{ConnectionId, rpc::Parent};

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
    /// The streams that clients of this shard have opened.
    static OPENED: RefCell<HashMap<(u64, ConnectionId), Weak<Link>>> = RefCell::default();
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
            let link = OPENED.with_borrow(|opened| opened.get(&(client, id)).and_then(Weak::upgrade));
            link.ok_or("the id of a stream that this client has not opened")
        }
    }
}

/// The client with this number has opened a stream.
pub(super) fn opened(client: u64, id: ConnectionId, link: &Rc<Link>) {
    OPENED.with_borrow_mut(|opened| opened.insert((client, id), Rc::downgrade(link)));
}

/// A stream of a client has ended.
pub(super) fn ended(client: u64, id: ConnectionId) {
    OPENED.with_borrow_mut(|opened| opened.remove(&(client, id)));
}

/// The streams that this client has opened.
pub(super) fn streams_of(client: u64) -> Vec<Rc<Link>> {
    OPENED.with_borrow(|opened| {
        let of_client = opened.iter().filter(|((owner, _), _)| *owner == client);
        of_client.filter_map(|(_, link)| link.upgrade()).collect()
    })
}
