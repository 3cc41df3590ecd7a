//! The pump: the only place where a shard's thread waits.
//!
//! One turn: take envelopes and wakes, submit and reap the ring, run due timers, flush outboxes, poll the tasks that
//! were woken.
//! A turn that found nothing is repeated for the configured spin, then the pump sleeps. Before it does, it
//! says so to everybody who might wake it, *and then looks at everything once more*: whoever queued before
//! is seen, and whoever queues after sees that it must wake. `os::park` has the argument in full, checked
//! by loom.

use std::{rc::Rc, time::Duration};

use shardcast_os::{clock, ring::Completion};
use shardcast_proto::{Time, push};

use super::{Shard, Timer, tasks};
use crate::{CloseReason, Spin, link::Conn, mesh::Envelope};

impl Shard {
    /// Turns the crank until the shard is told to stop and has nothing left.
    pub(super) fn pump(self: &Rc<Self>, spin: Spin) {
        let mut found_work_at = self.begin_turn(false);
        let mut alarm: Option<Time> = None;
        let mut worked = false;
        loop {
            let now = self.begin_turn(worked);
            worked = self.turn(&mut alarm);
            // Their time is part of this turn: a task that does not give way is a stall too.
            worked |= tasks::run(self);
            if self.is_done() {
                return;
            }
            if worked {
                found_work_at = now;
                continue;
            }
            let spins = match spin {
                Spin::Never => false,
                Spin::Adaptive(limit) => now - found_work_at < limit,
                Spin::Always => true,
            };
            if spins {
                std::hint::spin_loop();
            } else {
                self.park(&mut alarm);
                found_work_at = self.begin_turn(worked);
                self.shared.watch.wake();
            }
        }
    }

    /// One turn; true when it found anything to do.
    fn turn(self: &Rc<Self>, alarm: &mut Option<Time>) -> bool {
        self.push.begin_turn();
        let mut worked = self.take_envelopes();
        self.take_wakes();
        self.run_deferred();
        worked |= self.turn_hub();
        self.flush();
        worked |= self.turn_ring(alarm);
        worked |= self.run_timers();
        self.report_ended();
        self.run_deferred();
        self.release_cut();
        self.send_home();
        self.wake_peers();
        worked
    }

    /// Reads the clock, the once in a turn, and accounts for the turn before, which `worked` or did not.
    fn begin_turn(&self, worked: bool) -> Time {
        let nanos = clock::now_nanos();
        let now = Time::from_nanos(nanos);
        let began = self.counters.turn_started.read();
        if worked && began != 0 {
            let took = nanos.saturating_sub(began);
            self.counters.turns.add(1);
            self.counters.busy_nanos.add(took);
            if took > self.shared.stall_nanos {
                self.counters.stalls.add(1);
            }
        }
        self.counters.turn_started.set(nanos);
        self.now.set(now);
        self.counters.timers.set(self.timers.borrow().len() as u64);
        self.just_sent.borrow_mut().record(now, &self.counters.push_latency);
        now
    }

    /// Takes what other shards, threads and this shard itself have queued; bounded, so that the ring gets
    /// its turn.
    fn take_envelopes(self: &Rc<Self>) -> bool {
        let mut taken = 0;
        let mut incoming = self.incoming.take();
        for queue in incoming.iter_mut().flatten() {
            for _ in 0..ENVELOPES_PER_TURN {
                let Some(envelope) = queue.pop() else { break };
                self.counters.mesh_received.add(1);
                self.take(envelope);
                taken += 1;
            }
        }
        self.incoming.replace(incoming);
        if self.router.peer(self.id).take_rung() {
            for queue in [&self.door.envelopes, &self.door.answers] {
                for index in 0.. {
                    let Ok(envelope) = queue.try_recv() else { break };
                    self.take(envelope);
                    taken += 1;
                    if index == ENVELOPES_PER_TURN {
                        self.router.peer(self.id).ring_again();
                        break;
                    }
                }
            }
        }
        // Only those that are there now: what they cause comes in the next turn.
        let local = self.local.borrow().len();
        for _ in 0..local {
            let Some(envelope) = self.local.borrow_mut().pop_front() else { break };
            self.take(envelope);
            taken += 1;
        }
        taken > 0
    }

