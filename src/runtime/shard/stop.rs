//! How a shard stops. The core, [`push::stop`](shardcast_proto::push::stop), decides the order; this module carries it
//! out.

use std::rc::Rc;

use shardcast_proto::{
    Time,
    push::stop::{Phase, Remaining},
};

use super::Shard;
use crate::{CloseReason, mesh::Envelope, reactor::current};

impl Shard {
    /// Begins to stop: accepts no connections and no requests, and ends everything by `deadline`, or at once.
    pub(crate) fn begin_stop(&self, deadline: Option<Time>) {
        let now = self.reactor.now();
        let deadline = deadline.unwrap_or(now);
        let was_draining = self.reactor.is_draining();
        if self.reactor.stop_by(deadline) {
            self.reactor.call_at(deadline, || {
                current::with_part(|shard: &Rc<Self>| shard.cut_all());
            });
        }
        self.stop.borrow_mut().begin(deadline, now);
        if !was_draining {
            for listener in 0..self.conns.shared.listeners.len() as u32 {
                self.reactor.ring.borrow_mut().unlisten(listener);
            }
            self.push.close_admission();
            self.conns.refuse_held();
            if deadline > now {
                self.conns.begin_drain();
            }
        }
        if deadline <= now {
            self.cut_all();
        }
    }

    /// Goes on with the stop, as far as nothing is left to wait for. True if there was something to do.
    pub(super) fn advance_stop(&self) -> bool {
        let mut stop = self.stop.borrow_mut();
        if stop.phase() == Phase::Running || (stop.phase() == Phase::Closing && !stop.must_send()) {
            return false;
        }
        let shards = self.reactor.router.shards() as u16;
        for shard in (0..shards).filter(|&shard| self.reactor.port.nothing_comes_from(shard)) {
            stop.handle_ended(shard);
        }
        if !self.push.is_idle() {
            // Some that other shards have sent since may wait for their time.
            self.push.close_admission();
        }
        let before = stop.phase();
        // The markers that the first phases allow are among the conditions of the last one.
        for _ in 0..2 {
            while let Some(phase) = stop.advance(&self.remaining(), self.reactor.now()) {
                if phase == Phase::Delivering {
                    self.push.end_publishing();
                }
            }
            stop.send_markers(|to, marker| {
                let envelope = Envelope::Marker { from: self.reactor.id, marker };
                self.reactor.port.has_room_for(to) && self.reactor.port.post(to, envelope).is_ok()
            });
        }
        let (phase, has_given_up) = (stop.phase(), stop.has_given_up());
        drop(stop);
        if phase == Phase::Closing && before != phase {
            if has_given_up
                && self.reactor.drain_deadline().is_some_and(|deadline| deadline > self.reactor.now())
            {
                tracing::warn!(
                    shard = self.reactor.id,
                    "closes its connections without waiting for other shards any longer: messages may be lost"
                );
            }
            self.conns.close_all(CloseReason::Drained);
        }
        before != phase
    }

    /// What is left to do before connections may end.
    fn remaining(&self) -> Remaining {
        Remaining {
            requests: self.conns.has_requests(),
            hub_requests: self.push.has_requests(),
            publications: !self.push.is_idle(),
            envelopes: self.reactor.port.has_local(),
            deliveries: self.push.has_deliveries(),
        }
    }

    fn cut_all(&self) {
        self.conns.close_all(CloseReason::ShuttingDown);
        self.reactor.tasks.end();
    }

    /// Whether files are still in use, because the kernel writes them to the disk; at the deadline, a disk that hangs is left alone.
    fn waits_for_syncs(&self) -> bool {
        let deadline = self.reactor.drain_deadline();
        self.reactor.has_syncs() && deadline.is_some_and(|deadline| self.reactor.now() < deadline)
    }

    /// Whether the shard is to stop, and nothing is left. Ends tasks and sources once the last connection is gone.
    pub(super) fn is_done(&self) -> bool {
        let is_closing = self.stop.borrow().phase() == Phase::Closing;
        if !is_closing || !self.conns.is_empty() || self.reactor.port.has_local() {
            return false;
        }
        self.reactor.tasks.end();
        self.reactor.end_sources();
        self.reactor.tasks.alive() == 0 && !self.waits_for_syncs()
    }
}
