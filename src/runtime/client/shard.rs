//! A client that lives on a shard.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use shardcast_proto::{
    Command, Event, Protocol, Time,
    connection::Outcome,
    rpc::{Action, Caller, ConnectFailure},
};

use super::{
    BOUNDS, ClientBuilder, EventCallback, PushCallback,
    core::{AppEvent, Core, Counters, NewCall, connect_failure},
    resolver,
};
use crate::{
    CloseReason, ConnId,
    conns::{Conn, Conns, Owner},
    mesh::{Envelope, Router},
    reactor::current,
};

/// A [`Core`], and its connection.
pub(super) struct ShardClient {
    core: RefCell<Core>,
    number: u64,
    /// The state of the protocol on this shard.
    state: Rc<dyn Any>,
    on_push: RefCell<Option<PushCallback>>,
    on_event: RefCell<Option<EventCallback>>,
    /// The connection in use or being made, and which attempt it is.
    connection: Cell<Option<ConnId>>,
    attempt: Cell<u64>,
    timer_at: Cell<Time>,
    /// It is in the shard's list of what runs later in this turn.
    is_scheduled: Cell<bool>,
    /// Its connection is held, because too many events wait.
    is_held: Cell<bool>,
}

/// One attempt to connect, and the connection that it makes. Late reports of earlier attempts are ignored.
struct Attempt {
    client: Weak<ShardClient>,
    number: u64,
    protocol: Arc<dyn Protocol>,
    state: Rc<dyn Any>,
    conns: Weak<Conns>,
    /// Why the system could not connect.
    failure: Cell<Option<ConnectFailure>>,
}

impl ShardClient {
    pub(super) fn start(conns: &Rc<Conns>, number: u64, builder: ClientBuilder, counters: Arc<Counters>) {
        // Two clients must not reconnect at the same moment; the time of their start differs.
        let seed = conns.reactor.now().as_nanos() ^ number << 32;
        let caller = Caller::new(builder.config, seed, conns.reactor.now());
        let state = builder.protocol.shard_state(conns.reactor.id);
        let core = Core::new(
            caller,
            builder.protocol,
            builder.endpoints,
            builder.tcp,
            builder.handler_time,
            counters,
        );
        let client = Rc::new(Self {
            core: RefCell::new(core),
            number,
            state,
            on_push: RefCell::new(builder.on_push),
            on_event: RefCell::new(builder.on_event),
            connection: Cell::new(None),
            attempt: Cell::new(0),
            timer_at: Cell::new(Time::NEVER),
            is_scheduled: Cell::new(false),
            is_held: Cell::new(false),
        });
        conns.reactor.keep_local(number, client.clone());
        client.advance(conns);
    }

    pub(super) fn call(self: &Rc<Self>, conns: &Rc<Conns>, call: NewCall) {
        let called = self.core.borrow_mut().call(call, conns.reactor.now());
        match called {
            Ok(()) => self.schedule(conns),
            Err(refused) => conns.reactor.contain(CALLBACK, || self.run(refused)),
        }
    }

    /// As [`call`](Self::call), from code of the application; returns the call if the client is in use.
    pub(super) fn call_now(self: &Rc<Self>, conns: &Rc<Conns>, call: NewCall) -> Option<NewCall> {
        let Ok(mut core) = self.core.try_borrow_mut() else { return Some(call) };
        let called = core.call(call, conns.reactor.now());
        drop(core);
        match called {
            Ok(()) => self.schedule(conns),
            Err(refused) => self.run(refused),
        }
        None
    }

    pub(super) fn forget(&self, token: u64) {
        self.core.borrow_mut().forget(token);
    }

    pub(super) fn close(self: &Rc<Self>, conns: &Rc<Conns>) {
        self.core.borrow_mut().caller.close();
        self.advance(conns);
    }

