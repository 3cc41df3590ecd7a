//! The shard that the current thread is, if it is one.

use std::{cell::RefCell, rc::Rc};

use shardcast_os::clock;
use shardcast_proto::Time;

use super::Shard;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's shard; `None` on a thread that is no shard.
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Shard>) -> R) -> Option<R> {
    // A thread that ends may still drop what asks here, after this value.
    CURRENT.try_with(|shard| shard.borrow().as_ref().map(f)).ok().flatten()
}

/// The time of this shard's turn; of the clock on a thread that is no shard.
pub(crate) fn now() -> Time {
    with(|shard| shard.now()).unwrap_or_else(|| Time::from_nanos(clock::now_nanos()))
}

/// Makes `shard` this thread's, or nothing.
pub(crate) fn set(shard: Option<Rc<Shard>>) {
    CURRENT.set(shard);
}
