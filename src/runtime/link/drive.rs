//! Bytes in, events out: the only place that feeds sessions.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use shardcast_os::ring::{Filled, ReceiveEnd};
use shardcast_proto::{
    Command, Dialect, EndOfStream, Error, Event, Progress, RequestId, Session,
    connection::{Hold, Holds},
    outbox::{Outbox, Run},
};

use super::{Conn, Ending, History, Role, State};
use crate::{
    CloseReason, Connection,
    service::{Reply, Request, Service},
    shard::{Notice, Shard},
};

impl Shard {
    pub(crate) fn on_received(&self, slot: u32, data: Filled) {
        let mut table = self.table.borrow_mut();
        if let Some(conn) = table.slot(slot) {
            self.take_bytes(conn, data.bytes());
        }
        drop(table);
        self.ring.borrow_mut().recycle(data);
    }

    fn take_bytes(&self, conn: &mut Conn, bytes: &[u8]) {
        conn.received_at = self.now();
        conn.handle.heard(self.now());
        conn.traffic.received_bytes += bytes.len() as u64;
        if let Some(listener) = conn.listener() {
            self.counters.listeners[listener].received_bytes.add(bytes.len() as u64);
        }
        match conn.state {
            State::Open => self.guarded(conn, |conn| self.drive(conn, bytes)),
            State::Unidentified => {
                conn.assembly.extend_from_slice(bytes);
                self.guarded(conn, |conn| self.identify(conn));
            }
            State::Moving(_) => conn.assembly.extend_from_slice(bytes),
            // What a peer says after the end interests nobody; reading it lets the connection end cleanly.
            State::Flushing(_) | State::Lingering(_) | State::Cut => {}
        }
    }

