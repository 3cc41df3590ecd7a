use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    ops::Deref,
    rc::Rc,
    task::{Poll, Waker},
};

use super::Conns;
use crate::{CloseReason, ConnId, Connection, reactor::current::with_part, task};

/// A connection as its own shard sees it: with state of the application, and with futures for its end and for room in
/// its outbox.
///
/// Returned by [`Connection::local`]. It is not `Send`. It does not keep the connection alive, and may be used after
/// its end.
///
/// # Examples
/// ```
/// use std::cell::Cell;
///
/// use shardcast::{Connection, Reply, Request, Service};
///
/// /// Numbers the requests of each connection.
/// struct Counting;
///
/// impl Service for Counting {
///     fn request(&self, connection: &Connection, _request: Request<'_>, reply: &mut Reply<'_>) {
///         let Some(local) = connection.local() else { return };
///         let count = local.state(|| Cell::new(0_u64));
///         count.set(count.get() + 1);
///         reply.body().extend_from_slice(count.get().to_string().as_bytes());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct LocalConnection {
    connection: Connection,
    local: Rc<Local>,
}

/// State of connections whose application uses [`LocalConnection`].
#[derive(Debug, Default)]
pub(super) struct Locals {
    by_id: RefCell<HashMap<ConnId, Rc<Local>>>,
    /// Number of wakers that wait for room.
    waiting: Cell<usize>,
}

#[derive(Default)]
struct Local {
    /// One of each type.
    states: RefCell<Vec<Rc<dyn Any>>>,
    ended: Cell<Option<CloseReason>>,
    /// Wakers that wait for the end.
    closing: RefCell<Vec<Waker>>,
    /// Wakers that wait for room.
    filling: RefCell<Vec<Waker>>,
}

impl LocalConnection {
    /// The state of type `T`; the first call for a type makes it with `make`. It lives until the connection has ended
    /// and nothing else holds it.
    pub fn state<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let known = || self.local.states.borrow().iter().find_map(|it| Rc::clone(it).downcast::<T>().ok());
        known().unwrap_or_else(|| {
            let made = Rc::new(make());
            // `make` may have made the same state.
            known().unwrap_or_else(|| {
                self.local.states.borrow_mut().push(made.clone());
                made
            })
        })
    }

    /// Waits for the end of the connection, and returns why it ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: it can be called again.
    pub async fn closed(&self) -> CloseReason {
        poll_fn(|cx| match self.local.ended.get() {
            Some(why) => Poll::Ready(why),
            None => {
                remember(&self.local.closing, cx.waker());
                Poll::Pending
            }
        })
        .await
    }

    /// Waits until the outbox is at most half full.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: it can be called again.
    pub async fn ready(&self) -> Result<(), CloseReason> {
        poll_fn(|cx| {
            if let Some(why) = self.local.ended.get() {
                return Poll::Ready(Err(why));
            }
            if self.connection.has_room() {
                return Poll::Ready(Ok(()));
            }
            if remember(&self.local.filling, cx.waker()) {
                with_part(|conns: &Rc<Conns>| conns.locals.expect_room());
            }
            Poll::Pending
        })
        .await
    }

    /// As [`task::spawn_for`], for this connection.
    pub fn spawn(&self, name: &str, future: impl Future<Output = ()> + 'static) {
        task::spawn_for(&self.connection, name, future);
    }
}

impl Connection {
    /// This connection as its own shard sees it. `None` on any other thread, and after the end of the connection. In
    /// [`Service::closed`](crate::Service::closed) it is still available if it was used before.
    pub fn local(&self) -> Option<LocalConnection> {
        with_part(|conns: &Rc<Conns>| {
            let is_here = conns.reactor.id == self.id().shard && self.is_of(&conns.reactor.router);
            let local = is_here.then(|| conns.locals.of(self)).flatten()?;
            Some(LocalConnection { connection: self.clone(), local })
        })
        .flatten()
    }
}

impl Locals {
    fn of(&self, connection: &Connection) -> Option<Rc<Local>> {
        let mut by_id = self.by_id.borrow_mut();
        if !connection.is_open() {
            return by_id.get(&connection.id()).cloned();
        }
        Some(Rc::clone(by_id.entry(connection.id()).or_default()))
    }

    fn expect_room(&self) {
        self.waiting.set(self.waiting.get() + 1);
    }

    /// The application has been called about the end of a connection.
    pub(super) fn ended(&self, id: ConnId, why: CloseReason) {
        let ended = self.by_id.borrow_mut().remove(&id);
        if let Some(local) = ended {
            local.ended.set(Some(why));
            wake_all(&local.closing);
            self.stop_expecting(wake_all(&local.filling));
            // Handles may continue to exist; the state of the application ends here.
            let states = local.states.take();
            drop(states);
        }
    }

    /// Less waits in the outbox of a connection than before.
    #[inline]
    pub(super) fn sent(&self, connection: &Connection) {
        if self.waiting.get() > 0 && connection.has_room() {
            let local = self.by_id.borrow().get(&connection.id()).cloned();
            if let Some(local) = local {
                self.stop_expecting(wake_all(&local.filling));
            }
        }
    }

    fn stop_expecting(&self, woken: usize) {
        self.waiting.set(self.waiting.get().saturating_sub(woken));
    }
}

/// Keeps `waker` once; true if it was not there before.
fn remember(wakers: &RefCell<Vec<Waker>>, waker: &Waker) -> bool {
    let mut wakers = wakers.borrow_mut();
    let is_new = !wakers.iter().any(|it| it.will_wake(waker));
    if is_new {
        wakers.push(waker.clone());
    }
    is_new
}

/// Wakes all of them, and returns their number.
fn wake_all(wakers: &RefCell<Vec<Waker>>) -> usize {
    let wakers = wakers.take();
    let count = wakers.len();
    wakers.into_iter().for_each(Waker::wake);
    count
}

impl Deref for LocalConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl fmt::Debug for LocalConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalConnection").field(&self.connection.id()).finish()
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("ended", &self.ended).finish_non_exhaustive()
    }
}