    /// Schedules the tasks that other threads have woken. After the envelopes: a task that is woken before something else
    /// is queued here runs before what is queued after that.
    fn take_wakes(&self) {
        let woken = &self.router.peer(self.id).woken;
        if !woken.is_empty() {
            woken.take(|number| self.tasks.run_woken(number));
        }
    }

    fn take(self: &Rc<Self>, envelope: Envelope) {
        self.contain("what an envelope brought about", || match envelope {
            Envelope::Deliver { to, message, posted } => self.deliver(&to, message, posted),
            Envelope::Broadcast { listener, body, key, posted } => {
                self.broadcast(listener, &body, key, posted);
            }
            Envelope::Message(message) => self.take_push(self.id, push::Envelope::Message(message)),
            Envelope::Push { from, envelope } => self.take_push(from, *envelope),
            Envelope::Adopt(adopted) => self.adopt(*adopted),
            Envelope::Close { to, why } => self.close(to, why),
            Envelope::Run(run) => run(self),
        });
    }

    fn turn_ring(self: &Rc<Self>, alarm: &mut Option<Time>) -> bool {
        let mut ring = self.ring.borrow_mut();
        if !ring.has_work() {
            return false;
        }
        if let Err(error) = ring.enter() {
            // Nothing can be received or sent any more: end what there is, and let the process know.
            tracing::error!(shard = self.id, %error, "the io_uring of this shard is broken");
            drop(ring);
            self.begin_stop(Some(self.now()));
            return false;
        }
        drop(ring);
        let mut reaped = 0;
        while reaped < COMPLETIONS_PER_TURN {
            let Some(completion) = self.ring.borrow_mut().next_completion() else { break };
            reaped += 1;
            self.complete(completion, alarm);
        }
        let counters = self.ring.borrow().counters();
        self.counters.ring_enters.set(counters.enters);
        self.counters.ring_completions.set(counters.completions);
        self.counters.starvations.set(counters.starvations);
        reaped > 0
    }

    #[inline]
    fn complete(self: &Rc<Self>, completion: Completion, alarm: &mut Option<Time>) {
        match completion {
            Completion::Received { slot, data } => self.on_received(slot, data),
            Completion::Sent { slot, payload, result } => self.on_sent(slot, payload, result),
            Completion::ReceiveEnded { slot, how } => self.on_receive_ended(slot, how),
            Completion::Accepted { listener, socket } => self.on_accepted(listener, socket),
            Completion::AcceptFailed { listener, error } => self.on_accept_failed(listener, &error),
            Completion::Connected { slot, result } => self.on_connected(slot, result),
            Completion::Alarm => *alarm = None,
        }
    }

    fn run_timers(self: &Rc<Self>) -> bool {
        let now = self.now();
        if self.timers.borrow().next_deadline().is_none_or(|deadline| deadline > now) {
            return false;
        }
        let mut due = Vec::new();
        self.timers.borrow_mut().advance(now, &mut |timer| due.push(timer));
        let ran = !due.is_empty();
        for timer in due {
            match timer {
                Timer::Connection(id) => self.on_connection_timer(id),
                Timer::ResumeAccept(listener) => {
                    if !self.draining.get() {
                        self.ring.borrow_mut().resume_accept(listener);
                    }
                }
                Timer::Periodic(number) => self.on_periodic(number),
                Timer::Hub => self.on_hub_timer(),
                Timer::Wake(waker) => self.contain("a waker", || waker.wake()),
                Timer::Call(call) => self.contain("a timer", || call(self)),
            }
        }
        ran
    }

    /// Wakes the sleeping ones among the shards that were sent something this turn.
    fn wake_peers(&self) {
        let mut to_wake = self.to_wake.borrow_mut();
        for peer in to_wake.drain(..) {
            self.router.peer(peer).wake();
        }
    }