    /// Does what the caller wants done, and calls the application for each event. Nothing of the shard is borrowed
    /// here.
    fn advance(self: &Rc<Self>, conns: &Rc<Conns>) {
        self.is_scheduled.set(false);
        self.act(conns);
        self.send(conns);
        self.arm_timer(conns);
        loop {
            let event = self.core.borrow_mut().next(conns.reactor.now());
            let Some(event) = event else { break };
            // A callback that panics counts as run; those after it still run.
            conns.reactor.contain(CALLBACK, || self.run(event));
        }
        self.core.borrow().publish();
        if self.is_held.take() {
            self.with_connection(conns, |_, conn| conn.core.handle_room(conns.reactor.now()));
        }
    }

    fn act(self: &Rc<Self>, conns: &Rc<Conns>) {
        loop {
            let action = self.core.borrow_mut().caller.poll_action();
            match action {
                None => return,
                Some(Action::Resolve) => self.resolve(conns),
                Some(Action::Connect(address)) => self.connect(conns, address),
                Some(Action::Disconnect) => {
                    self.attempt.set(self.attempt.get() + 1);
                    if let Some(id) = self.connection.take() {
                        conns.close(id, CloseReason::Closed);
                    }
                }
            }
        }
    }

    fn resolve(&self, conns: &Rc<Conns>) {
        let mut core = self.core.borrow_mut();
        if let Some(addresses) = core.endpoints.at_once() {
            return core.caller.handle_resolved(addresses, conns.reactor.now());
        }
        if std::mem::replace(&mut core.is_resolving, true) {
            return;
        }
        let (endpoints, number) = (core.endpoints.clone(), self.number);
        let (router, shard) = (Arc::clone(&conns.reactor.router), conns.reactor.id);
        resolver::submit(move || {
            let addresses = endpoints.look_up();
            post_patiently(&router, shard, move |conns| {
                if let Some(client) = conns.reactor.local::<Self>(number) {
                    client.resolved(conns, addresses);
                }
            });
        });
    }

    fn resolved(self: &Rc<Self>, conns: &Rc<Conns>, addresses: Vec<SocketAddr>) {
        let mut core = self.core.borrow_mut();
        core.is_resolving = false;
        let addresses = core.endpoints.found(addresses);
        core.caller.handle_resolved(addresses, conns.reactor.now());
        drop(core);
        self.advance(conns);
    }

    fn connect(self: &Rc<Self>, conns: &Rc<Conns>, address: SocketAddr) {
        let number = self.attempt.get() + 1;
        self.attempt.set(number);
        let attempt = Rc::new(Attempt {
            client: Rc::downgrade(self),
            number,
            protocol: Arc::clone(&self.core.borrow().protocol),
            state: Rc::clone(&self.state),
            conns: Rc::downgrade(conns),
            failure: Cell::default(),
        });
        let tcp = self.core.borrow().tcp;
        match conns.connect(address, &tcp, BOUNDS, attempt) {
            Ok(id) => self.connection.set(Some(id)),
            Err(error) => {
                tracing::debug!(%error, %address, "cannot connect");
                let (why, now) = (connect_failure(&error), conns.reactor.now());
                self.core.borrow_mut().caller.handle_connect_failed(why, now);
            }
        }
    }

    /// Gives requests to the connection while it has room.
    fn send(&self, conns: &Rc<Conns>) {
        if !self.core.borrow().caller.has_requests() {
            return;
        }
        self.with_connection(conns, |core, conn| {
            let (spares, now) = (&conns.spares, conns.reactor.now());
            while conn.core.is_open() && conn.core.outbox().response_bytes() < BOUNDS.bytes_max {
                if !core.caller.poll_request(|request| conn.core.say(Command::Request(request), spares, now))
                {
                    return;
                }
            }
        });
    }

    fn with_connection(&self, conns: &Rc<Conns>, f: impl FnOnce(&mut Core, &mut Conn)) {
        if let Some(id) = self.connection.get() {
            // The result may be an event, which borrows the core.
            conns.with_conn(id, |conn| f(&mut self.core.borrow_mut(), conn));
        }
    }

