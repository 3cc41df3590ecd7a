//! The pump: the only place where a shard's thread waits.
//!
//! One turn: poll sources, take envelopes and wake-ups, flush outboxes, submit and reap the ring, run due timers, poll
//! the tasks that were woken, those of task queues last. If a turn finds nothing to do, the pump repeats it for the
//! configured spin, and then sleeps. Before that, it publishes that it sleeps, *and then checks everything once more*: it
//! sees what was queued before, and a sender that queues after that sees that it must wake the shard. `os::park` has the
//! full argument, and loom checks it.

use std::{rc::Rc, time::Duration};

use shardcast_os::{clock, ring::Completion};
use shardcast_proto::{Time, push};

use super::Shard;
use crate::{
    Spin,
    mesh::Envelope,
    reactor::{Stage, Timer, queues, tasks},
};

impl Shard {
    /// Runs turns until the shard is to stop and has nothing left.
    pub(super) fn pump(self: &Rc<Self>, spin: Spin) {
        let mut found_work_at = self.begin_turn(false);
        let (mut alarms, mut burst) = (Alarms::default(), Burst::default());
        let (mut worked, mut parked) = (false, false);
        loop {
            let now = self.begin_turn(worked);
            burst.begin_turn(!worked && !parked);
            parked = false;
            worked = self.turn(&mut alarms, &mut burst);
            // The time of tasks is part of this turn: a task that does not yield is a stall too.
            worked |= tasks::run(&self.reactor);
            worked |= queues::run(&self.reactor, !worked);
            if self.is_done() {
                // What follows, such as dropping 100,000 topics, delays no peer.
                self.end_turn(clock::now_nanos(), worked);
                self.reactor.counters.turn_started.set(0);
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
                self.park(&mut alarms);
                parked = true;
                found_work_at = self.begin_turn(worked);
                self.watch.wake();
            }
        }
    }

    /// One turn; true when it found anything to do.
    fn turn(self: &Rc<Self>, alarms: &mut Alarms, burst: &mut Burst) -> bool {
        // First, so that what they send is taken below and leaves in this turn.
        let mut worked = self.reactor.poll_sources();
        worked |= self.reactor.port.take(&*self.push, |envelope| self.take(envelope));
        self.take_wakes();
        self.reactor.run_deferred();
        worked |= self.push.turn();
        worked |= self.conns.follow_up_pending();
        self.conns.flush();
        worked |= self.turn_ring(alarms, burst);
        worked |= self.run_timers();
        self.conns.follow_memory();
        self.conns.report_ended();
        self.reactor.run_deferred();
        self.conns.release_cut();
        self.conns.send_home();
        worked |= self.advance_stop();
        self.reactor.port.wake_peers();
        worked
    }

    /// Reads the clock, once per turn, and accounts for the turn before; `worked` tells whether that found work.
    fn begin_turn(&self, worked: bool) -> Time {
        let nanos = clock::now_nanos();
        let now = Time::from_nanos(nanos);
        self.end_turn(nanos, worked);
        self.reactor.counters.turn_started.set(nanos);
        self.reactor.port.set_now(now);
        self.reactor.counters.timers.set(self.reactor.timers.borrow().len() as u64);
        self.conns.begin_turn(now);
        now
    }

    /// Accounts for the turn that ends now, if there is one.
    fn end_turn(&self, nanos: u64, worked: bool) {
        let counters = &self.reactor.counters;
        let began = counters.turn_started.read();
        if began == 0 {
            return;
        }
        let took = nanos.saturating_sub(began);
        if worked {
            counters.turns.add(1);
            counters.busy_nanos.add(took);
        }
        if took > counters.turn_max_nanos.read() {
            counters.turn_max_nanos.set(took);
        }
        if took > self.stall_nanos {
            counters.stalled(began, took);
        }
    }

    /// Schedules the tasks that other threads have woken. After the envelopes: a task that is woken before something
    /// else is queued here runs before what is queued after that.
    fn take_wakes(&self) {
        let woken = &self.reactor.router.peer(self.reactor.id).woken;
        if !woken.is_empty() {
            woken.take(|number| self.reactor.tasks.run_woken(number));
        }
    }

