//! A connection of a client of ordinary threads.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::SystemTime,
};

use shardcast_os::{
    poll::Interest,
    socket::{self, TcpOptions},
};
use shardcast_proto::{
    Command, ConnId, Event, Opening, Protocol, Request, Session, Time,
    connection::{Action, Advance, CloseReason, Connection, Limits, Outcome, Role, Spares, State},
    outbox::Parcel,
    push::schedule::RateLimit,
    rpc::ConnectFailure,
};

use crate::{
    client::{BOUNDS, core::connect_failure},
    conns::made_limits,
    transport,
};

/// A socket, and the core of its connection. The thread that has it drives it.
pub(crate) struct Link {
    pub(crate) socket: Arc<OwnedFd>,
    peer: SocketAddr,
    connection: Connection<dyn Session + Send>,
    limits: &'static Limits,
    /// The client knows that the session is established.
    established: bool,
    /// Why the system could not connect.
    failure: Option<ConnectFailure>,
    /// What the kernel has not taken yet.
    sending: Option<Sending>,
    spares: Spares,
}

struct Sending {
    parcel: Parcel,
    /// Bytes of it that the kernel has taken.
    taken: usize,
}

/// What a client learns from its link.
pub(crate) enum News<'a> {
    /// The session is established.
    Established,
    /// The session has an event.
    Event(Event<'a>),
}

/// How a link has ended.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It has ended for the client.
    Ended(CloseReason),
    /// It is over: drop it.
    Over,
}

impl Link {
    /// Begins to connect.
    pub(crate) fn connect(
        peer: SocketAddr,
        tcp: &TcpOptions,
        limits: &'static Limits,
        now: Time,
    ) -> io::Result<Self> {
        let socket = Arc::new(socket::connect(peer, tcp)?);
        let connection = Connection::new(Role::Connecting, &RateLimit::NONE, now);
        Ok(Self {
            socket,
            peer,
            connection,
            limits,
            established: false,
            failure: None,
            sending: None,
            spares: Spares::default(),
        })
    }

    pub(crate) fn is_connecting(&self) -> bool {
        self.connection.state() == State::Waiting
    }

    pub(crate) fn take_failure(&mut self) -> Option<ConnectFailure> {
        self.failure.take()
    }

    /// Checks whether it has connected, and if so opens the session; true if that is established at once.
    pub(crate) fn open(&mut self, protocol: &dyn Protocol, now: Time) -> bool {
        match socket::has_connected(&*self.socket) {
            Ok(false) => return false,
            Ok(true) => {}
            Err(error) => {
                tracing::debug!(peer = %self.peer, %error, "connect failed");
                self.failure = Some(connect_failure(&error));
                self.connection.end(CloseReason::ConnectFailed, self.limits, now);
                return false;
            }
        }
        let opened = self.guarded(now, |link| link.open_session(protocol, now));
        opened.unwrap_or(false)
    }

    fn open_session(&mut self, protocol: &dyn Protocol, now: Time) -> bool {
        let session = protocol.connect(&Opening {
            id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
            peer: self.peer,
            shards: 1,
            now,
            wall: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            state: &(Rc::new(()) as Rc<_>),
        });
        let Some(session) = session else {
            self.connection.end(CloseReason::ConnectFailed, self.limits, now);
            return false;
        };
        self.connection.open(session, now);
        self.connection.transmit(self.limits, &self.spares, now);
        self.established = self.connection.is_established();
        self.established
    }

    /// The readiness of the socket for which the link must be driven.
    pub(crate) fn interest(&self) -> Interest {
        let connecting = self.is_connecting();
        Interest {
            receive: !connecting && self.connection.state() != State::Cut && self.connection.wants_input(),
            send: connecting || self.sending.is_some(),
        }
    }

    /// Whether it has room for another request.
    pub(crate) fn has_room(&self) -> bool {
        self.connection.is_open() && self.connection.outbox().response_bytes() < self.limits.outbox.bytes_max
    }

    /// Lets the session encode a request; false when it cannot.
    pub(crate) fn say(&mut self, request: Request<'_>, now: Time) -> bool {
        let say = |link: &mut Self| link.connection.say(Command::Request(request), &link.spares, now);
        self.guarded(now, say).unwrap_or(false)
    }

