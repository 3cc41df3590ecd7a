//! A shard's life: made on its own thread, announced, pumped, and taken down in the reverse order.

use std::{
    cell::{Cell, OnceCell, RefCell},
    io,
    num::NonZero,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
};

use shardcast_os::{
    clock, cpu, executor,
    ring::{Ring, RingConfig, RingError},
    rlimit::MemlockError,
    spsc,
};
use shardcast_proto::{Time, connection::Spares, push::Hub};

use super::{Shard, counters::ShardCounters, current, label::Labels, timer::TimerWheel};
use crate::{
    Spin, StartError,
    link::{accept::ACCEPT_DELAY_MIN, members::Members, table::Table},
    local::Locals,
    mesh::{Door, Envelope, Router},
    push::Push,
    server::{ListenerShared, ServerHandle, Shared},
};

/// What a shard is made of, brought together on the thread that starts it.
pub(crate) struct Seed {
    pub(crate) id: u16,
    pub(crate) cpu: Option<usize>,
    pub(crate) spin: Spin,
    pub(crate) ring: RingConfig,
    pub(crate) shared: Arc<Shared>,
    pub(crate) router: Arc<Router>,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) outgoing: Vec<Option<spsc::Producer<Envelope>>>,
    pub(crate) incoming: Vec<Option<spsc::Consumer<Envelope>>>,
    pub(crate) door: Door,
    /// A listening socket per listener.
    pub(crate) sockets: Vec<OwnedFd>,
    /// What the rings of all shards need of locked memory: the error of one that gets none.
    pub(crate) memory: MemlockError,
    /// How the start went: the first report of a shard counts, and each makes one, whatever happens to it.
    pub(crate) report: flume::Sender<Report>,
}

/// How the start of one shard went.
#[derive(Debug)]
pub(crate) enum Report {
    /// It accepts.
    Runs,
    /// It has ended, and why.
    Failed(StartError),
}

/// What whoever waits for a server is woken for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifecycle {
    /// The server was told to stop, or to stop sooner.
    StopRequested,
    /// One of its shards has ended.
    ShardEnded,
}

impl Seed {
    /// Starts the shard's thread, which tells `lifecycle` when it has ended, however it did.
    pub(crate) fn start(self, lifecycle: flume::Sender<Lifecycle>) -> io::Result<JoinHandle<io::Result<()>>> {
        let name = format!("shardcast-{}", self.id);
        let (shard, memory, report) = (self.id, self.memory, self.report.clone());
        let ended = move |result: &io::Result<()>| {
            if let Err(error) = result {
                // Once the shard runs, this is not read any more; then the thread's result counts.
                let _ = report.send(Report::Failed(from_executor(shard, memory, error)));
            }
            // The receiver may be gone already.
            let _ = lifecycle.send(Lifecycle::ShardEnded);
        };
        executor::spawn(&name, move || self.live(), ended)
    }

    async fn live(self) {
        let (id, spin, report) = (self.id, self.spin, self.report.clone());
        // Services are made in here, by the application.
        let grown = catch_unwind(AssertUnwindSafe(|| self.grow())).unwrap_or_else(|panic| {
            Err(StartError::Shard { shard: id, error: executor::from_panic(&*panic) })
        });
        match grown {
            Ok(shard) => {
                current::set(Some(Rc::clone(&shard)));
                // Whoever started us may be gone; then we are told to stop soon.
                let _ = report.send(Report::Runs);
                drop(report);
                shard.pump(spin);
                current::set(None);
                shard.wither();
            }
            Err(error) => {
                tracing::debug!(shard = id, %error, "cannot start");
                let _ = report.send(Report::Failed(error));
            }
        }
    }

