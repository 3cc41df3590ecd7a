use core::net::SocketAddr;
use std::{any::Any, fmt, rc::Rc, time::Duration};

use crate::{ConnId, Time};

/// The data that a session gets when it is opened, at either end of a connection.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The connection; the session lives on its shard.
    pub id: ConnId,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Number of shards.
    pub shards: u16,
    /// Monotonic time.
    pub now: Time,
    /// Wall-clock time at `now`, since the beginning of 1970 (UTC). A session that needs it later adds the
    /// elapsed time.
    pub wall: Duration,
    /// The protocol's state on this shard: see [`Protocol::shard_state`](crate::Protocol::shard_state).
    pub state: &'a Rc<dyn Any>,
}

impl Opening<'_> {
    /// The protocol's state on this shard, if it is a `T`.
    pub fn state<T: 'static>(&self) -> Option<Rc<T>> {
        Rc::clone(self.state).downcast().ok()
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("id", &self.id).field("peer", &self.peer).finish_non_exhaustive()
    }
}