    pub(crate) fn on_receive_ended(&self, slot: u32, how: ReceiveEnd) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.slot(slot) else { return };
        match (how, conn.state) {
            // The end of the stream is still there when its home looks.
            (ReceiveEnd::Stopped | ReceiveEnd::EndOfStream, State::Moving(_)) => {
                self.moving.borrow_mut().push(slot);
            }
            (ReceiveEnd::Stopped, _) => {
                if conn.holds.is_empty() && conn.state == State::Open {
                    self.ring.borrow_mut().receive(slot);
                }
            }
            (ReceiveEnd::EndOfStream, State::Open) => {
                conn.peer_ended = true;
                // From here on it may be idle for as long as any other.
                conn.received_at = self.now();
                self.arm_timer(conn);
                if conn.holds.is_empty() {
                    self.guarded(conn, |conn| self.input_ended(conn));
                }
            }
            (ReceiveEnd::EndOfStream, _) => {
                conn.peer_ended = true;
                self.peer_is_done(conn, CloseReason::PeerClosed);
            }
            (ReceiveEnd::Failed(error), _) => {
                conn.peer_ended = true;
                self.peer_is_done(conn, CloseReason::from_socket(&error));
            }
        }
        drop(table);
        self.release_if_idle(slot);
    }

    fn peer_is_done(&self, conn: &mut Conn, why: CloseReason) {
        match conn.state {
            State::Unidentified | State::Moving(_) | State::Open => self.finish(conn, why),
            State::Flushing(_) if why != CloseReason::PeerClosed => self.cut(conn),
            State::Lingering(_) => self.cut(conn),
            State::Flushing(_) | State::Cut => {}
        }
    }

    /// The peer sends nothing more, and what it sent was taken: its session decides.
    fn input_ended(&self, conn: &mut Conn) {
        let Role::Accepted { serving: Some(serving), .. } = &mut conn.role else {
            return self.finish(conn, CloseReason::PeerClosed);
        };
        let decision = serving.session.handle_end_of_stream(self.now());
        self.take_events(conn);
        match decision {
            _ if conn.state != State::Open => {}
            EndOfStream::Close => self.finish(conn, CloseReason::PeerClosed),
            EndOfStream::Answer => self.end_once_answered(conn, Ending::PeerClosed),
            EndOfStream::Stay => {}
        }
    }

    /// Feeds `bytes`, behind those that wait, to whoever is at our end.
    pub(super) fn drive(&self, conn: &mut Conn, bytes: &[u8]) {
        if conn.ending.is_some() {
            // Nothing more is taken from it.
            return;
        }
        if !conn.holds.is_empty() {
            return conn.assembly.extend_from_slice(bytes);
        }
        let taken = match conn.assembly.is_empty() {
            true => self.drive_fresh(conn, bytes),
            false => self.drive_behind(conn, bytes),
        };
        self.time_frame(conn, taken > 0);
    }

    /// Nothing waits: the bytes are fed from the receive buffer, and only what is left of them is copied.
    #[inline]
    fn drive_fresh(&self, conn: &mut Conn, bytes: &[u8]) -> usize {
        let taken = self.feed(conn, bytes);
        if taken < bytes.len() && conn.state == State::Open {
            conn.assembly = self.spare();
            conn.assembly.extend_from_slice(&bytes[taken..]);
        }
        taken
    }

    fn drive_behind(&self, conn: &mut Conn, bytes: &[u8]) -> usize {
        let mut input = std::mem::take(&mut conn.assembly);
        input.extend_from_slice(bytes);
        let taken = self.feed(conn, &input);
        input.drain(..taken);
        if input.is_empty() || conn.state != State::Open {
            self.keep_spare(input);
        } else {
            conn.assembly = input;
        }
        taken
    }

    /// Notes since when the peer owes us the rest of a frame.
    #[inline]
    fn time_frame(&self, conn: &mut Conn, progressed: bool) {
        if conn.assembly.is_empty() || !conn.holds.is_empty() || conn.state != State::Open {
            conn.frame_began = None;
        } else if progressed || conn.frame_began.is_none() {
            conn.frame_began = Some(self.now());
            if let Some(deadline) = self.frame_deadline(conn) {
                self.arm_timer_by(conn, deadline);
            }
        }
    }

    fn feed(&self, conn: &mut Conn, input: &[u8]) -> usize {
        match &conn.role {
            Role::Accepted { .. } => self.feed_session(conn, input),
            Role::Connecting(owner) => {
                let owner = Rc::clone(owner);
                let taken = owner.input(input, self.now());
                self.collect_output(conn, &*owner);
                taken.unwrap_or_else(|error| {
                    self.finish(conn, CloseReason::ProtocolError(error));
                    input.len()
                })
            }
        }
    }

    /// Feeds frame after frame to the session, and what comes of each to the service or the hub.
    fn feed_session(&self, conn: &mut Conn, input: &[u8]) -> usize {
        let now = self.now();
        let mut taken = 0;
        let fault = self.with_session(conn, |session, turn| {
            if *turn.conn.more {
                turn.take_events(session);
            }
            while taken < input.len() && turn.goes_on() {
                let Progress { taken: len, event, more } = session.handle_input(&input[taken..], now)?;
                if len == 0 {
                    break;
                }
                taken += len;
                if let Some(event) = event {
                    let said = turn.take(event);
                    turn.say(session, said);
                }
                if more {
                    turn.take_events(session);
                }
            }
            Ok(())
        });
        if fault || conn.state != State::Open || conn.ending.is_some() {
            return input.len();
        }
        if input.len() - taken > ASSEMBLY_BYTES_MAX {
            let error =
                Error::FrameTooLarge { len: (input.len() - taken) as u64, max: ASSEMBLY_BYTES_MAX as u64 };
            self.finish(conn, CloseReason::ProtocolError(error));
            return input.len();
        }
        taken
    }

    /// The time of a session has come.
    pub(super) fn session_timeout(&self, conn: &mut Conn) {
        let now = self.now();
        let Role::Accepted { serving: Some(serving), .. } = &conn.role else { return };
        if serving.session.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        self.with_session(conn, |session, turn| {
            session.handle_timeout(now)?;
            turn.take_events(session);
            Ok(())
        });
    }

    /// Takes what a session brings about by itself.
    fn take_events(&self, conn: &mut Conn) {
        self.with_session(conn, |session, turn| {
            turn.take_events(session);
            Ok(())
        });
    }

    /// Lets `f` call the session, and sees to all that comes of it: the one way to events, answers, holds and the
    /// end. True when the peer broke the protocol: then the connection is finished.
    #[inline]
    fn with_session(
        &self,
        conn: &mut Conn,
        f: impl FnOnce(&mut dyn Session, &mut Turn<'_>) -> Result<(), Error>,
    ) -> bool {
        let Conn { handle, role, outbox, holds, history, more, .. } = conn;
        let Role::Accepted { listener, serving: Some(serving) } = role else { return false };
        let listener = *listener;
        let session = &mut *serving.session;
        let mut turn = Turn {
            shard: self,
            listener,
            service: self.service(listener, serving.protocol),
            conn: Parts { handle, holds, history, more },
            outbox_bytes_max: handle.bounds().bytes_max,
            requests_max: self.requests_max(),
            waiting: outbox.response_bytes(),
            scratch: self.scratch.take(),
            run: outbox.take_run(self.now(), || self.spare()),
            outbox,
            dialect: &mut serving.dialect,
            requests: 0,
            answers: 0,
            dropped: 0,
            closing: false,
        };
        self.runs(Some(listener));
        let outcome = f(session, &mut turn);
        turn.transmit(session);
        self.runs(None);
        let Turn { run, mut scratch, requests, answers, dropped, closing, .. } = turn;
        self.put_run(&mut conn.outbox, run, answers);
        scratch.clear();
        self.scratch.set(scratch);
        if dropped > 0 {
            self.count_drops(conn, "block", dropped);
        }
        conn.traffic.received_messages += requests;
        let counters = &self.counters.listeners[listener as usize];
        counters.received_messages.add(requests);
        if let Err(error) = outcome {
            counters.count_decode_error(error.code());
            self.finish(conn, CloseReason::ProtocolError(error));
            return true;
        }
        self.queue_changed(conn);
        if closing {
            self.end_once_answered(conn, Ending::PeerClosed);
        } else if !conn.holds.is_empty() {
            self.ring.borrow_mut().stop_receiving(conn.handle.id().slot);
        }
        if let Role::Accepted { serving: Some(serving), .. } = &conn.role
            && let Some(deadline) = serving.session.poll_timeout()
        {
            self.arm_timer_by(conn, deadline);
        }
        false
    }

    /// Takes one reason away for which the peer was not read from; goes on reading if it was the last.
    pub(super) fn lift(&self, conn: &mut Conn, hold: Hold) {
        if conn.holds.lift(hold) && conn.state == State::Open {
            self.go_on(conn);
        }
    }

    fn go_on(&self, conn: &mut Conn) {
        // It can be idle only from here on.
        conn.received_at = self.now();
        self.arm_timer(conn);
        self.guarded(conn, |conn| self.drive(conn, &[]));
        if !conn.holds.is_empty() || conn.state != State::Open {
            return;
        }
        if conn.peer_ended {
            self.guarded(conn, |conn| self.input_ended(conn));
        } else {
            self.ring.borrow_mut().receive(conn.handle.id().slot);
        }
    }

    /// Requests of one connection that may be in progress.
    #[inline]
    pub(super) fn requests_max(&self) -> usize {
        self.shared.limits.requests_in_progress_max()
    }

    /// Lets a session write an answer to the peer.
    #[inline]
    pub(crate) fn say(&self, outbox: &mut Outbox, session: &mut dyn Session, command: Command<'_>) {
        let now = self.now();
        let mut said = false;
        self.write(outbox, |out| said = session.handle_command(command, out, now).is_ok());
        debug_assert!(said, "a protocol can answer its own requests");
    }

    /// Runs `f`, which may call the application, so that a panic costs `conn` and nothing else.
    pub(crate) fn guarded(&self, conn: &mut Conn, f: impl FnOnce(&mut Conn)) {
        let run = AssertUnwindSafe(|| f(&mut *conn));
        if catch_unwind(run).is_err() {
            self.runs(None);
            self.counters.panics.add(1);
            if self.may_log(Notice::Panic) {
                tracing::error!(shard = self.id, connection = %conn.handle.id(), "a handler panicked");
            }
            self.finish(conn, CloseReason::Panic);
        }
    }
}

