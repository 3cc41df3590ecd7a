//! The reactor of the current thread, if that is a shard.

use std::{cell::RefCell, rc::Rc};

use super::Reactor;
use crate::mesh::port;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
    /// While the application makes its services.
    static STARTING: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's reactor; `None` on a thread that is not a shard.
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    // While a thread ends, a destructor may still call this, after this value was dropped.
    CURRENT.try_with(|reactor| reactor.borrow().as_ref().map(f)).ok().flatten()
}

/// As [`with`], also while this thread's shard starts.
pub(crate) fn with_starting<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    let starting = STARTING.try_with(|reactor| reactor.borrow().clone()).ok().flatten();
    match starting {
        Some(reactor) => Some(f(&reactor)),
        None => with(f),
    }
}

/// The part of this type of the current shard, if this thread is a shard.
pub(crate) fn part<T: 'static>() -> Option<Rc<T>> {
    with(|reactor| reactor.part()).flatten()
}

/// Calls `f` with the part of this type of the current shard, if this thread is a shard.
pub(crate) fn with_part<T: 'static, R>(f: impl FnOnce(&Rc<T>) -> R) -> Option<R> {
    part().map(|part| f(&part))
}

/// Runs code of the application on its shard, so that a stall is reported as `name`.
pub(crate) fn run_named(name: &str, f: impl FnOnce()) {
    let Some(reactor) = with(Rc::clone) else { return f() };
    // After a panic, which is contained elsewhere, nothing runs.
    let outer = reactor.counters.run(reactor.labels.number(name));
    f();
    reactor.counters.run(outer);
}

/// Sets or removes the reactor of this thread while its shard starts.
pub(crate) fn set_starting(reactor: Option<Rc<Reactor>>) {
    STARTING.set(reactor);
}

/// Sets or removes the reactor of this thread.
pub(crate) fn set(reactor: Option<Rc<Reactor>>) {
    port::set(reactor.as_ref().map(|reactor| Rc::clone(&reactor.port)));
    CURRENT.set(reactor);
}
