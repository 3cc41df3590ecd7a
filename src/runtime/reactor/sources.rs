//! The poll sources of a shard: [`source`](super::source), as the pump sees them.
//!
//! A source is taken out of its entry while it runs, so that it may do anything to itself and to others. Entries of
//! removed sources stay until the next turn has checked all of them, since other sources may be running.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use shardcast_proto::Time;

use super::{
    Notice, Reactor,
    source::{Progress, Source, Wait},
};
use crate::counters::label;

/// The sources of one shard, the oldest first.
#[derive(Default)]
pub(crate) struct Sources {
    entries: RefCell<Vec<Rc<Entry>>>,
    /// Length of `entries`: a turn of a shard without sources reads nothing else.
    len: Cell<usize>,
    /// The shard ends, and takes no more sources.
    has_ended: Cell<bool>,
}

/// One source, shared by its shard and its handle.
pub(crate) struct Entry {
    label: u32,
    /// `None` while it runs, and since it was removed.
    source: Cell<Option<Box<dyn Source>>>,
    is_removed: Cell<bool>,
}

impl Entry {
    /// Ends the source, and returns it to be dropped. A source that runs is dropped after its call.
    pub(crate) fn remove(&self) -> Option<Box<dyn Source>> {
        self.is_removed.set(true);
        self.source.take()
    }
}

impl Sources {
    fn push(&self, entry: &Rc<Entry>) {
        self.entries.borrow_mut().push(Rc::clone(entry));
        self.len.set(self.len.get() + 1);
    }

    fn get(&self, index: usize) -> Option<Rc<Entry>> {
        self.entries.borrow().get(index).map(Rc::clone)
    }

    fn drop_removed(&self) {
        let mut entries = self.entries.borrow_mut();
        entries.retain(|entry| !entry.is_removed.get());
        self.len.set(entries.len());
    }
}

impl Reactor {
    pub(crate) fn add_source(&self, name: &str, source: Box<dyn Source>) -> Rc<Entry> {
        let label = self.labels.number(name);
        let entry = Rc::new(Entry { label, source: Cell::new(Some(source)), is_removed: Cell::new(false) });
        if self.sources.has_ended.get() {
            drop(entry.remove());
        } else {
            self.sources.push(&entry);
        }
        entry
    }

    /// Polls each source once; true when one of them did something.
    #[inline]
    pub(crate) fn poll_sources(&self) -> bool {
        self.sources.len.get() > 0 && self.poll_all_sources()
    }

    fn poll_all_sources(&self) -> bool {
        let mut worked = false;
        let mut some_removed = false;
        // Sources that are added meanwhile are polled in the next turn.
        let len = self.sources.len.get();
        for index in 0..len {
            let Some(entry) = self.sources.get(index) else { break };
            worked |= self.run_source(&entry, |source| source.poll()) == Some(Progress::Worked);
            some_removed |= entry.is_removed.get();
        }
        worked |= self.sources.len.get() > len;
        if some_removed {
            self.sources.drop_removed();
        }
        worked
    }

    /// When the shard, which has published that it sleeps, must poll its sources again, or [`Time::NEVER`]; `None` if
    /// it must not sleep. The sources may queue anything, so all other reasons not to sleep are checked after this.
    pub(crate) fn ask_sources(&self) -> Option<Time> {
        let mut until = Time::NEVER;
        let len = self.sources.len.get();
        for index in 0..len {
            let Some(entry) = self.sources.get(index) else { break };
            match self.run_source(&entry, |source| source.wait()) {
                Some(Wait::Busy) => return None,
                Some(Wait::Within(duration)) => until = until.min(self.now() + duration),
                Some(Wait::Doorbell) | None => {}
            }
        }
        (self.sources.len.get() == len).then_some(until)
    }

    /// Drops all sources, for good.
    pub(crate) fn end_sources(&self) {
        self.sources.has_ended.set(true);
        self.sources.len.set(0);
        let entries = self.sources.entries.take();
        for entry in entries {
            self.contain("the end of a poll source", || drop(entry.remove()));
        }
    }

    /// Calls a source, unless it was removed. A panic removes only this source.
    fn run_source<R>(&self, entry: &Entry, f: impl FnOnce(&mut dyn Source) -> R) -> Option<R> {
        let mut source = entry.source.take()?;
        let outer = self.counters.run(entry.label);
        let result = catch_unwind(AssertUnwindSafe(|| f(&mut *source)));
        if result.is_err() {
            entry.is_removed.set(true);
            self.source_panicked(entry);
        }
        if entry.is_removed.get() {
            self.contain("the end of a poll source", || drop(source));
        } else {
            entry.source.set(Some(source));
        }
        self.counters.run(outer);
        result.ok()
    }

    fn source_panicked(&self, entry: &Entry) {
        self.counters.panics.add(1);
        if self.may_log(Notice::Panic) {
            tracing::error!(shard = self.id, source = label::name(entry.label), "a poll source panicked");
        }
    }
}