/// One look at a session: what its events bring about, gathered.
struct Turn<'a> {
    shard: &'a Shard,
    listener: u32,
    service: &'a dyn Service,
    conn: Parts<'a>,
    outbox: &'a mut Outbox,
    dialect: &'a mut Dialect,
    outbox_bytes_max: usize,
    requests_max: usize,
    /// Bytes of answers that waited before.
    waiting: usize,
    /// Where the service writes.
    scratch: Vec<u8>,
    /// Where the session writes.
    run: Run,
    requests: u64,
    answers: usize,
    /// Pushes dropped because they waited outside the bounds.
    dropped: usize,
    closing: bool,
}

/// What a turn needs of the connection itself.
struct Parts<'a> {
    handle: &'a Connection,
    holds: &'a mut Holds,
    history: &'a mut History,
    more: &'a mut bool,
}

/// What is said to the peer about an event, at once.
enum Said {
    Nothing,
    /// What the service wrote.
    Answer(RequestId),
    Command(Command<'static>),
}

impl Turn<'_> {
    /// Whether the next frame is to be looked at; places the holds that are due.
    #[inline]
    fn goes_on(&mut self) -> bool {
        if self.waiting + self.run.bytes.len() >= self.outbox_bytes_max {
            self.conn.holds.place(Hold::Outbox);
        }
        if self.conn.handle.requests_in_progress() >= self.requests_max {
            self.conn.holds.place(Hold::Requests);
        }
        self.conn.holds.is_empty()
    }