    fn run(&self, event: AppEvent) {
        match event {
            AppEvent::CallResult { callback, result, .. } => callback.answer(result),
            AppEvent::Push(push) => {
                if let Some(callback) = &mut *self.on_push.borrow_mut() {
                    callback(push);
                }
            }
            AppEvent::Event(event) => {
                if let Some(callback) = &mut *self.on_event.borrow_mut() {
                    callback(event);
                }
            }
        }
    }

    fn arm_timer(self: &Rc<Self>, conns: &Rc<Conns>) {
        let Some(deadline) = self.core.borrow().caller.poll_timeout() else { return };
        if deadline >= self.timer_at.get() {
            return;
        }
        self.timer_at.set(deadline);
        let client = Rc::downgrade(self);
        conns.reactor.call_at(deadline, move || {
            if let (Some(client), Some(conns)) = (client.upgrade(), current::part::<Conns>()) {
                client.timer_at.set(Time::NEVER);
                client.core.borrow_mut().caller.handle_timeout(conns.reactor.now());
                client.advance(&conns);
            }
        });
    }

    /// Runs [`advance`](Self::advance) later in this turn.
    fn schedule(self: &Rc<Self>, conns: &Rc<Conns>) {
        if !self.is_scheduled.replace(true) {
            let (client, conns) = (Rc::clone(self), Rc::clone(conns));
            conns.reactor.clone().defer(move || client.advance(&conns));
        }
    }
}

impl Attempt {
    /// The client, if this is still its connection.
    fn client(&self) -> Option<(Rc<ShardClient>, Rc<Conns>)> {
        let client = self.client.upgrade().filter(|client| client.attempt.get() == self.number)?;
        Some((client, self.conns.upgrade()?))
    }
}

impl Owner for Attempt {
    fn protocol(&self) -> &Arc<dyn Protocol> {
        &self.protocol
    }

    fn state(&self) -> &Rc<dyn Any> {
        &self.state
    }

    fn connected(&self, now: Time) {
        if let Some((client, conns)) = self.client() {
            client.core.borrow_mut().caller.handle_connected(now);
            client.schedule(&conns);
        }
    }

    fn event(&self, event: Event<'_>) -> Outcome<'static> {
        let Some((client, conns)) = self.client() else { return Outcome::Nothing };
        let outcome = client.core.borrow_mut().handle_event(event);
        client.is_held.set(client.is_held.get() | matches!(outcome, Outcome::Full));
        client.schedule(&conns);
        outcome
    }

    fn has_room(&self) {
        if let Some((client, conns)) = self.client()
            && client.core.borrow().caller.has_requests()
        {
            client.schedule(&conns);
        }
    }

    fn connect_failed(&self, error: &io::Error) {
        self.failure.set(Some(connect_failure(error)));
    }

    fn closed(&self, why: CloseReason, now: Time) {
        if let Some((client, conns)) = self.client() {
            client.connection.set(None);
            let mut core = client.core.borrow_mut();
            match self.failure.take() {
                Some(failure) => core.caller.handle_connect_failed(failure, now),
                None => core.handle_closed(why, now),
            }
            drop(core);
            client.schedule(&conns);
        }
    }
}

/// Runs `f` on a shard, from a thread that may wait for room.
fn post_patiently(router: &Arc<Router>, shard: u16, f: impl FnOnce(&Rc<Conns>) + Send + 'static) {
    let mut envelope = Envelope::Run(Box::new(move || {
        if let Some(conns) = current::part() {
            f(&conns);
        }
    }));
    while !router.peer(shard).has_ended() {
        match router.post(shard, envelope) {
            Ok(()) => return,
            Err(refused) => envelope = refused,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The name in the report of a panic.
const CALLBACK: &str = "a client's callback";
