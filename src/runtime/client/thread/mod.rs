//! A client of ordinary threads: the thread that calls, or that waits for pushes, performs the I/O.
//!
//! Each caller writes its own request. One caller at a time *leads*: it waits for the socket, takes what the peer sent,
//! and serves other callers too. When it has its own response, another waiting caller leads; if there is none, the
//! [background] thread watches the socket. So a blocking call costs one wake-up, that of its own thread. A thread that
//! waits for pushes leads in the same way, until it has one.
//!
//! Calls of callbacks are gathered while more callbacks wait to run, and then sent together.
//!
//! A leader polls for a moment before it sleeps, as long as most responses come within that time ([spin]).
//!
//! Giving the socket to the background thread and taking it back are system calls, which would be wasted on a thread
//! that calls repeatedly. So the background thread takes over a moment later, unless a push or another response is
//! expected.

pub(super) mod background;
mod connection;
mod drive;
mod link;
pub(super) mod slot;
mod spin;

use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use shardcast_os::{
    clock,
    poll::{self, Interest, Wakeup},
};
use shardcast_proto::{Time, rpc::Caller};

use self::{
    background::{User, Watched},
    slot::Slot,
    spin::Spin,
};
pub(crate) use self::{
    connection::ThreadConnection,
    link::{Fate, Link, News},
};
use super::{
    CallResult, ClientBuilder, ConnectError, EventCallback, PushCallback,
    builder::SPIN,
    callback::Callback,
    callbacks::{self, Queue},
    core::{Core, Counters, NewCall},
};

/// A [`Core`], and its connection. Ends with [`close`](Self::close).
pub(super) struct ThreadClient {
    number: u64,
    background: User,
    /// Ends the wait of the leader.
    wakeup: Wakeup,
    state: Mutex<State>,
}

struct State {
    core: Core,
    link: Option<Link>,
    /// What the background thread watches the socket for.
    armed: Option<Interest>,
    /// When the timer in the background thread is due.
    timer_at: Time,
    leader: Option<Lead>,
    /// When a caller last led.
    led_at: Time,
    /// When calls that were gathered are to be sent, if there are any.
    send_at: Option<Time>,
    spin: Spin,
    /// Pushes are to be read at once.
    wants_pushes: bool,
    /// Callers that wait while another one leads.
    blocked: VecDeque<Arc<Slot>>,
    /// Callers among them that wait for what the sinks of this crate get.
    receivers: Vec<Arc<Slot>>,
    /// The sinks of this crate got something that its receivers may not have seen.
    has_news: bool,
    /// The sinks of this crate, which never block: called at once.
    quick: Option<Quick>,
    /// Callbacks that run on a thread for callbacks.
    queue: Arc<Queue>,
    /// Responses to pass on once nothing is locked.
    results: Vec<(Callback, CallResult)>,
}

/// Why the background thread drives a client.
#[derive(Clone, Copy, Debug)]
enum Why {
    Ready,
    Time,
}

/// What the leader waits for.
struct Lead {
    socket: Option<Arc<OwnedFd>>,
    interest: Interest,
    until: Time,
    /// It waits for what the sinks of this crate get.
    receives: bool,
}

/// What a thread leads for.
struct Goal<'g> {
    is_reached: &'g dyn Fn(Time) -> bool,
    /// The lead ends then in any case.
    until: Time,
    /// The goal is what the sinks of this crate get, not a response.
    receives: bool,
}

struct Quick {
    on_push: Option<PushCallback>,
    on_event: Option<EventCallback>,
}

