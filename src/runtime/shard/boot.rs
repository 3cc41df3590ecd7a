//! The life of a shard: it is made on its own thread, reports that it runs, is pumped, and ends in the reverse order.

use std::{
    cell::RefCell,
    io,
    num::NonZero,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
};

use shardcast_os::{
    cpu, executor,
    ring::{Ring, RingConfig, RingError},
    rlimit::MemlockError,
};
use shardcast_proto::push::stop::Stop;

use super::Shard;
use crate::{
    Spin, StartError,
    conns::{self, Conns},
    counters::ShardCounters,
    mesh::{Ends, Port, Router},
    push::{HubConfig, Push},
    reactor::{Reactor, current},
    service::Service,
    watch::Watch,
};

/// The parts of a shard, collected on the thread that starts it.
pub(crate) struct Seed {
    pub(crate) id: u16,
    pub(crate) cpu: Option<usize>,
    pub(crate) spin: Spin,
    pub(crate) ring: RingConfig,
    pub(crate) router: Arc<Router>,
    pub(crate) ends: Ends,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) stall_nanos: u64,
    pub(crate) conns: Arc<conns::Shared>,
    /// The configuration of the hub, and the first epoch of this run.
    pub(crate) push: HubConfig,
    pub(crate) epoch: u64,
    /// Makes the services, on this thread.
    pub(crate) services: MakeServices,
    /// A listening socket per listener.
    pub(crate) sockets: Vec<OwnedFd>,
    /// The locked memory that the rings of all shards need: the error of a ring that gets none.
    pub(crate) memory: MemlockError,
    /// Reports how the start went. The first report of a shard counts, and each shard makes one in any case.
    pub(crate) report: flume::Sender<Report>,
}

/// Makes, for each listener, the service of each of its protocols.
pub(crate) type MakeServices = Box<dyn FnOnce() -> Vec<Vec<Box<dyn Service>>> + Send>;

/// How the start of one shard went.
#[derive(Debug)]
pub(crate) enum Report {
    /// It accepts.
    Runs,
    /// It has ended, with the reason.
    Failed(StartError),
}

/// Events that wake the thread which waits for a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifecycle {
    /// A stop was requested, or a stop at an earlier time.
    StopRequested,
    /// This shard has ended.
    ShardEnded(u16),
}

impl Seed {
    /// Starts the shard's thread, which reports to `lifecycle` when it has ended for any reason.
    pub(crate) fn start(self, lifecycle: flume::Sender<Lifecycle>) -> io::Result<JoinHandle<io::Result<()>>> {
        let name = format!("shardcast-{}", self.id);
        let (shard, memory, report) = (self.id, self.memory, self.report.clone());
        let ended = move |result: &io::Result<()>| {
            if let Err(error) = result {
                // Once the shard runs, this is no longer read; then the result of the thread counts.
                let _ = report.send(Report::Failed(from_executor(shard, memory, error)));
            }
            // The receiver may be gone already.
            let _ = lifecycle.send(Lifecycle::ShardEnded(shard));
        };
        executor::spawn(&name, move || self.live(), ended)
    }

    async fn live(self) {
        let (id, spin, report) = (self.id, self.spin, self.report.clone());
        // The application makes the services in here.
        let built = catch_unwind(AssertUnwindSafe(|| self.build())).unwrap_or_else(|panic| {
            Err(StartError::Shard { shard: id, error: executor::from_panic(&*panic) })
        });
        current::set_starting(None);
        match built {
            Ok(shard) => {
                current::set(Some(Rc::clone(&shard.reactor)));
                // The thread that started this shard may be gone; then a request to stop follows soon.
                let _ = report.send(Report::Runs);
                drop(report);
                shard.pump(spin);
                current::set(None);
                shard.shut_down();
            }
            Err(error) => {
                tracing::debug!(shard = id, %error, "cannot start");
                let _ = report.send(Report::Failed(error));
            }
        }
    }

    fn build(self) -> Result<Rc<Shard>, StartError> {
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
        let slots = NonZero::new(self.ring.slots).unwrap_or(NonZero::<u32>::MIN);
        let port = Port::new(self.id, self.router, self.ends, Arc::clone(&self.counters));
        let reactor = Rc::new(Reactor::new(port, ring, self.counters));
        let conns = Conns::new(Rc::clone(&reactor), self.conns, slots);
        let push = Push::new(Rc::clone(&reactor), Rc::clone(&conns), self.push, self.epoch);
        let (watch, stall_nanos) = (self.watch, self.stall_nanos);
        let stop = RefCell::new(Stop::new(self.id, reactor.router.shards() as u16));
        let shard =
            Rc::new(Shard { reactor, conns, push, watch, stop, due: RefCell::default(), stall_nanos });
        current::set_starting(Some(Rc::clone(&shard.reactor)));
        shard.conns.set_services((self.services)());
        shard.reactor.add_part(Rc::clone(&shard) as _);
        shard.reactor.add_part(Rc::clone(&shard.conns) as _);
        shard.reactor.add_part(Rc::clone(&shard.push) as _);
        for socket in self.sockets {
            shard.reactor.ring.borrow_mut().listen(socket);
        }
        Ok(shard)
    }
}

/// The error for a failed executor, or for a panic of the shard.
fn from_executor(shard: u16, memory: MemlockError, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::OutOfMemory => StartError::LockedMemory(memory),
        kind => StartError::Shard { shard, error: io::Error::new(kind, error.to_string()) },
    }
}

impl Shard {
    /// The pump has ended: drops what still waits in the queues.
    fn shut_down(&self) {
        self.push.shut_down();
        self.reactor.shut_down();
    }
}
