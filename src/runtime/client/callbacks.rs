//! Threads that run the callbacks of programs, which may block and may call.

use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{
    CallResult, ClientEvent, EventCallback, Push, PushCallback, callback::Callback, core::Counters,
    thread::ThreadClient,
};

/// Threads for the callbacks of clients that live on no shard. Callbacks of one client run one after another, in order;
/// callbacks of different clients run in parallel, if there are enough threads. They may block and make calls. While
/// all threads are busy, further callbacks wait, and are counted.
///
/// Threads start when there is something to do, and end when they have had nothing to do for a while.
///
/// # Examples
/// ```
/// use shardcast::{client::{CallbackThreads, Client, Endpoint}, tars::framed::FramedClient};
///
/// let threads = CallbackThreads::new(2);
/// let client = Client::builder(FramedClient::default(), [Endpoint::name("one.example:10099")])
///     .callback_threads(&threads)
///     .resolver(|_: &str| Ok(vec![std::net::SocketAddr::from(([127, 0, 0, 1], 10099))]))
///     .on_push(|push| println!("{} bytes", push.body.len()))
///     .connect()?;
/// assert_eq!((threads.clients_waiting(), client.stats().calls), (0, 0));
/// # Ok::<(), shardcast::client::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct CallbackThreads(Arc<Pool>);

struct Pool {
    threads_max: usize,
    state: Mutex<PoolState>,
    work: Condvar,
}

#[derive(Default)]
struct PoolState {
    /// Clients with callbacks to run, each once.
    ready: VecDeque<Arc<Queue>>,
    threads: usize,
    idle: usize,
}

/// The queue of the callbacks of one client.
pub(super) struct Queue {
    threads: CallbackThreads,
    client: Weak<ThreadClient>,
    counters: Arc<Counters>,
    state: Mutex<QueueState>,
}

struct QueueState {
    items: VecDeque<Item>,
    /// It is in the ready queue of its threads, or one of them runs it.
    is_scheduled: bool,
    /// It was full, and the client is to be notified when there is room.
    was_full: bool,
    /// Taken out while a thread runs them.
    sinks: Sinks,
}

pub(super) type Sinks = (Option<PushCallback>, Option<EventCallback>);

/// One callback to run.
pub(super) enum Item {
    Push(Push),
    Event(ClientEvent),
    CallResult(Callback, CallResult),
}

impl CallbackThreads {
    /// Up to `threads` threads, at least one.
    pub fn new(threads: usize) -> Self {
        let (state, work) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Pool { threads_max: threads.max(1), state, work }))
    }

    /// Clients that have callbacks to run while all threads are busy.
    pub fn clients_waiting(&self) -> usize {
        self.0.lock().ready.len()
    }

    fn schedule(&self, queue: Arc<Queue>) {
        let mut state = self.0.lock();
        state.ready.push_back(queue);
        self.0.start_thread(&mut state);
    }
}

impl Default for CallbackThreads {
    /// The threads that clients share by default: up to 4.
    fn default() -> Self {
        static SHARED: LazyLock<CallbackThreads> = LazyLock::new(|| CallbackThreads::new(THREADS_MAX));
        SHARED.clone()
    }
}

