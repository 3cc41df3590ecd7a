//! Loads whose connections are those of the library's own client: the threads of the generator are the shards of a server
//! that does not listen.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use shardcast::{CpuChoice, Server, ServerConfig, ServerHandle, ShardCount, Spin, task};
use shardcast_os::clock;

use super::{
    Counts, Measured, Plan, Recorder, Result, Wait, Window,
    drive::thread_cpu_nanos,
    live::ThreadLive,
    threads::{START_IN_NANOS, Watch, observe, share, window},
};

/// Runs `work` for each connection of the plan, on the shards that its threads are.
pub(crate) fn run<F>(
    plan: &Plan,
    watch: Watch<'_>,
    work: impl Fn(Connection) -> F + Clone + Send + 'static,
) -> Result<Measured>
where
    F: Future<Output = std::result::Result<(), String>> + 'static,
{
    let server = Server::builder().config(config(plan)).start()?;
    let common = Arc::new(Common {
        plan: plan.clone(),
        ready: AtomicUsize::new(0),
        start: OnceLock::new(),
        live: plan.threads.iter().map(|_| ThreadLive::default()).collect(),
    });
    let (found, results) = mpsc::channel();
    for number in 0..plan.threads.len() {
        let (common, work, found, handle) =
            (Arc::clone(&common), work.clone(), found.clone(), server.handle());
        server.handle().run_on(number as u16, move || begin(number, &handle, &common, &work, &found))?;
    }
    let measured = measure(&common, &results, watch);
    server.drain(Duration::ZERO)?;
    measured
}

fn config(plan: &Plan) -> ServerConfig {
    let cpus: Option<Vec<usize>> = plan.threads.iter().copied().collect();
    ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(plan.threads.len() as u16);
        it.cpus = cpus.map_or(CpuChoice::Unpinned, CpuChoice::List);
        it.spin = match plan.wait {
            Wait::Spin => Spin::Always,
            Wait::Sleep { spin_nanos } => Spin::Adaptive(Duration::from_nanos(spin_nanos)),
        };
    })
}

fn measure(common: &Common, results: &mpsc::Receiver<Found>, watch: Watch<'_>) -> Result<Measured> {
    let Common { plan, ready, start, live } = common;
    while ready.load(Ordering::Acquire) < plan.connections {
        match results.recv_timeout(PAUSE) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(Err(why)) => return Err(why.into()),
            Ok(Ok(_)) | Err(_) => return Err("the generator did not start".into()),
        }
    }
    let begin = clock::now_nanos() + START_IN_NANOS;
    let window = *start.get_or_init(|| window(plan, begin));
    let cpu = observe(plan, live, begin, window, watch);
    let (mut recorder, mut counts, mut busy_nanos) = (Recorder::new(window), Counts::default(), 0);
    for _ in &plan.threads {
        let found = results.recv_timeout(COLLECT).map_err(|_| "a stream has no end")?;
        let found = found?;
        recorder.merge(&found.recorder);
        counts.add(&found.counts);
        busy_nanos = busy_nanos.max(found.busy_nanos);
    }
    let generator_busy = busy_nanos as f64 / (window.end - window.begin) as f64;
    Ok(Measured { recorder, window, counts, cpu, generator_busy })
}

/// On the shard.
fn begin<F>(
    number: usize,
    handle: &ServerHandle,
    common: &Arc<Common>,
    work: &impl Fn(Connection) -> F,
    found: &mpsc::Sender<Found>,
) where
    F: Future<Output = std::result::Result<(), String>> + 'static,
{
    let share = share(&common.plan, number);
    let shard = Rc::new(Shard {
        common: Arc::clone(common),
        recorder: OnceCell::new(),
        counts: RefCell::default(),
        left: Cell::new(share.connections),
    });
    for connection in share.first..share.first + share.connections {
        let (shard, found) = (Rc::clone(&shard), found.clone());
        let worked = work(Connection { shard: Rc::clone(&shard), number: connection as u32 });
        task::spawn("load", async move {
            // The other end may have an error already.
            if let Err(why) = worked.await {
                let _ = found.send(Err(why));
            }
            shard.left.set(shard.left.get() - 1);
        });
    }
    let (handle, found) = (handle.clone(), found.clone());
    task::spawn("report", async move {
        let _ = found.send(Ok(report(number, &handle, &shard).await));
    });
}