    /// Takes what the peer has sent, and gives the news to `take`.
    pub(crate) fn receive(&mut self, now: Time, mut take: impl FnMut(News<'_>) -> Outcome<'static>) {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER_LEN, 0);
            while self.connection.wants_input() && self.connection.state() != State::Cut {
                match socket::receive(&*self.socket, buffer) {
                    Ok(None) => return,
                    Ok(Some(0)) => self.connection.handle_end_of_stream(self.limits, now),
                    Ok(Some(len)) => {
                        self.connection.handle_received(&buffer[..len], now);
                        self.pass(&buffer[..len], now, &mut take);
                        if len < buffer.len() {
                            return;
                        }
                    }
                    Err(error) => self.connection.handle_failed(transport::failure(&error), self.limits, now),
                }
            }
        });
    }

    /// Continues with received bytes that were held; true when there were any.
    pub(crate) fn resume(&mut self, now: Time, mut take: impl FnMut(News<'_>) -> Outcome<'static>) -> bool {
        let resumes = self.connection.take_resume();
        if resumes {
            self.pass(&[], now, &mut take);
        }
        resumes
    }

    fn pass(&mut self, bytes: &[u8], now: Time, take: &mut impl FnMut(News<'_>) -> Outcome<'static>) {
        self.guarded(now, |link| link.pass_input(bytes, now, take));
    }

    fn pass_input(&mut self, bytes: &[u8], now: Time, take: &mut impl FnMut(News<'_>) -> Outcome<'static>) {
        let Some(mut input) = self.connection.input(bytes, self.limits, &self.spares, now) else { return };
        loop {
            let outcome = match input.advance() {
                Advance::Done => break,
                Advance::Request(request) => take(News::Event(Event::Request(request))),
                Advance::Event(event) => take(News::Event(event)),
                Advance::Silent => {
                    if !self.established && input.is_established() {
                        self.established = true;
                        take(News::Established);
                    }
                    continue;
                }
            };
            input.conclude(outcome);
        }
        input.finish();
    }

    /// The client takes events again.
    pub(crate) fn handle_room(&mut self, now: Time) {
        self.connection.handle_room(now);
    }

    /// Sends what waits, as much as the kernel takes.
    pub(crate) fn flush(&mut self, now: Time) {
        loop {
            if self.sending.is_none() {
                let parcel = self.connection.poll_transmit(self.limits, &self.spares, now);
                self.sending = parcel.map(|parcel| Sending { parcel, taken: 0 });
            }
            let Some(sending) = &mut self.sending else { return };
            let rest = rest(&sending.parcel, sending.taken);
            if rest.is_empty() {
                if let Some(Sending { parcel: Parcel::Gathered(buffer), .. }) = self.sending.take() {
                    self.spares.keep(buffer);
                }
                self.connection.handle_sent(self.limits, now);
                continue;
            }
            match socket::send(&*self.socket, rest) {
                Ok(Some(len)) => sending.taken += len,
                Ok(None) => return,
                Err(error) => {
                    self.sending = None;
                    return self.connection.handle_send_failed(transport::failure(&error), self.limits, now);
                }
            }
        }
    }

    pub(crate) fn poll_timeout(&self, now: Time) -> Option<Time> {
        self.connection.poll_timeout(self.limits, now)
    }

    /// Does what is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.poll_timeout(now).is_none_or(|deadline| deadline > now) {
            return;
        }
        if self.connection.wants_acknowledgement(self.limits, now) {
            let known = transport::acknowledgement(&self.socket);
            self.connection.handle_acknowledgement(known, self.limits, now);
        }
        self.guarded(now, |link| link.connection.handle_timeout(link.limits, &link.spares, now));
    }

    /// Runs `f`, which calls the session: a panic there costs the connection, and nothing else.
    fn guarded<R>(&mut self, now: Time, f: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let run = AssertUnwindSafe(|| f(&mut *self));
        let result = catch_unwind(run).ok();
        if result.is_none() {
            tracing::error!(peer = %self.peer, "the session of a client panicked");
            self.connection.end(CloseReason::Panic, self.limits, now);
        }
        result
    }

    /// The application has changed what it shares with the session.
    pub(crate) fn handle_session_change(&mut self, now: Time) {
        self.guarded(now, |link| {
            link.connection.handle_session_change(link.limits, &link.spares, now);
        });
    }

    /// Ends it at once: what is queued is lost.
    pub(crate) fn cut(&mut self, now: Time) {
        self.connection.cut_now(CloseReason::Closed, self.limits, now);
    }

    /// Ends it: what is queued is still sent.
    pub(crate) fn end(&mut self, now: Time) {
        self.connection.end(CloseReason::Closed, self.limits, now);
    }

    /// How it has ended, if it has.
    pub(crate) fn fate(&mut self) -> Option<Fate> {
        while let Some(action) = self.connection.poll_action() {
            match action {
                Action::Ended(why) => return Some(Fate::Ended(why)),
                Action::EndSending => socket::shutdown_send(&*self.socket),
                Action::Cut(cut) => {
                    if cut.queued_bytes > 0 {
                        // What the peer has not taken is lost, and the peer is to see that.
                        socket::reset_on_close(&*self.socket);
                    }
                    socket::shutdown_both(&*self.socket);
                    return Some(Fate::Over);
                }
            }
        }
        (self.connection.state() == State::Cut).then_some(Fate::Over)
    }
}

/// The part of a parcel to send next.
fn rest(parcel: &Parcel, mut taken: usize) -> &[u8] {
    match parcel {
        Parcel::Gathered(bytes) => &bytes[taken..],
        Parcel::Shared(bytes) => &bytes[taken..],
        Parcel::Pieces(pieces) => {
            for piece in pieces {
                match piece.get(taken..).filter(|rest| !rest.is_empty()) {
                    Some(rest) => return rest,
                    None => taken -= piece.len(),
                }
            }
            &[]
        }
    }
}

thread_local! {
    /// The receive buffer of a thread, as large as the pieces of the kernel, so that one receive is usually enough.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

const BUFFER_LEN: usize = 32 << 10;

/// Limits of the connection of a client.
pub(super) static LIMITS: Limits = made_limits(BOUNDS);
