//! The life of connections: how they begin, exchange data, and end.

use shardcast_proto::{
    Position, RequestId, TopicFilter,
    connection::{Action, CloseReason, Cut, State as Life},
    push::schedule::Priority,
};

use crate::{
    account::{Account, Request},
    connection::Connection,
    fault::Fault,
    frame::Frame,
    memory::address,
    requests::{filter, source_of},
    scenario::{Habit, PREFIXES, TOPICS},
    session::{Ask, Kind, NONE, QUIET, Sending},
    world::{World, topic_name},
};

impl World {
    /// Connects a disconnected client, on a random shard. A client that returns requests the messages that it missed.
    pub(crate) fn connect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            return;
        }
        let number = self.random.within(0..self.scenario.shards.into()) as u16;
        if self.is_stopping(number) {
            return;
        }
        let shard = &mut self.shards[usize::from(number)];
        let who = shard.enter(client);
        let it = &mut self.clients[client];
        self.model.trace.note("connect", &[client as u64, number.into(), who.0.into()]);
        it.begin();
        it.is_polite = self.random.chance(70);
        let mut connection = Connection::new(it, number, who, self.now, &mut self.model);
        let holder = connection.holder;
        if it.is_automatic() {
            let topic = client % TOPICS.len();
            let filter = TopicFilter::Exact(topic_name(topic));
            if shard.hub.subscribe(who, &filter, None, None, &holder, self.now).is_ok() {
                connection.streams.entry(topic).or_default().begin_anywhere();
                connection.automatic = Some(topic);
            }
        }
        it.connection = Some(connection);
        if it.character.habit == Habit::Named {
            for (topic, position) in it.seen.clone() {
                self.ask_to_subscribe_to(client, TOPICS[topic], false, Some(position));
            }
        }
        self.apply_actions(client);
    }

    /// A client sends a random request.
    pub(crate) fn ask(&mut self, client: usize) {
        if self.clients[client].connection.is_none() {
            return self.connect(client);
        }
        if !self.clients[client].can_send() {
            return;
        }
        let is_automatic = self.clients[client].is_automatic();
        match self.random.within(0..200) {
            0..10 if is_automatic => self.send(client, Sending::new(Kind::Hello, 0), true),
            0..100 if is_automatic => {}
            0..70 => self.subscribe(client),
            70..100 => self.unsubscribe(client),
            100..125 => self.ask_to_publish_on(client),
            125..135 => {
                let topic = TOPICS[self.random.index(TOPICS.len())];
                self.send(client, Sending { topic, ..Sending::new(Kind::Presence, 0) }, true);
            }
            135..165 => self.request(client),
            165..180 => {
                let [one, two] = [0; 2].map(|_| self.random.within(0..4));
                let words = [one, two, 0, 0];
                self.send(client, Sending { words, ..Sending::new(Kind::Pair, 0) }, is_answered(one));
            }
            180..190 => self.send(client, Sending::new(Kind::Ping, 0), false),
            190..198 => self.send(client, Sending::new(Kind::Note, 0), false),
            198..199 => self.send(client, Sending::new(Kind::Bye, 0), false),
            _ => self.send(client, Sending::new(Kind::Broken, 0), false),
        }
    }

    fn send(&mut self, client: usize, sending: Sending, wants_response: bool) {
        let request = Request::new(sending.kind, wants_response);
        self.send_about(client, sending, request);
    }

    fn send_about(&mut self, client: usize, mut sending: Sending, request: Request) {
        let it = &mut self.clients[client];
        sending.id = it.next_number();
        let request = Request { topic: sending.topic, body: sending.body, ..request };
        self.model.trace.note("ask", &[client as u64, sending.id, sending.kind as u64]);
        it.send(request, &sending);
    }

    fn request(&mut self, client: usize) {
        let ask = if self.random.chance(2) { Ask::Panic as u64 } else { self.random.within(0..4) };
        let body = *self.random.pick(&[0, 10, 300]);
        let sending = Sending { words: [ask, 0, 0, 0], body, ..Sending::new(Kind::Request, 0) };
        self.send(client, sending, is_answered(ask));
    }

    fn subscribe(&mut self, client: usize) {
        let topic = self.random.index(TOPICS.len());
        if self.clients[client].character.habit != Habit::Named {
            let is_prefix = self.random.chance(50);
            if is_prefix {
                let prefix = *self.random.pick(&PREFIXES);
                return self.ask_to_subscribe_to(client, prefix, true, None);
            }
        }
        let seen = self.clients[client].seen.get(&topic).copied();
        let since = match self.random.within(0..10) {
            0 => Some(Position { epoch: self.random.within(998..1004), offset: self.random.within(0..9) }),
            1..3 => None,
            _ => seen,
        };
        self.ask_to_subscribe_to(client, TOPICS[topic], false, since);
    }

    fn ask_to_subscribe_to(
        &mut self,
        client: usize,
        topic: &'static str,
        is_prefix: bool,
        since: Option<Position>,
    ) {
        let at = since.unwrap_or_default();
        let words = [since.is_some().into(), at.epoch, at.offset, is_prefix.into()];
        let sending = Sending { words, topic, ..Sending::new(Kind::Subscribe, 0) };
        let filter = Some(filter(topic, is_prefix));
        self.send_about(client, sending, Request { filter, since, ..Request::new(Kind::Subscribe, true) });
    }

    /// Ends one of the subscriptions that the client has requested, whether it is active or not.
    fn unsubscribe(&mut self, client: usize) {
        let Some(connection) = &self.clients[client].connection else { return };
        let requests = connection.account.requests.iter();
        let filters: Vec<_> =
            requests.filter(|it| it.kind == Kind::Subscribe).filter_map(|it| it.filter.clone()).collect();
        if filters.is_empty() {
            return;
        }
        let filter = self.random.pick(&filters).clone();
        let (text, is_prefix) = match &filter {
            TopicFilter::Exact(name) => (&**name, false),
            TopicFilter::Prefix(prefix) => (&**prefix, true),
        };
        let all = TOPICS.iter().chain(&PREFIXES);
        let topic = all.copied().find(|it| *it == text).expect("one of ours");
        let words = [0, 0, 0, is_prefix.into()];
        let sending = Sending { words, topic, ..Sending::new(Kind::Unsubscribe, 0) };
        let request = Request { filter: Some(filter), ..Request::new(Kind::Unsubscribe, true) };
        self.send_about(client, sending, request);
    }

    fn ask_to_publish_on(&mut self, client: usize) {
        let is_delayed = self.scenario.with_delays && self.random.chance(20);
        let most = *self.random.pick(&[40_000_000, 800_000_000]);
        let delay = if is_delayed { self.random.within(1..most) } else { NONE };
        let expires = self.scenario.with_expiry && self.random.chance(40);
        let ttl = if expires { *self.random.pick(&[0, 10_000, 500_000, 20_000_000]) } else { NONE };
        let key = if self.random.chance(50) { self.random.within(0..3) } else { NONE };
        let priority = self.random.pick(&Priority::ALL).number();
        let is_quiet = self.random.chance(20);
        let last = u64::from(priority) | if is_quiet { QUIET } else { 0 };
        let sending = Sending {
            words: [key, delay, ttl, last],
            topic: TOPICS[self.random.index(TOPICS.len())],
            body: *self.random.pick(&[8, 20, 60, 300]),
            ..Sending::new(Kind::Publish, 0)
        };
        self.send(client, sending, !is_quiet);
    }

    /// Some bytes of a client reach its shard, cut anywhere.
    pub(crate) fn deliver(&mut self, client: usize) {
        let is_late = self.random.chance(10);
        let most = *self.random.pick(&[1, 7, 60, 1000]);
        let now = self.now;
        let Some(connection) = &mut self.clients[client].connection else { return };
        let Connection { core, transport, account, limits, .. } = connection;
        // Bytes that were in transit when reading was held still arrive.
        if core.state() == Life::Cut || !(core.wants_input() || is_late) {
            return;
        }
        if transport.is_broken {
            account.causes.push("reset");
            core.handle_failed(CloseReason::Reset, limits, now);
            return self.apply_actions(client);
        }
        if transport.up.is_empty() {
            if transport.up_has_ended && !transport.end_was_read {
                transport.end_was_read = true;
                account.causes.push("peer-closed");
                core.handle_end_of_stream(limits, now);
                self.apply_actions(client);
            }
            return;
        }
        let len = self.random.within(1..most + 1).min(transport.up.len() as u64) as usize;
        let mut bytes: Vec<_> = transport.up.drain(..len).collect();
        account.delivered += len as u64;
        account.delivered_at = now;
        self.model.trace.note("deliver", &[client as u64, len as u64]);
        if core.is_open() && self.model.strikes(Fault::LoseInput) {
            bytes.remove(0);
        }
        if core.is_open() && self.model.strikes(Fault::DoubleInput) {
            bytes.extend_from_within(..);
        }
        core.handle_received(&bytes, now);
        if core.is_open() {
            let requests = &self.shards[usize::from(connection.shard)].requests;
            if requests.is_full(self.scenario.requests_max) {
                // Waiting connections come first.
                connection.handle_shard_full();
            }
            self.pass(client, &bytes);
        }
        self.apply_actions(client);
    }

    /// Sent bytes reach a client, if it reads.
    pub(crate) fn arrive(&mut self, client: usize) {
        let takes_more = self.random.chance(50);
        let it = &mut self.clients[client];
        let Some(connection) = &mut it.connection else { return };
        let Connection { core, transport, account, limits, .. } = connection;
        if transport.is_broken {
            let Some(flight) = transport.flight.take() else { return };
            account.causes.push("reset");
            account.failed(&flight);
            core.handle_send_failed(CloseReason::Reset, limits, self.now);
            return self.apply_actions(client);
        }
        let has_room = transport.down.is_empty() || takes_more;
        if let Some(bytes) = transport.flight.take_if(|_| has_room) {
            let by_core = core.handle_sent(limits, self.now);
            account.sent(&bytes, by_core, &mut self.model);
            if !self.model.strikes(Fault::LoseParcel) {
                transport.down.extend_from_slice(&bytes);
            }
        }
        if !it.is_stalled {
            it.read(&mut self.model);
            self.read_end(client);
        }
        self.apply_actions(client);
    }

    /// A client that has read everything notices the end of the server's direction, and ends its own.
    fn read_end(&mut self, client: usize) {
        let it = &mut self.clients[client];
        let Some(connection) = &mut it.connection else { return };
        let transport = &mut connection.transport;
        if transport.down_has_ended && !transport.end_has_arrived {
            transport.end_has_arrived = true;
            transport.up_has_ended |= it.is_polite;
        }
    }

    /// What a turn does for the connections of its shard: timers, postponed work, and sends.
    pub(crate) fn turn_connections(&mut self, shard: u16) {
        let forgets = self.model.sabotage.is_armed_habit(Fault::ForgetTimers);
        for client in 0..self.clients.len() {
            let number = usize::from(shard);
            let is_here = |it: &&mut Connection| it.shard == shard;
            let Some(connection) = self.clients[client].connection.as_mut().filter(is_here) else { continue };
            let spares = &self.shards[number].spares;
            if !forgets && connection.handle_timer(spares, self.now) {
                self.apply_actions(client);
            }
            self.require_on_time(client);
            match self.random.within(0..4) {
                0 => self.do_job(client),
                1 => self.deliver(client),
                _ => {}
            }
            let Some(connection) = &mut self.clients[client].connection else { continue };
            connection.flush(client, &self.shards[number].spares, self.now, &mut self.model);
            self.finish_end(client);
        }
    }

    /// Checks deadlines: an ended connection is cut in time, and a session is called in time.
    fn require_on_time(&mut self, client: usize) {
        let Some(connection) = &self.clients[client].connection else { return };
        let is_late = connection.account.ended.is_some_and(|it| it.deadline <= self.now);
        self.model.require(!is_late, || format!("client {client} ended long ago: {:?}", connection.core));
        if connection.core.is_open() {
            connection.account.require_input(self.now, &mut self.model);
            connection.account.require_beat(self.now, &mut self.model);
        }
    }

    /// The server ends a connection in a random way.
    pub(crate) fn end(&mut self, client: usize) {
        let way = self.random.within(0..6);
        let now = self.now;
        let Some(connection) = &mut self.clients[client].connection else { return };
        self.model.trace.note("end", &[client as u64, way]);
        let Connection { core, account, limits, .. } = connection;
        match way {
            0..2 if core.is_open() => {
                account.causes.push("drained");
                account.is_ending = true;
                core.drain(limits, now);
            }
            2 => connection.end(CloseReason::Kicked, now),
            3 => {
                account.causes.push("shutdown");
                account.is_cut_on_purpose = true;
                core.cut_now(CloseReason::ShuttingDown, limits, now);
            }
            _ => connection.end(CloseReason::Closed, now),
        }
        self.apply_actions(client);
    }

    pub(crate) fn end_for(&mut self, client: usize, why: CloseReason) {
        let Some(connection) = &mut self.clients[client].connection else { return };
        connection.end(why, self.now);
        self.apply_actions(client);
    }

    /// A client ends its direction, perhaps within a frame, or disappears.
    pub(crate) fn leave(&mut self, client: usize) {
        let (vanishes, is_partial) = (self.random.chance(40), self.random.chance(30));
        let len = self.random.within(1..40) as usize;
        if !self.clients[client].can_send() {
            return;
        }
        let Some(connection) = &mut self.clients[client].connection else { return };
        self.model.trace.note("leave", &[client as u64, vanishes.into()]);
        let Connection { transport, account, .. } = connection;
        if vanishes {
            transport.is_broken = true;
            transport.up.clear();
            let down = std::mem::take(&mut transport.down);
            return account.lost(&down);
        }
        if is_partial {
            let sending = Sending::new(Kind::Request, 0).encode();
            transport.up.extend(&sending[..len]);
        }
        transport.up_has_ended = true;
    }

    /// Carries out the actions of a connection, after each change to it.
    pub(crate) fn apply_actions(&mut self, client: usize) {
        loop {
            while let Some(connection) = &mut self.clients[client].connection {
                if !connection.core.take_resume() {
                    break;
                }
                if !self.model.strikes(Fault::ForgetResume) {
                    self.pass(client, &[]);
                }
            }
            self.finish_end(client);
            self.count_requests(client);
            self.count_memory(client);
            // Its hold may be lifted.
            let connection = self.clients[client].connection.as_ref();
            if !connection.is_some_and(|it| it.core.has_news()) {
                break;
            }
        }
        let Some(connection) = &mut self.clients[client].connection else { return };
        connection.account.require_cut(&mut self.model);
        if let Some(asked) = connection.account.history()
            && self.model.strikes(Fault::LiftEarly)
        {
            connection.core.handle_history(RequestId(asked), self.now);
        }
        connection.queue_changed();
        connection.arm_timer(self.now);
        connection.account.is_blocked = connection.core.outbox().is_blocked();
        if connection.core.is_open() {
            connection.account.agree(&connection.core, self.now, &mut self.model);
        }
    }

    /// Counts the requests of a connection after each change.
    fn count_requests(&mut self, client: usize) {
        let Some(Connection { core, shard, requests, .. }) = &mut self.clients[client].connection else {
            return;
        };
        self.shards[usize::from(*shard)].requests.update(requests, client, core);
    }

    /// Connections that wait for their shard continue, while there is room for a request.
    pub(crate) fn resume_waiting(&mut self, shard: u16) {
        while let Some(client) = self.shards[usize::from(shard)].requests.next(self.scenario.requests_max) {
            let Some(connection) = &mut self.clients[client].connection else { continue };
            if self.model.strikes(Fault::ForgetShardRoom) {
                continue;
            }
            connection.handle_shard_room(self.now);
            self.apply_actions(client);
        }
        self.require_shard_bound(shard);
    }

    /// Apart from one per connection, fewer requests than the bound are in progress on a shard; and a connection is not
    /// held while there is room.
    fn require_shard_bound(&mut self, shard: u16) {
        let connections = self.clients.iter().filter_map(|it| it.connection.as_ref());
        let of_shard =
            || connections.clone().filter(|it| it.shard == shard && it.core.is_open()).map(|it| &it.account);
        let in_progress = || of_shard().map(|it| it.in_progress() as usize);
        let (all, more) =
            (in_progress().sum::<usize>(), in_progress().map(|it| it.saturating_sub(1)).sum::<usize>());
        let is_held = of_shard().any(Account::is_held_by_shard);
        let counted = self.shards[usize::from(shard)].requests.in_progress();
        let (max, model) = (self.scenario.requests_max, &mut self.model);
        model.require(counted == all, || format!("shard {shard}: {counted} requests are counted, not {all}"));
        model.require(more < max, || format!("shard {shard}: {all} requests, and {max} is the bound"));
        model.require(!is_held || all >= max, || {
            format!("shard {shard} holds at {all} requests, not at {max}")
        });
    }

    fn finish_end(&mut self, client: usize) {
        while let Some(connection) = &mut self.clients[client].connection {
            connection.count_drops(&mut self.model);
            let Some(action) = connection.core.poll_action() else { return };
            match action {
                Action::Ended(why) => self.ended(client, why),
                Action::EndSending => {
                    connection.transport.down_has_ended = true;
                    if self.model.strikes(Fault::SendAfterEnd) {
                        let word = Frame::LastWord.encode(0).to_vec();
                        connection.transport.send(client, word, &mut self.model);
                    }
                    connection.arm_timer(self.now);
                }
                Action::Cut(cut) => self.was_cut(client, cut),
            }
        }
    }

    /// A connection has ended for the application, and for the hub.
    fn ended(&mut self, client: usize, why: CloseReason) {
        self.model.trace.note("ended", &[client as u64, why.index() as u64]);
        let life = self.clients[client].life;
        let Some(connection) = &mut self.clients[client].connection else { return };
        let Connection { core, account, limits, shard, who, holder, .. } = connection;
        account.end_for(why, self.now, &mut self.model);
        let can_flush = why.is_gentle() && !core.outbox().is_empty() && !account.is_cut_on_purpose;
        if can_flush && self.model.strikes(Fault::CutInsteadOfFlush) {
            core.cut_now(why, limits, self.now);
        }
        let shard = &mut self.shards[usize::from(*shard)];
        shard.hub.leave(*who);
        if !self.model.sabotage.is_armed_habit(Fault::ForgetPublisherLeft) {
            shard.hub.publisher_left(holder);
        }
        self.model.publisher_left(source_of(client, life));
        shard.subscribers[who.0 as usize] = None;
        shard.leaving.insert(who.0);
        connection.forget_subscriptions();
        self.count_requests(client);
    }

    /// A connection was cut. Its client receives what it still can; then all counts must agree.
    fn was_cut(&mut self, client: usize, mut cut: Cut) {
        self.model.trace.note("cut", &[client as u64, cut.queued_messages, cut.queued_bytes]);
        if cut.queued_messages > 0 && self.model.strikes(Fault::HideLoss) {
            cut.queued_messages -= 1;
        }
        let it = &mut self.clients[client];
        let Some(connection) = &mut it.connection else { return };
        connection.count_drops(&mut self.model);
        let Connection { core, transport, account, .. } = connection;
        let flight = transport.flight.take().unwrap_or_default();
        account.cut(cut, &flight, &mut self.model);
        let unacknowledged = transport.unacknowledged();
        let resets = !core.peer_has_ended() && (cut.queued_bytes > 0 || unacknowledged > 0);
        account.require_flushed(cut, resets, self.now, &mut self.model);
        if !resets && !it.is_stalled && !transport.is_broken {
            it.read(&mut self.model);
        }
        let Some(mut connection) = it.connection.take() else { return };
        if !self.model.strikes(Fault::KeepMemory) {
            let memory = &mut self.shards[usize::from(connection.shard)].memory;
            memory.remove(&mut connection.memory, address(client));
        }
        connection.account.lost(&connection.transport.down);
        connection.account.check_sent(&mut self.model);
    }

    pub(crate) fn stall(&mut self, client: usize) {
        let it = &mut self.clients[client];
        it.is_stalled = self.scenario.with_stalls && !it.is_stalled;
    }
}

/// Whether the application answers such a request.
const fn is_answered(ask: u64) -> bool {
    ask == Ask::Now as u64 || ask == Ask::Later as u64
}
