//! The bound on the requests in progress of a shard: which connections it holds, and which continue.

use std::rc::Rc;

use shardcast_proto::connection::RequestShare;

use super::{Conn, Conns};
use crate::reactor::current;

impl Conns {
    /// Holds reading from `conn` if it has a request in progress and the shard is at its bound.
    #[inline]
    pub(super) fn hold_if_full(&self, conn: &mut Conn) {
        let bound = self.shared.limits.requests_in_progress_shard_max();
        if self.requests.borrow().in_progress() >= bound {
            conn.core.handle_shard_full();
        }
    }

    /// As [`hold_if_full`](Self::hold_if_full), and also holds if other connections wait for room: they come first.
    #[inline]
    pub(super) fn hold_if_others_wait(&self, conn: &mut Conn) {
        if self.requests.borrow().is_full(self.shared.limits.requests_in_progress_shard_max()) {
            conn.core.handle_shard_full();
        }
    }

    /// Counts the requests of a connection, of which one has begun; true if it may not begin another one for now.
    #[inline]
    pub(super) fn requests_are_full(&self, share: &mut RequestShare, in_progress: u32) -> bool {
        let mut requests = self.requests.borrow_mut();
        requests.count(share, in_progress);
        requests.is_full(self.shared.limits.requests_in_progress_shard_max())
    }

    /// Counts the requests of a connection after it was changed.
    #[inline]
    pub(crate) fn count_requests(&self, conn: &mut Conn) {
        let mut requests = self.requests.borrow_mut();
        requests.update(&mut conn.requests, conn.handle.id(), &conn.core);
        if requests.has_next(self.shared.limits.requests_in_progress_shard_max()) {
            self.resume_waiting_later();
        }
    }

    /// Runs [`resume_waiting`](Self::resume_waiting) once nothing is borrowed.
    pub(super) fn resume_waiting_later(&self) {
        if !self.resumes_waiting.replace(true) {
            self.reactor.defer(|| {
                current::with_part(|conns: &Rc<Self>| conns.resume_waiting());
            });
        }
    }

    /// Resumes reading from connections that wait for room, in order, while there is room. Each begins at least one
    /// request, or waits no longer; one that is held again waits after the others.
    fn resume_waiting(&self) {
        for _ in 0..RESUMED_PER_TURN {
            let bound = self.shared.limits.requests_in_progress_shard_max();
            let next = self.requests.borrow_mut().next(bound);
            let Some(id) = next else { return self.resumes_waiting.set(false) };
            self.with_conn(id, |conn| conn.core.handle_shard_room(self.now()));
        }
        self.reactor.call_at(self.now(), || {
            current::with_part(|conns: &Rc<Self>| conns.resume_waiting());
        });
    }
}

/// Connections that are resumed in one turn.
const RESUMED_PER_TURN: usize = 256;