    fn take(self: &Rc<Self>, envelope: Envelope) {
        self.reactor.contain("what an envelope brought about", || match envelope {
            Envelope::Deliver { to, message, posted } => self.conns.deliver(&to, message, posted),
            Envelope::Broadcast { listener, body, key, posted } => {
                self.conns.broadcast(listener, &body, key, posted);
            }
            Envelope::Message(message) => self.push.take(self.reactor.id, push::HubMessage::Message(message)),
            Envelope::Push { from, envelope } => self.push.take(from, *envelope),
            Envelope::Adopt(adopted) => self.conns.adopt(*adopted),
            Envelope::Close { to, why } => self.conns.close(to, why),
            Envelope::Marker { from, marker } => self.stop.borrow_mut().handle_marker(from, marker),
            Envelope::Run(run) => run(),
        });
    }

    fn turn_ring(self: &Rc<Self>, alarms: &mut Alarms, burst: &mut Burst) -> bool {
        if !self.reactor.ring.borrow_mut().has_work() {
            return false;
        }
        let mut reaped = 0;
        let mut stage = Stage::default();
        let mut has_time = true;
        let mut has_flushed = false;
        // Receive the whole burst of a peer before acting on it, so that the responses leave together.
        for entered in 0..ENTERS_PER_TURN {
            let result = if burst.follows_idle && entered == 0 {
                self.reactor.ring.borrow_mut().enter_after_idling()
            } else {
                self.reactor.ring.borrow_mut().enter()
            };
            if let Err(error) = result {
                // Nothing can be received or sent any more: end everything, and report it.
                tracing::error!(shard = self.reactor.id, %error, "the io_uring of this shard is broken");
                self.begin_stop(Some(self.reactor.now()));
                return false;
            }
            while reaped < COMPLETIONS_PER_TURN {
                has_time = stage.takes_next() && !burst.is_long();
                if !has_time {
                    break;
                }
                let Some(completion) = self.reactor.ring.borrow_mut().next_completion() else { break };
                reaped += 1;
                burst.note(&completion);
                self.complete(completion, alarms);
            }
            let is_cut_short = has_time && self.reactor.ring.borrow_mut().is_cut_short();
            if burst.follows_idle && reaped > 0 && !is_cut_short && !has_flushed {
                // There was nothing else to do, so what this has brought about leaves at once.
                has_flushed = true;
                self.conns.flush();
            } else if !is_cut_short {
                break;
            }
        }
        let counters = self.reactor.ring.borrow().counters();
        self.reactor.counters.ring_enters.set(counters.enters);
        self.reactor.counters.ring_completions.set(counters.completions);
        self.reactor.counters.starvations.set(counters.starvations);
        reaped > 0
    }

    #[inline]
    fn complete(self: &Rc<Self>, completion: Completion, alarms: &mut Alarms) {
        match completion {
            Completion::Received { slot, data } => self.conns.on_received(slot, data),
            Completion::Sent { slot, payload, result } => self.conns.on_sent(slot, payload, result),
            Completion::ReceiveEnded { slot, how } => self.conns.on_receive_ended(slot, how),
            Completion::Accepted { listener, socket } => self.conns.on_accepted(listener, socket),
            Completion::AcceptAborted { listener } => self.conns.on_accept_aborted(listener),
            Completion::AcceptFailed { listener, error } => self.conns.on_accept_failed(listener, &error),
            Completion::Connected { slot, result } => self.conns.on_connected(slot, result),
            Completion::Alarm => alarms.went_off(),
            Completion::Synced { number, result } => self.reactor.handle_synced(number, result),
        }
    }

    fn run_timers(self: &Rc<Self>) -> bool {
        let now = self.reactor.now();
        if self.reactor.timers.borrow().next_deadline().is_some_and(|deadline| deadline <= now) {
            let mut due = self.due.borrow_mut();
            self.reactor.timers.borrow_mut().advance(now, &mut |timer| due.push_back(timer));
        }
        let mut stage = Stage::default();
        let mut ran = false;
        while stage.takes_next() {
            let next = self.due.borrow_mut().pop_front();
            let Some(timer) = next else { break };
            ran = true;
            match timer {
                Timer::Connection(id) => self.conns.on_connection_timer(id),
                Timer::ResumeAccept(listener) => {
                    if !self.reactor.is_draining() {
                        self.reactor.ring.borrow_mut().resume_accept(listener);
                    }
                }
                Timer::Hub => self.push.on_timer(),
                Timer::Wake(waker) => self.reactor.contain("a waker", || waker.wake()),
                Timer::Call(call) => self.reactor.contain("a timer", call),
            }
        }
        ran
    }

