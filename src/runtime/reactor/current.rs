//! The reactor of the shard that the current thread is, if it is one.

use std::{cell::RefCell, rc::Rc};

use super::Reactor;
use crate::mesh::port;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's reactor; `None` on a thread that is not a shard.
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    // A thread that ends may still drop what asks here, after this value.
    CURRENT.try_with(|reactor| reactor.borrow().as_ref().map(f)).ok().flatten()
}

/// The part of this type of this thread's shard, if it is one.
pub(crate) fn part<T: 'static>() -> Option<Rc<T>> {
    with(|reactor| reactor.part()).flatten()
}

/// Calls `f` with the part of this type of this thread's shard, if it is one.
pub(crate) fn with_part<T: 'static, R>(f: impl FnOnce(&Rc<T>) -> R) -> Option<R> {
    part().map(|part| f(&part))
}

/// Makes `reactor` this thread's, or nothing.
pub(crate) fn set(reactor: Option<Rc<Reactor>>) {
    port::set(reactor.as_ref().map(|reactor| Rc::clone(&reactor.port)));
    CURRENT.set(reactor);
}
