//! A stop of all shards while clients send and publish, as the runtime does it.

use std::time::Duration;

use shardcast_proto::{
    connection::State as Life,
    push::stop::{Phase, Remaining},
};

use crate::{
    connection::Connection,
    fault::Fault,
    world::{INBOX_FULL, World},
};

impl World {
    /// Whether a shard is to stop.
    pub(crate) fn is_stopping(&self, shard: u16) -> bool {
        self.shards[usize::from(shard)].stop.phase() != Phase::Running
    }

    /// One of the shards may learn now that the server stops.
    pub(crate) fn stop_sometimes(&mut self) {
        let shard = self.random.within(0..self.scenario.shards.into()) as u16;
        if self.random.chance(20) && !self.is_stopping(shard) {
            self.begin_stop(shard);
        }
    }

    fn begin_stop(&mut self, shard: u16) {
        self.model.trace.note("stop", &[shard.into()]);
        let now = self.now;
        self.stop_began.get_or_insert(now);
        self.shards[usize::from(shard)].stop.begin(now + DRAIN, now);
        self.periodics.retain(|(owner, _)| *owner != shard);
        self.with(shard, |hub, _, outlet| hub.close(outlet));
        for client in 0..self.clients.len() {
            let Some(connection) = self.open_on(client, shard) else { continue };
            connection.account.causes.push("drained");
            connection.account.is_ending = true;
            connection.core.begin_drain();
            self.apply_actions(client);
        }
        self.apply_answered();
    }

    /// The end of a turn of a shard that is to stop.
    pub(crate) fn advance_stop(&mut self, shard: u16) {
        let index = usize::from(shard);
        if !self.is_stopping(shard) {
            return;
        }
        let before = self.shards[index].stop.phase();
        for other in 0..self.shards.len() {
            // What it has sent still counts.
            let is_empty = self.mesh.is_empty_from(other as u16, shard);
            if self.shards[other].has_ended && is_empty {
                self.shards[index].stop.handle_ended(other as u16);
            }
        }
        if !self.shards[index].hub.is_idle() {
            self.with(shard, |hub, _, outlet| hub.close(outlet));
            self.apply_answered();
        }
        if before < Phase::Closing && self.model.strikes(Fault::SkipBarrier) {
            self.shards[index].stop.begin(self.now, self.now);
        }
        for _ in 0..2 {
            self.advance_phases(shard);
            let (mesh, model) = (&mut self.mesh, &mut self.model);
            self.shards[index].stop.send_markers(|to, marker| mesh.push_marker(shard, to, marker, model));
        }
        if before < Phase::Closing && self.shards[index].stop.phase() == Phase::Closing {
            self.close_all(shard);
        }
        let is_here = |it: &Connection| it.shard == shard;
        let is_empty = !self.clients.iter().filter_map(|it| it.connection.as_ref()).any(is_here);
        let stop = &self.shards[index].stop;
        if stop.phase() == Phase::Closing && !stop.must_send() && is_empty {
            self.shards[index].has_ended = true;
            self.mesh.end(shard);
        }
    }

    fn advance_phases(&mut self, shard: u16) {
        let (now, model) = (self.now, &mut self.model);
        let shard = &mut self.shards[usize::from(shard)];
        let remaining = Remaining {
            requests: shard.requests.in_progress() > 0,
            hub_requests: shard.hub.has_requests(),
            publications: !shard.hub.is_idle(),
            envelopes: false,
            deliveries: shard.hub.has_deliveries(),
        };
        while let Some(phase) = shard.stop.advance(&remaining, now) {
            model.trace.note("phase", &[phase as u64]);
            if phase == Phase::Delivering && !model.sabotage.is_armed_habit(Fault::PublishLate) {
                shard.hub.end_publishing();
            }
        }
    }

    /// Nothing may come for the connections of a shard any more: they end.
    fn close_all(&mut self, shard: u16) {
        let now = self.now;
        let waited = now - self.stop_began.unwrap_or(now);
        self.model.require(waited < DRAIN / 2, || format!("shard {shard} waited in vain, for {waited:?}"));
        for client in 0..self.clients.len() {
            let Some(connection) = self.clients[client].connection.as_mut().filter(|it| it.shard == shard)
            else {
                continue;
            };
            if connection.core.state() != Life::Open {
                continue;
            }
            for (topic, stream) in &connection.streams {
                stream.judge(client, *topic, now, &mut self.model);
            }
            connection.core.drain(&connection.limits, now);
            self.apply_actions(client);
        }
    }

    /// The other shards stop too, and time advances until all have ended.
    pub(crate) fn come_to_stop(&mut self) {
        for shard in 0..self.scenario.shards {
            if !self.is_stopping(shard) {
                self.begin_stop(shard);
            }
        }
        for _ in 0..STOP_TURNS_MAX {
            self.turn_all();
            if self.model.violation.is_some() {
                return;
            }
            if self.shards.iter().all(|it| it.has_ended) {
                return self.judge_stop();
            }
            self.advance();
        }
        let stops: Vec<_> = self.shards.iter().map(|it| (&it.stop, it.hub.gauges())).collect();
        let what = format!("it never stops: {stops:?}");
        self.model.fail(|| what);
    }

    /// Every publication has its outcome, and every message has reached its subscribers.
    fn judge_stop(&mut self) {
        for shard in &mut self.shards {
            for (_, id) in shard.inbox.drain(..) {
                // The thread learns that the server has ended.
                self.model.answered(id, Err(INBOX_FULL));
            }
        }
        self.model.judge(&self.scenario.hub.clone());
        let sum = |of: fn(&shardcast_proto::push::HubCounters) -> u64| {
            self.shards.iter().map(|it| of(&it.hub.counters())).sum::<u64>()
        };
        let (forwarded, received) = (sum(|it| it.forwarded), sum(|it| it.received));
        self.model.require(forwarded == received, || {
            format!("{forwarded} messages were sent to other shards, and {received} arrived before the end")
        });
        self.model.trace.note("stopped", &[self.now.as_nanos(), forwarded]);
    }

    /// The connection of a client, if it is open and on this shard.
    fn open_on(&mut self, client: usize, shard: u16) -> Option<&mut Connection> {
        self.clients[client].connection.as_mut().filter(|it| it.shard == shard && it.core.is_open())
    }
}

/// How long a drain may take: longer than anything in a run.
const DRAIN: Duration = Duration::from_secs(3600);

/// Turns of all shards after which something must have gone wrong.
const STOP_TURNS_MAX: usize = 20_000;