/// Publishes the progress of a shard until its connections have ended; returns what was found.
async fn report(number: usize, handle: &ServerHandle, shard: &Shard) -> ThreadFound {
    let busy_nanos = || handle.stats().get(number).map_or(0, |stats| stats.busy_nanos);
    let (mut begin, mut end) = (None, None);
    while shard.left.get() > 0 {
        shard.report(number);
        let now = clock::now_nanos();
        if let Some(window) = shard.common.start.get() {
            if now >= window.begin {
                begin.get_or_insert_with(busy_nanos);
            }
            if now >= window.end {
                end.get_or_insert_with(busy_nanos);
            }
        }
        task::sleep(PAUSE).await;
    }
    shard.report(number);
    let busy_nanos = end.unwrap_or_default().saturating_sub(begin.unwrap_or_default());
    let recorder = shard.recorder.get().map(|it| it.borrow().clone());
    let unused = || Recorder::new(Window { begin: 0, end: 1, interval: 1 });
    ThreadFound { recorder: recorder.unwrap_or_else(unused), counts: *shard.counts.borrow(), busy_nanos }
}

/// What all threads of a run share.
struct Common {
    plan: Plan,
    /// Connections that wait for the start.
    ready: AtomicUsize,
    start: OnceLock<Window>,
    live: Vec<ThreadLive>,
}

/// What the connections of a shard share.
struct Shard {
    common: Arc<Common>,
    /// From the start on.
    recorder: OnceCell<RefCell<Recorder>>,
    counts: RefCell<Counts>,
    /// Connections that have not ended.
    left: Cell<usize>,
}

/// The result of one thread, or why a connection has failed.
type Found = std::result::Result<ThreadFound, String>;

struct ThreadFound {
    recorder: Recorder,
    counts: Counts,
    busy_nanos: u64,
}

/// One connection of a load, on its shard.
pub(crate) struct Connection {
    shard: Rc<Shard>,
    number: u32,
}

impl Connection {
    pub(crate) fn plan(&self) -> &Plan {
        &self.shard.common.plan
    }

    /// Its number among all connections.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// Waits until all connections are ready; returns when to end.
    pub(crate) async fn start(&self) -> u64 {
        let common = &self.shard.common;
        common.ready.fetch_add(1, Ordering::AcqRel);
        let window = loop {
            match common.start.get() {
                Some(window) => break *window,
                None => task::sleep(PAUSE).await,
            }
        };
        self.shard.recorder.get_or_init(|| RefCell::new(Recorder::new(window)));
        window.end
    }

    /// Messages were sent or received about now.
    pub(crate) fn count(&self, now: u64, sent: u64, received: u64) {
        let mut counts = self.shard.counts.borrow_mut();
        (counts.sent, counts.received) = (counts.sent + sent, counts.received + received);
        self.record(|recorder| recorder.count(now, sent, received));
    }

    /// The latency of one of the messages that are counted.
    pub(crate) fn sample(&self, sent: u64, received: u64) {
        self.record(|recorder| recorder.sample(sent, received));
    }

    /// Messages with other bytes than were sent.
    pub(crate) fn count_corrupt(&self, corrupt: u64) {
        self.shard.counts.borrow_mut().corrupt += corrupt;
    }

    fn record(&self, f: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = self.shard.recorder.get() {
            f(&mut recorder.borrow_mut());
        }
    }
}

impl Shard {
    fn report(&self, number: usize) {
        let Counts { sent, received, .. } = *self.counts.borrow();
        self.common.live[number].report((sent, received), thread_cpu_nanos());
    }
}

/// How often a shard looks at the time, and reports its progress.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest time to wait for the end of the streams.
const COLLECT: Duration = Duration::from_secs(30);