impl fmt::Debug for CallbackThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackThreads").field("threads_max", &self.0.threads_max).finish_non_exhaustive()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a thread takes what is ready, unless all are busy.
    fn start_thread(self: &Arc<Self>, state: &mut PoolState) {
        if state.ready.len() <= state.idle {
            return self.work.notify_one();
        }
        if state.threads == self.threads_max {
            return;
        }
        let pool = Arc::clone(self);
        match thread::Builder::new().name("callbacks".into()).spawn(move || pool.work()) {
            Ok(_) => state.threads += 1,
            Err(error) => tracing::error!(%error, "cannot start a thread for callbacks"),
        }
    }

    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            if let Some(queue) = state.ready.pop_front() {
                if !state.ready.is_empty() {
                    // This one may block.
                    self.start_thread(&mut state);
                }
                drop(state);
                let has_more = queue.run();
                state = self.lock();
                if has_more {
                    state.ready.push_back(queue);
                }
                continue;
            }
            state.idle += 1;
            let waited = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            state.idle -= 1;
            if waited.1.timed_out() && state.ready.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl Queue {
    pub(super) fn new(
        threads: CallbackThreads,
        sinks: Sinks,
        client: Weak<ThreadClient>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let items = VecDeque::new();
        let state = QueueState { items, is_scheduled: false, was_full: false, sinks };
        Arc::new(Self { threads, client, counters, state: Mutex::new(state) })
    }

    /// Queues a callback. Results are bounded by the calls; other callbacks are dropped, the newest first, when far too
    /// many wait.
    pub(super) fn push(self: &Arc<Self>, item: Item) {
        let mut state = self.lock();
        let is_unwanted = match &item {
            Item::Push(_) => state.sinks.0.is_none() && !state.is_scheduled,
            Item::Event(_) => state.sinks.1.is_none() && !state.is_scheduled,
            Item::CallResult(..) => false,
        };
        if is_unwanted {
            return;
        }
        if state.items.len() >= ITEMS_MAX && !matches!(item, Item::CallResult(..)) {
            self.counters.pushes_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.items.push_back(item);
        self.counters.callbacks_waiting.store(state.items.len(), Ordering::Relaxed);
        if !std::mem::replace(&mut state.is_scheduled, true) {
            drop(state);
            self.threads.schedule(Arc::clone(self));
        }
    }

    /// Whether the queue is full. If so, the client is notified when there is room.
    pub(super) fn is_full(&self) -> bool {
        let mut state = self.lock();
        let is_full = state.items.len() >= HOLD_ITEMS;
        state.was_full |= is_full;
        is_full
    }

    /// Runs some of what waits; whether there is more.
    fn run(&self) -> bool {
        let client = self.client.upgrade();
        let number = client.as_ref().map_or(NONE, |client| client.number());
        let mut sinks = std::mem::take(&mut self.lock().sinks);
        for _ in 0..BATCH {
            let Some((item, others_wait)) = self.pop() else { break };
            OTHERS_WAIT_FOR.set(if others_wait { number } else { NONE });
            // A callback that panics counts as run; those after it still run.
            if catch_unwind(AssertUnwindSafe(|| item.run(&mut sinks))).is_err() {
                tracing::error!("a client's callback panicked");
            }
        }
        OTHERS_WAIT_FOR.set(NONE);
        if let Some(client) = client {
            client.send_gathered();
        }
        let mut state = self.lock();
        state.sinks = sinks;
        state.is_scheduled = !state.items.is_empty();
        state.is_scheduled
    }

    /// The next callback, and whether others wait.
    fn pop(&self) -> Option<(Item, bool)> {
        let mut state = self.lock();
        let item = state.items.pop_front();
        let others_wait = !state.items.is_empty();
        self.counters.callbacks_waiting.store(state.items.len(), Ordering::Relaxed);
        let has_room = state.items.len() <= HOLD_ITEMS / 2 && std::mem::take(&mut state.was_full);
        drop(state);
        if has_room && let Some(client) = self.client.upgrade() {
            client.has_room();
        }
        item.map(|item| (item, others_wait))
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn run(self, (on_push, on_event): &mut Sinks) {
        match self {
            Self::Push(push) => on_push.iter_mut().for_each(|callback| callback(push.clone())),
            Self::Event(event) => on_event.iter_mut().for_each(|callback| callback(event.clone())),
            Self::CallResult(callback, result) => callback.answer(result),
        }
    }
}

/// Whether this thread runs a callback of the client with this number, while others of it wait.
pub(super) fn others_wait_for(client: u64) -> bool {
    OTHERS_WAIT_FOR.get() == client
}

thread_local! {
    static OTHERS_WAIT_FOR: Cell<u64> = const { Cell::new(NONE) };
}

/// No client has this number.
const NONE: u64 = 0;

/// Threads that clients share by default.
const THREADS_MAX: usize = 4;

/// Callbacks of one client that run before those of another have their turn.
const BATCH: usize = 64;

/// Callbacks that may wait for one client before nothing more is read from its peer. While the client has calls in
/// flight, reading continues, since the callback that runs may be waiting for a response.
const HOLD_ITEMS: usize = 1024;

/// Then pushes and events are dropped.
const ITEMS_MAX: usize = 65_536;

/// How long a thread waits for something to do.
const IDLE: Duration = Duration::from_millis(500);