    /// Sleeps in the ring until something happens. Nothing else runs on this thread meanwhile: tasks run when they were
    /// woken, and that is one of the things that end the sleep.
    fn park(&self, alarm: &mut Option<Time>) {
        let sleeper = &self.router.peer(self.id).sleeper;
        self.set_alarm(alarm);
        sleeper.prepare();
        if !self.has_input() {
            self.counters.parks.add(1);
            self.counters.turn_started.set(0);
            // What is wrong with the ring shows again in the next turn, which sees to it.
            let _ = self.ring.borrow_mut().wait();
        }
        sleeper.awake();
    }

    /// Everything that could have come in; asked after having said that this shard sleeps.
    fn has_input(&self) -> bool {
        !self.local.borrow().is_empty()
            || !self.dirty.borrow().is_empty()
            || !self.ended.borrow().is_empty()
            || !self.deferred.borrow().is_empty()
            || !self.cutting.borrow().is_empty()
            || self.tasks.runnable() > 0
            // A task may have sent something after this turn had woken its peers.
            || !self.to_wake.borrow().is_empty()
            || self.push.is_ready()
            || self.router.peer(self.id).is_rung()
            || !self.router.peer(self.id).woken.is_empty()
            || self.incoming.borrow_mut().iter_mut().flatten().any(|queue| !queue.is_empty())
            || self.ring.borrow_mut().has_work()
    }

    /// Makes the ring wake us for the next timer. An earlier alarm that is under way serves as well.
    fn set_alarm(&self, alarm: &mut Option<Time>) {
        let next = self.timers.borrow().next_deadline();
        let waits_for_room = !self.moving.borrow().is_empty() || self.push.is_stalled();
        let retry = waits_for_room.then(|| self.now() + RETRY);
        let Some(deadline) = [next, retry].into_iter().flatten().min() else { return };
        if alarm.is_none_or(|at| at > deadline) {
            self.ring.borrow_mut().alarm(deadline - self.now());
            *alarm = Some(deadline);
        }
    }

    /// Stops accepting, and ends the connections: by `deadline` at the latest; those with nothing left to
    /// say at once.
    pub(crate) fn begin_stop(self: &Rc<Self>, deadline: Option<Time>) {
        let deadline = deadline.unwrap_or_else(|| self.now());
        let sooner = self.drain_deadline.get().is_none_or(|at| deadline < at);
        if sooner {
            self.drain_deadline.set(Some(deadline));
            self.call_at(deadline, Self::cut_all);
        }
        if !self.draining.replace(true) {
            for listener in 0..self.shared.listeners.len() as u32 {
                self.ring.borrow_mut().unlisten(listener);
            }
            self.periodics.borrow_mut().clear();
            self.close_admission();
            if deadline > self.now() {
                self.end_all(CloseReason::Drained);
            }
        }
        if deadline <= self.now() {
            self.cut_all();
        }
    }

    fn cut_all(self: &Rc<Self>) {
        self.end_all(CloseReason::ShuttingDown);
        self.tasks.end();
    }

    fn end_all(&self, why: CloseReason) {
        let ids: Vec<_> = {
            let mut table = self.table.borrow_mut();
            let describe = |conn: &mut Conn| (conn.handle.id(), conn.core.is_open(), conn.moving.is_some());
            (0..table.slots()).filter_map(|slot| table.slot(slot).map(describe)).collect()
        };
        for (id, is_open, is_moving) in ids {
            match why {
                CloseReason::Drained if is_moving => {}
                CloseReason::Drained if is_open => self.drain_connection(id),
                _ => self.close(id, why),
            }
        }
    }

    /// Told to stop, and nothing is left; tasks are ended when the last connection is gone.
    fn is_done(&self) -> bool {
        if !self.draining.get() || self.table.borrow().len() > 0 || !self.local.borrow().is_empty() {
            return false;
        }
        self.tasks.end();
        self.tasks.alive() == 0
    }
}

/// Envelopes taken from one queue in one turn.
const ENVELOPES_PER_TURN: usize = 256;

/// Completions handled in one turn.
const COMPLETIONS_PER_TURN: usize = 4096;

/// What found no room on its way to another shard is tried again after this long.
const RETRY: Duration = Duration::from_millis(1);
