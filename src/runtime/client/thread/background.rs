//! The thread that watches the sockets of all clients that do not live on a shard, while none of their callers does. It
//! runs as long as there are such clients.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
};

use shardcast_os::poll::{Interest, Poller};
use shardcast_proto::{Time, connection::Outcome};

use super::{
    Why,
    link::{Fate, Link},
    now,
};

/// A client, or another connection of ordinary threads, that the thread drives while no other one does.
pub(super) trait Watched: Send + Sync {
    /// Its socket is ready, or its timer is due.
    fn handle_background(self: Arc<Self>, why: Why);
}

/// A reference of a client to the thread.
pub(super) struct User(Arc<Background>);

struct Background {
    poller: Poller,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    users: usize,
    clients: HashMap<u64, Weak<dyn Watched>>,
    timers: BTreeSet<(Time, u64)>,
    calls: BTreeMap<(Time, u64), Box<dyn FnOnce() + Send>>,
    calls_made: u64,
    /// Connections that have ended for their clients, on their way to the thread.
    ending: Vec<Link>,
    /// When the thread wakes for its timers.
    wakes_at: Time,
}

static BACKGROUND: Mutex<Option<Arc<Background>>> = Mutex::new(None);

/// Starts the thread unless it runs.
pub(super) fn join() -> io::Result<User> {
    let mut background = lock(&BACKGROUND);
    if let Some(background) = &*background {
        lock(&background.shared).users += 1;
        return Ok(User(Arc::clone(background)));
    }
    let shared = Mutex::new(Shared { users: 1, ..Shared::default() });
    let started = Arc::new(Background { poller: Poller::new()?, shared });
    let works = Arc::clone(&started);
    thread::Builder::new().name("clients".into()).spawn(move || works.work())?;
    *background = Some(Arc::clone(&started));
    Ok(User(started))
}

impl User {
    pub(super) fn add(&self, number: u64, client: Weak<dyn Watched>) {
        self.shared().clients.insert(number, client);
    }

    pub(super) fn remove(&self, number: u64) {
        self.shared().clients.remove(&number);
    }

    /// Adds a socket, to be armed.
    pub(super) fn watch(&self, socket: &OwnedFd, number: u64) -> io::Result<()> {
        self.0.poller.add(socket, number)
    }

    /// Reports the socket once to its client.
    pub(super) fn arm(&self, socket: &OwnedFd, number: u64, interest: Interest) {
        if let Err(error) = self.0.poller.arm(socket, number, interest) {
            tracing::error!(%error, "cannot watch a socket");
        }
    }

    /// Sets the timer of the client to this time, instead of `before`.
    pub(super) fn set_timer(&self, number: u64, before: Time, at: Time) {
        let mut shared = self.shared();
        shared.timers.remove(&(before, number));
        shared.timers.insert((at, number));
        self.0.wake_before(shared, at);
    }

    pub(super) fn run_at(&self, time: Time, f: impl FnOnce() + Send + 'static) {
        let mut shared = self.shared();
        shared.calls_made += 1;
        let key = (time, shared.calls_made);
        shared.calls.insert(key, Box::new(f));
        self.0.wake_before(shared, time);
    }

    /// Drives a connection that has ended for its client: what is queued is still sent, until the peer has it.
    pub(super) fn finish(&self, mut link: Link, now: Time) {
        link.flush(now);
        loop {
            match link.fate() {
                Some(Fate::Ended(_)) => {}
                Some(Fate::Over) => return,
                None => break,
            }
        }
        let mut shared = self.shared();
        shared.ending.push(link);
        drop(shared);
        self.0.poller.wake();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.0.shared)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut shared = self.shared();
        shared.users -= 1;
        let is_last = shared.users == 0;
        drop(shared);
        if is_last {
            self.0.poller.wake();
        }
    }
}

impl Background {
    fn wake_before(&self, shared: MutexGuard<'_, Shared>, time: Time) {
        let wakes_later = time < shared.wakes_at;
        drop(shared);
        if wakes_later {
            self.poller.wake();
        }
    }

