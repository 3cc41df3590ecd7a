//! Pushes and responses in, sends out: the only path to the peer.

use bytes::Bytes;

use super::{Connection, Drops, Hold, Limits, Spares, State, Unconfirmed, input};
use crate::{
    Amount, Command, Session, Time,
    outbox::{Parcel, Pushed, Pushing},
    push::schedule::{RateLimit, RateLimiter},
};

impl<S: Session + ?Sized> Connection<S> {
    /// Queues a push, or applies the policy; dropped pushes are in [`take_drops`](Self::take_drops). On
    /// [`Pushed::Disconnect`], end the connection as [`CloseReason::Slow`](super::CloseReason::Slow).
    #[inline]
    pub fn push(&mut self, pushing: Pushing, limits: &Limits, spares: &Spares, now: Time) -> Pushed {
        self.outbox.lend(|| spares.take_queue());
        let pushed = self.outbox.push(pushing, now, &limits.outbox);
        self.count_pushed(pushed);
        pushed
    }

    /// Like [`push`](Self::push), for messages whose order must hold when they conflate.
    #[inline]
    pub fn push_in_order(&mut self, pushing: Pushing, limits: &Limits, spares: &Spares, now: Time) -> Pushed {
        self.outbox.lend(|| spares.take_queue());
        let pushed = self.outbox.push_in_order(pushing, now, &limits.outbox);
        self.count_pushed(pushed);
        pushed
    }

    #[inline]
    fn count_pushed(&mut self, pushed: Pushed) {
        match pushed {
            Pushed::Queued | Pushed::Blocked => {}
            Pushed::QueuedDroppingOldest(dropped) => self.drops.overflow += dropped as u32,
            Pushed::Replaced | Pushed::Dropped | Pushed::Disconnect => self.drops.overflow += 1,
        }
        self.drops.expired += self.outbox.take_expired();
    }

    /// Pushes dropped since the last call.
    #[inline]
    pub fn take_drops(&mut self) -> Option<Drops> {
        if self.drops == Drops::default() {
            return None;
        }
        let drops = std::mem::take(&mut self.drops);
        self.traffic.dropped_messages += drops.total();
        Some(drops)
    }

    /// How often the rate limit made it wait since the last call.
    #[inline]
    pub const fn take_rate_limit_waits(&mut self) -> u32 {
        std::mem::replace(&mut self.rate_limit_waits, 0)
    }

    /// Counts a push that cannot be encoded for this peer, or that came too late.
    ///
    /// # Examples
    /// ```
    /// # use shardcast_proto::{Command, Route, Time, connection::{Connection, Role}};
    /// # use shardcast_proto::{push::schedule::RateLimit, tars::framed::Framed};
    /// # let now = Time::from_nanos(0);
    /// # let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    /// # connection.open(Box::new(Framed::default().session()), now);
    /// // The frames of this protocol have no route.
    /// let push = Command::Push { route: Route::Numbered(1), body: b"news" };
    /// if connection.encode(push, now).is_none() {
    ///     connection.count_drop();
    /// }
    /// assert_eq!(connection.traffic().dropped_messages, 1);
    /// ```
    pub const fn count_drop(&mut self) {
        self.traffic.dropped_messages += 1;
    }

    /// Lets the session encode `command` as a response: it is never dropped, and holds reading while too many
    /// of them wait. False: this protocol cannot encode it.
    pub fn say(&mut self, command: Command<'_>, spares: &Spares, now: Time) -> bool {
        let Some(session) = self.session.as_deref_mut().filter(|_| self.state == State::Open) else {
            return false;
        };
        if matches!(command, Command::Subscribed { .. }) {
            // Pushes that wait outside the bounds must not come after it.
            self.drops.blocked += self.outbox.drop_blocked() as u32;
        }
        let mut run = self.outbox.take_run(now, || spares.take());
        self.outbox.lend(|| spares.take_queue());
        let before = run.bytes.len();
        let said = input::encode(session, command, &mut run.bytes, &mut self.drops, now);
        let between = run.bytes.len();
        session.poll_transmit(&mut run.bytes);
        let messages = usize::from(between > before) + usize::from(run.bytes.len() > between);
        if let Some(unused) = self.outbox.put_run(run, messages) {
            spares.keep(unused);
        }
        said
    }

    /// Asks the session for its own output. If too much waits, it is asked after half of that was sent.
    pub fn transmit(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        if self.state != State::Open {
            return;
        }
        if self.outbox.response_bytes() >= limits.outbox.bytes_max {
            self.transmit_waits = true;
            return;
        }
        self.transmit_now(spares, now);
    }