    /// Does what an event asks for. The event may borrow from the session, so what is to be said comes back.
    #[inline]
    fn take(&mut self, event: Event<'_>) -> Said {
        match event {
            Event::Request { id, route, body } => {
                self.requests += 1;
                self.ask_service(Request { id, route, body })
            }
            Event::Closing => {
                self.closing = true;
                self.conn.holds.place(Hold::Ending);
                Said::Nothing
            }
            event => self.ask_hub(event),
        }
    }

    #[inline]
    fn ask_service(&mut self, request: Request<'_>) -> Said {
        let id = request.id;
        self.scratch.clear();
        let mut reply = Reply { connection: self.conn.handle, id, body: &mut self.scratch, later: false };
        self.service.request(self.conn.handle, request, &mut reply);
        if !reply.later && !reply.body.is_empty() { Said::Answer(id) } else { Said::Nothing }
    }

    fn ask_hub(&mut self, event: Event<'_>) -> Said {
        self.requests += 1;
        if matches!(event, Event::Unsubscribe { .. }) {
            // What waits outside the bounds must not come behind the answer.
            self.dropped += self.outbox.drop_blocked();
        }
        let history = match event {
            Event::Subscribe { id, since: Some(_), .. } => Some(id),
            _ => None,
        };
        let said = self.shard.ask_hub(self.listener, self.conn.handle, event);
        if said.is_none() && history.is_some() {
            // One history at a time: the rest of what the peer asks is read when it has got this one.
            *self.conn.history = History { asked: history.unwrap_or_default(), answered: false };
            self.conn.holds.place(Hold::History);
        }
        said.map_or(Said::Nothing, Said::Command)
    }

    #[inline]
    fn say(&mut self, session: &mut dyn Session, said: Said) {
        let now = self.shard.now();
        let said = match said {
            Said::Nothing => return,
            Said::Answer(id) => {
                session.handle_command(Command::Respond { id, body: &self.scratch }, &mut self.run.bytes, now)
            }
            Said::Command(command) => {
                let said = session.handle_command(command, &mut self.run.bytes, now);
                // HELLO changes it, and nothing else.
                *self.dialect = session.dialect();
                said
            }
        };
        debug_assert!(said.is_ok(), "a protocol can answer its own requests");
        self.answers += usize::from(said.is_ok());
    }

    /// Takes the further events of a frame, or those of a time-out, as long as nothing holds them, and what the
    /// session itself says to it.
    #[cold]
    fn take_events(&mut self, session: &mut dyn Session) {
        *self.conn.more = true;
        while self.goes_on() {
            let Some(event) = session.poll_event() else {
                *self.conn.more = false;
                break;
            };
            let said = self.take(event);
            self.say(session, said);
        }
        self.transmit(session);
    }

    /// Lets the session say what it has to say itself.
    #[inline]
    fn transmit(&mut self, session: &mut dyn Session) {
        let before = self.run.bytes.len();
        session.poll_transmit(&mut self.run.bytes);
        self.answers += usize::from(self.run.bytes.len() > before);
    }
}

/// What may wait for the rest of its frame: far more than any protocol's own limit.
const ASSEMBLY_BYTES_MAX: usize = 128 << 20;
