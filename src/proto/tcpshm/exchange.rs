//! A connection after the login: messages, acknowledgements and heartbeats, the same at both ends.

use std::{marker::PhantomData, time::Duration};

use super::{ByteOrder, Header, Peer, ack_policy::AckPolicy, header::HEADER_LEN, journal::Store};
use crate::{Error, Event, Progress, Request, RequestId, Route, Shared, Time};

/// When a connection sends by itself, and when it ends.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::tcpshm::Times;
///
/// // Those of the original's example.
/// let times = Times::default().with(|it| it.login = Duration::from_secs(5));
/// assert_eq!((times.heartbeat.as_secs(), times.timeout.as_secs()), (3, 10));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Times {
    /// How long a connection sends nothing before it sends a heartbeat. Default: 3 s.
    pub heartbeat: Duration,
    /// How long nothing comes before it ends. Default: 10 s.
    pub timeout: Duration,
    /// How long a login may take. Default: 3 s.
    pub login: Duration,
    /// How long consumed messages stay unacknowledged while nothing else is sent; less if they are many. Default: 100 µs.
    pub ack_delay: Duration,
}

crate::with! {
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast_proto::tcpshm::Times;
    ///
    /// let times = Times::default().with(|it| it.timeout = Duration::from_secs(30));
    /// assert_eq!(times.timeout.as_secs(), 30);
    /// ```
    impl Times
}

impl Default for Times {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            login: Duration::from_secs(3),
            ack_delay: Duration::from_micros(100),
        }
    }
}

/// The part of a session after the login. Its peer is shared with the application.
pub(super) struct Exchange<S, C> {
    peer: C,
    order: ByteOrder,
    times: Times,
    now: Time,
    received_at: Time,
    sent_at: Time,
    /// The acknowledgement that the peer was sent last.
    acked: u64,
    /// Since when it is not the current one; [`Time::NEVER`] if it is.
    unacked_since: Time,
    ack_policy: AckPolicy,
    /// A heartbeat must be sent unless a message is.
    is_due: bool,
    /// Bytes that the transport has not taken.
    queued: usize,
    /// What the last event borrows.
    message: Box<[u8]>,
    store: PhantomData<fn() -> S>,
}

impl<S: Store, C: Shared<Peer<S>>> Exchange<S, C> {
    pub(super) fn new(peer: C, order: ByteOrder, times: Times, now: Time) -> Self {
        let acked = peer.with(|peer| peer.journal().durable_received());
        Self {
            peer,
            order,
            times,
            now,
            received_at: now,
            sent_at: now,
            acked,
            unacked_since: Time::NEVER,
            ack_policy: AckPolicy::default(),
            is_due: false,
            queued: 0,
            message: Box::default(),
            store: PhantomData,
        }
    }

    /// The peer of this connection.
    pub(super) const fn peer(&self) -> &C {
        &self.peer
    }

    #[inline]
    pub(super) fn handle_input<'a>(&mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        (self.now, self.received_at) = (now, now);
        let Some(header) = input.first_chunk() else { return Ok(Progress::NEED_MORE) };
        let header = Header::decode(*header, self.order);
        header.check()?;
        let body = input.get(HEADER_LEN..header.size.into()).filter(|_| input.len() >= header.wire_len());
        let sequence = self.peer.with(|peer| {
            // Before the message is complete, too: it frees room at once.
            peer.handle_ack(header.ack)?;
            let Some(body) = body.filter(|_| !header.is_heartbeat()) else { return Ok::<_, Error>(None) };
            Ok(peer.receive(header.message_type, body).then(|| peer.journal().received()))
        })?;
        Ok(match (sequence, body) {
            (_, None) => Progress::NEED_MORE,
            (None, Some(_)) => Progress::silent(header.wire_len()),
            (Some(sequence), Some(body)) => {
                let event = message(sequence, header.message_type, body);
                Progress::event(header.wire_len(), event)
            }
        })
    }

    pub(super) fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        self.now = now;
        let (is_full, is_broken, consumed) =
            self.peer.with(|peer| (peer.is_full(), peer.is_broken(), peer.consumed_bytes()));
        if is_broken {
            return Err(Error::Journal);
        }
        if is_full {
            // Nothing is read.
            self.received_at = now;
        }
        if now >= self.received_at + self.times.timeout {
            return Err(Error::TimedOut("message"));
        }
        if now >= self.pause_ends_at(consumed) {
            self.ack_policy.handle_pause();
            self.is_due = true;
        }
        self.is_due |= now >= self.heartbeat_at() || now >= self.ack_at();
        Ok(())
    }

    pub(super) fn poll_event(&mut self) -> Option<Event<'_>> {
        let now = self.now;
        let (sequence, message_type, body) = self.peer.with(|peer| {
            let (message_type, body) = peer.lend(now)?;
            Some((peer.journal().received(), message_type, body))
        })?;
        self.message = body;
        Some(message(sequence, message_type, &self.message))
    }

    pub(super) fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        let room = WINDOW.saturating_sub(self.queued);
        let (before, order, is_due) = (out.len(), self.order, self.is_due);
        let (acked, ack_policy) = (self.acked, &mut self.ack_policy);
        let ack = self.peer.with(|peer| {
            if room > 0 {
                peer.transmit(out, room, order);
            }
            let ack = peer.journal().durable_received();
            if out.len() == before
                && (is_due || ack != acked && ack_policy.handle_consumed(peer.consumed_bytes()))
            {
                out.extend_from_slice(&Header::heartbeat(ack as u32).encode(order));
            }
            if out.len() > before {
                peer.ack_sent();
            }
            ack
        });
        if out.len() > before {
            self.queued += out.len() - before;
            (self.acked, self.unacked_since) = (ack, Time::NEVER);
            (self.sent_at, self.is_due) = (self.now, false);
        } else if ack != acked && self.unacked_since == Time::NEVER {
            self.unacked_since = self.now;
        }
    }

    /// The transport has taken all but `queued` bytes; true: there is more for it.
    pub(super) fn handle_sent(&mut self, queued: usize) -> bool {
        let was_full = self.queued >= WINDOW / 2;
        self.queued = queued;
        was_full && self.peer.with(|peer| peer.has_unsent())
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let (retry_at, consumed) = self.peer.with(|peer| (peer.retry_at(), peer.consumed_bytes()));
        let ends_at = self.received_at + self.times.timeout;
        let ack_at = self.ack_at().min(self.pause_ends_at(consumed));
        Some(ends_at.min(self.heartbeat_at()).min(ack_at).min(retry_at.unwrap_or(Time::NEVER)))
    }

    fn heartbeat_at(&self) -> Time {
        self.sent_at + self.times.heartbeat
    }

    fn ack_at(&self) -> Time {
        self.unacked_since + self.times.ack_delay
    }

    /// When the pause of a peer that may be waiting for an acknowledgement ends.
    fn pause_ends_at(&self, consumed: usize) -> Time {
        match self.unacked_since {
            Time::NEVER => Time::NEVER,
            _ => self.ack_policy.ack_at(consumed, self.received_at),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.peer.with(|peer| peer.is_full())
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.peer.with(|peer| peer.held_bytes())
    }
}

/// A message for the application, which [consumes](Peer::pop) or [keeps](Peer::keep) it.
const fn message(sequence: u64, message_type: u16, body: &[u8]) -> Event<'_> {
    let route = Route::Numbered(message_type as u64);
    Event::Request(Request::new(RequestId(sequence), route, body).one_way())
}

/// Bytes of messages that the transport is given ahead: enough for a full send, and little enough that what waits longer
/// stays in the journal, where it costs no memory.
const WINDOW: usize = 256 << 10;
