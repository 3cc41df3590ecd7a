//! Connections: from the socket that was accepted, or that connects, to the closed descriptor.
//!
//! The core, `proto::connection`, decides everything about a connection. This module drives it: bytes between ring and
//! core, events to services and the hub, one timer, counters, and the move to another shard.
//!
//! What this deliberately is not: it knows the hub by the trait [`Topics`] only.

mod accept;
mod close;
mod deliver;
mod describe;
mod drive;
mod fan_out;
mod flush;
mod hold;
mod local;
mod members;
mod memory;
mod outbound;
mod placement;
mod shared;
mod table;
mod timer;
mod unidentified;

use std::{
    any::Any,
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeMap, VecDeque},
    num::NonZero,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use shardcast_proto::{
    Event, Time,
    connection::{
        self, CloseReason, Limits, MemoryShare, Outcome, RequestShare, ShardRequests, Spares, State,
    },
};

pub(crate) use fan_out::{Content, Frames, Outgoing};
pub use local::LocalConnection;
pub(crate) use outbound::{Owner, WINDOW_BOUNDS, made_limits};
pub(crate) use shared::{Admission, ListenerShared, Permits, Shared};

use crate::{
    ConnId, Connection,
    counters::{ListenerCounters, PeerCounters, ShardCounters, calls::CallCounters, latency::JustSent},
    mesh::{Adopted, ResponseSink},
    reactor::{Reactor, TimerKey},
    service::{Handling, Scratch, Service},
    stats::ConnectionInfo,
    transport::Transport,
};
use accept::ACCEPT_DELAY_MIN;
use close::EndedConnection;
use local::Locals;
use members::Members;
use memory::MemoryState;
use table::Table;
use unidentified::{Place, Unidentified};

/// The connections of one shard.
pub(crate) struct Conns {
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) shared: Arc<Shared>,
    counters: Arc<ShardCounters>,
    topics: OnceCell<Weak<dyn Topics>>,

    pub(crate) table: RefCell<Table>,
    /// Open connections, per listener.
    members: RefCell<Vec<Members>>,
    /// Per listener, a service for each of its protocols.
    services: OnceCell<Vec<Vec<Box<dyn Service>>>>,
    /// Per listener, the state of each of its protocols on this shard.
    protocol_states: Vec<Vec<Rc<dyn Any>>>,
    /// Per listener, the limits of its connections.
    limits: RefCell<Vec<Rc<Limits>>>,

    /// Connections with something to send.
    dirty: RefCell<Vec<u32>>,
    just_sent: RefCell<JustSent>,
    /// Connections to follow up in the next turn.
    follow_ups: RefCell<Vec<ConnId>>,
    /// Connections that were cut.
    cutting: RefCell<Vec<u32>>,
    /// Connections on their way to another shard.
    moving: RefCell<Vec<u32>>,
    /// Accepted connections that are placed on other shards, for each of those.
    placed: RefCell<BTreeMap<u16, VecDeque<Adopted>>>,
    /// Connections whose application is to be called about their end.
    ended: RefCell<Vec<(EndedConnection, CloseReason)>>,
    /// Accepted connections that are not established yet.
    unidentified: RefCell<Unidentified>,
    /// The last connections that ended, and when.
    closed: RefCell<VecDeque<(Time, ConnectionInfo)>>,
    /// State of connections whose application uses [`LocalConnection`].
    locals: Locals,

    /// Buffers to be used again.
    pub(crate) spares: Spares,
    scratch: Cell<Scratch>,
    /// Requests in progress of all connections.
    requests: RefCell<ShardRequests<ConnId>>,
    /// [`resume_waiting`](Self::resume_waiting) will run.
    resumes_waiting: Cell<bool>,
    /// Listener and protocol of the service that was called last.
    serves: Cell<(u32, u8)>,
    /// The request whose handler runs.
    handling: Cell<Option<Handling>>,
    accept_delay: Cell<Duration>,
    memory: MemoryState,
}

/// Takes events about topics: the hub, as connections see it. It may only queue, because a connection is borrowed while
/// it is called.
pub(crate) trait Topics {
    /// Makes the automatic subscription of this connection to its listener's topic.
    fn subscribe_to_listener(&self, listener: u32, connection: &Connection);

