//! What happens while the client is locked: the requests of the core, the socket, and the events.

use std::{net::SocketAddr, sync::Arc};

use shardcast_os::poll::Interest;
use shardcast_proto::{Time, connection::Outcome, rpc::Action};

use super::{
    GRACE, Guard, Lead, State, ThreadClient,
    link::{Fate, LIMITS, Link, News},
    unlock,
};
use crate::client::{
    callbacks::Item,
    core::{AppEvent, Core, connect_failure},
    resolver,
};

impl ThreadClient {
    /// Called when the socket may be ready, or a timer is due.
    pub(super) fn drive(self: &Arc<Self>, state: &mut State, now: Time) {
        let State { core, link, .. } = state;
        if let Some(link) = link {
            if !link.is_connecting() {
                link.receive(now, |news| core.handle_news(news, now));
            } else if link.open(&*core.protocol, now) {
                core.caller.handle_connected(now);
            }
            link.handle_timeout(now);
        }
        if core.caller.poll_timeout().is_some_and(|deadline| deadline <= now) {
            core.caller.handle_timeout(now);
        }
        self.advance(state, now);
    }

    /// Does what the core wants done, and sends what waits.
    pub(super) fn advance(self: &Arc<Self>, state: &mut State, now: Time) {
        loop {
            let acted = self.act(state, now);
            state.send(now);
            let ended = self.follow_link(state, now);
            state.report(now);
            let resumed = state.resume(now);
            if !acted && !ended && !resumed {
                break;
            }
        }
        state.core.publish();
    }

    fn act(self: &Arc<Self>, state: &mut State, now: Time) -> bool {
        let mut acted = false;
        while let Some(action) = state.core.caller.poll_action() {
            acted = true;
            match action {
                Action::Resolve => self.resolve(state, now),
                Action::Connect(address) => self.connect(state, address, now),
                Action::Disconnect => {
                    if let Some(mut link) = state.link.take() {
                        link.end(now);
                        self.background.finish(link, now);
                    }
                }
            }
        }
        acted
    }

    fn resolve(self: &Arc<Self>, state: &mut State, now: Time) {
        let core = &mut state.core;
        if let Some(addresses) = core.endpoints.at_once() {
            return core.caller.handle_resolved(addresses, now);
        }
        if std::mem::replace(&mut core.is_resolving, true) {
            return;
        }
        let (client, endpoints) = (Arc::downgrade(self), core.endpoints.clone());
        resolver::submit(move || {
            let addresses = endpoints.look_up();
            if let Some(client) = client.upgrade() {
                client.resolved(addresses);
            }
        });
    }

    fn resolved(self: &Arc<Self>, addresses: Vec<SocketAddr>) {
        let (mut state, now) = self.lock_now();
        let core = &mut state.core;
        core.is_resolving = false;
        let addresses = core.endpoints.found(addresses);
        core.caller.handle_resolved(addresses, now);
        self.advance(&mut state, now);
        self.unlock_and_watch(state, now);
    }

    fn connect(&self, state: &mut State, address: SocketAddr, now: Time) {
        let link = Link::connect(address, &state.core.tcp, &LIMITS, now);
        match link.and_then(|link| self.background.watch(&link.socket, self.number).map(|()| link)) {
            Ok(link) => (state.link, state.armed) = (Some(link), None),
            Err(error) => {
                tracing::debug!(%error, %address, "cannot connect");
                state.core.caller.handle_connect_failed(connect_failure(&error), now);
            }
        }
    }

    /// Checks whether the connection has ended; true if so.
    fn follow_link(&self, state: &mut State, now: Time) -> bool {
        let Some(fate) = state.link.as_mut().and_then(Link::fate) else { return false };
        if let Fate::Ended(why) = fate {
            match state.link.as_mut().and_then(Link::take_failure) {
                Some(failure) => state.core.caller.handle_connect_failed(failure, now),
                None => state.core.handle_closed(why, now),
            }
        }
        if let Some(link) = state.link.take() {
            self.background.finish(link, now);
        }
        true
    }

    /// Updates what the leader, or the background thread, waits for, and unlocks.
    pub(super) fn unlock_and_watch(&self, mut state: Guard<'_>, now: Time) {
        let mut wants = state.wants(now);
        let has_news = state.has_news;
        match &state.leader {
            Some(lead) if lead.covers(&wants) && !(lead.receives && has_news) => {}
            Some(_) => self.wakeup.wake(),
            None => self.watch(&mut state, &mut wants, now),
        }
        unlock(state);
    }