    pub(super) fn transmit_now(&mut self, spares: &Spares, now: Time) {
        let Some(session) = self.session.as_deref_mut() else { return };
        self.transmit_waits = false;
        let mut run = self.outbox.take_run(now, || spares.take());
        self.outbox.lend(|| spares.take_queue());
        let before = run.bytes.len();
        session.poll_transmit(&mut run.bytes);
        let messages = usize::from(run.bytes.len() > before);
        if let Some(unused) = self.outbox.put_run(run, messages) {
            spares.keep(unused);
        }
    }

    /// The frame of a push for this connection alone; `None` if its protocol has no pushes.
    pub fn encode(&mut self, command: Command<'_>, now: Time) -> Option<Bytes> {
        let mut frame = Vec::new();
        let session = self.session.as_deref_mut()?;
        session.handle_command(command, &mut frame, now).is_ok().then(|| frame.into())
    }

    /// The data to send now: one send at a time; report its end with [`handle_sent`](Self::handle_sent).
    /// `None` may have caused an [action](Self::poll_action), after all queued data was sent.
    #[inline]
    pub fn poll_transmit(&mut self, limits: &Limits, spares: &Spares, now: Time) -> Option<Parcel> {
        let mut parcel = self.take_parcel(limits, spares, now);
        self.drops.expired += self.outbox.take_expired();
        if parcel.is_none() && self.outbox.is_blocked() {
            // Expired pushes leave room for those that wait outside the bounds.
            self.unblock(limits, now);
            parcel = self.take_parcel(limits, spares, now);
        }
        if parcel.is_some() {
            if let Some(queue) = self.outbox.reclaim() {
                spares.keep_queue(queue);
            }
            let sent = self.traffic.sent_bytes + self.outbox.in_flight_bytes() as u64;
            if self.unconfirmed.since == Time::NEVER {
                self.unconfirmed = Unconfirmed { since: now, sent };
            }
        }
        if let State::Flushing(deadline) = self.state
            && self.outbox.is_empty()
        {
            self.end_sending(deadline);
        }
        parcel
    }

    #[inline]
    fn take_parcel(&mut self, limits: &Limits, spares: &Spares, now: Time) -> Option<Parcel> {
        match self.state {
            State::Open if self.rate_limit.is_some() => self.take_limited_parcel(limits, spares, now),
            // A connection that ends is not delayed further.
            State::Open | State::Flushing(_) => self.outbox.take(&limits.outbox, now, || spares.take()),
            State::Waiting | State::Lingering(_) | State::Cut => None,
        }
    }

    #[cold]
    fn take_limited_parcel(&mut self, limits: &Limits, spares: &Spares, now: Time) -> Option<Parcel> {
        let ActiveRateLimit { limiter, waits } = self.rate_limit.as_deref_mut()?;
        let mut must_wait = false;
        let parcel = self.outbox.take_while(
            &limits.outbox,
            now,
            || spares.take(),
            |amount| {
                if limiter.ready_at(amount, now) > now {
                    must_wait = true;
                    return false;
                }
                limiter.take(amount, now);
                true
            },
        );
        must_wait &= parcel.is_none();
        if !std::mem::replace(waits, must_wait) && must_wait {
            self.rate_limit_waits += 1;
        }
        parcel
    }

    /// The transport took all of the last parcel; returns what it was.
    pub fn handle_sent(&mut self, limits: &Limits, now: Time) -> Amount {
        let sent = self.outbox.sent();
        self.traffic.sent_bytes += sent.bytes as u64;
        self.traffic.sent_messages += sent.messages as u64;
        if let Some(session) = self.session.as_deref_mut()
            && session.handle_sent(self.outbox.bytes())
        {
            self.more = true;
            self.resume();
        }
        self.unblock(limits, now);
        if self.outbox.response_bytes() <= limits.outbox.bytes_max / 2 {
            self.resumes |= self.transmit_waits && self.state == State::Open;
            self.lift(Hold::Outbox, now);
        }
        sent
    }

    /// Admits blocked pushes that have room now, and drops those that have waited too long.
    pub(super) fn unblock(&mut self, limits: &Limits, now: Time) {
        if self.outbox.is_blocked() {
            self.drops.overflow += self.outbox.unblock(now, &limits.outbox) as u32;
            self.drops.expired += self.outbox.take_expired();
        }
    }
}

/// An active rate limit.
#[derive(Debug)]
pub(super) struct ActiveRateLimit {
    pub(super) limiter: RateLimiter,
    /// It waits, and the wait was counted.
    waits: bool,
}

impl ActiveRateLimit {
    pub(super) fn new(rate_limit: &RateLimit, now: Time) -> Option<Box<Self>> {
        (!rate_limit.is_none())
            .then(|| Box::new(Self { limiter: RateLimiter::new(rate_limit, now), waits: false }))
    }
}
