//! Bytes in, events out: the only place that feeds sessions.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use shardcast_os::ring::{Filled, ReceiveEnd};
use shardcast_proto::{Command, Error, Event, Progress, RequestId, Session, Time, outbox::Outbox};

use super::{Conn, Role, State};
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
                if !conn.paused && conn.state == State::Open {
                    self.ring.borrow_mut().receive(slot);
                }
            }
            // What it asked before is answered first.
            (ReceiveEnd::EndOfStream, State::Open) if conn.paused => conn.peer_ended = true,
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

    /// Feeds `bytes`, behind those that wait, to whoever is at our end.
    pub(super) fn drive(&self, conn: &mut Conn, bytes: &[u8]) {
        if conn.paused {
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
        if conn.assembly.is_empty() || conn.paused || conn.state != State::Open {
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

    /// Feeds frame after frame to the session, and each request to the service.
    fn feed_session(&self, conn: &mut Conn, input: &[u8]) -> usize {
        let Role::Accepted { listener, serving: Some(serving) } = &mut conn.role else { return 0 };
        let now = self.now();
        let service = self.service(*listener, serving.protocol);
        let outbox_bytes_max = conn.handle.bounds().bytes_max;
        let (mut scratch, mut run) = (self.scratch.take(), conn.outbox.take_run(now, || self.spare()));
        let session = &mut *serving.session;
        let (mut taken, mut requests, mut answers, mut fault, mut closing) = (0, 0, 0, None, false);
        let mut blocked = 0;
        let waiting = conn.outbox.response_bytes();
        self.runs(Some(*listener));
        while taken < input.len() && !closing && !conn.paused {
            if waiting + run.bytes.len() >= outbox_bytes_max {
                conn.paused = true;
                break;
            }
            let Progress { taken: len, event, more } = match session.handle_input(&input[taken..], now) {
                Ok(progress) => progress,
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            };
            if len == 0 {
                break;
            }
            taken += len;
            closing = matches!(event, Some(Event::Closing));
            match event {
                Some(Event::Request { id, route, body }) => {
                    requests += 1;
                    if ask(service, &conn.handle, Request { id, route, body }, &mut scratch) {
                        answer(session, id, &scratch, &mut run.bytes, now);
                        answers += 1;
                    }
                }
                None | Some(Event::Closing) => {}
                Some(event) => {
                    requests += 1;
                    if matches!(event, Event::Unsubscribe { .. }) {
                        // What waits outside the bounds must not come behind the answer.
                        blocked += conn.outbox.drop_blocked();
                    }
                    let may_bring_much = matches!(event, Event::Subscribe { since: Some(_), .. });
                    let said = self.ask_hub(*listener, &conn.handle, event);
                    // One history at a time: the rest of what it asks is read when it has got this one.
                    conn.paused = may_bring_much && said.is_none();
                    serving.dialect = session.dialect();
                    answers += self.answer_ask(session, said, &mut run.bytes);
                }
            }
            if more {
                let behind =
                    self.take_more(*listener, session, service, &conn.handle, &mut scratch, &mut run.bytes);
                requests += behind.requests;
                answers += behind.answers;
                closing |= behind.closing;
            }
        }
        answers += transmit(session, &mut run.bytes);
        self.runs(None);
        self.put_run(&mut conn.outbox, run, answers);
        scratch.clear();
        self.scratch.set(scratch);
        let timeout = serving.session.poll_timeout();
        let listener = *listener;
        if blocked > 0 {
            self.count_drops(conn, "block", blocked);
        }
        conn.traffic.received_messages += requests;
        self.counters.listeners[listener as usize].received_messages.add(requests);
        if let Some(error) = fault {
            self.counters.listeners[listener as usize].count_decode_error(error.code());
            self.finish(conn, CloseReason::ProtocolError(error));
            return input.len();
        }
        if closing {
            self.finish(conn, CloseReason::PeerClosed);
            return input.len();
        }
        if let Some(deadline) = timeout {
            self.arm_timer_by(conn, deadline);
        }
        if input.len() - taken > ASSEMBLY_BYTES_MAX {
            let error =
                Error::FrameTooLarge { len: (input.len() - taken) as u64, max: ASSEMBLY_BYTES_MAX as u64 };
            self.finish(conn, CloseReason::ProtocolError(error));
            return input.len();
        }
        if conn.paused {
            self.ring.borrow_mut().stop_receiving(conn.handle.id().slot);
        }
        self.queue_changed(conn);
        taken
    }

    /// The peer took enough of what was queued for it: goes on reading.
    pub(super) fn resume(&self, conn: &mut Conn) {
        conn.paused = false;
        // It can be idle only from here on.
        conn.received_at = self.now();
        self.arm_timer(conn);
        self.guarded(conn, |conn| self.drive(conn, &[]));
        if conn.paused || conn.state != State::Open {
            return;
        }
        if conn.peer_ended {
            self.finish(conn, CloseReason::PeerClosed);
        } else {
            self.ring.borrow_mut().receive(conn.handle.id().slot);
        }
    }

    /// The time of a session has come.
    pub(super) fn session_timeout(&self, conn: &mut Conn) {
        let now = self.now();
        let Role::Accepted { serving: Some(serving), listener } = &mut conn.role else { return };
        if serving.session.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        let outcome = serving.session.handle_timeout(now);
        let service = self.service(*listener, serving.protocol);
        let (mut scratch, mut run) = (self.scratch.take(), conn.outbox.take_run(now, || self.spare()));
        let session = &mut *serving.session;
        let behind = self.take_more(*listener, session, service, &conn.handle, &mut scratch, &mut run.bytes);
        serving.dialect = session.dialect();
        self.put_run(&mut conn.outbox, run, behind.answers);
        self.scratch.set(scratch);
        if let Err(error) = outcome {
            self.counters.listeners[*listener as usize].count_decode_error(error.code());
            return self.finish(conn, CloseReason::ProtocolError(error));
        }
        if behind.closing {
            return self.finish(conn, CloseReason::PeerClosed);
        }
        self.queue_changed(conn);
    }

    /// Takes the further events of a frame, or those of a time-out, and what the session itself says to it.
    #[cold]
    fn take_more(
        &self,
        listener: u32,
        session: &mut dyn Session,
        service: &dyn Service,
        connection: &Connection,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Behind {
        let now = self.now();
        let mut behind = Behind::default();
        while let Some(event) = session.poll_event() {
            match event {
                Event::Request { id, route, body } => {
                    behind.requests += 1;
                    if ask(service, connection, Request { id, route, body }, scratch) {
                        answer(session, id, scratch, out, now);
                        behind.answers += 1;
                    }
                }
                Event::Closing => behind.closing = true,
                event => {
                    behind.requests += 1;
                    let said = self.ask_hub(listener, connection, event);
                    behind.answers += self.answer_ask(session, said, out);
                }
            }
        }
        behind.answers += transmit(session, out);
        behind
    }

    /// Says what the hub has to say at once, if anything; how many messages that was.
    fn answer_ask(&self, session: &mut dyn Session, said: Option<Command<'_>>, out: &mut Vec<u8>) -> usize {
        let Some(command) = said else { return 0 };
        let is_said = session.handle_command(command, out, self.now()).is_ok();
        debug_assert!(is_said, "a protocol can answer its own requests");
        usize::from(is_said)
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

/// Asks the service; true when what is in `body` afterwards is to be answered now.
#[inline]
fn ask(service: &dyn Service, connection: &Connection, request: Request<'_>, body: &mut Vec<u8>) -> bool {
    body.clear();
    let mut reply = Reply { connection, id: request.id, body, later: false };
    service.request(connection, request, &mut reply);
    !reply.later && !reply.body.is_empty()
}

#[inline]
fn answer(session: &mut dyn Session, id: RequestId, body: &[u8], out: &mut Vec<u8>, now: Time) {
    let said = session.handle_command(Command::Respond { id, body }, out, now).is_ok();
    debug_assert!(said, "a protocol can answer its own requests");
}

/// What came besides the one event of a frame.
#[derive(Default)]
struct Behind {
    requests: u64,
    answers: usize,
    closing: bool,
}

/// Lets the session say what it has to say itself; how many messages that was.
#[inline]
fn transmit(session: &mut dyn Session, out: &mut Vec<u8>) -> usize {
    let before = out.len();
    session.poll_transmit(out);
    usize::from(out.len() > before)
}

/// What may wait for the rest of its frame: far more than any protocol's own limit.
const ASSEMBLY_BYTES_MAX: usize = 128 << 20;
