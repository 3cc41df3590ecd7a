//! What applications implement, and what they answer with.

mod reply;

pub use reply::Reply;
pub(crate) use reply::{Handling, Scratch, Written};

use shardcast_proto::Request;

use crate::{CloseReason, Connection};

/// What an application does with the connections of a listener.
///
/// Each shard has an instance of its own, made by the listener's factory on that shard's thread: it needs
/// no locks, and may keep its state in cells. Its methods run between two looks at the network, so they
/// must not block; what takes long is awaited: see [`Reply::answer_with`]. A panic costs the request that it served, or
/// the connection where the protocol has no failure to say so, and nothing else.
pub trait Service: 'static {
    /// A connection identified itself as this service's.
    fn opened(&self, connection: &Connection) {
        let _ = connection;
    }

    /// The peer asks. `reply` says what becomes of it: answered now, later, or as a failure. A request whose `reply` is
    /// not touched is answered with the protocol's failure for that, or with nothing where it has none.
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>);

    /// Calls [`request`](Self::request), where that is known at compile time: what it does not look at is not moved.
    #[doc(hidden)]
    #[inline]
    fn request_in_place(&self, connection: &Connection, request: &Request<'_>, reply: &mut Reply<'_>) {
        self.request(connection, *request, reply);
    }

    /// The connection has ended. Called exactly once for each `opened`; nothing for that connection is
    /// called afterwards.
    fn closed(&self, connection: &Connection, why: CloseReason) {
        let _ = (connection, why);
    }
}
