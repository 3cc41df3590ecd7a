//! The shard's side of a client: a `Proxy` core, and the connection that it wants.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    rc::{Rc, Weak},
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    Command, Error, Progress, Session, Time,
    outbox::OutboxBounds,
    tars::framed::{Action, Call, Proxy, ProxyEvent},
};

use super::{ClientBuilder, ClientEvent, EventCallback, PushCallback, callback::Callback};
use crate::{CloseReason, ConnId, Connection, OverflowPolicy, link::outbound::Outbound, shard::Shard};

pub(super) struct ClientCore {
    proxy: RefCell<Proxy>,
    addresses: Vec<SocketAddr>,
    /// The address that attempts begin with, and how many of them the present attempt has tried.
    first_address: Cell<usize>,
    addresses_tried: Cell<usize>,
    on_push: RefCell<Option<PushCallback>>,
    on_event: RefCell<Option<EventCallback>>,
    calls: RefCell<HashMap<u64, Callback>>,
    next_token: Cell<u64>,
    /// Events taken from the proxy whose callbacks have not run yet.
    events: RefCell<VecDeque<ProxyEvent>>,
    /// The connection in use or being made, and which attempt it is.
    connection: Cell<Option<ConnId>>,
    attempt: Cell<u64>,
    timer_at: Cell<Time>,
    /// It is on the shard's list of what is to run in this turn.
    scheduled: Cell<bool>,
}

/// One attempt's end of the connection: what an earlier one still says is not heard.
struct Attempt {
    core: Weak<ClientCore>,
    number: u64,
    shard: Weak<Shard>,
}

/// What goes over the connection of an attempt.
struct AttemptSession(Rc<Attempt>);

impl ClientCore {
    pub(super) fn start(shard: &Rc<Shard>, number: u64, builder: ClientBuilder) {
        // Two clients must not come back at the same moment; the clock at birth tells them apart.
        let seed = shard.now().as_nanos() ^ number << 32;
        let core = Rc::new(Self {
            proxy: RefCell::new(Proxy::new(builder.config, builder.codec, seed, shard.now())),
            addresses: builder.addresses,
            first_address: Cell::new(0),
            addresses_tried: Cell::new(0),
            on_push: RefCell::new(builder.on_push),
            on_event: RefCell::new(builder.on_event),
            calls: RefCell::default(),
            next_token: Cell::new(0),
            events: RefCell::default(),
            connection: Cell::new(None),
            attempt: Cell::new(0),
            timer_at: Cell::new(Time::NEVER),
            scheduled: Cell::new(false),
        });
        shard.keep_local(number, core.clone());
        core.advance(shard);
    }

    pub(super) fn call(
        self: &Rc<Self>,
        shard: &Rc<Shard>,
        id: u32,
        body: &[u8],
        timeout: Duration,
        one_way: bool,
        callback: Callback,
    ) {
        let token = self.next_token.get();
        self.next_token.set(token + 1);
        let call = Call { token, id, body, deadline: shard.now() + timeout, one_way };
        let called = self.proxy.borrow_mut().call(call, shard.now());
        match called {
            Ok(()) => {
                self.calls.borrow_mut().insert(token, callback);
                self.schedule(shard);
            }
            Err(error) => callback.answer(Err(error)),
        }
    }

    pub(super) fn close(self: &Rc<Self>, shard: &Rc<Shard>) {
        self.proxy.borrow_mut().close();
        self.advance(shard);
    }

    /// Does what the proxy wants done, and tells the application what happened. Nothing of the shard is
    /// borrowed here.
    fn advance(self: &Rc<Self>, shard: &Rc<Shard>) {
        self.scheduled.set(false);
        // An address did not answer: an attempt goes on with the next.
        if self.connection.get().is_none() && self.addresses_tried.get() > 0 {
            self.try_next_address(shard);
        }
        self.act(shard);
        self.collect_events();
        if let Some(id) = self.connection.get() {
            shard.outbound_ready(id);
        }
        self.arm_timer(shard);
        while !self.events.borrow().is_empty() {
            // One that panics is done with; those behind it still come.
            shard.contain("a client's callback", || self.run_callbacks());
        }
    }

    fn act(self: &Rc<Self>, shard: &Rc<Shard>) {
        loop {
            let action = self.proxy.borrow_mut().poll_action();
            match action {
                None => return,
                Some(Action::Disconnect) => {
                    // An attempt that took too long: the next begins behind the address that did not answer.
                    self.end_attempt(self.addresses_tried.get());
                    self.attempt.set(self.attempt.get() + 1);
                    if let Some(id) = self.connection.take() {
                        shard.close(id, CloseReason::Closed);
                    }
                }
                Some(Action::Connect) => self.try_next_address(shard),
            }
        }
    }