impl ThreadClient {
    pub(super) fn start(
        number: u64,
        builder: ClientBuilder,
        counters: Arc<Counters>,
    ) -> Result<Arc<Self>, ConnectError> {
        let (now, wakeup) = (now(), Wakeup::new()?);
        // Two clients must not reconnect at the same moment; the time of their start differs.
        let caller = Caller::new(builder.config, now.as_nanos() ^ number << 32, now);
        let (on_push, on_event) = (builder.on_push, builder.on_event);
        let wants_pushes = on_push.is_some() && !builder.is_patient;
        let counts = Arc::clone(&counters);
        let core =
            Core::new(caller, builder.protocol, builder.endpoints, builder.tcp, builder.handler_time, counts);
        let background = background::join()?;
        let client = Arc::new_cyclic(|client: &Weak<Self>| {
            let (quick, sinks) = match builder.is_quick {
                true => (Some(Quick { on_push, on_event }), (None, None)),
                false => (None, (on_push, on_event)),
            };
            let state = State {
                core,
                link: None,
                armed: None,
                timer_at: Time::NEVER,
                leader: None,
                led_at: Time::default(),
                send_at: None,
                spin: Spin::new(builder.spin.unwrap_or(SPIN)),
                wants_pushes,
                blocked: VecDeque::new(),
                receivers: Vec::new(),
                has_news: false,
                quick,
                queue: Queue::new(builder.threads.unwrap_or_default(), sinks, client.clone(), counters),
                results: Vec::new(),
            };
            Self { number, background, wakeup, state: Mutex::new(state) }
        });
        let watched: Weak<Self> = Arc::downgrade(&client);
        client.background.add(number, watched);
        let mut state = client.lock();
        client.advance(&mut state, now);
        client.unlock_and_watch(state, now);
        Ok(client)
    }

    /// Calls. A call with a callback, made by a callback of this client while others wait to run, is sent together with
    /// what those call: when they have run, or after [`GATHER`].
    pub(super) fn call(self: &Arc<Self>, call: NewCall) {
        let gathers = !call.is_quick && callbacks::others_wait_for(self.number);
        let (mut state, now) = self.lock_now();
        if gathers {
            if let Err(refused) = state.core.call(call, now) {
                state.pass_on(refused);
            }
            state.send_at.get_or_insert(now + GATHER);
        } else {
            self.begin(&mut state, call, now);
        }
        self.unlock_and_watch(state, now);
    }

    /// Sends calls that were gathered.
    pub(super) fn send_gathered(self: &Arc<Self>) {
        let (mut state, now) = self.lock_now();
        if state.send_at.is_some() {
            self.advance(&mut state, now);
        }
        self.unlock_and_watch(state, now);
    }

    /// Calls, and waits for the response; `make` gets the callback for it.
    pub(super) fn call_blocking(self: &Arc<Self>, make: impl FnOnce(Callback) -> NewCall) -> CallResult {
        let slot = Slot::new();
        let call = make(Callback::slot(Arc::clone(&slot)));
        let (mut state, mut now) = self.lock_now();
        if state.leader.is_none() {
            // Before the response can arrive: it is to wake this thread only.
            self.disarm(&mut state);
        }
        self.begin(&mut state, call, now);
        loop {
            if slot.is_answered() {
                self.unlock_and_watch(state, now);
                break;
            }
            if state.leader.is_none() {
                let is_reached = |_| slot.is_answered();
                self.lead(state, &Goal { is_reached: &is_reached, until: Time::NEVER, receives: false }, now);
                break;
            }
            state.blocked.push_back(Arc::clone(&slot));
            self.unlock_and_watch(state, now);
            slot.wait();
            if let Some(result) = slot.take() {
                return result;
            }
            (state, now) = self.lock_now();
        }
        slot.take().expect("it was answered, and this is the only one who takes it")
    }