    /// A session has an event that is not a request to its service.
    fn event(&self, listener: u32, connection: &Connection, event: Event<'_>) -> Outcome<'static>;

    /// This connection has ended. Its slot is not used again before it is [given back](Conns::give_back).
    fn left(&self, connection: &Connection);
}

/// One connection. Lives on one shard, in one slot of its table, which is its slot of the ring too.
pub(crate) struct Conn {
    pub(crate) handle: Connection,
    pub(crate) core: connection::Connection,
    /// The limits of its listener, or its own if this process opened it. Replaced when they change.
    pub(crate) limits: Rc<Limits>,
    transport: Transport,
    role: Role,
    /// Where it is among those that are not established, if it is.
    unidentified: Option<Place>,
    /// The shard that it moves to, once the ring has released it.
    moving: Option<u16>,
    /// The one timer, if it is set.
    timer: TimerKey,
    /// When the timer goes off: never later than the earliest deadline. [`Time::NEVER`] while it is not set.
    timer_at: Time,
    /// It is in the list of connections to flush this turn.
    dirty: bool,
    /// It has left its topics, which still use the number of its slot.
    is_withheld: bool,
    /// Its requests in progress, as its shard counts them.
    requests: RequestShare,
    /// What it holds, as its shard counts that.
    memory: MemoryShare,
    /// Bytes and messages waiting, as last reported to handles and counters.
    published: (usize, usize),
}

/// The application of a connection.
enum Role {
    /// A service: the first bytes showed which protocol of the listener it is. The service knows the connection once
    /// its session is established.
    Accepted { listener: u32, protocol: Option<u8>, established: bool },
    /// A client of this process, which knows the connection once its session is established.
    Connecting { owner: Rc<dyn Owner>, is_open: bool, established: bool },
}

impl Conns {
    /// The connections of a shard whose ring has this number of slots.
    pub(crate) fn new(reactor: Rc<Reactor>, shared: Arc<Shared>, slots: NonZero<u32>) -> Rc<Self> {
        let states = |listener: &ListenerShared| {
            listener.protocols.iter().map(|protocol| protocol.shard_state(reactor.id)).collect()
        };
        let conns = Rc::new(Self {
            counters: Arc::clone(&reactor.counters),
            topics: OnceCell::new(),
            table: RefCell::new(Table::new(slots)),
            members: RefCell::new(shared.listeners.iter().map(|_| Members::default()).collect()),
            services: OnceCell::new(),
            protocol_states: shared.listeners.iter().map(states).collect(),
            limits: RefCell::default(),
            dirty: RefCell::default(),
            just_sent: RefCell::default(),
            follow_ups: RefCell::default(),
            cutting: RefCell::default(),
            moving: RefCell::default(),
            placed: RefCell::default(),
            ended: RefCell::default(),
            unidentified: RefCell::default(),
            closed: RefCell::default(),
            locals: Locals::default(),
            spares: Spares::default(),
            scratch: Cell::default(),
            requests: RefCell::default(),
            resumes_waiting: Cell::new(false),
            serves: Cell::default(),
            handling: Cell::default(),
            accept_delay: Cell::new(ACCEPT_DELAY_MIN),
            memory: MemoryState::default(),
            shared,
            reactor,
        });
        conns.read_limits();
        let sink = Rc::downgrade(&conns) as Weak<dyn ResponseSink>;
        conns.reactor.port.set_response_sink(sink);
        conns
    }

    /// Sets the service of each protocol of each listener.
    pub(crate) fn set_services(&self, services: Vec<Vec<Box<dyn Service>>>) {
        for (services, states) in services.iter().zip(&self.protocol_states) {
            services.iter().zip(states).for_each(|(service, state)| service.attached(state));
        }
        let set = self.services.set(services);
        debug_assert!(set.is_ok(), "services are made once");
    }

    /// Sets what takes the events about topics.
    pub(crate) fn set_topics(&self, topics: Weak<dyn Topics>) {
        let set = self.topics.set(topics);
        debug_assert!(set.is_ok(), "set once, at boot");
    }

    #[inline]
    fn topics(&self) -> Option<Rc<dyn Topics>> {
        self.topics.get().and_then(Weak::upgrade)
    }

    /// The topics do not use the number of this slot any more; see [`Topics::left`].
    pub(crate) fn give_back(&self, slot: u32) {
        self.table.borrow_mut().give_back(slot);
    }

    /// Time of this turn.
    #[inline]
    fn now(&self) -> Time {
        self.reactor.now()
    }

    fn service(&self, listener: u32, protocol: usize) -> &dyn Service {
        &*self.services.get().expect("set at boot, before anything is accepted")[listener as usize][protocol]
    }

    /// The counters of `conn`'s listener, or of the clients.
    #[inline]
    fn counters_of(&self, conn: &Conn) -> &ListenerCounters {
        conn.listener().map_or(&self.counters.clients, |listener| &self.counters.listeners[listener])
    }

    /// The state that the sessions of a protocol share on this shard, for the service of that protocol while it is called;
    /// `None` if it is not a `T`.
    pub(crate) fn protocol_state<T: 'static>(&self) -> Option<Rc<T>> {
        let (listener, protocol) = self.serves.get();
        let state = self.protocol_states.get(listener as usize)?.get(usize::from(protocol))?;
        Rc::clone(state).downcast().ok()
    }

