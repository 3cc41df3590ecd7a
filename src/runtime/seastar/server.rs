//! The handlers of a server, and the service that calls them.

mod counts;
mod gate;
mod groups;
mod handler;
mod service;
mod topics;

use std::{cell::RefCell, collections::BTreeMap, fmt, future::Future, rc::Rc};

use shardcast_proto::{
    Numbered,
    seastar::{
        ConnectionId,
        rpc::{Outcome, Parent},
        serialize::{DecodeOwned, Encode},
    },
};

use self::{
    counts::{Counts, VerbCounts},
    handler::{Calls, Closure, Handler, Incoming},
};
use super::{CallHead, OneWay, Verb, call::abort};
use crate::{Connection, Context};

pub use gate::RpcLimits;
pub use service::RpcService;

/// The handlers of a server on one shard, by the numbers of their verbs. Cheap to clone; handlers may be added and removed
/// while it serves.
///
/// # Examples
/// ```
/// use shardcast::{Context, seastar::{AlreadyRegistered, CallHead, OneWay, Registry, Verb}};
///
/// const ECHO: Verb<String, String> = Verb::new(1);
/// const PING: OneWay<i32> = OneWay::new(6);
///
/// async fn echo(_cx: Context<CallHead>, text: String) -> Result<String, std::io::Error> {
///     Ok(text)
/// }
///
/// let registry = Registry::default();
/// registry.on(ECHO, echo);
/// registry.on_one_way(PING, async |_cx, _number| {});
/// assert!(registry.has(1) && registry.has(6) && !registry.has(7));
/// assert_eq!(registry.try_on(ECHO, echo), Err(AlreadyRegistered(1)));
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    verbs: Rc<RefCell<Numbered<Rc<Entry>>>>,
    counts: Rc<Counts>,
    connections: Rc<RefCell<BTreeMap<ConnectionId, Open>>>,
}

/// A connection for calls that is open.
struct Open {
    connection: Connection,
    parent: Rc<Parent>,
}

/// A verb has a handler already.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("verb {0} has a handler")]
pub struct AlreadyRegistered(pub u64);

/// A handler, and what is known of it.
struct Entry {
    handler: Box<dyn Handler>,
    is_one_way: bool,
    /// The group whose task queue it runs in, if that of the connection says nothing.
    group: Option<Rc<str>>,
    calls: Calls,
    counts: Rc<VerbCounts>,
}