    /// Performs the client's I/O, or waits while another thread does, until the sinks of this crate have got what
    /// `is_there` checks for, or until this time. Polls once in any case.
    pub(super) fn receive(self: &Arc<Self>, until: Time, is_there: &dyn Fn() -> bool) {
        let is_reached = |now| now >= until || is_there();
        let slot = Slot::new();
        let (mut state, mut now) = self.lock_now();
        if is_reached(now) && state.leader.is_none() {
            // There is no time to wait, but to poll once.
            self.drive(&mut state, now);
        }
        while !is_reached(now) {
            if state.leader.is_none() {
                return self.lead(state, &Goal { is_reached: &is_reached, until, receives: true }, now);
            }
            state.blocked.push_back(Arc::clone(&slot));
            state.receivers.push(Arc::clone(&slot));
            self.unlock_and_watch(state, now);
            slot.wait_for(until - now);
            (state, now) = self.lock_now();
            state.blocked.retain(|it| !Arc::ptr_eq(it, &slot));
            state.receivers.retain(|it| !Arc::ptr_eq(it, &slot));
        }
        match state.leader {
            // This caller may have been promoted.
            None => self.hand_over(state, now),
            Some(_) => unlock(state),
        }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn forget(&self, token: u64) {
        let mut state = self.lock();
        state.core.forget(token);
    }

    /// Ends the client. Remaining handles find it closed.
    pub(super) fn close(self: &Arc<Self>) {
        let (mut state, now) = self.lock_now();
        state.core.caller.close();
        self.advance(&mut state, now);
        self.unlock_and_watch(state, now);
        self.background.remove(self.number);
    }

    /// Runs `f`, which must not block, at this time.
    pub(super) fn run_at(&self, time: Time, f: impl FnOnce() + Send + 'static) {
        self.background.run_at(time, f);
    }

    /// Callbacks have run: there is room for more.
    pub(super) fn has_room(self: &Arc<Self>) {
        let (mut state, now) = self.lock_now();
        self.advance(&mut state, now);
        self.unlock_and_watch(state, now);
    }

    fn begin(self: &Arc<Self>, state: &mut State, call: NewCall, now: Time) {
        if let Err(refused) = state.core.call(call, now) {
            state.pass_on(refused);
        }
        self.advance(state, now);
    }

    /// Performs the client's I/O until the goal is reached. After that another caller leads, or the background thread
    /// watches.
    fn lead<'s>(self: &'s Arc<Self>, mut state: Guard<'s>, goal: &Goal<'_>, mut last: Time) {
        self.disarm(&mut state);
        // Pushes may come at any time.
        let mut is_first = !goal.receives;
        while !(goal.is_reached)(last) {
            let wants = state.wants(last);
            let lead = Lead { until: wants.until.min(goal.until), receives: goal.receives, ..wants };
            let (socket, interest, until) = (lead.socket.clone(), lead.interest, lead.until);
            let limit = state.spin.limit();
            let spins = interest.receive && std::mem::take(&mut is_first) && state.spin.is_worth_it();
            state.leader = Some(lead);
            unlock(state);
            let timeout = (until != Time::NEVER).then(|| until.max(last) - last);
            let socket = socket.as_deref().filter(|_| interest != Interest::default());
            let spin_until = socket.filter(|_| spins).map(|socket| (socket, last + limit));
            let found = spin_until.is_some_and(|(socket, until)| spin::until_readable(socket, until));
            if !found && let Err(error) = poll::wait(socket.map(|it| (it, interest)), &self.wakeup, timeout) {
                tracing::error!(%error, "cannot wait for a socket");
                std::thread::sleep(PAUSE);
            }
            (state, last) = self.lock_now();
            if spins {
                state.spin.has_ended(found);
            }
            self.drive(&mut state, last);
        }
        (state.leader, state.led_at) = (None, last);
        self.hand_over(state, last);
    }

    /// Makes a waiting caller the leader, or makes the background thread watch.
    fn hand_over(&self, mut state: Guard<'_>, now: Time) {
        while let Some(next) = state.blocked.pop_front() {
            if next.promote() {
                return unlock(state);
            }
        }
        self.unlock_and_watch(state, now);
    }

    /// Locks, and then reads the time, so that time does not go back.
    fn lock_now(&self) -> (Guard<'_>, Time) {
        (self.lock(), now())
    }

    fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched for ThreadClient {
    fn handle_background(self: Arc<Self>, why: Why) {
        let (mut state, now) = self.lock_now();
        match why {
            Why::Ready => state.armed = None,
            Why::Time => state.timer_at = Time::NEVER,
        }
        if state.leader.is_none() {
            self.drive(&mut state, now);
        }
        self.unlock_and_watch(state, now);
    }
}

/// Unlocks, passes the responses on, and wakes the receivers that wait for the sinks of this crate.
fn unlock(mut state: Guard<'_>) {
    if std::mem::take(&mut state.has_news) {
        state.receivers.iter().for_each(|receiver| _ = receiver.promote());
    }
    let results = std::mem::take(&mut state.results);
    drop(state);
    for (callback, result) in results {
        callback.answer(result);
    }
}

type Guard<'s> = MutexGuard<'s, State>;

pub(crate) fn now() -> Time {
    Time::from_nanos(clock::now_nanos())
}

/// How soon the background thread takes over after a caller has led, when nothing is urgent.
const GRACE: Duration = Duration::from_millis(1);

/// How long calls of callbacks may be gathered: a callback may block.
const GATHER: Duration = Duration::from_millis(1);

/// The pause before a failed wait is tried again.
const PAUSE: Duration = Duration::from_millis(1);