    fn grow(self) -> Result<Rc<Shard>, StartError> {
        if let Some(cpu) = self.cpu {
            if cpu::pin_current_thread(cpu) {
                let _ = self.counters.cpu.set(cpu);
            } else {
                tracing::warn!(
                    shard = self.id,
                    cpu,
                    "cannot pin the shard; it runs wherever the system puts it"
                );
            }
        }
        let ring = Ring::new_or_smaller(&self.ring).map_err(|error| match error {
            RingError::LockedMemory => StartError::LockedMemory(self.memory),
            error => error.into(),
        })?;
        if ring.entries() < self.ring.entries {
            tracing::warn!(
                shard = self.id,
                entries = ring.entries(),
                usual_entries = self.ring.entries,
                "this ring is smaller than usual: other processes of this user hold locked memory"
            );
        }
        self.router.peer(self.id).set_waker(ring.waker());
        let now = Time::from_nanos(clock::now_nanos());
        let slots = NonZero::new(self.ring.slots).unwrap_or(NonZero::<u32>::MIN);
        let listeners = self.shared.listeners.len();
        let (config, shards) = (self.shared.config.push.clone(), self.router.shards() as u16);
        let hub = Hub::new(config, self.id, shards, self.shared.epoch);
        let states = |listener: &ListenerShared| {
            listener.protocols.iter().map(|(protocol, _)| protocol.shard_state(self.id)).collect()
        };
        let protocol_states = self.shared.listeners.iter().map(states).collect();
        let shard = Rc::new(Shard {
            id: self.id,
            router: self.router,
            counters: self.counters,
            now: Cell::new(now),
            ring: RefCell::new(ring),
            timers: RefCell::new(TimerWheel::new(now)),
            tasks: super::Tasks::default(),
            places: super::Places::default(),
            labels: Labels::default(),
            table: RefCell::new(Table::new(slots)),
            members: RefCell::new((0..listeners).map(|_| Members::default()).collect()),
            services: OnceCell::new(),
            protocol_states,
            periodics: RefCell::default(),
            push: Push::new(hub),
            dirty: RefCell::default(),
            just_sent: RefCell::default(),
            cutting: RefCell::default(),
            moving: RefCell::default(),
            ended: RefCell::default(),
            unidentified: RefCell::default(),
            closed: RefCell::default(),
            local_connections: Locals::default(),
            locals: RefCell::default(),
            deferred: RefCell::default(),
            local: RefCell::default(),
            outgoing: RefCell::new(self.outgoing),
            incoming: RefCell::new(self.incoming),
            door: self.door,
            to_wake: RefCell::default(),
            spares: Spares::default(),
            limits: RefCell::default(),
            scratch: Cell::default(),
            handling: Cell::default(),
            accept_delay: Cell::new(ACCEPT_DELAY_MIN),
            draining: Cell::new(false),
            drain_deadline: Cell::new(None),
            notices: RefCell::default(),
            shared: self.shared,
        });
        shard.make_services();
        shard.read_limits();
        for socket in self.sockets {
            shard.ring.borrow_mut().listen(socket);
        }
        Ok(shard)
    }
}

/// Why there is no executor, or that the shard panicked.
fn from_executor(shard: u16, memory: MemlockError, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::OutOfMemory => StartError::LockedMemory(memory),
        kind => StartError::Shard { shard, error: io::Error::new(kind, error.to_string()) },
    }
}

impl Shard {
    fn make_services(&self) {
        let server = ServerHandle::new(Arc::clone(&self.shared), Arc::clone(&self.router));
        let of_listener = self
            .shared
            .listeners
            .iter()
            .map(|listener| listener.protocols.iter().map(|(_, factory)| factory(&server)).collect());
        let made = self.services.set(of_listener.collect());
        debug_assert!(made.is_ok(), "services are made once");
    }

    /// The pump has ended: what still waits in the queues is let go.
    fn wither(&self) {
        self.log_all_left_out();
        while self.door.envelopes.try_recv().is_ok() || self.door.answers.try_recv().is_ok() {}
        self.local.take();
        self.push.wither();
        let locals = self.locals.take();
        drop(locals);
        self.incoming.take();
        self.outgoing.take();
    }
}