impl Registry {
    /// Sets the handler of a verb. It runs on the shard of the connection, and may wait.
    ///
    /// # Panics
    /// The verb has a handler; see [`try_on`](Self::try_on).
    pub fn on<A, R, E, F>(&self, verb: Verb<A, R>, handler: impl Fn(Context<CallHead>, A) -> F + 'static)
    where
        A: DecodeOwned + 'static,
        R: Encode + 'static,
        E: fmt::Display + 'static,
        F: Future<Output = Result<R, E>> + 'static,
    {
        self.try_on(verb, handler).expect("a verb has one handler");
    }

    /// As [`on`](Self::on).
    ///
    /// # Errors
    /// The verb has a handler.
    pub fn try_on<A, R, E, F>(
        &self,
        verb: Verb<A, R>,
        handler: impl Fn(Context<CallHead>, A) -> F + 'static,
    ) -> Result<(), AlreadyRegistered>
    where
        A: DecodeOwned + 'static,
        R: Encode + 'static,
        E: fmt::Display + 'static,
        F: Future<Output = Result<R, E>> + 'static,
    {
        self.add(verb.number(), None, false, with_response(handler))
    }

    /// As [`on`](Self::on), in the task queue of the group with this name, unless the connection has a
    /// [group](super::Protocol::isolation) of its own: see [`RpcService::queue`].
    ///
    /// # Panics
    /// The verb has a handler.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{seastar::{Registry, Verb}, task::Queue};
    ///
    /// let registry = Registry::default();
    /// registry.on_in("reports", Verb::<(), String>::new(1), async |_cx, ()| {
    ///     let queue = Queue::current().map_or_else(String::new, |queue| queue.name().to_owned());
    ///     Ok::<_, std::fmt::Error>(queue)
    /// });
    /// let service = registry.service().queue("reports", 50);
    /// ```
    pub fn on_in<A, R, E, F>(
        &self,
        group: &str,
        verb: Verb<A, R>,
        handler: impl Fn(Context<CallHead>, A) -> F + 'static,
    ) where
        A: DecodeOwned + 'static,
        R: Encode + 'static,
        E: fmt::Display + 'static,
        F: Future<Output = Result<R, E>> + 'static,
    {
        self.add(verb.number(), Some(group), false, with_response(handler)).expect("a verb has one handler");
    }

    /// Sets the handler of a verb without a response.
    ///
    /// # Panics
    /// The verb has a handler.
    pub fn on_one_way<A, F>(&self, verb: OneWay<A>, handler: impl Fn(Context<CallHead>, A) -> F + 'static)
    where
        A: DecodeOwned + 'static,
        F: Future<Output = ()> + 'static,
    {
        self.add(verb.number(), None, true, without_response(handler)).expect("a verb has one handler");
    }

    /// As [`on_in`](Self::on_in), for a verb without a response.
    ///
    /// # Panics
    /// The verb has a handler.
    ///
    /// # Examples
    /// ```
    /// use shardcast::seastar::{OneWay, Registry};
    ///
    /// let registry = Registry::default();
    /// registry.on_one_way_in("reports", OneWay::<i32>::new(6), async |_cx, _number| {});
    /// ```
    pub fn on_one_way_in<A, F>(
        &self,
        group: &str,
        verb: OneWay<A>,
        handler: impl Fn(Context<CallHead>, A) -> F + 'static,
    ) where
        A: DecodeOwned + 'static,
        F: Future<Output = ()> + 'static,
    {
        let handler = without_response(handler);
        self.add(verb.number(), Some(group), true, handler).expect("a verb has one handler");
    }

    fn add(
        &self,
        verb: u64,
        group: Option<&str>,
        is_one_way: bool,
        handler: impl Handler + 'static,
    ) -> Result<(), AlreadyRegistered> {
        let mut verbs = self.verbs.borrow_mut();
        if verbs.contains_key(&verb) {
            return Err(AlreadyRegistered(verb));
        }
        let (handler, group) = (Box::new(handler), group.map(Into::into));
        let (calls, counts) = (Calls::default(), self.counts.verb(verb));
        verbs.insert(verb, Rc::new(Entry { handler, is_one_way, group, calls, counts }));
        Ok(())
    }

    fn entry(&self, verb: u64) -> Option<Rc<Entry>> {
        self.verbs.borrow().get(&verb).cloned()
    }

    /// Whether the verb with this number has a handler.
    pub fn has(&self, verb: u64) -> bool {
        self.verbs.borrow().contains_key(&verb)
    }

    /// Removes the handler of the verb with this number: later calls get "unknown verb". The future waits until the calls
    /// in progress have ended; if there is no such handler, it is ready.
    ///
    /// # Examples
    /// ```
    /// use shardcast::seastar::{Registry, Verb};
    ///
    /// let registry = Registry::default();
    /// registry.on(Verb::<(), ()>::new(1), async |_cx, ()| Ok::<_, std::fmt::Error>(()));
    /// smol::block_on(registry.remove(1));
    /// assert!(!registry.has(1));
    /// ```
    pub fn remove(&self, verb: u64) -> impl Future<Output = ()> + use<> {
        let removed = self.verbs.borrow_mut().remove(&verb);
        let calls = removed.map(|entry| entry.calls.clone());
        async move {
            if let Some(calls) = calls {
                calls.ended().await;
            }
        }
    }

    /// The open connections for calls on this shard, with their ids of the protocol, in the order in which they came.
    ///
    /// # Examples
    /// ```
    /// use std::net::IpAddr;
    ///
    /// use shardcast::seastar::Registry;
    ///
    /// /// Ends the connections of this address.
    /// fn abort_all(registry: &Registry, address: IpAddr) {
    ///     for (id, connection) in registry.connections() {
    ///         if connection.peer().ip() == address {
    ///             registry.abort(id);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn connections(&self) -> Vec<(ConnectionId, Connection)> {
        let open = self.connections.borrow();
        open.iter().map(|(id, open)| (*id, open.connection.clone())).collect()
    }

    /// Ends a connection of this shard as [`Context::abort`] does, also while its handlers run; false if none with this id
    /// is open.
    pub fn abort(&self, id: ConnectionId) -> bool {
        let connections = self.connections.borrow();
        let Some(Open { connection, parent }) = connections.get(&id) else { return false };
        abort(parent, connection.id());
        true
    }

    /// The service of a listener, with these handlers.
    pub fn service(&self) -> RpcService {
        RpcService::new(self.clone())
    }
}

fn with_response<A, R, E, F>(handler: impl Fn(Context<CallHead>, A) -> F + 'static) -> impl Handler
where
    A: DecodeOwned + 'static,
    R: Encode + 'static,
    E: fmt::Display + 'static,
    F: Future<Output = Result<R, E>> + 'static,
{
    Closure(move |call: Incoming<'_, '_>| {
        let Some((cx, arguments, opened)) = call.open() else { return };
        opened.run(handler(cx, arguments), |result, body| match result {
            Ok(result) => {
                result.encode(body);
                Outcome::Result
            }
            Err(error) => {
                body.extend_from_slice(error.to_string().as_bytes());
                Outcome::Failure
            }
        });
    })
}

fn without_response<A, F>(handler: impl Fn(Context<CallHead>, A) -> F + 'static) -> impl Handler
where
    A: DecodeOwned + 'static,
    F: Future<Output = ()> + 'static,
{
    Closure(move |call: Incoming<'_, '_>| {
        let Some((cx, arguments, opened)) = call.open() else { return };
        opened.run(handler(cx, arguments), |(), _| Outcome::Nothing);
    })
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.verbs.borrow().keys()).finish()
    }
}
