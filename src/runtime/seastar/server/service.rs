use std::{
    cell::{OnceCell, RefCell},
    fmt,
    rc::Rc,
};

use shardcast_proto::{
    ConnId, Route,
    connection::CloseReason,
    seastar::{
        rpc::{Outcome, Parent, SeastarShard},
        topics::SUBSCRIBE,
    },
};

use super::{
    Entry, Open, Registry,
    counts::{CountedWait, Counting},
    gate::{Admission, Gate, RpcLimits, WaitingCall},
    groups::Groups,
    handler::{Incoming, Running, Way},
    topics,
};
use crate::{
    Bytes, Connection, Context, Reply, Request, Service,
    conns::Conns,
    reactor::{current, queues::SHARES_MAX},
    seastar::CallHead,
    task::Queue,
};

/// The service of a listener whose protocol is [`Protocol`](crate::seastar::Protocol): it calls the handlers of a
/// [`Registry`].
///
/// # Examples
/// ```
/// use shardcast::{Listener, seastar::{Protocol, Registry, RpcService}};
///
/// fn service() -> RpcService {
///     Registry::default().service().queue("gold", 900)
/// }
///
/// let listener = Listener::new("rpc", "127.0.0.1:10000").protocol(Protocol::default(), |_| service());
/// ```
pub struct RpcService {
    registry: Registry,
    gate: Rc<Gate>,
    groups: Groups,
    /// The handler of the verb for subscriptions, which has counts once it was called.
    subscribe: OnceCell<Rc<Entry>>,
    /// The connection of the last call: mostly that of the next one.
    last: RefCell<Option<(ConnId, Rc<Parent>)>>,
}

impl RpcService {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            gate: Rc::default(),
            groups: Groups::default(),
            subscribe: OnceCell::new(),
            last: RefCell::default(),
        }
    }

    /// Sets the bounds on requests in progress. By default there are only those of the server.
    #[must_use]
    pub fn limits(mut self, limits: RpcLimits) -> Self {
        self.gate = Rc::new(Gate::new(limits));
        self
    }

    /// Sets the shares of the task queue of a group: see [`task::queue`](crate::task::queue). The handlers of a connection
    /// run in the queue of the group that the [isolation](crate::seastar::Protocol::isolation) function has chosen for it;
    /// otherwise in that of their [verb](Registry::on_in), if it has one. Its frames are read outside of queues.
    ///
    /// A group without shares of its own has 100. If there are more than 16 of those, the others have one queue in common.
    ///
    /// # Panics
    /// The shares are not 1 to 1,000.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>, shares: u16) -> Self {
        assert!(
            (1..=SHARES_MAX).contains(&shares),
            "a task queue has 1 to {SHARES_MAX} shares, not {shares}"
        );
        self.groups.set_shares(name.into(), shares);
        self
    }

    /// The connection for calls with this id of the server; a stream has none.
    fn parent_of(&self, id: ConnId) -> Option<Rc<Parent>> {
        if let Some((last, parent)) = &*self.last.borrow()
            && *last == id
        {
            return Some(Rc::clone(parent));
        }
        let parent = shard_state().and_then(|shard| shard.parent_of(id))?;
        self.last.replace(Some((id, Rc::clone(&parent))));
        Some(parent)
    }

    fn queue_of(&self, cx: &Context<CallHead>, entry: &Entry) -> Option<Queue> {
        let group = cx.head().parent.group().or(entry.group.as_ref())?;
        self.groups.queue(group)
    }
}

impl Service for RpcService {
    fn opened(&self, connection: &Connection) {
        let calls = &self.registry.counts.calls;
        current::with_part(|conns: &Rc<Conns>| conns.count_calls(calls));
        match shard_state().and_then(|shard| shard.parent_of(connection.id())) {
            None => calls.streams.add(1),
            Some(parent) => {
                let open = Open { connection: connection.clone(), parent: Rc::clone(&parent) };
                self.registry.connections.borrow_mut().insert(parent.id(), open);
            }
        }
    }

    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let Route::Numbered(verb) = request.route else { return };
        // A stream has no requests.
        let Some(parent) = self.parent_of(connection.id()) else { return };
        let entry = match verb {
            SUBSCRIBE if parent.has_topics() => {
                let entry = self.subscribe.get_or_init(|| topics::entry(&self.registry.counts));
                Some(Rc::clone(entry))
            }
            _ => self.registry.entry(verb),
        };
        let Some(entry) = entry else {
            self.registry.counts.calls.unknown.add(1);
            return Way::Now(reply).write(Outcome::UnknownVerb, &verb.to_le_bytes());
        };
        if entry.is_one_way {
            reply.expect_none();
        }
        let request = Request { expects_response: !entry.is_one_way, ..request };
        let cx = Context::new(connection, &request, CallHead { verb, parent });
        let (queue, in_call) = (self.queue_of(&cx, &entry), entry.calls.begin());
        let (counts, of_verb) = (&self.registry.counts, &entry.counts);
        of_verb.counters.calls.add(1);
        of_verb.counters.one_way.add(u64::from(entry.is_one_way));
        match self.gate.enter(request.body.len()) {
            Admission::Begins(permit) => {
                let counting = Counting::begin(counts, of_verb, cx.received());
                let running = Running { counting, _permit: permit, _in_call: in_call };
                let (arguments, way) = (request.body, Way::Now(reply));
                entry.handler.call(Incoming { cx, arguments, way, queue, running });
            }
            Admission::Waits(size) => {
                let (arguments, responder) = (Bytes::copy_from_slice(request.body), reply.later());
                let counted = CountedWait::begin(counts, of_verb, arguments.len());
                let counts = Rc::clone(counts);
                self.gate.wait(WaitingCall {
                    entry,
                    cx,
                    arguments,
                    responder,
                    queue,
                    in_call,
                    size,
                    counts,
                    counted,
                });
            }
            Admission::TooLarge { size, max } => {
                of_verb.counters.too_large.add(1);
                if entry.is_one_way {
                    return Way::Now(reply).write(Outcome::Nothing, &[]);
                }
                let text = format!("request size {size} is larger than memory limit {max}, verb {verb}");
                Way::Now(reply).write(Outcome::Failure, text.as_bytes());
            }
        }
    }

    fn closed(&self, connection: &Connection, _why: CloseReason) {
        let ended = self.last.borrow_mut().take_if(|(id, _)| *id == connection.id());
        drop(ended);
        let Some(shard) = shard_state() else { return };
        let Some(parent) = shard.parent_of(connection.id()) else {
            self.registry.counts.calls.streams.sub(1);
            if let Some(parent) = shard.unsubscribed(connection.id()) {
                // When the server drains, it waits for that.
                current::with_part(|conns: &Rc<Conns>| conns.session_changed(parent));
            }
            return;
        };
        self.registry.connections.borrow_mut().remove(&parent.id());
        self.gate.forget(connection.id());
        let streams = shard.forget(connection.id());
        current::with_part(|conns: &Rc<Conns>| {
            for stream in streams {
                conns.cut(stream, CloseReason::Closed);
            }
        });
    }
}

/// What the connections of the listener share on this shard.
pub(super) fn shard_state() -> Option<Rc<SeastarShard>> {
    current::with_part(|conns: &Rc<Conns>| conns.protocol_state()).flatten()
}

impl fmt::Debug for RpcService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcService").field("registry", &self.registry).finish_non_exhaustive()
    }
}
