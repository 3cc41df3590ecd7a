//! What applications implement, and how they respond.

mod context;
mod reply;

pub use context::Context;
pub use reply::Reply;
pub(crate) use reply::{Handling, Scratch, Written};

use std::{any::Any, rc::Rc};

use shardcast_proto::Request;

use crate::{CloseReason, Connection};

/// Application code that handles the connections of a listener.
///
/// Each shard has its own instance, made by the listener's factory on that shard's thread. So it needs no locks, and
/// may keep its state in cells. Its methods run as part of a turn, so they must not block; for work that takes long,
/// see [`Reply::answer_with`]. A panic fails only the request that was served; if the protocol has no failure
/// responses, it closes the connection.
pub trait Service: 'static {
    /// Gives the service the state that the sessions of its protocol share on this shard, before anything is accepted.
    #[doc(hidden)]
    fn attached(&self, state: &Rc<dyn Any>) {
        let _ = state;
    }

    /// A connection was opened whose first bytes match the protocol of this service.
    fn opened(&self, connection: &Connection) {
        let _ = connection;
    }

    /// Handles a request. Use `reply` to answer it now, later, or with a failure. If `reply` is not used, the request
    /// is answered with the protocol's failure for that, if it has one.
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>);

    /// Calls [`request`](Self::request), which is known at compile time here: arguments that it does not use are not
    /// moved.
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
