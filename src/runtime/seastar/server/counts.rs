//! What a registry counts of its calls.

use std::{cell::RefCell, rc::Rc, sync::Arc, thread};

use shardcast_os::clock;
use shardcast_proto::{Time, seastar::rpc::Outcome};

use crate::{
    counters::{
        calls::{CallCounters, VerbCounters},
        latency::JustSent,
    },
    reactor::current,
};

/// The counters of a registry.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) calls: Arc<CallCounters>,
    /// Verbs with calls that have just ended.
    ended: RefCell<Vec<Rc<VerbCounts>>>,
}

/// The counters of a verb.
pub(super) struct VerbCounts {
    pub(super) counters: Arc<VerbCounters>,
    /// Calls that have ended in this turn, by when they came.
    just_ended: RefCell<JustSent>,
}

/// A handler in progress, until it has [ended](Self::end) or is dropped.
pub(super) struct Counting {
    counts: Rc<Counts>,
    verb: Rc<VerbCounts>,
    received: Time,
    has_ended: bool,
}

/// A call that waits for memory, until it is dropped.
pub(super) struct CountedWait {
    counts: Rc<Counts>,
    bytes: u64,
}

impl Counts {
    pub(super) fn verb(&self, verb: u64) -> Rc<VerbCounts> {
        Rc::new(VerbCounts { counters: self.calls.verb(verb), just_ended: RefCell::default() })
    }

    /// A call has ended. Its time is measured at the end of the turn, with one reading of the clock for all.
    fn ended(self: &Rc<Self>, verb: &Rc<VerbCounts>, received: Time) {
        let mut just_ended = verb.just_ended.borrow_mut();
        if just_ended.is_empty() {
            let mut ended = self.ended.borrow_mut();
            ended.push(Rc::clone(verb));
            if ended.len() == 1 {
                let counts = Rc::clone(self);
                current::with(|reactor| reactor.defer(move || counts.measure()));
            }
        }
        just_ended.add(received, 1);
    }

    fn measure(&self) {
        let now = Time::from_nanos(clock::now_nanos());
        for verb in self.ended.take() {
            verb.just_ended.borrow_mut().record(now, verb.counters.latency());
        }
    }
}

impl Counting {
    pub(super) fn begin(counts: &Rc<Counts>, verb: &Rc<VerbCounts>, received: Time) -> Self {
        counts.calls.in_progress.add(1);
        Self { counts: Rc::clone(counts), verb: Rc::clone(verb), received, has_ended: false }
    }

    /// The handler has ended; `is_late` if its caller does not wait any more.
    pub(super) fn end(&mut self, outcome: Outcome, is_late: bool) {
        self.has_ended = true;
        let VerbCounters { failed, late, .. } = &*self.verb.counters;
        late.add(u64::from(is_late));
        failed.add(u64::from(outcome == Outcome::Failure));
        self.counts.ended(&self.verb, self.received);
    }

    /// Its arguments cannot be decoded.
    pub(super) fn end_undecodable(&mut self) {
        self.has_ended = true;
        self.verb.counters.undecodable.add(1);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.counts.calls.in_progress.sub(1);
        if !self.has_ended && thread::panicking() {
            self.verb.counters.failed.add(1);
        }
    }
}

impl CountedWait {
    pub(super) fn begin(counts: &Rc<Counts>, verb: &VerbCounts, bytes: usize) -> Self {
        let bytes = bytes as u64;
        verb.counters.waits.add(1);
        counts.calls.waiting.add(1);
        counts.calls.waiting_bytes.add(bytes);
        Self { counts: Rc::clone(counts), bytes }
    }
}

impl Drop for CountedWait {
    fn drop(&mut self) {
        self.counts.calls.waiting.sub(1);
        self.counts.calls.waiting_bytes.sub(self.bytes);
    }
}
