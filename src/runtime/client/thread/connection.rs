//! A connection of ordinary threads without calls, such as that of a stream: a thread that waits for it performs its I/O.
//! While none does, the [background](super::background) thread sends what the kernel has not taken, and reads once the
//! application uses it no more.

use std::{
    fmt, io,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
};

use shardcast_os::{
    poll::{self, Interest, Wakeup},
    socket::TcpOptions,
};
use shardcast_proto::{
    Protocol, Time,
    connection::{Limits, Outcome},
};

use super::{
    PAUSE, Why,
    background::{self, User, Watched},
    link::{Fate, Link},
    now,
};
use crate::client::builder::next_number;

/// A connection that this process has opened. It connects once. Its application shares state with its session, and says
/// when it has [changed](Self::changed) that.
pub(crate) struct ThreadConnection {
    number: u64,
    background: User,
    protocol: Box<dyn Protocol>,
    /// Called once, when it has ended; it must not use the connection.
    closed: Box<dyn Fn() + Send + Sync>,
    /// Ends the wait of the leader.
    wakeup: Wakeup,
    state: Mutex<State>,
    /// The leader has done something, or leads no more.
    driven: Condvar,
}

struct State {
    link: Option<Link>,
    /// Those of the application that may wait for it.
    users: usize,
    leader: Option<Lead>,
    /// Threads that wait while another one leads.
    followers: usize,
    /// What the background thread watches the socket for.
    armed: Interest,
    /// When the timer in the background thread is due.
    timer_at: Time,
}

/// What the leader waits for.
#[derive(Eq, PartialEq)]
struct Lead {
    interest: Interest,
    until: Time,
}

impl ThreadConnection {
    /// Begins to connect.
    pub(crate) fn connect(
        to: SocketAddr,
        tcp: &TcpOptions,
        protocol: impl Protocol + 'static,
        limits: &'static Limits,
        closed: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let (number, background) = (next_number(), background::join()?);
        let link = Link::connect(to, tcp, limits, now())?;
        background.watch(&link.socket, number)?;
        let connection = Arc::new(Self {
            number,
            background,
            protocol: Box::new(protocol),
            closed: Box::new(closed),
            wakeup: Wakeup::new()?,
            state: Mutex::new(State {
                link: Some(link),
                users: 0,
                leader: None,
                followers: 0,
                armed: Interest::default(),
                timer_at: Time::NEVER,
            }),
            driven: Condvar::new(),
        });
        let watched: Weak<Self> = Arc::downgrade(&connection);
        connection.background.add(number, watched);
        Ok(connection)
    }

    /// There is one more user.
    pub(crate) fn add_user(&self) {
        self.lock().users += 1;
    }

    /// A user has gone, and may have [changed](Self::changed) the session. When none is left, the connection is read in the
    /// background.
    pub(crate) fn remove_user(&self) {
        self.lock().users -= 1;
        self.changed();
    }

    /// The session was changed: sends what it has to send, as much as the kernel takes.
    pub(crate) fn changed(&self) {
        let (mut state, now) = self.lock_now();
        state.handle_session_change(now);
        if state.leader.is_some() {
            self.advance(&mut state, now);
        } else {
            self.drive(&mut state, now);
        }
        self.leave(state, now);
    }

    /// Ends it at once: what is queued is lost.
    pub(crate) fn cut(&self) {
        let (mut state, now) = self.lock_now();
        if let Some(link) = &mut state.link {
            link.cut(now);
        }
        self.advance(&mut state, now);
        self.leave(state, now);
    }

    /// Runs `f`, which must not block, soon, on the background thread.
    pub(crate) fn run_in_background(&self, f: impl FnOnce() + Send + 'static) {
        self.background.run_at(now(), f);
    }

    /// Performs the I/O, or waits while another thread does, until `is_ready`, which checks the state of the session, or
    /// until the connection has ended, or until this time. Polls once in any case.
    pub(crate) fn wait(&self, until: Time, is_ready: impl Fn() -> bool) {
        let (mut state, mut now) = self.lock_now();
        state.handle_session_change(now);
        if state.leader.is_some() {
            self.advance(&mut state, now);
            self.wake_leader(&state, state.wants(now).map(|(_, wants)| wants).as_ref());
        }
        loop {
            if state.leader.is_none() {
                self.drive(&mut state, now);
            }
            if is_ready() || now >= until || state.link.is_none() {
                return self.leave(state, now);
            }
            state = if state.leader.is_none() {
                self.lead(state, until, now)
            } else {
                self.follow(state, until, now)
            };
            now = super::now();
        }
    }