    /// The listener whose service is called.
    pub(crate) const fn served(&self) -> u32 {
        self.serves.get().0
    }

    /// Counts a message that a peer of this listener does not get, though it has no connection.
    pub(crate) fn count_unkept(&self, listener: u32, code: &'static str) {
        if let Some(counters) = self.counters.listeners.get(listener as usize) {
            counters.count_drops(code, 1);
        }
    }

    /// Makes these the counters of the calls of the listener whose service is called. The first of several protocols counts.
    pub(crate) fn count_calls(&self, calls: &Arc<CallCounters>) {
        let (listener, _) = self.serves.get();
        if let Some(counters) = self.counters.listeners.get(listener as usize) {
            counters.calls.get_or_init(|| Arc::clone(calls));
        }
    }

    /// As [`count_calls`](Self::count_calls), for peers.
    pub(crate) fn count_peers(&self, peers: &Arc<PeerCounters>) {
        let (listener, _) = self.serves.get();
        if let Some(counters) = self.counters.listeners.get(listener as usize) {
            counters.peers.get_or_init(|| Arc::clone(peers));
        }
    }

    /// The limits of the connections of a listener.
    fn limits(&self, listener: usize) -> Rc<Limits> {
        Rc::clone(&self.limits.borrow()[listener])
    }

    /// Reads the limits again, because they may have changed.
    fn read_limits(&self) {
        let of_listener = |it: &ListenerShared| {
            let mut limits = self.shared.limits.of_connection(&it.limits);
            // Until the protocol is known, the longest time of all applies. Zero means no bound.
            let identify_timeout = limits.identify_timeout;
            let times = it.protocols.iter().map(|it| it.establish_timeout().unwrap_or(identify_timeout));
            let longest = times.max_by_key(|time| (time.is_zero(), *time));
            limits.identify_timeout = longest.unwrap_or(identify_timeout);
            Rc::new(limits)
        };
        self.limits.replace(self.shared.listeners.iter().map(of_listener).collect());
    }

    /// Records for the stall detector that the service of this listener runs from now on, or the shard's own work.
    #[inline]
    fn runs(&self, listener: Option<u32>) {
        let label = listener.map_or(0, |listener| self.shared.listeners[listener as usize].label);
        self.counters.run(label);
    }

    /// Whether the turn has left work.
    pub(crate) fn has_input(&self) -> bool {
        !self.dirty.borrow().is_empty()
            || !self.ended.borrow().is_empty()
            || !self.cutting.borrow().is_empty()
            || !self.follow_ups.borrow().is_empty()
            || self.has_memory_news()
    }

    /// Whether a connection waits for room on its way to another shard.
    pub(crate) fn waits_for_room(&self) -> bool {
        !self.moving.borrow().is_empty() || !self.placed.borrow().is_empty()
    }

    /// Whether requests of connections are in progress.
    pub(crate) fn has_requests(&self) -> bool {
        self.requests.borrow().in_progress() > 0
    }

    /// Whether there is no connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.borrow().len() == 0
    }

    /// A turn begins at `now`, which is the time for measuring the sends of the turn before.
    pub(crate) fn begin_turn(&self, now: Time) {
        self.just_sent.borrow_mut().record(now, &self.counters.push_latency);
    }
}

impl Conn {
    fn new(
        handle: Connection,
        core: connection::Connection,
        limits: Rc<Limits>,
        transport: Transport,
        role: Role,
    ) -> Self {
        Self {
            handle,
            core,
            limits,
            transport,
            role,
            unidentified: None,
            moving: None,
            timer: TimerKey::NONE,
            timer_at: Time::NEVER,
            dirty: false,
            is_withheld: false,
            requests: RequestShare::default(),
            memory: MemoryShare::default(),
            published: (0, 0),
        }
    }

    const fn listener(&self) -> Option<usize> {
        match self.role {
            Role::Accepted { listener, .. } => Some(listener as usize),
            Role::Connecting { .. } => None,
        }
    }

    /// Whether it waits to be established on this shard.
    fn is_unidentified(&self) -> bool {
        let ends = !matches!(self.core.state(), State::Waiting | State::Open);
        matches!(self.role, Role::Accepted { established: false, .. }) && self.moving.is_none() && !ends
    }

    /// The index of its protocol in its listener, once that is known.
    fn protocol(&self) -> Option<usize> {
        match self.role {
            Role::Accepted { protocol, .. } => protocol.map(usize::from),
            Role::Connecting { .. } => None,
        }
    }

    pub(crate) fn slot(&self) -> u32 {
        self.handle.id().slot
    }
}
