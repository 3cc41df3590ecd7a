//! The memory of connections: shares, holds, and cuts.

use core::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use shardcast_proto::{
    Time,
    connection::{CloseReason, MemoryRoom, ShardMemory},
};

use crate::{connection::Connection, fault::Fault, scenario::Scenario, world::World};

impl Scenario {
    /// What connections of a shard may hold while all of them hold `held`.
    fn memory_room(&self, held: usize) -> MemoryRoom {
        let small_bytes = self.memory_small;
        MemoryRoom { small_bytes, ..MemoryRoom::of(self.memory_max.saturating_sub(held), 1) }
    }
}

impl World {
    /// Counts what a connection holds after each change; it is held if that is more than its share.
    pub(crate) fn count_memory(&mut self, client: usize) {
        let Some(connection) = &mut self.clients[client].connection else { return };
        let Connection { core, shard, memory, account, .. } = connection;
        let of_shard = &mut self.shards[usize::from(*shard)].memory;
        let room = |held| self.scenario.memory_room(held);
        of_shard.update(memory, client, address(client), core, room, self.now);
        let (is_held, is_open) = (memory.is_held(), core.is_open());
        account.memory_holds = is_held;
        let (number, counted) = (*shard, of_shard.held_bytes());
        let is_over = is_open && self.is_over(client);
        // Others may have been given responses, and are counted after this one.
        let is_exact = counted == self.holders(number).iter().map(|(_, held)| held).sum::<usize>();
        self.model.require(is_held == is_over || !is_exact, || {
            format!("client {client} is over its share: {is_over}, and held for that: {is_held}")
        });
    }

    /// Held connections of a shard get another look; those that hold the most are cut if others have waited too long.
    pub(crate) fn follow_memory(&mut self, shard: u16) {
        let number = usize::from(shard);
        if self.shards[number].memory.waits_since().is_some_and(|since| self.now - since >= HOLD_MAX) {
            let held = self.shards[number].memory.held_bytes();
            for client in ShardMemory::largest(self.holders(shard), held / 4) {
                let Some(connection) = &mut self.clients[client].connection else { continue };
                connection.account.causes.push("memory");
                connection.account.is_cut_on_purpose = true;
                connection.core.cut_now(CloseReason::Memory, &connection.limits, self.now);
                self.apply_actions(client);
            }
        }
        let waiting: Vec<_> = self.shards[number].memory.waiting().collect();
        if waiting.is_empty() || !self.model.sabotage.is_armed_habit(Fault::ForgetMemoryRoom) {
            waiting.iter().for_each(|client| self.apply_actions(*client));
        }
        self.require_memory(shard, waiting.last().copied());
    }

    /// When the next connections are cut, at the latest.
    pub(crate) fn next_memory_cut(&self) -> Option<Time> {
        self.shards.iter().filter_map(|shard| shard.memory.waits_since()).min().map(|since| since + HOLD_MAX)
    }

    /// The connections of a shard, and what each holds.
    fn holders(&self, shard: u16) -> Vec<(usize, usize)> {
        let connections = self.clients.iter().filter_map(|it| Some((it.number, it.connection.as_ref()?)));
        let here = connections.filter(|(_, it)| it.shard == shard);
        here.map(|(client, it)| (client, it.core.held_bytes())).collect()
    }

    /// Whether a connection holds more than its share, by what all hold now.
    fn is_over(&self, client: usize) -> bool {
        let Some(connection) = &self.clients[client].connection else { return false };
        let (held, holders) = (connection.core.held_bytes(), self.holders(connection.shard));
        let room = self.scenario.memory_room(holders.iter().map(|(_, held)| held).sum());
        let of_address = holders
            .iter()
            .filter(|(other, held)| address(*other) == address(client) && *held > room.small_bytes)
            .map(|(_, held)| held)
            .sum::<usize>();
        held > room.small_bytes && (held > room.connection_bytes || of_address > room.address_bytes)
    }

    /// The account is right, and a connection is not held if it may continue. `last` was looked at last: others may have
    /// room since.
    fn require_memory(&mut self, shard: u16, last: Option<usize>) {
        let all: usize = self.holders(shard).iter().map(|(_, held)| held).sum();
        let counted = self.shards[usize::from(shard)].memory.held_bytes();
        self.model
            .require(counted == all, || format!("shard {shard}: {counted} bytes are counted, not {all}"));
        let mut waiting = self.shards[usize::from(shard)].memory.waiting();
        let waits = last.filter(|client| waiting.any(|it| it == *client));
        let is_right = waits.is_none_or(|client| self.is_over(client));
        self.model.require(is_right, || format!("client {waits:?} waits for memory, and there is room"));
    }
}

/// Some clients have the same address.
pub(crate) const fn address(client: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, (client % 3) as u8))
}

/// How long connections wait before those that hold the most are cut.
const HOLD_MAX: Duration = Duration::from_millis(20);