    /// Sleeps in the ring until something happens. Nothing else runs on this thread meanwhile: a wake-up of a task ends
    /// the sleep.
    fn park(&self, alarms: &mut Alarms) {
        let sleeper = &self.reactor.router.peer(self.reactor.id).sleeper;
        sleeper.prepare();
        // The sources first, since they may queue what the other checks find. The alarm may come last: it only prepares
        // operations of the ring, which are there when the ring waits.
        if let Some(poll_at) = self.reactor.ask_sources()
            && !self.has_input()
        {
            self.set_alarm(alarms, poll_at);
            self.reactor.counters.parks.add(1);
            self.end_turn(clock::now_nanos(), false);
            self.reactor.counters.turn_started.set(0);
            // An error of the ring occurs again in the next turn, which handles it.
            let _ = self.reactor.ring.borrow_mut().wait();
        }
        sleeper.awake();
    }

    /// Whether anything has come in. Checked after this shard has published that it sleeps.
    fn has_input(&self) -> bool {
        self.reactor.has_input()
            || !self.due.borrow().is_empty()
            || self.conns.has_input()
            || self.push.is_ready()
            || self.reactor.ring.borrow_mut().has_work()
    }

    /// Makes the ring wake the shard for the next timer, and at `poll_at`. An earlier alarm that is already set is
    /// enough.
    fn set_alarm(&self, alarms: &mut Alarms, poll_at: Time) {
        let next = self.reactor.timers.borrow().next_deadline();
        let stop = self.stop.borrow();
        let waits_for_room = self.conns.waits_for_room() || self.push.is_stalled() || stop.must_send();
        let retry = waits_for_room.then(|| self.reactor.now() + RETRY);
        let poll_at = (poll_at != Time::NEVER).then_some(poll_at);
        let goes_on = stop.poll_timeout(self.reactor.now());
        let Some(deadline) = [next, retry, poll_at, goes_on].into_iter().flatten().min() else { return };
        if alarms.add(deadline) {
            self.reactor.ring.borrow_mut().alarm(deadline - self.reactor.now());
        }
    }
}

/// The alarms that are set in the ring, the earliest last. A new one is set only if it is due before all of them.
#[derive(Debug, Default)]
struct Alarms(Vec<Time>);

impl Alarms {
    /// Adds an alarm for `deadline`; false if an earlier one is enough.
    fn add(&mut self, deadline: Time) -> bool {
        let is_earliest = self.0.last().is_none_or(|at| *at > deadline);
        if is_earliest {
            self.0.push(deadline);
        }
        is_earliest
    }

    fn went_off(&mut self) {
        self.0.pop();
    }
}

/// What one peer has sent, as far as it is received without anything of others in between. The responses to the first part
/// of a long burst leave before the rest is read, so that the peer has work meanwhile.
#[derive(Debug, Default)]
struct Burst {
    slot: u32,
    /// Bytes in this turn.
    bytes: usize,
    /// It comes after a turn that had nothing to do, so the peer may be waiting for all of the responses.
    follows_idle: bool,
}

impl Burst {
    const fn begin_turn(&mut self, follows_idle: bool) {
        (self.follows_idle, self.bytes) = (follows_idle, 0);
    }

    #[inline]
    fn note(&mut self, completion: &Completion) {
        let Completion::Received { slot, data } = completion else { return };
        if *slot != self.slot {
            (self.slot, self.bytes) = (*slot, 0);
        }
        self.bytes += data.bytes().len();
    }

    #[inline]
    const fn is_long(&self) -> bool {
        self.bytes >= if self.follows_idle { FIRST_PART } else { PART }
    }
}

/// Bytes of a burst after which the turn ends its receiving. Each part is a send.
const PART: usize = 8 << 10;

/// As above, after a turn that had nothing to do, unless the shard slept: one receive buffer of the default size, so that the
/// two ends of 64 calls do not take turns. After a sleep, more parts would only wake the peer more often.
const FIRST_PART: usize = 4 << 10;

/// How often the ring is entered in one turn, where the kernel stops before everything is received.
const ENTERS_PER_TURN: usize = 4;

/// Completions handled in one turn.
const COMPLETIONS_PER_TURN: usize = 4096;

/// The pause before envelopes that found no room in the mesh are tried again.
const RETRY: Duration = Duration::from_millis(1);