    fn work(self: Arc<Self>) {
        let mut ending = Ending::default();
        let mut tokens = Vec::new();
        loop {
            let until = self.run_due(&mut ending);
            if self.is_over(&ending) {
                return;
            }
            let now = now();
            let timeout = (until != Time::NEVER).then(|| until.max(now) - now);
            tokens.clear();
            if let Err(error) = self.poller.wait(&mut tokens, timeout) {
                tracing::error!(%error, "cannot wait for sockets");
                thread::sleep(super::PAUSE);
            }
            for token in &tokens {
                if !ending.drive(&self.poller, *token) {
                    self.report(*token, Why::Ready);
                }
            }
        }
    }

    /// Does what is due, and returns when more is due.
    fn run_due(&self, ending: &mut Ending) -> Time {
        loop {
            let (now, mut shared) = (now(), lock(&self.shared));
            let arrived = std::mem::take(&mut shared.ending);
            if !arrived.is_empty() {
                drop(shared);
                arrived.into_iter().for_each(|link| ending.add(&self.poller, link));
            } else if let Some(call) = shared.calls.first_entry().filter(|it| it.key().0 <= now) {
                let call = call.remove();
                drop(shared);
                call();
            } else if let Some((_, number)) = shared.timers.first().copied().filter(|(at, _)| *at <= now) {
                shared.timers.pop_first();
                drop(shared);
                self.report(number, Why::Time);
            } else if let Some(token) = ending.next_due(now) {
                drop(shared);
                ending.drive(&self.poller, token);
            } else {
                let timer = shared.timers.first().map(|(at, _)| *at);
                let call = shared.calls.keys().next().map(|(at, _)| *at);
                let until = [timer, call, ending.poll_timeout(now)].into_iter().flatten().min();
                shared.wakes_at = until.unwrap_or(Time::NEVER);
                return shared.wakes_at;
            }
        }
    }

    fn report(&self, number: u64, why: Why) {
        let client = lock(&self.shared).clients.get(&number).and_then(Weak::upgrade);
        if let Some(client) = client {
            client.handle_background(why);
        }
    }

    /// Whether nothing is left to do; then the next client starts another thread.
    fn is_over(&self, ending: &Ending) -> bool {
        let is_idle =
            |shared: &Shared| shared.users == 0 && shared.ending.is_empty() && ending.links.is_empty();
        if !is_idle(&lock(&self.shared)) {
            return false;
        }
        let mut background = lock(&BACKGROUND);
        // A client may have joined just now.
        let is_over = is_idle(&lock(&self.shared));
        if is_over {
            *background = None;
        }
        is_over
    }
}

/// Connections that have ended for their clients: what is queued is still sent, until the peer has acknowledged it.
#[derive(Default)]
struct Ending {
    links: BTreeMap<u64, Link>,
    last: u64,
}

impl Ending {
    fn add(&mut self, poller: &Poller, link: Link) {
        self.last += 1;
        let token = ENDING | self.last;
        self.links.insert(token, link);
        self.drive(poller, token);
    }

    /// Drives one of them; false if the token belongs to none.
    fn drive(&mut self, poller: &Poller, token: u64) -> bool {
        let Some(link) = self.links.get_mut(&token) else { return token & ENDING != 0 };
        let now = now();
        link.receive(now, |_| Outcome::Nothing);
        link.handle_timeout(now);
        link.flush(now);
        let is_over = loop {
            match link.fate() {
                Some(Fate::Ended(_)) => {}
                Some(Fate::Over) => break true,
                None => break false,
            }
        };
        if is_over || poller.arm(&*link.socket, token, link.interest()).is_err() {
            self.links.remove(&token);
        }
        true
    }

    fn next_due(&self, now: Time) -> Option<u64> {
        let is_due = |link: &Link| link.poll_timeout(now).is_some_and(|deadline| deadline <= now);
        self.links.iter().find(|(_, link)| is_due(link)).map(|(token, _)| *token)
    }

    fn poll_timeout(&self, now: Time) -> Option<Time> {
        self.links.values().filter_map(|link| link.poll_timeout(now)).min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bit that marks tokens of ending connections; numbers of clients are lower.
const ENDING: u64 = 1 << 62;