    /// Connects to the next address; without one, or without success, the attempt has failed.
    fn try_next_address(self: &Rc<Self>, shard: &Rc<Shard>) {
        while self.addresses_tried.get() < self.addresses.len() {
            let index = (self.first_address.get() + self.addresses_tried.get()) % self.addresses.len();
            self.addresses_tried.set(self.addresses_tried.get() + 1);
            let number = self.attempt.get() + 1;
            self.attempt.set(number);
            let attempt = Attempt { core: Rc::downgrade(self), number, shard: Rc::downgrade(shard) };
            let attempt = Rc::new(attempt);
            let session = Box::new(AttemptSession(Rc::clone(&attempt)));
            let address = self.addresses[index];
            match shard.connect(address, &OPTIONS, BOUNDS, session, attempt) {
                Ok(id) => return self.connection.set(Some(id)),
                Err(error) => tracing::debug!(%error, %address, "cannot connect"),
            }
        }
        self.end_attempt(0);
        self.proxy.borrow_mut().handle_closed(shard.now());
    }

    /// The next attempt tries all addresses again, this many later in their order.
    fn end_attempt(&self, skip: usize) {
        self.first_address.set((self.first_address.get() + skip) % self.addresses.len());
        self.addresses_tried.set(0);
    }

    fn collect_events(&self) {
        let mut proxy = self.proxy.borrow_mut();
        let mut events = self.events.borrow_mut();
        while let Some(event) = proxy.poll_event() {
            events.push_back(event);
        }
    }

    fn run_callbacks(&self) {
        loop {
            let event = self.events.borrow_mut().pop_front();
            match event {
                None => return,
                Some(ProxyEvent::Done { token, result, .. }) => {
                    let callback = self.calls.borrow_mut().remove(&token);
                    if let Some(callback) = callback {
                        callback.answer(result);
                    }
                }
                Some(ProxyEvent::Push(body)) => self.push(body),
                Some(ProxyEvent::Connected) => self.tell(ClientEvent::Connected),
                Some(ProxyEvent::ConnectFailed) => self.tell(ClientEvent::ConnectFailed),
                Some(ProxyEvent::Disconnected(cause)) => self.tell(ClientEvent::Disconnected(cause)),
                Some(ProxyEvent::Heartbeat { id, result }) => {
                    self.tell(ClientEvent::Heartbeat { id, result })
                }
                Some(_) => {}
            }
        }
    }

    fn push(&self, body: Bytes) {
        if let Some(callback) = &mut *self.on_push.borrow_mut() {
            callback(body);
        }
    }

    fn tell(&self, event: ClientEvent) {
        if let Some(callback) = &mut *self.on_event.borrow_mut() {
            callback(event);
        }
    }

    fn arm_timer(self: &Rc<Self>, shard: &Rc<Shard>) {
        let Some(deadline) = self.proxy.borrow().poll_timeout() else { return };
        if deadline >= self.timer_at.get() {
            return;
        }
        self.timer_at.set(deadline);
        let core = Rc::downgrade(self);
        shard.call_at(deadline, move |shard| {
            if let Some(core) = core.upgrade() {
                core.timer_at.set(Time::NEVER);
                core.proxy.borrow_mut().handle_timeout(shard.now());
                core.advance(shard);
            }
        });
    }

    /// Runs [`advance`](Self::advance) later in this turn.
    fn schedule(self: &Rc<Self>, shard: &Shard) {
        if !self.scheduled.replace(true) {
            let core = Rc::clone(self);
            shard.defer(move |shard| core.advance(shard));
        }
    }
}

impl Attempt {
    /// The client, if this is still its connection.
    fn core(&self) -> Option<(Rc<ClientCore>, Rc<Shard>)> {
        let core = self.core.upgrade().filter(|core| core.attempt.get() == self.number)?;
        Some((core, self.shard.upgrade()?))
    }
}

impl Session for AttemptSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        let Some((core, shard)) = self.0.core() else { return Ok(Progress::silent(input.len())) };
        core.schedule(&shard);
        let mut taken = 0;
        loop {
            // The proxy stops at its bound of events; they go to ours, which holds those of one receive.
            let more = core.proxy.borrow_mut().handle_input(&input[taken..], now);
            core.collect_events();
            match more? {
                0 => return Ok(Progress::silent(taken)),
                more => taken += more,
            }
        }
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        Err(command)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if let Some((core, _)) = self.0.core() {
            core.proxy.borrow_mut().poll_transmit(out);
        }
    }
}

impl Outbound for Attempt {
    fn connected(&self, _connection: &Connection, now: Time) {
        if let Some((core, shard)) = self.core() {
            // The next attempt begins with the address that works.
            core.end_attempt(core.addresses_tried.get().saturating_sub(1));
            core.proxy.borrow_mut().handle_connected(now);
            core.schedule(&shard);
        }
    }

    fn closed(&self, _why: CloseReason, now: Time) {
        if let Some((core, shard)) = self.core() {
            core.connection.set(None);
            // While connecting there may be another address.
            if core.addresses_tried.get() == 0 {
                core.proxy.borrow_mut().handle_closed(now);
            }
            core.schedule(&shard);
        }
    }
}

const OPTIONS: TcpOptions = TcpOptions { keepalive: Duration::from_secs(30) };

/// What waits beyond this stays with the proxy, which has bounds of its own.
const BOUNDS: OutboxBounds = OutboxBounds {
    bytes_max: 1 << 20,
    messages_max: usize::MAX,
    age_max: Duration::from_secs(30),
    overflow: OverflowPolicy::Disconnect,
};