    /// Makes the background thread watch the socket.
    fn watch(&self, state: &mut State, wants: &mut Lead, now: Time) {
        if state.armed.is_none() && state.may_wait(wants, now) {
            wants.until = wants.until.min(state.led_at + GRACE);
        } else if let Some(socket) = &wants.socket
            && state.armed != Some(wants.interest)
        {
            state.armed = Some(wants.interest);
            self.background.arm(socket, self.number, wants.interest);
        }
        if wants.until < state.timer_at {
            self.background.set_timer(self.number, state.timer_at, wants.until);
            state.timer_at = wants.until;
        }
    }

    /// Stops the background thread from watching the socket.
    pub(super) fn disarm(&self, state: &mut State) {
        if let Some(link) = &state.link
            && state.armed.is_some_and(|armed| armed != Interest::default())
        {
            self.background.arm(&link.socket, self.number, Interest::default());
        }
        state.armed = None;
    }
}

impl Core {
    fn handle_news(&mut self, news: News<'_>, now: Time) -> Outcome<'static> {
        match news {
            News::Established => self.caller.handle_connected(now),
            News::Event(event) => return self.handle_event(event),
        }
        Outcome::Nothing
    }
}

impl State {
    /// What the leader, or the background thread, is to wait for.
    pub(super) fn wants(&self, now: Time) -> Lead {
        let link = self.link.as_ref();
        let of_link = link.and_then(|link| link.poll_timeout(now));
        let timeouts = [self.core.caller.poll_timeout(), of_link, self.send_at];
        Lead {
            socket: link.map(|link| Arc::clone(&link.socket)),
            interest: link.map(Link::interest).unwrap_or_default(),
            until: timeouts.into_iter().flatten().min().unwrap_or(Time::NEVER),
            receives: false,
        }
    }

    /// Whether the background thread may take over a moment later.
    fn may_wait(&self, wants: &Lead, now: Time) -> bool {
        let only_receives = wants.interest == Interest { receive: true, send: false };
        only_receives && !self.wants_pushes && !self.core.has_calls() && now < self.led_at + GRACE
    }

    /// Gives requests to the connection while it has room, and sends what waits.
    fn send(&mut self, now: Time) {
        self.send_at = None;
        let Some(link) = &mut self.link else { return };
        while link.has_room() && self.core.caller.poll_request(|request| link.say(request, now)) {}
        if !link.is_connecting() {
            link.flush(now);
        }
    }

    /// Stops or resumes reading from the peer; true when received bytes were left over.
    fn resume(&mut self, now: Time) -> bool {
        let Self { core, link, queue, .. } = self;
        core.hold(queue.is_full());
        let Some(link) = link else { return false };
        if !core.is_held() {
            link.handle_room(now);
        }
        link.resume(now, |news| core.handle_news(news, now))
    }

    /// Passes the events on.
    fn report(&mut self, now: Time) {
        while let Some(event) = self.core.next(now) {
            self.pass_on(event);
        }
    }

    pub(super) fn pass_on(&mut self, event: AppEvent) {
        let quick = self.quick.as_mut();
        match (event, quick) {
            (AppEvent::CallResult { callback, is_quick: false, result }, _) => {
                self.queue.push(Item::CallResult(callback, result));
            }
            (AppEvent::CallResult { callback, result, .. }, _) if callback.wakes_tasks() => {
                self.results.push((callback, result));
            }
            (AppEvent::CallResult { callback, result, .. }, _) => {
                callback.answer(result);
                self.has_news = true;
            }
            (AppEvent::Push(push), Some(quick)) => {
                self.has_news = true;
                if let Some(on_push) = &mut quick.on_push {
                    on_push(push);
                }
            }
            (AppEvent::Event(event), Some(quick)) => {
                self.has_news = true;
                if let Some(on_event) = &mut quick.on_event {
                    on_event(event);
                }
            }
            (AppEvent::Push(push), None) => self.queue.push(Item::Push(push)),
            (AppEvent::Event(event), None) => self.queue.push(Item::Event(event)),
        }
    }
}

impl Lead {
    /// Whether a thread that waits for this need not be woken for `other`.
    fn covers(&self, other: &Self) -> bool {
        let is_same = match (&self.socket, &other.socket) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same && self.interest == other.interest && self.until <= other.until
    }
}
