//! Bytes in, events out, and their effects: the only place that feeds sessions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shardcast_os::ring::{Filled, ReceiveEnd};
use shardcast_proto::{
    self as proto, Command, Event, Operation, Refusal, RequestId,
    connection::{Action, Advance, CloseReason, Outcome, State},
};

use super::{Conn, Conns, Role, table::Table};
use crate::{
    ConnId, Connection, Failure, Reply, Request,
    reactor::Notice,
    service::{Handling, Scratch, Service, Written},
    transport::End,
};

impl Conns {
    /// Calls `f` with a connection, if it still exists, and then handles the effects.
    pub(crate) fn with_conn<R>(&self, id: ConnId, f: impl FnOnce(&mut Conn) -> R) -> Option<R> {
        self.with(|table| table.get(id), f)
    }

    /// As [`with_conn`](Self::with_conn), for the connection in this slot.
    #[inline]
    pub(super) fn with_slot(&self, slot: u32, f: impl FnOnce(&mut Conn)) {
        self.with(|table| table.slot(slot), f);
    }

    #[inline]
    fn with<R>(
        &self,
        find: impl FnOnce(&mut Table) -> Option<&mut Conn>,
        f: impl FnOnce(&mut Conn) -> R,
    ) -> Option<R> {
        let mut table = self.table.borrow_mut();
        let conn = find(&mut table)?;
        let result = f(conn);
        self.follow_up(conn);
        let over = (conn.core.state() == State::Cut).then(|| conn.slot());
        drop(table);
        if let Some(slot) = over {
            self.release_if_idle(slot);
        }
        Some(result)
    }

    pub(crate) fn on_received(&self, slot: u32, data: Filled) {
        self.with_slot(slot, |conn| self.take_bytes(conn, data.bytes()));
        self.reactor.ring.borrow_mut().recycle(data);
    }

    fn take_bytes(&self, conn: &mut Conn, bytes: &[u8]) {
        conn.handle.received(self.now());
        conn.core.handle_received(bytes, self.now());
        self.counters_of(conn).received_bytes.add(bytes.len() as u64);
        match conn.core.state() {
            State::Open => {
                self.hold_if_others_wait(conn);
                self.drive(conn, bytes);
            }
            State::Waiting if conn.moving.is_none() => self.guarded(conn, |conn| self.identify(conn)),
            _ => {}
        }
    }

    pub(crate) fn on_receive_ended(&self, slot: u32, how: ReceiveEnd) {
        self.with_slot(slot, |conn| {
            let end = conn.transport.reading_ended(how);
            let (limits, now) = (&*conn.limits, self.now());
            match end {
                Some(End::Failed(why)) => conn.core.handle_failed(why, limits, now),
                // Its home shard finds the end of the stream again.
                _ if conn.moving.is_some() => self.moving.borrow_mut().push(slot),
                Some(End::Stream) => conn.core.handle_end_of_stream(limits, now),
                None => {}
            }
        });
    }

    /// Feeds the bytes that wait, and then `bytes`, to the session, and its events to the application. A panic there
    /// costs the connection, and nothing else.
    pub(super) fn drive(&self, conn: &mut Conn, bytes: &[u8]) {
        self.guarded(conn, |conn| self.pass(conn, bytes));
        self.arm_timer(conn);
    }