    /// Waits for the socket.
    fn lead<'s>(&'s self, mut state: Guard<'s>, until: Time, now: Time) -> Guard<'s> {
        let Some((socket, mut lead)) = state.wants(now) else { return state };
        lead.until = lead.until.min(until);
        let Lead { interest, until } = lead;
        state.leader = Some(lead);
        drop(state);
        let socket = Some((&*socket, interest)).filter(|_| interest != Interest::default());
        let timeout = (until != Time::NEVER).then(|| until.max(now) - now);
        if let Err(error) = poll::wait(socket, &self.wakeup, timeout) {
            tracing::error!(%error, "cannot wait for a socket");
            std::thread::sleep(PAUSE);
        }
        let mut state = self.lock();
        state.leader = None;
        state
    }

    /// Waits for the leader.
    fn follow<'s>(&self, mut state: Guard<'s>, until: Time, now: Time) -> Guard<'s> {
        state.followers += 1;
        state = if until == Time::NEVER {
            self.driven.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            let waited = self.driven.wait_timeout(state, until.max(now) - now);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        state.followers -= 1;
        state
    }

    /// Called when the socket may be ready, or a timer is due, and no other thread leads.
    fn drive(&self, state: &mut State, now: Time) {
        if let Some(link) = &mut state.link {
            if link.is_connecting() {
                link.open(&*self.protocol, now);
            } else {
                link.receive(now, |_| Outcome::Nothing);
            }
            link.handle_timeout(now);
        }
        self.advance(state, now);
    }

    /// Sends what waits, and follows the connection to its end.
    fn advance(&self, state: &mut State, now: Time) {
        while let Some(link) = &mut state.link {
            if !link.is_connecting() {
                link.flush(now);
            }
            match link.fate() {
                Some(Fate::Ended(_)) => {
                    let link = state.link.take();
                    (self.closed)();
                    link.into_iter().for_each(|link| self.background.finish(link, now));
                }
                Some(Fate::Over) => state.link = None,
                None if link.resume(now, |_| Outcome::Nothing) => {}
                None => break,
            }
        }
        if state.followers > 0 {
            self.driven.notify_all();
        }
    }

    /// Unlocks. Another thread leads now, or the background thread watches.
    fn leave(&self, mut state: Guard<'_>, now: Time) {
        let wants = state.wants(now);
        if state.leader.is_some() {
            self.wake_leader(&state, wants.map(|(_, wants)| wants).as_ref());
        } else if state.followers > 0 {
            self.driven.notify_all();
        } else if let Some((socket, mut wants)) = wants {
            wants.interest.receive &= state.users == 0;
            // One that it watches for in vain does no harm.
            if wants.interest != Interest::default() && wants.interest != state.armed {
                state.armed = wants.interest;
                self.background.arm(&socket, self.number, wants.interest);
            }
            if wants.until < state.timer_at {
                self.background.set_timer(self.number, state.timer_at, wants.until);
                state.timer_at = wants.until;
            }
        }
    }

    /// Wakes the leader unless it waits for this already.
    fn wake_leader(&self, state: &State, wants: Option<&Lead>) {
        let is_covered = |lead: &Lead| {
            wants.is_some_and(|wants| wants.interest == lead.interest && wants.until >= lead.until)
        };
        if state.leader.as_ref().is_some_and(|lead| !is_covered(lead)) {
            self.wakeup.wake();
        }
    }

    /// Locks, and then reads the time, so that time does not go back.
    fn lock_now(&self) -> (Guard<'_>, Time) {
        (self.lock(), now())
    }

    fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched for ThreadConnection {
    fn handle_background(self: Arc<Self>, why: Why) {
        let (mut state, now) = self.lock_now();
        match why {
            Why::Ready => state.armed = Interest::default(),
            Why::Time => state.timer_at = Time::NEVER,
        }
        if state.leader.is_none() {
            self.drive(&mut state, now);
        }
        self.leave(state, now);
    }
}

impl State {
    fn handle_session_change(&mut self, now: Time) {
        if let Some(link) = self.link.as_mut().filter(|link| !link.is_connecting()) {
            link.handle_session_change(now);
        }
    }

    /// The socket, and what the leader, or the background thread, is to wait for.
    fn wants(&self, now: Time) -> Option<(Arc<OwnedFd>, Lead)> {
        let link = self.link.as_ref()?;
        let until = link.poll_timeout(now).unwrap_or(Time::NEVER);
        Some((Arc::clone(&link.socket), Lead { interest: link.interest(), until }))
    }
}

impl Drop for ThreadConnection {
    fn drop(&mut self) {
        self.background.remove(self.number);
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut link) = state.link.take() {
            let now = now();
            link.cut(now);
            self.background.finish(link, now);
        }
    }
}

impl fmt::Debug for ThreadConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadConnection").field("number", &self.number).finish_non_exhaustive()
    }
}

type Guard<'s> = MutexGuard<'s, State>;
