//! The shard that the current thread is, if it is one.

use std::{cell::RefCell, rc::Rc};

use super::Shard;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's shard; `None` on a thread that is no shard.
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Shard>) -> R) -> Option<R> {
    CURRENT.with_borrow(|shard| shard.as_ref().map(f))
}

/// Makes `shard` this thread's, or nothing.
pub(crate) fn set(shard: Option<Rc<Shard>>) {
    CURRENT.set(shard);
}