    fn pass(&self, conn: &mut Conn, bytes: &[u8]) {
        self.hold_if_full(conn);
        let Conn { core, handle, limits, role, requests, unidentified, .. } = conn;
        let Some(mut input) = core.input(bytes, limits, &self.spares, self.now()) else { return };
        let (listener, protocol, established) = match role {
            Role::Accepted { listener, protocol: Some(protocol), established } => {
                (*listener, *protocol, established)
            }
            Role::Accepted { protocol: None, .. } => return,
            Role::Connecting { owner, established, .. } => {
                loop {
                    let outcome = match input.advance() {
                        Advance::Done => break,
                        Advance::Request(request) => owner.event(Event::Request(request)),
                        Advance::Event(event) => owner.event(event),
                        Advance::Silent => {
                            if !*established && input.is_established() {
                                *established = true;
                                owner.connected(self.now());
                            }
                            continue;
                        }
                    };
                    input.conclude(outcome);
                }
                return self.counters.clients.received_messages.add(input.finish().requests);
            }
        };
        let service = self.service(listener, protocol.into());
        let scratch = self.scratch.take();
        let mut application = Application {
            conns: self,
            listener,
            protocol: protocol.into(),
            service,
            connection: handle,
            scratch,
        };
        self.runs(Some(listener));
        self.serves.set((listener, protocol));
        loop {
            let ask = |request: &Request<'_>| {
                application.ask_service(request);
                (request.id, request.expects_response)
            };
            let outcome = match input.advance_with(ask) {
                Advance::Done => break,
                Advance::Silent => {
                    if !*established && input.is_established() {
                        *established = true;
                        self.establish(handle, listener, protocol.into(), unidentified.take());
                        self.runs(Some(listener));
                    }
                    continue;
                }
                Advance::Event(event) => application.ask_hub(event),
                Advance::Request((id, expects_response)) => {
                    let Scratch { head, body, written } = &application.scratch;
                    if expects_response && matches!(written, Written::Result) {
                        input.respond(id, head, body);
                        continue;
                    }
                    application.outcome(id, expects_response)
                }
            };
            let begins = matches!(outcome, Outcome::InProgress(_) | Outcome::TopicInProgress);
            input.conclude(outcome);
            if begins && self.requests_are_full(requests, input.requests_in_progress()) {
                input.handle_shard_full();
            }
        }
        self.runs(None);
        self.counters.listeners[listener as usize].received_messages.add(input.finish().requests);
        application.scratch.clear();
        self.scratch.set(application.scratch);
    }

    /// The application has changed the session of this connection, with which it shares state.
    pub(crate) fn session_changed(&self, id: ConnId) {
        self.with_conn(id, |conn| conn.core.handle_session_change(&conn.limits, &self.spares, self.now()));
    }

    /// Does what a connection wants done after it was changed.
    pub(crate) fn follow_up(&self, conn: &mut Conn) {
        loop {
            while conn.core.take_resume() {
                self.drive(conn, &[]);
            }
            self.count_drops(conn);
            self.follow_up_end(conn);
            self.count_requests(conn);
            self.count_memory(conn);
            let reads = conn.moving.is_none() && conn.core.wants_input();
            conn.transport.read(reads, &self.reactor.ring);
            // A hold may be lifted.
            if !conn.core.has_news() {
                break;
            }
        }
        self.queue_changed(conn);
        // While it is open, a deadline moves to an earlier time only in a pass or when something is sent, and both
        // handle that.
        if !conn.core.is_open() {
            self.arm_timer(conn);
        }
    }

    /// Does what the core wants done at the end of a connection.
    #[inline]
    pub(super) fn follow_up_end(&self, conn: &mut Conn) {
        while let Some(action) = conn.core.poll_action() {
            match action {
                Action::Ended(why) => self.ended(conn, why),
                Action::EndSending => {
                    conn.transport.end_sending();
                    self.arm_timer(conn);
                }
                Action::Cut(cut) => self.was_cut(conn, cut),
            }
        }
    }

    /// Sends the response to a command of the peer.
    pub(crate) fn say(&self, conn: &mut Conn, command: Command<'_>) {
        let may_be_refused =
            matches!(command, Command::Respond { .. } | Command::Message(_) | Command::Draining);
        let said = conn.core.say(command, &self.spares, self.now());
        debug_assert!(
            may_be_refused || said || !conn.core.is_open(),
            "a protocol can answer its own requests"
        );
        self.count_drops(conn);
        self.queue_changed(conn);
    }

    fn handler_panicked(&self, conn: &mut Conn) {
        self.counters.panics.add(1);
        if self.reactor.may_log(Notice::Panic) {
            tracing::error!(shard = self.reactor.id, connection = %conn.handle.id(), "a handler panicked");
        }
        let now = self.now();
        match self.handling.take() {
            // The responders end it: as panicked if the panic dropped them.
            Some(Handling { responders: responders @ 1.., .. }) => {
                conn.core.handle_requests_begun(responders)
            }
            Some(Handling { id, expects_response: true, .. }) => {
                conn.core.handle_panic(id, &conn.limits, &self.spares, now);
            }
            // It is lost, and counted.
            Some(_) => conn.core.resume(),
            None => conn.core.end(CloseReason::Panic, &conn.limits, now),
        }
    }

    /// Runs `f`, which may call the application, so that a panic costs `conn` and nothing else.
    pub(crate) fn guarded(&self, conn: &mut Conn, f: impl FnOnce(&mut Conn)) {
        let run = AssertUnwindSafe(|| f(&mut *conn));
        if catch_unwind(run).is_err() {
            self.runs(None);
            self.handler_panicked(conn);
        }
    }
}

/// The application of an accepted connection, which gets its events.
struct Application<'a> {
    conns: &'a Conns,
    listener: u32,
    /// The index of its protocol in the listener.
    protocol: usize,
    service: &'a dyn Service,
    connection: &'a Connection,
    /// The buffers that the service writes into.
    scratch: Scratch,
}

impl Application<'_> {
    fn ask_hub(&self, event: Event<'_>) -> Outcome<'static> {
        if let Event::Publish { id, topic, body, .. } = event
            && let Err(refusal) = self.check_len(topic, body)
        {
            let Some(id) = id else {
                self.conns.counters.push.quiet_refused.add(1);
                return Outcome::Nothing;
            };
            return Outcome::Say(Command::Refused { id, operation: Operation::Publish, refusal });
        }
        let Some(topics) = self.conns.topics() else { return Outcome::Nothing };
        // This is not the application's work.
        self.conns.runs(None);
        let outcome = topics.event(self.listener, self.connection, event);
        self.conns.runs(Some(self.listener));
        outcome
    }

    /// Whether the peer could get its own message.
    fn check_len(&self, topic: &str, body: &[u8]) -> Result<(), Refusal> {
        let max = self.conns.protocol(self.listener, self.protocol).message_len_max(topic);
        if body.len() <= max {
            return Ok(());
        }
        Err(Refusal::TooLarge { len: body.len() as u64, max: max as u64 })
    }

    #[inline]
    fn ask_service(&mut self, request: &Request<'_>) {
        let Self { conns, service, connection, scratch, .. } = self;
        let mut reply =
            Reply::new(&conns.reactor, connection, request, scratch, &conns.spares, &conns.handling);
        service.request_in_place(connection, request, &mut reply);
        conns.handling.set(None);
    }

    /// How the service has answered its last request.
    fn outcome(&self, id: RequestId, expects_response: bool) -> Outcome<'_> {
        let Scratch { head, body, written } = &self.scratch;
        match written {
            Written::Later(requests) => Outcome::InProgress(*requests),
            _ if !expects_response => Outcome::Nothing,
            Written::Nothing => Outcome::Say(Command::Forget { id }),
            Written::Result => Outcome::Say(Command::Respond { id, head, body }),
            Written::Failure(Failure { code, text }) => {
                Outcome::Say(Command::Fail { id, failure: proto::Failure { code: *code, text } })
            }
        }
    }
}
